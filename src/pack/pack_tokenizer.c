/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The tokenizer of a packed model: the usual keys of GGUF, and wick's own for what those have no words for. */

#include "gguf_write.h"
#include "hf_tokenizer.h"
#include "pack_job.h"
#include "synthetic.h"
#include "vocabulary_own.h"

#include <string.h>

static void put_id(struct wick_gguf_writer *writer, const char *key, int64_t id)
{
	if (id >= 0)
		wick_gguf_put_u32(writer, key, id);
}

static int load_tokenizer(struct wick_hf_tokenizer *tokenizer, const struct wick_pack_job *job, const char *source)
{
	uint32_t vocab = job->shape.vocab;

	return wick_synthetic_is(source) ? wick_synthetic_tokenizer(tokenizer, vocab, job->diag) :
					   wick_hf_tokenizer_load(tokenizer, source, vocab, job->diag);
}

static void put_vocabulary(struct wick_gguf_writer *writer, const struct wick_hf_tokenizer *tokenizer)
{
	wick_gguf_put_string(writer, "tokenizer.ggml.model", tokenizer->model);
	wick_gguf_put_string(writer, "tokenizer.ggml.pre", tokenizer->pre);
	wick_gguf_put_strings(writer, "tokenizer.ggml.tokens", tokenizer->tokens, tokenizer->count);
	wick_gguf_put_i32s(writer, "tokenizer.ggml.token_type", tokenizer->types, tokenizer->count);
	if (tokenizer->scores)
		wick_gguf_put_floats(writer, "tokenizer.ggml.scores", tokenizer->scores, tokenizer->count, tokenizer->narrow);
	else
		wick_gguf_put_strings(writer, "tokenizer.ggml.merges", tokenizer->merges, tokenizer->merge_count);
}

/* Of these add_eos_token and user_inside are true where a file does not say it. */
static bool is_unigram(const struct wick_hf_tokenizer *tokenizer)
{
	return !strcmp(tokenizer->model, "t5");
}

static void put_specials(struct wick_gguf_writer *writer, const struct wick_hf_tokenizer *tokenizer)
{
	put_id(writer, "tokenizer.ggml.bos_token_id", tokenizer->bos);
	put_id(writer, "tokenizer.ggml.eos_token_id", tokenizer->eos);
	put_id(writer, "tokenizer.ggml.padding_token_id", tokenizer->pad);
	put_id(writer, "tokenizer.ggml.unknown_token_id", tokenizer->unk);
	wick_gguf_put_bool(writer, "tokenizer.ggml.add_bos_token", tokenizer->add_bos);
	wick_gguf_put_bool(writer, "tokenizer.ggml.add_space_prefix", tokenizer->space_prefix != WICK_SPACE_NEVER);
	if (is_unigram(tokenizer))
		wick_gguf_put_bool(writer, "tokenizer.ggml.add_eos_token", false);
	if (tokenizer->space_fewer)
		wick_gguf_put_bool(writer, "tokenizer.ggml.remove_extra_whitespaces", true);
	if (tokenizer->map_bytes)
		wick_gguf_put_u8s(writer, "tokenizer.ggml.precompiled_charsmap", tokenizer->map, tokenizer->map_bytes);
	wick_gguf_put_i32s(writer, "wick.stop_token_ids", tokenizer->stops, tokenizer->stop_count);
}

/* Only what is not the usual thing. */
static void put_own(struct wick_gguf_writer *writer, const struct wick_hf_tokenizer *tokenizer)
{
	uint64_t count = 0;

	while (!strcmp(tokenizer->pre, WICK_PRE_OWN) && tokenizer->expressions[count])
		count++;
	if (count) {
		wick_gguf_put_strings(writer, WICK_OWN("expressions"), tokenizer->expressions, count);
		wick_gguf_put_bool(writer, WICK_OWN("nfc"), tokenizer->nfc);
		wick_gguf_put_bool(writer, WICK_OWN("whole_words"), tokenizer->whole_words);
	}
	if (tokenizer->user_inside != is_unigram(tokenizer))
		wick_gguf_put_bool(writer, WICK_OWN("user_inside"), tokenizer->user_inside);
	if (tokenizer->space_once)
		wick_gguf_put_bool(writer, WICK_OWN("space_once"), true);
	if (tokenizer->space_apart)
		wick_gguf_put_bool(writer, WICK_OWN("space_apart"), true);
	if (tokenizer->space_prefix == WICK_SPACE_FIRST)
		wick_gguf_put_bool(writer, WICK_OWN("space_first"), true);
	if (tokenizer->strip_count[WICK_LEFT])
		wick_gguf_put_i32s(writer, WICK_OWN("strip_left"), tokenizer->strips[WICK_LEFT],
			tokenizer->strip_count[WICK_LEFT]);
	if (tokenizer->strip_count[WICK_RIGHT])
		wick_gguf_put_i32s(writer, WICK_OWN("strip_right"), tokenizer->strips[WICK_RIGHT],
			tokenizer->strip_count[WICK_RIGHT]);
}

int wick_pack_put_tokenizer(struct wick_gguf_writer *writer, const struct wick_pack_job *job, const char *source)
{
	struct wick_hf_tokenizer tokenizer;
	int rc = load_tokenizer(&tokenizer, job, source);

	if (rc)
		return wick_diag_say(job->diag, rc, "%s: its tokenizer cannot be read: %s", source, strerror(-rc));
	put_vocabulary(writer, &tokenizer);
	put_specials(writer, &tokenizer);
	put_own(writer, &tokenizer);
	wick_hf_tokenizer_free(&tokenizer);
	return 0;
}
