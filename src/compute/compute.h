/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Arithmetic over rows of weights, shared by attention, FFN and head.
 *
 * A batch is m token vectors. Which arithmetic it takes depends on m alone: below WICK_GEMM_TOKENS each vector goes
 * through the decode kernels, from there on tiles of wick_gemm_rows() rows are widened to f32 and multiplied by
 * OpenBLAS. Tiles are counted from row 0 of the matrix and rows arrive in whole tiles, so bits do not depend on how
 * they arrive.
 */

#include "kernels.h"
#include "model.h"
#include "sweep.h"

#include <stddef.h>
#include <stdint.h>

struct wick_pool;
struct wick_watch;

#define WICK_GEMM_TOKENS 32
#define WICK_COLUMN_SLICE 512 /* columns of a down-projection tile in GEMM */

/* A longer prompt is cut into batches of this. */
static inline uint32_t wick_batch_tokens(const struct wick_shape *shape)
{
	return shape->d_model < 1024 ? 256 : 512;
}

struct wick_compute {
	const struct wick_kernels *kernels;
	struct wick_pool *pool;
	uint32_t gemm_rows; /* wick_gemm_rows() of the model */
	float *tile; /* (threads, tile_floats): a widened tile for each thread */
	size_t tile_floats;
};

/* Rows of a decode task: enough to be worth it, few enough to stay in cache while a batch passes over them and to keep
 * all threads busy to the end. */
uint64_t wick_compute_task_rows(size_t stride);

/* Floats that one thread's widened tile needs for the model's matrices. */
size_t wick_compute_tile_floats(const struct wick_model *model);

/* x = act(x), in place. */
void wick_activate(const struct wick_kernels *kernels, enum wick_act act, float *x, size_t count);

/* y[i][r] = w[r] . x[i] for the rows given: x (m, ldx), y (m, ldy) with column r the row's number in the matrix.
 * Each row of w is `cols` numbers of `type`, `stride` bytes apart. */
struct wick_linear {
	struct wick_compute *compute;
	enum wick_type type;
	size_t cols, stride;
	const float *x;
	size_t ldx;
	float *y;
	size_t ldy;
	uint32_t m;
};

void wick_linear_rows(const struct wick_linear *linear, const struct wick_rows *rows);

/* The FFN of one layer over some of its bundles: y[i] += down . relu(up . x[i] + up_bias), bundles in ascending order.
 * h is scratch of h_floats, enough for m rows of one tile. */
struct wick_ffn {
	struct wick_compute *compute;
	const struct wick_shape *shape;
	const float *up_bias; /* (n_ff) or NULL */
	const float *x;       /* (m, d_model) */
	float *y;             /* (m, d_model) */
	float *h;
	size_t h_floats;
	uint32_t m;
	const uint64_t *mask;           /* (m, mask_words) or NULL: bit k of word w is neuron 64 w + k; 0: h is 0 */
	size_t mask_words;
	const struct wick_watch *watch; /* or NULL; layer and position are for it */
	uint32_t layer, position;
};

size_t wick_ffn_scratch_floats(const struct wick_shape *shape, uint32_t batch_tokens, uint32_t threads);
void wick_ffn_rows(const struct wick_ffn *ffn, const struct wick_rows *rows);
