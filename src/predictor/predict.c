/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Predicting: two products of the decode kernels, each cut by rows over the threads, and a walk over the scores. */

#include "predict.h"

#include "bits.h"
#include "pool.h"

#define TASK_ROWS 64 /* at least: fewer cost more to hand out than to multiply */

/* y = w . x, w (tensor->rows, tensor->cols) */
struct job {
	const struct wick_compute *compute;
	const struct wick_tensor *tensor;
	const uint8_t *w;
	const float *x, *bias; /* bias (rows) or NULL */
	float *y;
	uint64_t task_rows;
	bool relu;
};

static void rows_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_tensor *tensor = job->tensor;
	uint64_t row = task * job->task_rows, count = WICK_MIN(job->task_rows, tensor->rows - row);

	(void)thread;
	job->compute->kernels->matvec[tensor->type](job->y + row, job->w + row * tensor->row_bytes, tensor->row_bytes,
		job->x, count, tensor->cols);
	if (job->bias)
		job->compute->kernels->add(job->y + row, job->bias + row, count);
	if (job->relu)
		job->compute->kernels->relu(job->y + row, count);
}

/* A kernel's row has the same bits wherever the rows are cut, so a task may be a share for each thread. */
static void multiply(struct job *job)
{
	struct wick_pool *pool = job->compute->pool;
	uint64_t share = wick_div_up(job->tensor->rows, 2 * (uint64_t)wick_pool_threads(pool));

	job->task_rows = WICK_MAX(share, TASK_ROWS);
	wick_pool_run(pool, rows_task, job, (uint32_t)wick_div_up(job->tensor->rows, job->task_rows));
}

size_t wick_predict_scratch_floats(const struct wick_predictor *predictor)
{
	return predictor->in.rows + predictor->out.rows;
}

uint32_t wick_predict(const struct wick_predictor *predictor, const struct wick_compute *compute, const float *x,
	float *scratch, float *scores, uint32_t *active)
{
	struct job in = { .compute = compute, .tensor = &predictor->in, .w = predictor->in_data, .x = x, .y = scratch,
		.relu = predictor->relu };
	struct job out = { .compute = compute, .tensor = &predictor->out, .w = predictor->out_data, .x = x,
		.bias = predictor->bias_data, .y = scores ? scores : scratch + predictor->in.rows };
	uint32_t count = 0;

	if (predictor->in.rows) {
		multiply(&in);
		out.x = scratch;
	}
	multiply(&out);
	for (uint32_t i = 0; i < predictor->out.rows; i++) {
		active[count] = i;
		count += out.y[i] > 0; /* not a NaN */
	}
	return count;
}
