/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Byte pair encoding of one piece of text: it starts as one token a byte or a character, and the pair of neighbours
 * that comes first (of equals the leftmost) becomes one token, until no pair of neighbours makes one. Which comes first
 * is said by a list of merges, or by a score of each token: then any two neighbours whose bytes are a token's make
 * it. */

#include "tokens.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wick_bpe_pair {
	uint32_t left, right; /* tokens */
	uint32_t rank;        /* place in the list of merges; WICK_TOKEN_NONE: an empty slot */
	uint32_t made;        /* token */
};

struct wick_bpe {
	const struct wick_tokens *tokens;
	bool characters;             /* not bytes */
	int64_t unknown;             /* for a character that has neither a token nor one for each of its bytes; -1: none */
	struct wick_bpe_pair *pairs; /* (slots) a hash table with linear probing; NULL: by scores */
	uint64_t slots, seed;
	uint32_t *ranks;             /* (tokens) of its score among all scores, the highest 0; NULL: by merges */
};

/* Sets up one by merges: room for that many pairs, at most 2^31. tokens must stay where they are. -ENOMEM. */
int wick_bpe_init_merges(struct wick_bpe *bpe, const struct wick_tokens *tokens, uint32_t pairs);
bool wick_bpe_add(struct wick_bpe *bpe, struct wick_bpe_pair pair); /* false: the pair is there already */

/* Sets up one by scores, none of which is NaN: score(from, i) for each token. -ENOMEM. */
int wick_bpe_init_scores(struct wick_bpe *bpe, const struct wick_tokens *tokens,
	double (*score)(const void *from, uint32_t i), const void *from);

void wick_bpe_free(struct wick_bpe *bpe);
uint64_t wick_bpe_bytes(const struct wick_bpe *bpe);

/* Working memory, growing with the longest piece seen: 32 bytes for each of its bytes. */
struct wick_bpe_scratch {
	struct wick_bpe_symbol *symbols;
	uint64_t *queue;
	size_t capacity;
};

/* Appends the tokens of one piece. -EINVAL when one of its characters has no token, -EFBIG when it has over 2^31 bytes. */
int wick_bpe_encode(const struct wick_bpe *bpe, struct wick_bpe_scratch *scratch, const char *piece, size_t bytes,
	struct wick_ids *out);
void wick_bpe_scratch_free(struct wick_bpe_scratch *scratch);
