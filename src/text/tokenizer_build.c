/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A tokenizer from a vocabulary, which may be a stranger's. */

#include "bits.h"
#include "bytelevel.h"
#include "space_mark.h"
#include "stops.h"
#include "tokenizer_parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SentencePiece's spelling in bytes, at most as many; or GPT-2's. -EINVAL: it is neither. */
static int64_t spelled(const struct wick_vocabulary *vocabulary, const char *text, size_t bytes, char *into)
{
	return vocabulary->model == WICK_MODEL_BYTES ? wick_bytelevel_decode(text, bytes, into) :
						       wick_space_mark_decode(text, bytes, into);
}

/* One merge, "a b". Its halves, decoded one after the other, are the bytes of what it makes. */
static int add_merge(struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary, uint32_t rank,
	struct wick_gguf_string merge, char *buffer)
{
	const char *space = merge.length > 1 ? memchr(merge.bytes + 1, ' ', merge.length - 1) : NULL;
	size_t half = space ? (size_t)(space - merge.bytes) : 0;
	struct wick_bpe_pair pair = { .rank = rank };
	int64_t left, right;

	if (!half)
		return -EINVAL;
	left = spelled(vocabulary, merge.bytes, half, buffer);
	if (left < 0)
		return -EINVAL;
	right = spelled(vocabulary, space + 1, merge.length - half - 1, buffer + left);
	if (right < 1)
		return -EINVAL;
	pair.left = wick_tokens_find(&tokenizer->tokens, buffer, (size_t)left);
	pair.right = wick_tokens_find(&tokenizer->tokens, buffer + left, (size_t)right);
	pair.made = wick_tokens_find(&tokenizer->tokens, buffer, (size_t)(left + right));
	if (pair.left == WICK_TOKEN_NONE || pair.right == WICK_TOKEN_NONE || pair.made == WICK_TOKEN_NONE)
		return -ENOKEY;
	return wick_bpe_add(&tokenizer->bpe, pair) ? 0 : -EEXIST;
}

static int add_merges(struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary, char *buffer,
	struct wick_diag *diag)
{
	for (uint32_t i = 0; i < vocabulary->merge_count; i++) {
		struct wick_gguf_string merge = vocabulary->merge(vocabulary->from, i);
		int result = add_merge(tokenizer, vocabulary, i, merge, buffer);

		if (result)
			return wick_diag_say(diag, -EINVAL, "%s: merge %u, \"%.*s\", %s", vocabulary->whose, i,
				(int)WICK_MIN(merge.length, 100), merge.bytes,
				result == -EEXIST ? "is there twice" :
				result == -ENOKEY ? "needs a token that the vocabulary lacks" :
				vocabulary->model == WICK_MODEL_BYTES ?
						    "is not two pieces in GPT-2's byte alphabet" : "is not two pieces");
	}
	return 0;
}

static int build_merges(struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary,
	struct wick_diag *diag)
{
	uint64_t longest = 0;
	char *buffer;
	int result = wick_bpe_init_merges(&tokenizer->bpe, &tokenizer->tokens, vocabulary->merge_count);

	if (result)
		return result;
	for (uint32_t i = 0; i < vocabulary->merge_count; i++)
		longest = WICK_MAX(longest, vocabulary->merge(vocabulary->from, i).length);
	buffer = malloc(longest + 1);
	result = buffer ? add_merges(tokenizer, vocabulary, buffer, diag) : -ENOMEM;
	free(buffer);
	return result;
}

static int build_scores(struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary,
	struct wick_diag *diag)
{
	for (uint32_t i = 0; i < vocabulary->count; i++)
		if (!isfinite(vocabulary->score(vocabulary->from, i)))
			return wick_diag_say(diag, -EINVAL, "%s: the score of token %u is not finite", vocabulary->whose, i);
	if (!vocabulary->unigram)
		return wick_bpe_init_scores(&tokenizer->bpe, &tokenizer->tokens, vocabulary->score, vocabulary->from);
	return wick_unigram_init(&tokenizer->unigram, &tokenizer->tokens, vocabulary->score, vocabulary->from,
		vocabulary->narrow, vocabulary->user_inside);
}

static bool are_words_apart(const struct wick_tokens *tokens)
{
	for (uint32_t id = 0; id < tokens->count; id++) {
		size_t bytes;
		const char *text = wick_tokens_text(tokens, id, &bytes);

		for (size_t i = 1; i < bytes && tokens->types[id] == WICK_TOKEN_NORMAL; i++)
			if (text[i] == ' ' && text[i - 1] != ' ')
				return false;
	}
	return true;
}

static int check_ids(const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	if (vocabulary->bos >= vocabulary->count || vocabulary->eos >= vocabulary->count)
		return wick_diag_say(diag, -EINVAL, "%s: bos is token %lld and eos token %lld of %u", vocabulary->whose,
			(long long)vocabulary->bos, (long long)vocabulary->eos, vocabulary->count);
	if (vocabulary->unk >= vocabulary->count)
		return wick_diag_say(diag, -EINVAL, "%s: the unknown token is %lld of %u", vocabulary->whose,
			(long long)vocabulary->unk, vocabulary->count);
	if ((vocabulary->add_bos && vocabulary->bos < 0) || (vocabulary->add_eos && vocabulary->eos < 0))
		return wick_diag_say(diag, -EINVAL, "%s: %s every text, but which token it is is not said",
			vocabulary->whose, vocabulary->add_bos && vocabulary->bos < 0 ? "bos goes before" : "eos goes behind");
	return 0;
}

static int check(const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	if (!vocabulary->count || vocabulary->count > INT32_MAX || vocabulary->merge_count > INT32_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: a vocabulary of %u tokens and %u merges", vocabulary->whose,
			vocabulary->count, vocabulary->merge_count);
	return check_ids(vocabulary, diag);
}

static int find_pre(struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	const struct wick_pre own = { WICK_PRE_OWN, vocabulary->expressions, .nfc = vocabulary->nfc,
		.whole_words = vocabulary->whole_words };
	const struct wick_pre *pre = vocabulary->expressions ? &own :
		wick_pre_find(vocabulary->pre.bytes, vocabulary->pre.length);

	if (!pre)
		return wick_diag_say(diag, -EINVAL,
			"%s: tokenizer.ggml.pre is \"%.*s\", a pre-tokeniser that is not known", vocabulary->whose,
			(int)WICK_MIN(vocabulary->pre.length, 100), vocabulary->pre.bytes);
	tokenizer->nfc = pre->nfc;
	tokenizer->whole_words = pre->whole_words;
	return wick_pretokenizer_create(&tokenizer->pretokenizer, pre->expressions, vocabulary->whose, diag);
}

static int build(struct wick_tokenizer *tokenizer, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	int result = wick_tokens_build(&tokenizer->tokens, vocabulary, diag);

	if (!result)
		result = wick_specials_build(&tokenizer->specials, &tokenizer->tokens, vocabulary, diag);
	if (!result)
		result = vocabulary->merge_count || !vocabulary->score ? build_merges(tokenizer, vocabulary, diag) :
									 build_scores(tokenizer, vocabulary, diag);
	if (!result && vocabulary->model == WICK_MODEL_BYTES)
		result = find_pre(tokenizer, vocabulary, diag);
	if (!result && vocabulary->map_bytes)
		result = wick_charsmap_init(&tokenizer->map, vocabulary->map, vocabulary->map_bytes, vocabulary->whose, diag);
	if (!result)
		result = wick_stops_build(&tokenizer->stops, &tokenizer->tokens, vocabulary, diag);
	tokenizer->bpe.characters = vocabulary->model == WICK_MODEL_PIECES;
	tokenizer->bpe.unknown = tokenizer->unigram.unknown = vocabulary->unk;
	tokenizer->words_apart = are_words_apart(&tokenizer->tokens);
	return result;
}

int wick_tokenizer_build(struct wick_tokenizer **out, const struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	struct wick_tokenizer *tokenizer;
	int result = check(vocabulary, diag);

	*out = NULL;
	if (result)
		return result;
	tokenizer = calloc(1, sizeof(*tokenizer));
	if (!tokenizer)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for the tokenizer", vocabulary->whose);
	tokenizer->model = vocabulary->model;
	tokenizer->space_prefix = vocabulary->space_prefix;
	tokenizer->user_inside = vocabulary->user_inside;
	tokenizer->space_once = vocabulary->space_once || vocabulary->model == WICK_MODEL_BYTES;
	tokenizer->space_fewer = vocabulary->space_fewer;
	tokenizer->space_apart = vocabulary->space_apart;
	tokenizer->bos = vocabulary->bos;
	tokenizer->eos = vocabulary->eos;
	tokenizer->add_bos = vocabulary->add_bos;
	tokenizer->add_eos = vocabulary->add_eos;
	result = build(tokenizer, vocabulary, diag);
	if (result) {
		wick_tokenizer_destroy(tokenizer);
		return result == -ENOMEM ? wick_diag_say(diag, result, "%s: no memory for the tokenizer", vocabulary->whose) :
					   result;
	}
	*out = tokenizer;
	return 0;
}

void wick_tokenizer_destroy(struct wick_tokenizer *tokenizer)
{
	if (!tokenizer)
		return;
	wick_pretokenizer_destroy(tokenizer->pretokenizer);
	wick_bpe_free(&tokenizer->bpe);
	wick_unigram_free(&tokenizer->unigram);
	wick_charsmap_free(&tokenizer->map);
	wick_specials_free(&tokenizer->specials);
	wick_tokens_free(&tokenizer->tokens);
	free(tokenizer->stops);
	free(tokenizer);
}

uint64_t wick_tokenizer_bytes(const struct wick_tokenizer *tokenizer)
{
	return sizeof(*tokenizer) + tokenizer->tokens.block_bytes + wick_specials_bytes(&tokenizer->specials) +
		wick_bpe_bytes(&tokenizer->bpe) + wick_unigram_bytes(&tokenizer->unigram) +
		wick_charsmap_bytes(&tokenizer->map) + wick_div_up(tokenizer->tokens.count, 8) +
		(tokenizer->pretokenizer ? wick_pretokenizer_bytes(tokenizer->pretokenizer) : 0);
}
