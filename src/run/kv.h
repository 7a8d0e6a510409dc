/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keys and values of all sequences, in one pool of blocks of 64 positions. A sequence has blocks of the pool in any order,
 * and may share them with others: a block is copied before a second one writes to it.
 *
 *     layer 0                                                       layer 1
 *     | block 0: | head 0: 64 x key_bytes | head 1: ... | block 1: ... | ... |
 */

#include "model.h"

#include <stdint.h>

struct wick_mem;

#define WICK_KV_BLOCK 64 /* positions */

struct wick_kv_shape {
	uint32_t blocks; /* of the pool */
	uint32_t sequences;
	uint32_t ctx;    /* positions of a sequence, at most */
	enum wick_type type;
};

struct wick_kv_layer {
	enum wick_type type;
	uint8_t *keys, *values; /* (blocks, heads, WICK_KV_BLOCK, bytes) */
	uint32_t heads;
	uint64_t key_bytes, value_bytes; /* of one head at one position */
};

/* Where the positions of a sequence are: position p in block[p / WICK_KV_BLOCK] of the pool. */
struct wick_kv_seq {
	uint32_t *block; /* (blocks of ctx) */
	uint32_t count;
};

struct wick_kv {
	struct wick_kv_layer *layer; /* (layers) */
	struct wick_kv_seq *seq;     /* (sequences) */
	uint32_t layers;
	uint32_t *uses;              /* (blocks): sequences that have it */
	uint32_t *free;              /* (free_count) blocks that none has, the next one last */
	uint32_t free_count;
};

/* What of one layer a block has, in one piece of memory. */
struct wick_kv_part {
	uint8_t *data;
	uint64_t bytes;
};

/* Part i of a block, of wick_kv_parts() of them: keys and values of each layer in turn. */
struct wick_kv_part wick_kv_part(const struct wick_kv *kv, uint32_t block, uint32_t i);

static inline uint32_t wick_kv_parts(const struct wick_kv *kv)
{
	return 2 * kv->layers;
}

/* Blocks of so many positions. */
static inline uint32_t wick_kv_blocks(uint64_t positions)
{
	return (uint32_t)((positions + WICK_KV_BLOCK - 1) / WICK_KV_BLOCK);
}

/* Of one position in all layers. */
uint64_t wick_kv_position_bytes(const struct wick_shape *shape, enum wick_type type);
uint64_t wick_kv_bytes(const struct wick_shape *shape, const struct wick_kv_shape *size);
void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, const struct wick_kv_shape *size, struct wick_mem *mem);

/* Blocks that a sequence of `from` positions takes from the pool before those up to `to` can be written. Of the others that share
 * its last block so many have taken their own by then: who is left alone with a block needs no copy. */
uint32_t wick_kv_needed(
	const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t from, uint32_t to, uint32_t have_left);
/* Whether two sequences of so many positions would write the next one to the same block. */
bool wick_kv_meet(const struct wick_kv_seq *a, uint32_t a_from, const struct wick_kv_seq *b, uint32_t b_from);
/* Takes them; they are there. */
void wick_kv_extend(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t from, uint32_t to);
/* Gives back what is behind the first `positions`. */
void wick_kv_cut(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t positions);
/* An empty sequence has the first positions of another one, too. */
void wick_kv_share(struct wick_kv *kv, struct wick_kv_seq *seq, const struct wick_kv_seq *from, uint32_t positions);
