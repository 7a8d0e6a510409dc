/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Attention over the f16 cache: one task a head and token, each with its own score scratch. */

#include "forward.h"

#include "pool.h"

#include <math.h>

struct job {
	struct wick_forward *forward;
	uint32_t layer, position;
};

/* Puts the batch's keys and values into the cache, before any head looks at them. */
static void store_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	struct wick_forward *f = job->forward;
	size_t count = (size_t)f->model->shape.kv_heads * f->model->shape.head_dim;

	(void)thread;
	f->compute.kernels->from_f32[WICK_F16](
		wick_kv_keys(&f->kv, job->layer, job->position + task), f->k + task * count, count);
	f->compute.kernels->from_f32[WICK_F16](
		wick_kv_values(&f->kv, job->layer, job->position + task), f->v + task * count, count);
}

static void head_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	struct wick_forward *f = job->forward;
	const struct wick_shape *shape = &f->model->shape;
	uint32_t token = task / shape->heads, head = task % shape->heads;
	uint32_t kv_head = head / (shape->heads / shape->kv_heads);
	size_t at = (size_t)token * shape->heads * shape->head_dim + (size_t)head * shape->head_dim;
	size_t skip = wick_type_bytes(WICK_F16, (uint64_t)kv_head * shape->head_dim);

	f->compute.kernels->attend(f->norm + at, f->q + at, wick_kv_keys(&f->kv, job->layer, 0) + skip,
		wick_kv_values(&f->kv, job->layer, 0) + skip, f->kv.row_bytes, job->position + token + 1, shape->head_dim,
		1.0f / sqrtf((float)shape->head_dim), f->scores + (size_t)thread * f->kv.ctx);
}

void wick_attention(struct wick_forward *forward, uint32_t layer, uint32_t m, uint32_t position)
{
	struct job job = { forward, layer, position };

	wick_pool_run(forward->compute.pool, store_task, &job, m);
	wick_pool_run(forward->compute.pool, head_task, &job, m * forward->model->shape.heads);
}
