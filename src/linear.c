/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Matrix times a batch (see compute.h). */

#include "compute.h"

#include "bits.h"
#include "place.h"
#include "pool.h"

struct job {
	const struct wick_linear *linear;
	const struct wick_rows *rows;
};

size_t wick_compute_tile_floats(const struct wick_shape *shape)
{
	size_t cols = WICK_MAX(WICK_MAX(shape->d_model, shape->d_embed), WICK_COLUMN_SLICE);

	return (size_t)WICK_TILE_ROWS * cols;
}

/* One tile by the decode kernels: the tile stays in cache while the batch passes over it. */
static void decode_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_linear *linear = job->linear;
	uint64_t row = (uint64_t)task * WICK_TILE_ROWS, count = WICK_MIN(WICK_TILE_ROWS, job->rows->count - row);

	(void)thread;
	for (uint32_t i = 0; i < linear->m; i++)
		linear->compute->kernels->matvec[linear->type](linear->y + i * linear->ldy + job->rows->first + row,
			job->rows->base + row * linear->stride, linear->stride, linear->x + i * linear->ldx, count,
			linear->cols);
}

/* One tile by GEMM. */
static void gemm_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_linear *linear = job->linear;
	const struct wick_compute *compute = linear->compute;
	uint64_t row = (uint64_t)task * WICK_TILE_ROWS, count = WICK_MIN(WICK_TILE_ROWS, job->rows->count - row);
	const uint8_t *w = job->rows->base + row * linear->stride;
	float *tile = compute->tile + thread * compute->tile_floats;

	for (uint64_t i = 0; i < count; i++)
		compute->kernels->to_f32[linear->type](tile + i * linear->cols, w + i * linear->stride, linear->cols);
	wick_gemm_nt(linear->y + job->rows->first + row, linear->ldy, linear->x, linear->ldx, tile, linear->cols, linear->m,
		count, linear->cols, 0);
}

void wick_linear_rows(const struct wick_linear *linear, const struct wick_rows *rows)
{
	struct job job = { linear, rows };
	uint32_t tiles = (uint32_t)wick_div_up(rows->count, WICK_TILE_ROWS);

	wick_pool_run(linear->compute->pool, linear->m < WICK_GEMM_TOKENS ? decode_task : gemm_task, &job, tiles);
}
