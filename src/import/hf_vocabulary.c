/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A folder's tokenizer as a vocabulary. */

#include "hf_tokenizer.h"

#include <string.h>

static struct wick_gguf_string token(const void *from, uint32_t i)
{
	const struct wick_hf_tokenizer *tokenizer = from;

	return (struct wick_gguf_string){ tokenizer->tokens[i], strlen(tokenizer->tokens[i]) };
}

static struct wick_gguf_string merge(const void *from, uint32_t i)
{
	const struct wick_hf_tokenizer *tokenizer = from;

	return (struct wick_gguf_string){ tokenizer->merges[i], strlen(tokenizer->merges[i]) };
}

static int64_t type(const void *from, uint32_t i)
{
	return ((const struct wick_hf_tokenizer *)from)->types[i];
}

static double score(const void *from, uint32_t i)
{
	return ((const struct wick_hf_tokenizer *)from)->scores[i];
}

static int64_t stop(const void *from, uint32_t i)
{
	return ((const struct wick_hf_tokenizer *)from)->stops[i];
}

static bool strips(const void *from, uint32_t i, enum wick_side side)
{
	const struct wick_hf_tokenizer *tokenizer = from;

	for (uint32_t k = 0; k < tokenizer->strip_count[side]; k++)
		if (tokenizer->strips[side][k] == (int32_t)i)
			return true;
	return false;
}

struct wick_vocabulary wick_hf_vocabulary(const struct wick_hf_tokenizer *tokenizer, const char *whose)
{
	bool own = !strcmp(tokenizer->pre, WICK_PRE_OWN);

	return (struct wick_vocabulary){ .whose = whose, .pre = { tokenizer->pre, strlen(tokenizer->pre) },
		.model = strcmp(tokenizer->model, "gpt2") ? WICK_MODEL_PIECES : WICK_MODEL_BYTES,
		.expressions = own ? (const char *const *)tokenizer->expressions : NULL, .nfc = tokenizer->nfc,
		.whole_words = tokenizer->whole_words, .space_prefix = tokenizer->space_prefix,
		.unigram = !strcmp(tokenizer->model, "t5"), .narrow = tokenizer->narrow, .space_once = tokenizer->space_once,
		.space_fewer = tokenizer->space_fewer, .space_apart = tokenizer->space_apart, .map = tokenizer->map,
		.map_bytes = tokenizer->map_bytes, .user_inside = tokenizer->user_inside, .count = tokenizer->count,
		.merge_count = tokenizer->merge_count,
		.token = token, .type = type, .merge = merge, .score = tokenizer->scores ? score : NULL, .strips = strips,
		.from = tokenizer, .bos = tokenizer->bos, .eos = tokenizer->eos, .unk = tokenizer->unk,
		.stop_count = tokenizer->stop_count, .stop = stop, .add_bos = tokenizer->add_bos };
}
