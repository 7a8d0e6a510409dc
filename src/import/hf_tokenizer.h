/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tokenizer of a Hugging Face folder, as the arrays that a GGUF file keeps under tokenizer.ggml.*: tokenizer.json
 * when there is one, else SentencePiece's tokenizer.model, else vocab.json + merges.txt. Anything that would turn text
 * into other ids (another normaliser, another model, ...) is refused by its name. */

#include "diag.h"
#include "tokenizer.h"
#include "vocabulary.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_hf_tokenizer {
	const char *model; /* tokenizer.ggml.model: "gpt2", "llama", "t5" for the unigram model */
	const char *pre;   /* tokenizer.ggml.pre, or WICK_PRE_OWN */
	char *expressions[WICK_PRE_EXPRESSIONS_MAX]; /* its own, a NULL behind the last; with these: */
	bool nfc, whole_words;
	uint32_t count;    /* of tokens: the vocab_size asked for; ids beyond the vocabulary are unused tokens */
	char **tokens;     /* (count) spelled in GPT-2's byte alphabet or with U+2581, control tokens as they are */
	int32_t *types;    /* (count) WICK_TOKEN_*; _USER: an added token, spelled as text */
	double *scores;    /* (count) of tokenizer.model and unigram models; NULL: merges instead */
	bool narrow;       /* scores are floats, and so are their sums */
	uint32_t merge_count;
	char **merges;     /* (merge_count) "a b", the first merged first */
	int64_t bos, eos, pad, unk; /* -1: none */
	uint32_t stop_count;
	int32_t *stops;    /* (stop_count) any of these tokens ends a text */
	bool add_bos;      /* bos goes before every text */
	enum wick_space_prefix space_prefix;
	bool space_once;   /* and none in front of another */
	bool user_inside;  /* nor behind a token of type USER */
	bool space_fewer, space_apart; /* as in vocabulary.h */
	uint8_t *map;      /* (map_bytes) of characters (charsmap.h); NULL: none */
	size_t map_bytes;
	uint32_t strip_count[2];
	int32_t *strips[2]; /* (strip_count) special tokens that take the white space on their left or right */
};

/* Names come from the tokenizer's own files first (tokenizer_config.json, special_tokens_map.json) and from the ids in
 * config.json where they are silent; eos is the first token that ends a text (hf_stops.c), if there is one.
 * vocab_size: rows of the embedding; 0: as many as there are tokens.
 * -ENOENT when the folder has no tokenizer; -EINVAL, file and token named, for one that is malformed or unsupported.
 * On failure *tokenizer is empty. */
int wick_hf_tokenizer_load(struct wick_hf_tokenizer *tokenizer, const char *folder, uint32_t vocab_size,
	struct wick_diag *diag);
void wick_hf_tokenizer_free(struct wick_hf_tokenizer *tokenizer); /* an empty one is fine */

/* The parts that a tokenizer is built from; whose: for sentences. Both must stay as they are until that is done. */
struct wick_vocabulary wick_hf_vocabulary(const struct wick_hf_tokenizer *tokenizer, const char *whose);
