/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Byte pair encoding of one piece of text: it starts as one token a byte, and the pair of neighbours that was learned
 * first (of equals the leftmost) becomes one token, until no pair of neighbours is in the list. */

#include "bits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WICK_BPE_NONE UINT32_MAX

struct wick_bpe_pair {
	uint32_t left, right; /* tokens */
	uint32_t rank;        /* place in the list of merges; WICK_BPE_NONE: an empty slot */
	uint32_t made;        /* token */
};

struct wick_bpe {
	uint32_t of_byte[256];       /* token of one byte, WICK_BPE_NONE: none */
	struct wick_bpe_pair *pairs; /* (slots) a hash table with linear probing */
	uint64_t slots;
	uint64_t seed; /* of its hash, and of others' beside it */
};

/* Slots of a table for this many pairs, at most 2^31. */
static inline uint64_t wick_bpe_slots(uint32_t pairs)
{
	return pairs + pairs / 2u + 1u;
}

/* Empties the table, whose memory and slots the caller has set, and the tokens of bytes. Draws the seed. */
void wick_bpe_init(struct wick_bpe *bpe);
bool wick_bpe_add(struct wick_bpe *bpe, struct wick_bpe_pair pair); /* false: the pair is there already */

/* Working memory, growing with the longest piece seen: 32 bytes for each of its bytes. */
struct wick_bpe_scratch {
	struct wick_bpe_symbol *symbols;
	uint64_t *queue;
	size_t capacity;
};

/* Where ids go: those beyond the capacity are only counted. */
struct wick_bpe_ids {
	uint32_t *ids;
	size_t capacity, count;
};

/* Appends the tokens of one piece. -EINVAL when one of its bytes has no token, -EFBIG when it has over 2^31 bytes. */
int wick_bpe_encode(const struct wick_bpe *bpe, struct wick_bpe_scratch *scratch, const char *piece, size_t bytes,
	struct wick_bpe_ids *out);
void wick_bpe_scratch_free(struct wick_bpe_scratch *scratch);
