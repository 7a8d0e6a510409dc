/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Attention over the f16 cache, each task with its own scratch: one head and some tokens that follow each other. */

#include "attn.h"

#include "pool.h"

#define TOKENS 32 /* a task: as many pass over keys and values while these are in a cache */

struct job {
	const struct wick_attention *attention;
	uint32_t blocks; /* of TOKENS; one head's tasks */
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

/* The first position that a position looks at. */
static uint32_t first_seen(const struct wick_attention *at, uint32_t position)
{
	uint32_t window = at->facts->window;

	return window && position >= window ? position + 1 - window : 0;
}

size_t wick_attention_scratch_floats(const struct wick_attn_facts *facts, uint32_t ctx)
{
	return wick_align_up(wick_attend_scratch_floats(WICK_MIN(ctx, (uint32_t)TOKENS), ctx, facts->k_dim), 16);
}

/* A token alone, as in decoding. */
static void attend_one(const struct wick_attention *at, const struct wick_attend *attend)
{
	at->compute->kernels->attend(attend->out, attend->q, attend->k, attend->v, attend->stride, attend->to[0],
		attend->head_dim, attend->scale, attend->scratch);
}

/* Positions are counted from the first one that the first token sees. */
static void head_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_attention *at = job->attention;
	const struct wick_attn_facts *facts = at->facts;
	uint32_t head = task / job->blocks, token = task % job->blocks * TOKENS, from[TOKENS], to[TOKENS];
	uint32_t first = first_seen(at, at->position + token);
	struct wick_attend attend = { .out = at->out + ((size_t)token * facts->heads + head) * facts->v_dim,
		.ldo = (size_t)facts->heads * facts->v_dim, .q = at->q + ((size_t)token * facts->heads + head) * facts->k_dim,
		.ldq = (size_t)facts->heads * facts->k_dim, .k = keys_of(at, head) + first * at->kv->key_bytes,
		.v = values_of(at, head) + first * at->kv->value_bytes, .stride = at->kv->key_bytes, .from = from, .to = to,
		.m = WICK_MIN(at->m - token, (uint32_t)TOKENS), .head_dim = facts->k_dim, .scale = facts->scale,
		.scratch = at->scores + thread * at->scores_floats };

	for (uint32_t i = 0; i < attend.m; i++) {
		from[i] = first_seen(at, at->position + token + i) - first;
		to[i] = at->position + token + i + 1 - first;
	}
	if (attend.m == 1)
		attend_one(at, &attend);
	else
		at->compute->kernels->attend_batch(&attend);
}

void wick_attend(const struct wick_attention *at)
{
	struct job job = { at, (uint32_t)wick_div_up(at->m, TOKENS) };

	wick_pool_run(at->compute->pool, store_task, &job, at->m);
	wick_pool_run(at->compute->pool, head_task, &job, job.blocks * at->facts->heads);
}
