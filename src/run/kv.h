/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What layers keep of a sequence's past: keys and values, in blocks of 64 positions. Layers that keep the same positions have a
 * pool of blocks together, and a sequence has blocks of each pool:
 *
 *     pool 0   layers that look at all positions     | 0 | 1 | 2 | 3 | 4 | 5 |    all of them
 *     pool 1   layers with a window                              | 4 | 5 |        the last ones; one pool for each window
 *
 * Pool 0 counts the positions that sequences have, even where no layer is in it. The others hold as many blocks as all sequences
 * may have of them, so they never run out. A sequence has its blocks in any order, and may share them with others: a block is
 * copied before a second one writes to it.
 *
 *     layer 0                                                       layer 1
 *     | block 0: | head 0: 64 x key_bytes | head 1: ... | block 1: ... | ... |
 *
 * Recurrent layers are in no pool: what they keep has no positions, and copies beside the state (recurrent.h).
 */

#include "model.h"
#include "recurrent.h"

#include <stdint.h>

struct wick_mem;

#define WICK_KV_POOLS (1 + WICK_KINDS_MAX)

/* What a layer keeps. */
enum wick_state {
	WICK_STATE_KV,        /* keys and values of all positions */
	WICK_STATE_WINDOW,    /* of the last: its window, the largest batch and a block, so that a batch that fails can go back */
	WICK_STATE_LATENT,    /* keys of all positions, or of a window, whose first numbers are the values, too */
	WICK_STATE_RECURRENT, /* numbers that each position changes: recurrent.h */
	WICK_STATES,
};

struct wick_kv_shape {
	uint32_t blocks; /* of pool 0 */
	uint32_t sequences;
	uint32_t ctx;    /* positions of a sequence, at most */
	enum wick_type type;
	bool whole_windows; /* layers with a window keep all positions, too */
};

struct wick_kv_layer {
	enum wick_state state;
	enum wick_type type;
	uint32_t pool;
	uint8_t *keys, *values; /* (blocks, heads, WICK_KV_BLOCK, bytes); of a latent they are the same */
	uint32_t heads;
	uint64_t key_bytes, value_bytes; /* of one head at one position */
	uint64_t floats_before; /* recurrent: of the states of other layers, in front of its own */
};

/* A sequence's blocks of one pool: position p in block[p / WICK_KV_BLOCK], from the first on that is there. */
struct wick_kv_table {
	uint32_t *block; /* (blocks of ctx) */
	uint32_t first, count;
};

struct wick_kv_seq {
	struct wick_kv_table *in; /* (pools) */
	const struct wick_kv_layer *layer; /* (layers): where its blocks are */
	struct wick_recurrent_seq recurrent;
};

struct wick_kv {
	struct wick_kv_layer *layer; /* (layers) */
	struct wick_kv_seq *seq;     /* (sequences) */
	struct wick_kv_pool pool[WICK_KV_POOLS];
	struct wick_recurrent recurrent;
	uint32_t layers, pools;
};

/* What of one layer a block has, in one piece of memory. */
struct wick_kv_part {
	uint8_t *data;
	uint64_t bytes; /* 0: the layer is in another pool, or has none */
};

/* Part i of a block, of wick_kv_parts() of them: keys and values of each layer in turn. */
struct wick_kv_part wick_kv_part(const struct wick_kv *kv, uint32_t pool, uint32_t block, uint32_t i);
uint64_t wick_kv_block_bytes(const struct wick_kv *kv, uint32_t pool);

static inline uint32_t wick_kv_parts(const struct wick_kv *kv)
{
	return 2 * kv->layers;
}

/* Of one position in all layers. */
uint64_t wick_kv_position_bytes(const struct wick_shape *shape, enum wick_type type);
uint64_t wick_kv_bytes(const struct wick_shape *shape, const struct wick_kv_shape *size);
/* Of those, what layers take that keep a window, and how many layers these are. */
uint64_t wick_kv_window_bytes(const struct wick_shape *shape, const struct wick_kv_shape *size, uint32_t *layers);
void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, const struct wick_kv_shape *size, struct wick_mem *mem);

static inline uint32_t wick_kv_free(const struct wick_kv *kv)
{
	return kv->pool[0].free_count;
}

/* Blocks that a sequence of `from` positions takes from pool 0 before those up to `to` can be written. Of the others that share
 * its last block so many have taken their own by then: who is left alone with a block needs no copy. */
uint32_t wick_kv_needed(
	const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t from, uint32_t to, uint32_t have_left);
/* Whether two sequences of so many positions would write the next one to the same block. */
bool wick_kv_meet(const struct wick_kv_seq *a, uint32_t a_from, const struct wick_kv_seq *b, uint32_t b_from);
/* Takes them; they are there. What is computed for them is not the sequence's before wick_kv_end(); wick_kv_cut() takes it back. */
void wick_kv_extend(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t from, uint32_t to);
/* Before a position is written that was extended to, which goes on from the last one: in the other pools it has a block, and what no
 * later position looks at may go. */
void wick_kv_advance(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t position);

/* All positions that were extended to are written. */
void wick_kv_end(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t positions);
/* What a row of a recurrent layer finds, and leaves, at a position that was advanced to. */
struct wick_recurrent_row wick_kv_state(
	const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t layer, uint32_t position);

/* Whether another position can be written behind so many, where a pool has a sequence's blocks from this one on. */
static inline bool wick_kv_goes_on(const struct wick_kv_pool *pool, uint32_t first, uint32_t positions)
{
	return !first || (uint64_t)positions + 1 >= (uint64_t)first * WICK_KV_BLOCK + pool->window;
}

/* The most positions, of the first `positions` of a sequence, after which another one can be written: all of them; or as many as the copy
 * before of recurrent layers has seen; or none, where what that one would look at is not there any more. */
uint32_t wick_kv_reach(const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t positions);
/* Gives back what is behind the first `positions`, which can be reached. */
void wick_kv_cut(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t positions);
/* An empty sequence has blocks for so many positions, which are there, to be filled: of each pool from first[pool] on. */
void wick_kv_restore(struct wick_kv *kv, struct wick_kv_seq *seq, const uint32_t *first, uint32_t positions);
/* An empty sequence has the first positions of another one, too, which can be reached. */
void wick_kv_share(struct wick_kv *kv, struct wick_kv_seq *seq, const struct wick_kv_seq *from, uint32_t positions);
