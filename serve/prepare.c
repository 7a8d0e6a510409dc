/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Jobs to tokens. */

#include "prepare.h"

#include "json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *list_ids(const struct wick_prompt_ids *prompt)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < prompt->count; i++)
		json_array_append_new(list, json_integer(prompt->ids[i]));
	return json_pack("{s:o}", "tokens", list);
}

static json_t *join_pieces(const struct wick *wick, const struct wick_request *request)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	json_t *result = NULL;

	if (!out)
		return NULL;
	for (uint32_t i = 0; i < request->id_count; i++) {
		size_t piece_bytes;
		const char *piece = wick_token_piece(wick, request->ids[i], &piece_bytes);

		fwrite(piece, 1, piece_bytes, out);
	}
	if (!fclose(out))
		result = json_pack("{s:o}", "content", wick_json_text(text, bytes));
	free(text);
	return result;
}

static int copy_ids(struct wick_prompt_ids *prompt, const struct wick_request *request)
{
	prompt->ids = malloc(request->id_count * sizeof(*prompt->ids));
	if (!prompt->ids)
		return -ENOMEM;
	memcpy(prompt->ids, request->ids, request->id_count * sizeof(*prompt->ids));
	prompt->count = request->id_count;
	return 0;
}

static int make_prompt(const struct wick_prepare *prepare, struct wick_job *job, struct wick_diag *diag)
{
	const struct wick_request *request = &job->request;
	bool text = request->kind == WICK_REQUEST_TEXT;

	if (request->messages)
		return wick_prompt_ids(
			&job->prompt, prepare->wick, prepare->template, request->messages, prepare->bytes_max, diag);
	if (request->ids)
		return copy_ids(&job->prompt, request);
	if (text && request->text_bytes > prepare->bytes_max)
		return wick_diag_say(diag, -EFBIG, "the prompt of %zu bytes does not fit the context", request->text_bytes);
	return wick_prompt_ids_text(&job->prompt, prepare->wick, request->text, request->text_bytes,
		text || request->add_special ? WICK_TOKENIZE_BOS : 0, diag);
}

static const char *field_of(const struct wick_request *request)
{
	return request->kind == WICK_REQUEST_CHAT ? "messages" : request->kind == WICK_REQUEST_TEXT ? "prompt" : "content";
}

static void refuse_prompt(struct wick_job *job, int rc, const struct wick_diag *diag, struct wick_refusal *refusal)
{
	const char *why = diag->text[0] ? diag->text : strerror(-rc);

	wick_refuse(refusal, rc == -ENOMEM ? 500 : 400, field_of(&job->request), "%s", why);
	refusal->code = rc == -EFBIG ? "context_length_exceeded" : NULL;
	wick_job_refuse(job, refusal);
}

/* One token of the answer has to fit, too. */
static bool fits(const struct wick_prepare *prepare, struct wick_job *job, struct wick_refusal *refusal)
{
	const struct wick_plan *plan = wick_plan_of(prepare->wick);
	uint32_t ctx = plan->ctx < plan->kv_positions ? plan->ctx : plan->kv_positions, asked = job->request.max_tokens;

	if (!job->prompt.count)
		return !wick_refuse(refusal, 400, field_of(&job->request), "the prompt is empty");
	if (job->prompt.count >= ctx) {
		wick_refuse(refusal, 400, field_of(&job->request),
			"the prompt has %u tokens, and may have %u: the context is %u, with the answer", job->prompt.count, ctx - 1, ctx);
		refusal->code = "context_length_exceeded";
		return false;
	}
	job->max_tokens = ctx - job->prompt.count;
	if (asked && asked < job->max_tokens)
		job->max_tokens = asked;
	return true;
}

bool wick_prepare(const struct wick_prepare *prepare, struct wick_job *job)
{
	struct wick_diag diag = { "" };
	struct wick_refusal refusal = { 0 };
	int rc;

	if (job->request.kind == WICK_REQUEST_DETOKENIZE) {
		wick_job_result(job, join_pieces(prepare->wick, &job->request));
		return false;
	}
	rc = make_prompt(prepare, job, &diag);
	if (rc)
		refuse_prompt(job, rc, &diag, &refusal);
	else if (job->request.kind == WICK_REQUEST_TOKENIZE)
		wick_job_result(job, list_ids(&job->prompt));
	else if (fits(prepare, job, &refusal))
		wick_job_accept(job);
	else
		wick_job_refuse(job, &refusal);
	return !rc && !refusal.status && job->request.kind != WICK_REQUEST_TOKENIZE;
}
