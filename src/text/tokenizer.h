/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text <-> ids. Built from the standard tokenizer keys of a GGUF file (tokenizer.ggml.*): BPE of bytes (model "gpt2")
 * or of characters (models "llama" and "gemma4"), or the unigram model ("t5"). */

#include "diag.h"
#include "mark.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wick_tokenizer;
struct wick_gguf;

enum wick_token_type { /* tokenizer.ggml.token_type, as the format numbers them */
	WICK_TOKEN_NORMAL = 1, WICK_TOKEN_UNKNOWN, WICK_TOKEN_CONTROL, WICK_TOKEN_USER, WICK_TOKEN_UNUSED,
	WICK_TOKEN_BYTE,
};

/* The file's own tokenizer. -EINVAL also where it has not as many tokens as the model has
 * rows in its embedding (vocab; UINT32_MAX: that is not known). */
int wick_tokenizer_create(
	struct wick_tokenizer **tokenizer, const struct wick_gguf *gguf, uint32_t vocab, struct wick_diag *diag);
void wick_tokenizer_destroy(struct wick_tokenizer *tokenizer);
uint64_t wick_tokenizer_bytes(const struct wick_tokenizer *tokenizer); /* memory it holds, for the plan */

enum wick_encode { /* flags */
	WICK_ENCODE_BOS = 1,     /* bos before the text and eos behind it, where the model's own tokenizer puts them */
	WICK_ENCODE_SPECIAL = 2, /* control tokens written in the text are those tokens, not text */
	WICK_ENCODE_GOES_ON = 4, /* the text goes on from one before: no space is put in front of its first word */
};

/* No text of that many bytes has more tokens: a map of characters can make twelve bytes of one (charsmap.h), normal form C
 * three, and a space may go in front. */
#define WICK_TOKENS_MAX(bytes) (12 * (size_t)(bytes) + 3)

/* Writes at most `capacity` ids and returns how many the text has (call with capacity 0 to count), or a negative errno:
 * -EINVAL for a character that has no token where there are none of bytes, -E2BIG where an expression of the file's own takes too long. A
 * byte that a byte-level vocabulary lacks is left out, as the model's own tokenizer does it. Tokens of type USER are cut
 * out of every text; of control tokens see the flags. */
int64_t wick_tokenizer_encode(const struct wick_tokenizer *tokenizer, const char *text, size_t bytes, unsigned flags,
	uint32_t *ids, size_t capacity);

/* The same, with control tokens where the bytes are a chat template's own. The marks together are the text; what a
 * caller wrote is text, whatever it spells, and is merged with the template's around it as one text. */
int64_t wick_tokenizer_encode_marked(const struct wick_tokenizer *tokenizer, const char *text, size_t bytes,
	const struct wick_mark *marks, size_t mark_count, unsigned flags, uint32_t *ids, size_t capacity);

/* The bytes of one token, owned by the tokenizer; *bytes is 0 for control tokens and unused ones. One token may end
 * inside a UTF-8 character: printing joins them. NULL when id is outside the vocabulary. */
const char *wick_tokenizer_text(const struct wick_tokenizer *tokenizer, uint32_t id, size_t *bytes);

/* The same, control tokens and unused ones as they are spelled. */
const char *wick_tokenizer_piece(const struct wick_tokenizer *tokenizer, uint32_t id, size_t *bytes);

uint32_t wick_tokenizer_vocab(const struct wick_tokenizer *tokenizer);
int64_t wick_tokenizer_bos(const struct wick_tokenizer *tokenizer); /* that a text begins with; -1: none */
int64_t wick_tokenizer_eos(const struct wick_tokenizer *tokenizer);
bool wick_tokenizer_stops(const struct wick_tokenizer *tokenizer, uint32_t id); /* a text ends with this token */
const uint8_t *wick_tokenizer_stop_bits(const struct wick_tokenizer *tokenizer); /* (vocab) bits: the same of all */
