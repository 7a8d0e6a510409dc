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

#include "attn.h"

#include "pool.h"

#include <string.h>

struct job {
	const struct wick_attention *attention;
	uint32_t blocks; /* of tokens; one head's tasks */
};

/* Where a head's keys or values begin, `bytes` a position. */
static uint64_t head_at(const struct wick_attention *attention, uint32_t kv_head, uint64_t bytes)
{
	return (uint64_t)kv_head * attention->ctx * bytes;
}

/* Puts a token's keys and values into the cache, before any head looks at them. */
static void store_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct wick_attention *at = ((const struct job *)arg)->attention;
	const struct wick_kernels *kernels = at->compute->kernels;
	const struct wick_kv_layer *kv = at->kv;
	uint32_t position = at->position + task;

	(void)thread;
	for (uint32_t head = 0; head < kv->heads; head++) {
		size_t row = (size_t)task * kv->heads + head;

		kernels->from_f32[WICK_F16](kv->keys + head_at(at, head, kv->key_bytes) + position * kv->key_bytes,
			at->k + row * at->facts->k_dim, at->facts->k_dim);
		kernels->from_f32[WICK_F16](kv->values + head_at(at, head, kv->value_bytes) + position * kv->value_bytes,
			at->v + row * at->facts->v_dim, at->facts->v_dim);
	}
}

/* Of a head of queries: its keys and values. */
static uint32_t kv_head_of(const struct wick_attention *at, uint32_t head)
{
	return head / (at->facts->heads / at->facts->kv_heads);
}

static const uint8_t *keys_of(const struct wick_attention *at, uint32_t head)
{
	return at->kv->keys + head_at(at, kv_head_of(at, head), at->kv->key_bytes);
}

static const uint8_t *values_of(const struct wick_attention *at, uint32_t head)
{
	return at->kv->values + head_at(at, kv_head_of(at, head), at->kv->value_bytes);
}

static float *scores_of(const struct wick_attention *at, uint32_t thread)
{
	return at->scores + thread * wick_attention_scores(at->ctx);
}

/* The first position that a position looks at. */
static uint32_t first_seen(const struct wick_attention *at, uint32_t position)
{
	uint32_t window = at->facts->window;

	return window && position >= window ? position + 1 - window : 0;
}

/* One head of one token. The tokens of a head follow each other: its keys and values are read from a cache for all but
 * the first of them. */
static void head_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct wick_attention *at = ((const struct job *)arg)->attention;
	const struct wick_attn_facts *facts = at->facts;
	uint32_t token = task % at->m, head = task / at->m, first = first_seen(at, at->position + token);
	size_t row = (size_t)token * facts->heads + head;

	at->compute->kernels->attend(at->out + row * facts->v_dim, at->q + row * facts->k_dim,
		keys_of(at, head) + first * at->kv->key_bytes, values_of(at, head) + first * at->kv->value_bytes,
		at->kv->key_bytes, at->position + token + 1 - first, facts->k_dim, facts->scale, scores_of(at, thread));
}

/* A head's shares for a block of tokens: scores to softmax, zero where a token must not look. */
static void share_out(const struct wick_attention *at, float *scores, uint32_t token, uint32_t tokens, uint32_t n)
{
	for (uint32_t i = 0; i < tokens; i++, scores += n) {
		uint32_t seen = at->position + token + i + 1, first = first_seen(at, seen - 1);

		memset(scores, 0, first * sizeof(*scores));
		for (uint32_t p = first; p < seen; p++)
			scores[p] *= at->facts->scale;
		at->compute->kernels->softmax(scores + first, seen - first);
		memset(scores + seen, 0, (n - seen) * sizeof(*scores));
	}
}

/* One head of a block of tokens. */
static void block_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_attention *at = job->attention;
	const struct wick_attn_facts *facts = at->facts;
	const struct wick_kernels *kernels = at->compute->kernels;
	uint32_t head = task / job->blocks, token = task % job->blocks * WICK_ATTENTION_TOKENS;
	uint32_t tokens = WICK_MIN(WICK_ATTENTION_TOKENS, at->m - token), n = at->position + token + tokens;
	size_t k_width = (size_t)facts->heads * facts->k_dim, v_width = (size_t)facts->heads * facts->v_dim;
	const float *q = at->q + token * k_width + head * facts->k_dim;
	float *out = at->out + token * v_width + head * facts->v_dim;
	float *tile = at->compute->tile + thread * at->compute->tile_floats, *scores = scores_of(at, thread);

	for (uint32_t p = 0; p < n; p += WICK_TILE_ROWS) {
		uint32_t count = WICK_MIN(WICK_TILE_ROWS, n - p);

		kernels->to_f32[WICK_F16](tile, keys_of(at, head) + p * at->kv->key_bytes, (size_t)count * facts->k_dim);
		wick_gemm_nt(scores + p, n, q, k_width, tile, facts->k_dim, tokens, count, facts->k_dim, 0);
	}
	share_out(at, scores, token, tokens, n);
	for (uint32_t p = 0; p < n; p += WICK_TILE_ROWS) {
		uint32_t count = WICK_MIN(WICK_TILE_ROWS, n - p);

		kernels->to_f32[WICK_F16](tile, values_of(at, head) + p * at->kv->value_bytes, (size_t)count * facts->v_dim);
		wick_gemm_nn(out, v_width, scores + p, n, tile, facts->v_dim, tokens, facts->v_dim, count, p > 0);
	}
}

void wick_attend(const struct wick_attention *at)
{
	struct job job = { at, (uint32_t)wick_div_up(at->m, WICK_ATTENTION_TOKENS) };

	wick_pool_run(at->compute->pool, store_task, &job, at->m);
	if (at->m < WICK_GEMM_TOKENS)
		wick_pool_run(at->compute->pool, head_task, &job, at->m * at->facts->heads);
	else
		wick_pool_run(at->compute->pool, block_task, &job, job.blocks * at->facts->heads);
}
