/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Attention over the f16 cache: one task a head and token, each with its own score scratch. */

#include "forward.h"

#include "pool.h"

#include <math.h>

struct job {
	struct wick_forward *forward;
	uint32_t layer, tokens, position;
};

/* Puts a token's keys and values into the cache, before any head looks at them. */
static void store_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	struct wick_forward *f = job->forward;
	size_t dim = f->model->shape.head_dim;

	(void)thread;
	for (uint32_t head = 0; head < f->kv.heads; head++) {
		uint64_t to = wick_kv_at(&f->kv, job->layer, head, job->position + task);
		size_t from = ((size_t)task * f->kv.heads + head) * dim;

		f->compute.kernels->from_f32[WICK_F16](f->kv.keys + to, f->k + from, dim);
		f->compute.kernels->from_f32[WICK_F16](f->kv.values + to, f->v + from, dim);
	}
}

/* One head of one token. The tokens of a head follow each other: its keys and values are read from a cache for all but
 * the first of them. */
static void head_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	struct wick_forward *f = job->forward;
	const struct wick_shape *shape = &f->model->shape;
	uint32_t token = task % job->tokens, head = task / job->tokens;
	uint64_t first = wick_kv_at(&f->kv, job->layer, head / (shape->heads / shape->kv_heads), 0);
	size_t at = ((size_t)token * shape->heads + head) * shape->head_dim;

	f->compute.kernels->attend(f->norm + at, f->q + at, f->kv.keys + first, f->kv.values + first, f->kv.row_bytes,
		job->position + token + 1, shape->head_dim, 1.0f / sqrtf((float)shape->head_dim),
		f->scores + (size_t)thread * f->kv.ctx);
}

void wick_attention(struct wick_forward *forward, uint32_t layer, uint32_t m, uint32_t position)
{
	struct job job = { forward, layer, m, position };

	wick_pool_run(forward->compute.pool, store_task, &job, m);
	wick_pool_run(forward->compute.pool, head_task, &job, m * forward->model->shape.heads);
}
