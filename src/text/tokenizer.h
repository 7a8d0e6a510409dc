/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text <-> ids. Built from the standard tokenizer keys of a GGUF file (tokenizer.ggml.*), which wick pack fills from
 * vocab.json + merges.txt or tokenizer.json. Byte-level BPE (GPT-2). */

#include "diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wick_tokenizer;
struct wick_gguf;

enum wick_token_type { /* tokenizer.ggml.token_type, as the format numbers them */
	WICK_TOKEN_NORMAL = 1, WICK_TOKEN_UNKNOWN, WICK_TOKEN_CONTROL, WICK_TOKEN_USER, WICK_TOKEN_UNUSED,
	WICK_TOKEN_BYTE,
};

/* The file's own tokenizer. -EINVAL also where it has more tokens than the model has rows for (vocab). */
int wick_tokenizer_create(
	struct wick_tokenizer **tokenizer, const struct wick_gguf *gguf, uint32_t vocab, struct wick_diag *diag);
void wick_tokenizer_destroy(struct wick_tokenizer *tokenizer);
uint64_t wick_tokenizer_bytes(const struct wick_tokenizer *tokenizer); /* memory it holds, for the plan */

/* Writes at most `capacity` ids and returns how many the text has (call with capacity 0 to count), or a negative errno:
 * -EINVAL for text that is not UTF-8 and cannot be represented. with_bos prepends bos as the model's own tokenizer
 * would (tokenizer.ggml.add_bos_token). Added tokens (WICK_TOKEN_USER) are found in the text; special ones written in it
 * are ordinary text. With tokenizer.ggml.add_space_prefix a text, and what follows an added token in it, begins with a
 * space. */
int64_t wick_tokenizer_encode(const struct wick_tokenizer *tokenizer, const char *text, size_t text_bytes,
	bool with_bos, uint32_t *ids, size_t capacity);

/* The bytes of one token, owned by the tokenizer; *bytes is 0 for special tokens. One token may end inside a UTF-8
 * character: whoever prints joins them. NULL when id is outside the vocabulary. */
const char *wick_tokenizer_text(const struct wick_tokenizer *tokenizer, uint32_t id, size_t *bytes);

uint32_t wick_tokenizer_vocab(const struct wick_tokenizer *tokenizer);
int64_t wick_tokenizer_bos(const struct wick_tokenizer *tokenizer); /* -1: none */
int64_t wick_tokenizer_eos(const struct wick_tokenizer *tokenizer);
bool wick_tokenizer_stops(const struct wick_tokenizer *tokenizer, uint32_t id); /* a text ends with this token */
