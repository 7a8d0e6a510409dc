/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What recurrent layers keep of a sequence: numbers that each position makes of those before it, and of which nothing tells what they
 * were. So there are copies, after planned positions, to go back to:
 *
 *     positions   0       step      2 step      now           next
 *                 zeros   | copy |  | copy |    | state |     | what an evaluation makes of it |
 *
 * An evaluation reads the state and writes the next one, which takes its place when all has gone well; after one that fails the state is
 * what it was. Each of them is in a slot that has the numbers of all recurrent layers. Slots are counted, and written to by one
 * sequence only, before others may have them: a copy, or a state, is shared as it is.
 */

#include "kv_pool.h"
#include "model.h"

#include <stdint.h>

struct wick_mem;

#define WICK_COPIES 8 /* of a sequence, at most: a context has them so far apart, in whole blocks of positions */
#define WICK_NO_STATE UINT32_MAX /* in place of a slot */

struct wick_recurrent {
	uint8_t *slots;       /* (pool.blocks, state_bytes) */
	uint64_t state_bytes; /* of a sequence, all layers together; 0: no layer is recurrent */
	uint32_t step;        /* positions from one copy to the next */
	struct wick_kv_pool pool;
};

/* A sequence's slots. */
struct wick_recurrent_seq {
	uint32_t position;   /* positions that `now` has seen */
	uint32_t now, next;  /* WICK_NO_STATE: zeros, and none */
	uint32_t copies;     /* of them, those after step, 2 step, ... positions: all that there have been */
	uint32_t copy[WICK_COPIES];
};

/* What a row of an evaluation finds of a layer, and leaves. */
struct wick_recurrent_row {
	const float *from; /* before it; NULL: zeros */
	float *to;         /* after it; the same as from, but for the first row of an evaluation */
	float *copy;       /* likewise, where this is one of the planned positions; or NULL */
};

/* Numbers of all layers of a sequence before this one; of all, before the one behind the last. */
uint64_t wick_recurrent_floats(const struct wick_shape *shape, uint32_t layer);
uint64_t wick_recurrent_bytes(const struct wick_shape *shape, uint32_t ctx, uint32_t sequences);
void wick_recurrent_init(struct wick_recurrent *recurrent, const struct wick_shape *shape, uint32_t ctx, uint32_t sequences,
	struct wick_mem *mem);

void wick_recurrent_begin(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq); /* an evaluation */
void wick_recurrent_advance(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq, uint32_t position);
/* An evaluation has gone well, up to so many positions. */
void wick_recurrent_end(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq, uint32_t positions);
/* The most positions, of the first `positions`, that there is a state of. */
uint32_t wick_recurrent_reach(const struct wick_recurrent *recurrent, const struct wick_recurrent_seq *seq, uint32_t positions);
/* These can be reached. What an evaluation that failed has made is given back, too. */
void wick_recurrent_cut(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq, uint32_t positions);
void wick_recurrent_share(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq, const struct wick_recurrent_seq *from,
	uint32_t positions);
/* Of a position that was advanced to, in a layer that has so many numbers of others before its own. Rows come in order. */
struct wick_recurrent_row wick_recurrent_at(const struct wick_recurrent *recurrent, const struct wick_recurrent_seq *seq,
	uint64_t floats_before, uint32_t position);
