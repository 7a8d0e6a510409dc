/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Matrix times a batch (see compute.h). */

#include "compute.h"

#include "bits.h"
#include "matrix.h"
#include "pool.h"

#include <stdbool.h>

#define TASK_BYTES (128u << 10)

struct job {
	const struct wick_linear *linear;
	const struct wick_rows *rows;
	uint64_t task_rows;
};

size_t wick_compute_tile_floats(const struct wick_model *model)
{
	const struct wick_steps *steps = &model->steps;
	uint64_t cols = model->shape.d_model;

	for (uint32_t i = 0; i < steps->matrices; i++)
		if (!steps->matrix[i].bundles && !steps->matrix[i].lookup)
			cols = WICK_MAX(cols, wick_tensor_at(model, steps->matrix[i].layer, steps->matrix[i].tensor)->cols);
	return (size_t)wick_gemm_rows(&model->shape) * cols;
}

uint64_t wick_compute_task_rows(size_t stride)
{
	return WICK_MIN(WICK_MAX(TASK_BYTES / stride, 4), WICK_TILE_ROWS);
}

/* Some rows by the decode kernels: they stay in cache while the batch passes over them. */
static void decode_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_linear *linear = job->linear;
	uint64_t row = task * job->task_rows, count = WICK_MIN(job->task_rows, job->rows->count - row);

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
	uint64_t row = task * job->task_rows, count = WICK_MIN(job->task_rows, job->rows->count - row);
	const uint8_t *w = job->rows->base + row * linear->stride;
	float *tile = compute->tile + thread * compute->tile_floats;

	for (uint64_t i = 0; i < count; i++)
		compute->kernels->to_f32[linear->type](tile + i * linear->cols, w + i * linear->stride, linear->cols);
	wick_gemm_nt(linear->y + job->rows->first + row, linear->ldy, linear->x, linear->ldx, tile, linear->cols, linear->m,
		count, linear->cols, 0);
}

void wick_linear_rows(const struct wick_linear *linear, const struct wick_rows *rows)
{
	bool gemm = linear->m >= WICK_GEMM_TOKENS;
	struct job job = { linear, rows, gemm ? linear->compute->gemm_rows : wick_compute_task_rows(linear->stride) };

	wick_pool_run(linear->compute->pool, gemm ? gemm_task : decode_task, &job,
		(uint32_t)wick_div_up(rows->count, job.task_rows));
}
