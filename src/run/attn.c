/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Attention over the f16 cache, each task with its own score scratch.
 *
 * Short batches: one task a head and token, by the decode kernel. Long ones: one a head and block of tokens, by GEMM over
 * blocks of positions. A block of tokens is multiplied with all positions that its last token sees; what the others
 * must not see has no share:
 *
 *     scores       positions, WICK_TILE_ROWS at a time
 *     token 0      x x x x x x x 0 0 0
 *     token 1      x x x x x x x x 0 0      n = position + tokens of the block
 *     token 2      x x x x x x x x x 0
 */

#include "forward.h"

#include "bits.h"
#include "pool.h"

#include <math.h>
#include <string.h>

struct job {
	struct wick_forward *forward;
	uint32_t layer, tokens, position;
	uint32_t blocks; /* of tokens; one head's tasks */
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

/* Where the cache of the head begins that goes with a head of queries. */
static uint64_t cache_of(const struct job *job, uint32_t head)
{
	const struct wick_forward *f = job->forward;
	const struct wick_shape *shape = &f->model->shape;

	return wick_kv_at(&f->kv, job->layer, head / (shape->heads / shape->kv_heads), 0);
}

static float *scores_of(const struct job *job, uint32_t thread)
{
	const struct wick_forward *f = job->forward;

	return f->scores + thread * wick_attention_scores(f->kv.ctx);
}

/* One head of one token. The tokens of a head follow each other: its keys and values are read from a cache for all but
 * the first of them. */
static void head_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	struct wick_forward *f = job->forward;
	const struct wick_shape *shape = &f->model->shape;
	uint32_t token = task % job->tokens, head = task / job->tokens;
	uint64_t first = cache_of(job, head);
	size_t at = ((size_t)token * shape->heads + head) * shape->head_dim;

	f->compute.kernels->attend(f->norm + at, f->q + at, f->kv.keys + first, f->kv.values + first, f->kv.row_bytes,
		job->position + token + 1, shape->head_dim, 1.0f / sqrtf((float)shape->head_dim), scores_of(job, thread));
}

/* A head's shares for a block of tokens: scores to softmax, zero where a token must not look. */
static void share_out(const struct job *job, float *scores, uint32_t token, uint32_t tokens, uint32_t n)
{
	float scale = 1.0f / sqrtf((float)job->forward->model->shape.head_dim);

	for (uint32_t i = 0; i < tokens; i++, scores += n) {
		uint32_t seen = job->position + token + i + 1;

		for (uint32_t p = 0; p < seen; p++)
			scores[p] *= scale;
		job->forward->compute.kernels->softmax(scores, seen);
		memset(scores + seen, 0, (n - seen) * sizeof(*scores));
	}
}

/* One head of a block of tokens. */
static void block_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	struct wick_forward *f = job->forward;
	const struct wick_shape *shape = &f->model->shape;
	uint32_t head = task / job->blocks, token = task % job->blocks * WICK_ATTENTION_TOKENS;
	uint32_t tokens = WICK_MIN(WICK_ATTENTION_TOKENS, job->tokens - token), n = job->position + token + tokens;
	uint64_t first = cache_of(job, head), row = f->kv.row_bytes;
	size_t dim = shape->head_dim, width = shape->heads * dim, at = token * width + head * dim;
	float *tile = f->compute.tile + thread * f->compute.tile_floats, *scores = scores_of(job, thread);

	for (uint32_t p = 0; p < n; p += WICK_TILE_ROWS) {
		uint32_t count = WICK_MIN(WICK_TILE_ROWS, n - p);

		f->compute.kernels->to_f32[WICK_F16](tile, f->kv.keys + first + p * row, count * dim);
		wick_gemm_nt(scores + p, n, f->q + at, width, tile, dim, tokens, count, dim, 0);
	}
	share_out(job, scores, token, tokens, n);
	for (uint32_t p = 0; p < n; p += WICK_TILE_ROWS) {
		uint32_t count = WICK_MIN(WICK_TILE_ROWS, n - p);

		f->compute.kernels->to_f32[WICK_F16](tile, f->kv.values + first + p * row, count * dim);
		wick_gemm_nn(f->norm + at, width, scores + p, n, tile, dim, tokens, dim, count, p > 0);
	}
}

void wick_attention(struct wick_forward *forward, uint32_t layer, uint32_t m, uint32_t position)
{
	struct job job = { forward, layer, m, position, wick_div_up(m, WICK_ATTENTION_TOKENS) };
	uint32_t heads = forward->model->shape.heads;

	wick_pool_run(forward->compute.pool, store_task, &job, m);
	if (m < WICK_GEMM_TOKENS)
		wick_pool_run(forward->compute.pool, head_task, &job, m * heads);
	else
		wick_pool_run(forward->compute.pool, block_task, &job, job.blocks * heads);
}
