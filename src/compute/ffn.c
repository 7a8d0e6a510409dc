/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The FFN over bundles (see compute.h).
 *
 * Up-projections are independent dot products. The down-projection is a sum over bundles, and a sum's bits depend on
 * its order: it runs over bundles in ascending order, and threads share it by output column:
 *
 *     bundles    h          y = sum over rows, top to bottom
 *     [up|down]  h0   ->    thread 0: | columns 0..255 |   thread 1: | columns 256..511 | ...
 *     [up|down]  h1
 */

#include "compute.h"

#include "bits.h"
#include "check.h"
#include "matrix.h"
#include "pool.h"
#include "watch.h"

#include <math.h>

#define MASK_ROWS 64 /* of a word; tiles are whole words */
#define TILES_A_THREAD 2
#define TILES_MAX 16

struct job {
	const struct wick_ffn *ffn;
	const struct wick_rows *rows;
	uint64_t task_rows;   /* of an up-projection */
	size_t ldh;           /* floats from one token's h to the next */
	uint32_t slice_cols;  /* of the output, a task */
};

/* Bundles at a time by GEMM: some tiles for each thread, so that who comes late takes fewer. */
static uint64_t scratch_rows(const struct wick_shape *shape, uint32_t threads)
{
	return (uint64_t)WICK_MIN(TILES_A_THREAD * threads, TILES_MAX) * wick_gemm_rows(shape);
}

void wick_activate(const struct wick_kernels *kernels, enum wick_act act, float *x, size_t count)
{
	switch (act) {
	case WICK_ACT_RELU:
		kernels->relu(x, count);
		break;
	case WICK_ACT_SILU:
		for (size_t i = 0; i < count; i++)
			x[i] = x[i] / (1 + expf(-x[i]));
		break;
	default:
		kernels->gelu(x, count);
	}
}

size_t wick_ffn_scratch_floats(const struct wick_shape *shape, uint32_t batch_tokens, uint32_t threads)
{
	size_t decode = (size_t)WICK_MIN(batch_tokens, WICK_GEMM_TOKENS - 1) * shape->n_ff;
	size_t gemm = (size_t)batch_tokens * WICK_MIN(wick_align_up(shape->n_ff, wick_gemm_rows(shape)), scratch_rows(shape, threads));

	return batch_tokens < WICK_GEMM_TOKENS ? decode : WICK_MAX(decode, gemm);
}

/* h = act(h + bias) for `count` bundles from `first` on. */
static void activate(const struct job *job, float *h, uint64_t first, uint64_t count)
{
	const struct wick_ffn *ffn = job->ffn;

	for (uint32_t i = 0; i < ffn->m; i++) {
		if (ffn->up_bias)
			ffn->compute->kernels->add(h + i * job->ldh, ffn->up_bias + first, count);
		wick_activate(ffn->compute->kernels, wick_kind(ffn->shape, ffn->layer)->ffn.act, h + i * job->ldh, count);
	}
}

/* Up-projection of some bundles; by GEMM a tile. */
static void up_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_ffn *ffn = job->ffn;
	const struct wick_compute *compute = ffn->compute;
	size_t cols = ffn->shape->d_model, stride = ffn->shape->stride;
	uint64_t row = task * job->task_rows, count = WICK_MIN(job->task_rows, job->rows->count - row);
	const uint8_t *w = job->rows->base + row * stride;
	float *h = ffn->h + row, *tile = compute->tile + thread * compute->tile_floats;

	if (ffn->m < WICK_GEMM_TOKENS) {
		for (uint32_t i = 0; i < ffn->m; i++)
			compute->kernels->matvec[ffn->shape->type](
				h + i * job->ldh, w, stride, ffn->x + i * cols, count, cols);
	} else {
		for (uint64_t i = 0; i < count; i++)
			compute->kernels->to_f32[ffn->shape->type](tile + i * cols, w + i * stride, cols);
		wick_gemm_nt(h, job->ldh, ffn->x, cols, tile, cols, ffn->m, count, cols, 0);
	}
	activate(job, h, job->rows->first + row, count);
}

/* Down-projection of every bundle into one slice of columns, token by token. */
static void down_decode_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_ffn *ffn = job->ffn;
	const struct wick_shape *shape = ffn->shape;
	uint32_t column = task * job->slice_cols, cols = WICK_MIN(job->slice_cols, shape->d_model - column);
	const uint8_t *w = job->rows->base + shape->part_bytes + wick_type_bytes(shape->type, column);

	(void)thread;
	for (uint32_t i = 0; i < ffn->m; i++)
		ffn->compute->kernels->accumulate_rows[shape->type](ffn->y + (size_t)i * shape->d_model + column, w,
			shape->stride, NULL, ffn->h + i * job->ldh, job->rows->count, cols);
}

/* The same by GEMM, tile after tile. */
static void down_gemm_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_ffn *ffn = job->ffn;
	const struct wick_shape *shape = ffn->shape;
	const struct wick_compute *compute = ffn->compute;
	uint32_t column = task * job->slice_cols, cols = WICK_MIN(job->slice_cols, shape->d_model - column);
	const uint8_t *w = job->rows->base + shape->part_bytes + wick_type_bytes(shape->type, column);
	float *tile = compute->tile + thread * compute->tile_floats;

	for (uint64_t row = 0; row < job->rows->count; row += compute->gemm_rows) {
		uint64_t count = WICK_MIN(compute->gemm_rows, job->rows->count - row);

		for (uint64_t i = 0; i < count; i++)
			compute->kernels->to_f32[shape->type](
				tile + i * cols, w + (row + i) * shape->stride, cols);
		wick_gemm_nn(ffn->y + column, shape->d_model, ffn->h + row, job->ldh, tile, cols, ffn->m, cols, count, 1);
	}
}

/* Columns of a slice: by GEMM a constant, since bits depend on it; by the decode kernels a share for each thread. */
static uint32_t slice_columns(const struct wick_ffn *ffn)
{
	uint32_t share = (uint32_t)wick_div_up(ffn->shape->d_model, wick_pool_threads(ffn->compute->pool));

	if (ffn->m >= WICK_GEMM_TOKENS)
		return WICK_MIN(WICK_COLUMN_SLICE, ffn->shape->d_model);
	return (uint32_t)wick_align_up(share, wick_column_tile(ffn->shape->type));
}

/* Bundles that h has room for, in whole tiles. */
static uint64_t rows_at_once(const struct wick_ffn *ffn)
{
	if (ffn->m < WICK_GEMM_TOKENS)
		return ffn->shape->n_ff;
	return ffn->h_floats / ffn->m / ffn->compute->gemm_rows * ffn->compute->gemm_rows;
}

/* What was not chosen, of the neurons of one word of the mask, as if it had not been computed. */
static void mask_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_ffn *ffn = job->ffn;
	uint64_t row = (uint64_t)task * MASK_ROWS, count = WICK_MIN(MASK_ROWS, job->rows->count - row);

	(void)thread;
	for (uint32_t i = 0; i < ffn->m; i++) {
		uint64_t chosen = ffn->mask[i * ffn->mask_words + (job->rows->first + row) / MASK_ROWS];
		float *h = ffn->h + i * job->ldh + row;

		for (uint64_t k = 0; k < count; k++)
			if (!(chosen >> k & 1))
				h[k] = 0;
	}
}

static void tell_what_fired(const struct job *job)
{
	const struct wick_ffn *ffn = job->ffn;

	if (ffn->watch && ffn->watch->fired)
		ffn->watch->fired(ffn->watch->user, ffn->layer, ffn->position, ffn->m, (uint32_t)job->rows->first,
			(uint32_t)job->rows->count, ffn->h, job->ldh);
}

void wick_ffn_rows(const struct wick_ffn *ffn, const struct wick_rows *rows)
{
	struct wick_pool *pool = ffn->compute->pool;
	uint64_t most = rows_at_once(ffn);
	struct wick_rows piece;
	struct job job = { .ffn = ffn, .rows = &piece, .slice_cols = slice_columns(ffn),
		.task_rows = ffn->m < WICK_GEMM_TOKENS ? wick_compute_task_rows(ffn->shape->stride) : ffn->compute->gemm_rows };
	uint32_t slices = (uint32_t)wick_div_up(ffn->shape->d_model, job.slice_cols);

	wick_assert(most);
	for (uint64_t done = 0; done < rows->count; done += piece.count) {
		piece = (struct wick_rows){ .base = rows->base + done * ffn->shape->stride, .first = rows->first + done,
			.count = WICK_MIN(most, rows->count - done) };
		job.ldh = piece.count;
		wick_pool_run(pool, up_task, &job, (uint32_t)wick_div_up(piece.count, job.task_rows));
		tell_what_fired(&job);
		if (ffn->mask)
			wick_pool_run(pool, mask_task, &job, (uint32_t)wick_div_up(piece.count, MASK_ROWS));
		wick_pool_run(pool, ffn->m < WICK_GEMM_TOKENS ? down_decode_task : down_gemm_task, &job, slices);
	}
}
