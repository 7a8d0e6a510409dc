/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Matrix times a batch (see compute.h). */

#include "compute.h"

#include "bits.h"
#include "matrix.h"
#include "pool.h"

#define TASK_BYTES (512u << 10) /* of weights, for one vector: each task makes x ready anew, and begins its streams anew */
#define TASKS_A_THREAD 4        /* tasks small enough for dynamic load balancing */
#define TASK_ROWS_MIN 16        /* of a batch: each task reads all of it */
#define PACK_VECTORS 8          /* a task */

static size_t widest(const struct wick_model *model)
{
	const struct wick_steps *steps = &model->steps;
	size_t cols = model->shape.d_model;

	for (uint32_t i = 0; i < steps->matrices; i++)
		if (!steps->matrix[i].bundles && !steps->matrix[i].lookup)
			cols = WICK_MAX(cols, wick_tensor_at(model, steps->matrix[i].layer, steps->matrix[i].tensor)->cols);
	return cols;
}

size_t wick_compute_packed_floats(const struct wick_model *model, uint32_t tokens)
{
	return tokens > 1 ? wick_packed_floats(tokens, widest(model)) : 0;
}

size_t wick_compute_scratch_floats(const struct wick_model *model, uint32_t tokens)
{
	size_t floats = WICK_MAX(wick_matmul_scratch_floats(widest(model)), wick_accumulate_scratch_floats(tokens));

	return tokens > 1 ? wick_align_up(floats, 16) : 0;
}

static void pack_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct wick_linear *linear = arg;
	uint32_t first = task * PACK_VECTORS, count = WICK_MIN(linear->m - first, (uint32_t)PACK_VECTORS);

	(void)thread;
	linear->compute->kernels->pack_x[linear->type](linear->compute->packed, linear->x, linear->ldx, linear->m,
		linear->cols, first, count);
}

void wick_linear_begin(const struct wick_linear *linear)
{
	if (linear->m > 1)
		wick_pool_run(linear->compute->pool, pack_task, (void *)linear,
			(uint32_t)wick_div_up(linear->m, PACK_VECTORS));
}

static uint64_t share_of(const struct wick_pool *pool, uint64_t rows)
{
	return wick_align_up(wick_div_up(rows, TASKS_A_THREAD * (uint64_t)wick_pool_threads(pool)), WICK_MATMUL_ROWS);
}

uint64_t wick_task_rows(const struct wick_pool *pool, size_t stride, uint64_t rows)
{
	uint64_t most = TASK_BYTES / stride / WICK_MATMUL_ROWS * WICK_MATMUL_ROWS;

	return WICK_MAX(WICK_MIN(most, share_of(pool, rows)), WICK_MATMUL_ROWS);
}

uint64_t wick_linear_task_rows(const struct wick_linear *linear, uint64_t rows)
{
	const struct wick_pool *pool = linear->compute->pool;

	if (linear->m == 1)
		return wick_task_rows(pool, linear->stride, rows);
	return WICK_MIN(WICK_MAX(share_of(pool, rows), TASK_ROWS_MIN), WICK_TILE_ROWS);
}

void wick_linear_some(const struct wick_linear *linear, const uint8_t *w, float *y, uint64_t count, uint32_t thread)
{
	const struct wick_compute *compute = linear->compute;
	struct wick_matmul job = { .y = y, .ldy = linear->ldy, .w = w, .stride = linear->stride, .rows = count,
		.cols = linear->cols, .packed = compute->packed, .m = linear->m,
		.scratch = compute->scratch + thread * compute->scratch_floats };

	if (linear->m == 1)
		compute->kernels->matvec[linear->type](y, w, linear->stride, linear->x, count, linear->cols);
	else
		compute->kernels->matmul[linear->type](&job);
}

static void rows_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct wick_linear_job *job = arg;
	uint64_t row = task * job->task_rows, count = WICK_MIN(job->task_rows, job->rows->count - row);

	wick_linear_some(job->linear, job->rows->base + row * job->linear->stride,
		job->linear->y + job->rows->first + row, count, thread);
}

void wick_linear_rows_begin(struct wick_linear_job *job, const struct wick_linear *linear, const struct wick_rows *rows)
{
	*job = (struct wick_linear_job){ linear, rows, wick_linear_task_rows(linear, rows->count) };
	wick_pool_begin(linear->compute->pool, rows_task, job, (uint32_t)wick_div_up(rows->count, job->task_rows));
}

void wick_linear_rows(const struct wick_linear *linear, const struct wick_rows *rows)
{
	struct wick_linear_job job = { linear, rows, wick_linear_task_rows(linear, rows->count) };

	wick_pool_run(linear->compute->pool, rows_task, &job, (uint32_t)wick_div_up(rows->count, job.task_rows));
}
