/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tokens of a vocabulary: the bytes and the type of each, and which one has given bytes. */

#include "tokenizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WICK_TOKEN_NONE UINT32_MAX

struct wick_vocabulary;

struct wick_tokens {
	uint32_t count;
	uint32_t *starts; /* (count + 1) into bytes */
	uint8_t *types;   /* (count) WICK_TOKEN_* */
	char *bytes;
	uint32_t *slots;  /* (mask + 1) id + 1, 0: empty; linear probing */
	uint64_t mask, seed;
	uint32_t of_byte[256]; /* the token of one byte, WICK_TOKEN_NONE: none */
	size_t longest_bytes;  /* of those that are in the index */
	uint64_t block_bytes;
};

/* Copies the tokens. In the index are those that a text can be made of without being asked to: ordinary ones and, of
 * byte-level vocabularies, special ones that merges make. Two ordinary ones with the same bytes, or two special ones,
 * are refused. On failure nothing is left. */
int wick_tokens_build(struct wick_tokens *tokens, const struct wick_vocabulary *vocabulary, struct wick_diag *diag);
void wick_tokens_free(struct wick_tokens *tokens);

/* The token of the index with these bytes; WICK_TOKEN_NONE: none. */
uint32_t wick_tokens_find(const struct wick_tokens *tokens, const char *bytes, size_t count);

static inline const char *wick_tokens_text(const struct wick_tokens *tokens, uint32_t id, size_t *bytes)
{
	*bytes = tokens->starts[id + 1] - tokens->starts[id];
	return tokens->bytes + tokens->starts[id];
}

/* One that stands for itself in a text only if that is asked for. */
static inline bool wick_token_is_control(int64_t type)
{
	return type == WICK_TOKEN_CONTROL || type == WICK_TOKEN_UNKNOWN;
}

/* Where ids go: those beyond the capacity are only counted. */
struct wick_ids {
	uint32_t *ids;
	size_t capacity, count;
};

static inline void wick_ids_put(struct wick_ids *out, uint32_t id)
{
	if (out->count < out->capacity)
		out->ids[out->count] = id;
	out->count++;
}
