/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Attention of short and of long batches against its definition in double, the same bits for any threads. */

#include "attn.h"

#include "bits.h"
#include "mem.h"
#include "pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADS 6
#define DIM 20
#define WIDTH (HEADS * DIM)
#define CTX 150
#define TOKENS_MAX 100

/* Numbers are below 1, so a score is a sum of DIM products below 1, off by (DIM + 2) u of their sum, times 1 / sqrt(DIM); that
 * twice is what a share is off by, the weighted sum adds CTX u, softmax some 30 u: 0.5 of this. */
#define ERROR_MAX (1000 * 0x1p-24)

struct fixture {
	struct wick_shape shape;
	struct wick_compute compute;
	struct wick_kv kv;
	struct wick_attention attention;
	struct wick_kernels kernels;
	struct wick_mem mem;
	float keys[CTX][WIDTH], values[CTX][WIDTH], queries[CTX][WIDTH]; /* as the cache holds them */
	struct wick_batch_row rows[TOKENS_MAX];
	uint32_t spans[TOKENS_MAX + 1];
	float q[TOKENS_MAX][WIDTH], k[TOKENS_MAX][WIDTH], v[TOKENS_MAX][WIDTH], out[TOKENS_MAX][WIDTH];
};

static float noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(int32_t)*seed * 0x1p-31f;
}

/* Random halves as floats. */
static void fill(const struct fixture *fixture, float (*rows)[WIDTH], uint32_t *seed)
{
	uint8_t half[2 * WIDTH];

	for (uint32_t p = 0; p < CTX; p++) {
		for (uint32_t c = 0; c < WIDTH; c++)
			rows[p][c] = noise(seed);
		fixture->kernels.from_f32[WICK_F16](half, rows[p], WIDTH);
		fixture->kernels.to_f32[WICK_F16](rows[p], half, WIDTH);
	}
}

static struct fixture *make(uint32_t kv_heads, uint32_t threads)
{
	const struct wick_kv_shape kv = { .blocks = wick_kv_blocks(CTX), .sequences = 1, .ctx = CTX, .type = WICK_F16 };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct wick_diag diag;
	uint32_t seed = 3;

	assert_non_null(fixture);
	wick_kernels_init(&fixture->kernels, ~0u);
	fixture->shape = (struct wick_shape){ .layers = 2, .d_model = WIDTH, .kinds = 1 };
	fixture->shape.kind[0].attn = (struct wick_attn_facts){ .heads = HEADS, .kv_heads = kv_heads, .k_dim = DIM,
		.v_dim = DIM, .scale = 1 / sqrtf(DIM) };
	fixture->compute = (struct wick_compute){ .kernels = &fixture->kernels };
	assert_int_equal(wick_pool_create(&fixture->compute.pool, threads, &diag), 0);
	assert_int_equal(wick_mem_reserve(&fixture->mem, 8 << 20, &diag), 0);
	wick_kv_init(&fixture->kv, &fixture->shape, &kv, &fixture->mem);
	fixture->attention = (struct wick_attention){ .compute = &fixture->compute, .facts = &fixture->shape.kind[0].attn,
		.layer = 1, .rows = fixture->rows, .spans = fixture->spans, .q = fixture->q[0], .k = fixture->k[0], .v = fixture->v[0],
		.out = fixture->out[0] };
	fixture->attention.scores_floats = wick_attention_scratch_floats(fixture->attention.facts, CTX);
	fixture->attention.scores =
		wick_mem_take(&fixture->mem, threads * fixture->attention.scores_floats * sizeof(float));
	fill(fixture, fixture->queries, &seed);
	fill(fixture, fixture->keys, &seed);
	fill(fixture, fixture->values, &seed);
	return fixture;
}

static void destroy(struct fixture *fixture)
{
	wick_pool_destroy(fixture->compute.pool);
	wick_mem_release(&fixture->mem);
	free(fixture);
}

/* A batch of m tokens through the second layer; what it leaves goes to out. */
static void attend(struct fixture *fixture, uint32_t position, uint32_t m)
{
	size_t kv = (size_t)fixture->shape.kind[0].attn.kv_heads * DIM;

	for (uint32_t i = 0; i < m; i++) {
		fixture->rows[i] = (struct wick_batch_row){ .seq = fixture->kv.seq, .position = position + i };
		memcpy(fixture->q[i], fixture->queries[position + i], WIDTH * sizeof(float));
		memcpy(fixture->k[0] + i * kv, fixture->keys[position + i], kv * sizeof(float));
		memcpy(fixture->v[0] + i * kv, fixture->values[position + i], kv * sizeof(float));
	}
	fixture->attention.m = m;
	wick_kv_cut(&fixture->kv, fixture->kv.seq, position);
	wick_kv_extend(&fixture->kv, fixture->kv.seq, position, position + m);
	wick_attend(&fixture->attention);
}

/* Of ALiBi with 8 for six heads, by the paper: those of four heads, then every second one of eight. */
static const double slopes[HEADS] = { 1. / 4, 1. / 16, 1. / 64, 1. / 256, 1. / 2, 1. / 8 };

static double score(const struct fixture *fixture, uint32_t token, uint32_t head, uint32_t kv_head, uint32_t p)
{
	double softcap = (double)fixture->shape.kind[0].attn.softcap, sum = 0;
	double fall = fixture->shape.kind[0].attn.alibi != 0 ? slopes[head] * (token - p) : 0;

	for (uint32_t c = 0; c < DIM; c++)
		sum += (double)fixture->queries[token][head * DIM + c] * (double)fixture->keys[p][kv_head * DIM + c];
	sum /= sqrt(DIM);
	return (softcap ? softcap * tanh(sum / softcap) : sum) - fall;
}

static void check_token(const struct fixture *fixture, uint32_t token, const float *out)
{
	for (uint32_t head = 0; head < HEADS; head++) {
		uint32_t kv_head = head / (HEADS / fixture->shape.kind[0].attn.kv_heads);
		double sum[DIM] = { 0 }, total = 0;

		for (uint32_t p = 0; p <= token; p++) {
			double weight = exp(score(fixture, token, head, kv_head, p));

			total += weight;
			for (uint32_t c = 0; c < DIM; c++)
				sum[c] += weight * (double)fixture->values[p][kv_head * DIM + c];
		}
		for (uint32_t c = 0; c < DIM; c++)
			assert_true(fabs(sum[c] / total - (double)out[head * DIM + c]) < ERROR_MAX);
	}
}

/* Batches of 1, below and above the block of tokens and of positions, one after the other. */
static void definition(void **state)
{
	static const uint32_t batches[] = { 1, 31, 32, 33, 53 };

	(void)state;
	for (uint32_t kv_heads = 1; kv_heads <= HEADS; kv_heads++) {
		struct fixture *fixture;
		uint32_t position = 0;

		if (HEADS % kv_heads)
			continue;
		fixture = make(kv_heads, 2);
		fixture->shape.kind[0].attn.softcap = kv_heads % 2 ? 0 : 0.5f;
		fixture->shape.kind[0].attn.alibi = kv_heads % 3 ? 0 : 8;
		for (size_t b = 0; b < WICK_COUNT_OF(batches); position += batches[b++]) {
			attend(fixture, position, batches[b]);
			for (uint32_t i = 0; i < batches[b]; i++)
				check_token(fixture, position + i, fixture->out[i]);
		}
		assert_int_equal(position, CTX);
		attend(fixture, 0, TOKENS_MAX);
		for (uint32_t i = 0; i < TOKENS_MAX; i++)
			check_token(fixture, i, fixture->out[i]);
		destroy(fixture);
	}
}

/* The bits of a batch are those of its tokens one by one, whether they see all positions or a window of them. */
static void batches(void **state)
{
	static const uint32_t sizes[] = { 2, 5, 31, 32, 33, TOKENS_MAX }, windows[] = { 0, 1, 20 };
	float(*alone)[WIDTH] = calloc(TOKENS_MAX, sizeof(*alone));

	(void)state;
	assert_non_null(alone);
	for (size_t w = 0; w < WICK_COUNT_OF(windows); w++) {
		struct fixture *fixture = make(2, 2);

		fixture->shape.kind[0].attn.window = windows[w];
		fixture->shape.kind[0].attn.softcap = w % 2 ? 0.5f : 0;
		fixture->shape.kind[0].attn.alibi = w % 2 ? 0 : 8;
		for (uint32_t i = 0; i < TOKENS_MAX; i++) {
			attend(fixture, i, 1);
			memcpy(alone[i], fixture->out[0], sizeof(*alone));
		}
		for (size_t s = 0; s < WICK_COUNT_OF(sizes); s++)
			for (uint32_t from = 0; from < TOKENS_MAX; from += sizes[s]) {
				uint32_t count = WICK_MIN(sizes[s], TOKENS_MAX - from);

				attend(fixture, from, count);
				assert_memory_equal(fixture->out, alone[from], count * sizeof(*alone));
			}
		destroy(fixture);
	}
	free(alone);
}

static void threads(void **state)
{
	struct fixture *one = make(HEADS, 1), *three = make(HEADS, 3);

	(void)state;
	for (int round = 0; round < 10; round++) {
		attend(one, 40, TOKENS_MAX);
		attend(three, 40, TOKENS_MAX);
		assert_memory_equal(one->out, three->out, sizeof(one->out));
	}
	destroy(one);
	destroy(three);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definition),
		cmocka_unit_test(batches),
		cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
