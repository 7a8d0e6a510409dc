/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tokenizer of a Hugging Face folder, as the arrays that a GGUF file keeps under tokenizer.ggml.*: tokenizer.json
 * when there is one, else vocab.json + merges.txt. Byte-level BPE as GPT-2 and OPT have it; anything that would turn
 * text into other ids (a normaliser, another pre-tokeniser, ...) is refused by its name. */

#include "diag.h"
#include "tokenizer.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_hf_tokenizer {
	const char *model; /* tokenizer.ggml.model: "gpt2" */
	const char *pre;   /* tokenizer.ggml.pre: "gpt-2" */
	uint32_t count;    /* of tokens: the vocab_size asked for; ids beyond the vocabulary are unused tokens */
	char **tokens;     /* (count) spelled in GPT-2's byte alphabet, control tokens as they are */
	int32_t *types;    /* (count) WICK_TOKEN_NORMAL, _CONTROL, _USER (an added token, spelled as text) or _UNUSED */
	uint32_t merge_count;
	char **merges;     /* (merge_count) "a b", the first merged first */
	int64_t bos, eos, pad, unk; /* -1: none */
	uint32_t stop_count;
	int32_t *stops;    /* (stop_count) any of these tokens ends a text */
	bool add_bos;      /* bos goes before every text */
	bool prefix_space; /* a text that begins with none gets a space in front */
};

/* Names come from the tokenizer's own files first (tokenizer_config.json, special_tokens_map.json) and from the ids in
 * config.json where they are silent; eos is the first token that ends a text (hf_stops.c), if there is one.
 * -ENOENT when the folder has no tokenizer; -EINVAL, file and token named, for one that is malformed or unsupported.
 * On failure *tokenizer is empty. */
int wick_hf_tokenizer_load(struct wick_hf_tokenizer *tokenizer, const char *folder, uint32_t vocab_size,
	struct wick_diag *diag);
void wick_hf_tokenizer_free(struct wick_hf_tokenizer *tokenizer); /* an empty one is fine */
