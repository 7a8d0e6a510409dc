/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Log-probabilities of a token and of the likeliest ones. */

#include "logprobs.h"

#include "json_text.h"
#include "log_sum.h"
#include "request.h"

/* The ids of the highest logits, the highest first; of equals the lowest id. Returns how many there are. */
static uint32_t find_top(const float *logits, uint32_t vocab, uint32_t *top, uint32_t top_count)
{
	uint32_t count = 0;

	for (uint32_t id = 0; id < vocab; id++) {
		uint32_t at = count;

		while (at && logits[id] > logits[top[at - 1]])
			at--;
		if (at == top_count)
			continue;
		count += count < top_count;
		for (uint32_t i = count - 1; i > at; i--)
			top[i] = top[i - 1];
		top[at] = id;
	}
	return count;
}

static json_t *bytes_of(const char *piece, size_t bytes)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < bytes; i++)
		json_array_append_new(list, json_integer((unsigned char)piece[i]));
	return list;
}

static json_t *describe(const struct wick *wick, uint32_t id, double logprob)
{
	size_t bytes;
	const char *piece = wick_token_piece(wick, id, &bytes);

	return json_pack("{s:o, s:f, s:o}", "token", wick_json_text(piece, bytes), "logprob", logprob, "bytes",
		bytes_of(piece, bytes));
}

json_t *wick_logprobs(const struct wick *wick, const float *logits, uint32_t id, uint32_t top_count)
{
	uint32_t vocab = wick_report_of(wick)->vocab, top[WICK_REQUEST_TOP_LOGPROBS_MAX];
	double sum = wick_log_sum(logits, vocab);
	json_t *token = describe(wick, id, logits[id] - sum), *list = json_array();
	uint32_t count = top_count ? find_top(logits, vocab, top, top_count) : 0;

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, describe(wick, top[i], logits[top[i]] - sum));
	if (!token || json_object_set_new(token, "top_logprobs", list)) {
		json_decref(token);
		return NULL;
	}
	return token;
}
