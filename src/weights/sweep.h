/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sweep: weights that are not resident, read again for every token in big sequential pieces, always some pieces
 * ahead of the arithmetic.
 *
 * Every token needs the same matrices in the same order, so the sweep is a cycle over them, and reading runs ahead past
 * the end of one token into the next:
 *
 *     matrices q0 k0 v0 o0 ffn0 q1 ... head | q0 k0 ...
 *     units           [ 7 ][ 8 ][ 9 ][10 ][11 ]
 *     ring             ^ in use  ^ landed ^ in flight
 *
 * A unit is some whole tiles of one matrix. The caller asks for the units of the matrix it is at, in order; units that
 * it passes over (a head that was not needed) are dropped.
 *
 * Not every cycle is the same: drawn matrices (the bundles of sparse mode) are swept only for long batches. So the
 * caller says at the beginning of each cycle which matrices it and probably the next one sweep, and reading goes no
 * further.
 */

#include "fetch.h"
#include "matrix.h"

#include <stdint.h>

struct wick_mem;

/* Batches of this many tokens and more sweep drawn matrices: together they choose most of the bundles. */
#define WICK_SWEEP_TOKENS 32

struct wick_sweep_shape {
	uint64_t unit_bytes; /* of rows in a unit, at most; no less than the largest tile */
	uint32_t unit_count; /* 0: nothing is swept */
	uint64_t chunk_bytes;
};

struct wick_sweep {
	struct wick_fetch *fetch;
	const struct wick_matrices *matrices;
	struct wick_sweep_shape shape;
	struct wick_landing *ring; /* (unit_count) */
	uint32_t *ring_matrix;     /* (unit_count); the matrix of each */
	uint64_t head, tail;       /* units given out, units sent for */
	uint32_t next_matrix;      /* where reading goes on */
	uint64_t next_row;
	bool any; /* something is swept */
	/* Of sweeps with drawn matrices: */
	bool two_kinds; /* there are some */
	bool drawn[2];  /* whether they are swept: by the current batch, and by the next */
	bool ahead;     /* reading is in the cycle of the next batch */
	bool ended;     /* reading has come to its end */
};

/* Rows on their way through the arithmetic. */
struct wick_rows {
	const uint8_t *base; /* of the first */
	uint64_t first, count;
};

/* The bytes of the largest tile of any matrix: the least unit_bytes possible. */
uint64_t wick_sweep_tile_bytes(const struct wick_matrices *matrices);

/* Memory that wick_sweep_init() takes. */
uint64_t wick_sweep_bytes(const struct wick_sweep_shape *shape);

void wick_sweep_init(struct wick_sweep *sweep, const struct wick_sweep_shape *shape, const struct wick_matrices *matrices, struct wick_fetch *fetch, struct wick_mem *mem);

/* A batch begins: whether it, and probably the next one, sweeps drawn matrices. */
void wick_sweep_begin(struct wick_sweep *sweep, bool drawn, bool drawn_next);

/* Keeps reads ahead; begin, next and done call it, open calls it so that the first token finds its units landed. */
void wick_sweep_fill(struct wick_sweep *sweep);

/* The next unit of a matrix that has swept rows, landed and checked; valid until wick_sweep_done(). */
int wick_sweep_next(struct wick_sweep *sweep, uint32_t matrix, struct wick_rows *rows, struct wick_diag *diag);
void wick_sweep_done(struct wick_sweep *sweep);

/* Waits for what is in flight and forgets it: the next batch begins at the first matrix. */
void wick_sweep_rewind(struct wick_sweep *sweep);
