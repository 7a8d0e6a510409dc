/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts whose small gates are taken for 0, against loops in double that take those activations for 0: of one row, whose ups behind
 * such gates are not multiplied, and of several. */

#include "experts.h"

#include "pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { D = 24, N_FF = 150, EXPERTS = 3, ROWS = 4, NUMBERS = N_FF * D };

#define TOLERANCE 1e-5 /* of the largest; a sum of 150 products of 24 products each, in float */
#define CLOSING 1.5f  /* a threshold that leaves few */
#define NEAR 2e-6      /* gates that are as near to a threshold could go either way */

struct subject {
	struct wick_kernels kernels;
	struct wick_compute compute;
	struct wick_expert_room room;
	struct wick_experts experts;
	float gate[EXPERTS][NUMBERS], up[EXPERTS][NUMBERS], down[EXPERTS][NUMBERS], bias[WICK_PARTS][EXPERTS][N_FF];
	float x[ROWS][D], y[ROWS][D];
	float *memory, packed[ROWS * (N_FF + 64)], scratch[2][64 << 10];
};

static float noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(int32_t)*seed * 0x1p-31f;
}

static void fill(float *numbers, size_t count, float size, uint32_t *seed)
{
	for (size_t i = 0; i < count; i++)
		numbers[i] = size * noise(seed);
}

static void make_weights(struct subject *s)
{
	uint32_t seed = 7;

	fill(s->gate[0], sizeof(s->gate) / sizeof(float), 0.8f, &seed);
	fill(s->up[0], sizeof(s->up) / sizeof(float), 0.8f, &seed);
	fill(s->down[0], sizeof(s->down) / sizeof(float), 0.8f, &seed);
	fill(s->bias[0][0], sizeof(s->bias) / sizeof(float), 0.3f, &seed);
	fill(s->x[0], sizeof(s->x) / sizeof(float), 1, &seed);
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		struct wick_expert_matrix *matrix = &s->experts.matrix[part];

		*matrix = (struct wick_expert_matrix){ .type = WICK_F32, .rows = part == WICK_PART_DOWN ? D : N_FF,
			.cols = part == WICK_PART_DOWN ? N_FF : D, .bias = s->bias[part][0] };
		matrix->stride = matrix->cols * sizeof(float);
	}
}

static int begin(void **state)
{
	static struct subject s;
	static struct wick_shape shape = { .kinds = 1, .d_model = D, .n_ff = N_FF };

	shape.kind[0].ffn.n_ff = N_FF;
	shape.kind[0].ffn.experts.count = EXPERTS;
	shape.kind[0].ffn.experts.chosen = 1;
	*state = &s;
	wick_kernels_init(&s.kernels, ~0u);
	s.compute = (struct wick_compute){ .kernels = &s.kernels, .packed = s.packed, .scratch = s.scratch[0],
		.scratch_floats = sizeof(s.scratch[0]) / sizeof(float) };
	s.memory = aligned_alloc(64, wick_expert_room_floats(&shape, ROWS) * sizeof(float) / 64 * 64 + 64);
	assert_non_null(s.memory);
	wick_expert_room_init(&s.room, &shape, ROWS, s.memory);
	s.experts = (struct wick_experts){ .compute = &s.compute, .room = &s.room, .x = s.x[0], .y = s.y[0] };
	make_weights(&s);
	return wick_pool_create(&s.compute.pool, 2, NULL);
}

static int end(void **state)
{
	struct subject *s = *state;

	wick_pool_destroy(s->compute.pool);
	free(s->memory);
	return 0;
}

static const float ones[ROWS] = { 1, 1, 1, 1 };

/* Which expert each row goes to. */
static void compute(struct subject *s, const uint32_t ids[ROWS])
{
	const uint8_t *data[EXPERTS * WICK_PARTS];
	uint32_t which[EXPERTS], at[EXPERTS + 1];
	struct wick_strip strip = { 0 };

	memset(s->y, 0, sizeof(s->y));
	wick_chosen_make(&s->room.chosen, EXPERTS, ids, ones, ROWS, 1, at);
	assert_true(wick_strip_next(&strip, &s->room));
	assert_int_equal(strip.end, ROWS);
	for (uint32_t k = 0; k < strip.end_k; k++) {
		uint32_t id = s->room.chosen.ids[k];

		which[k] = k;
		data[k * WICK_PARTS + WICK_PART_GATE] = (const uint8_t *)s->gate[id];
		data[k * WICK_PARTS + WICK_PART_UP] = (const uint8_t *)s->up[id];
		data[k * WICK_PARTS + WICK_PART_DOWN] = (const uint8_t *)s->down[id];
	}
	wick_experts_compute(&s->experts, &strip, which, strip.end_k, data, WICK_PART_GATE, WICK_PARTS);
	wick_experts_sum(&s->experts, &strip);
}

static double product(const float *a, const float *b, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double)a[i] * b[i];
	return sum;
}

static double at_most(double x, double most)
{
	return x > most ? most : x;
}

/* SiLU, ReLU, and gpt-oss's, from their definitions. */
static double activated(enum wick_act act, double gate)
{
	if (act == WICK_ACT_RELU)
		return gate > 0 ? gate : 0;
	if (act == WICK_ACT_SILU)
		return gate / (1 + exp(-gate));
	gate = at_most(gate, 7);
	return gate / (1 + exp(-1.702 * gate));
}

static double let_through(enum wick_act act, double gate, double up)
{
	return act == WICK_ACT_SWIGLU_OAI ? gate * (fmax(at_most(up, 7), -7) + 1) : gate * up;
}

/* One row by itself; those of its gates that are taken for 0. */
static uint32_t reference(const struct subject *s, uint32_t row, uint32_t id, double y[D])
{
	double h[N_FF];
	uint32_t closed = 0;

	for (uint32_t i = 0; i < N_FF; i++) {
		double gate = activated(s->experts.act, product(s->gate[id] + i * D, s->x[row], D) + s->bias[WICK_PART_GATE][id][i]);
		double up = product(s->up[id] + i * D, s->x[row], D) + s->bias[WICK_PART_UP][id][i];

		assert_true(s->experts.cut == 0 || fabs(fabs(gate) - s->experts.cut) > NEAR);
		if (fabs(gate) < s->experts.cut)
			gate = 0;
		closed += gate == 0;
		h[i] = let_through(s->experts.act, gate, up);
	}
	for (uint32_t c = 0; c < D; c++) {
		y[c] = s->bias[WICK_PART_DOWN][0][id * D + c];
		for (uint32_t i = 0; i < N_FF; i++)
			y[c] += s->down[id][c * N_FF + i] * h[i];
	}
	return closed;
}

static void check(struct subject *s, const uint32_t ids[ROWS])
{
	double y[ROWS][D], largest = 0, worst = 0;
	uint64_t gates = s->room.gates, closed = s->room.closed, expected = 0;

	compute(s, ids);
	for (uint32_t row = 0; row < ROWS; row++) {
		expected += reference(s, row, ids[row], y[row]);
		for (uint32_t c = 0; c < D; c++) {
			largest = fmax(largest, fabs(y[row][c]));
			worst = fmax(worst, fabs(y[row][c] - s->y[row][c]));
		}
	}
	assert_true(worst <= TOLERANCE * largest);
	if (!(s->experts.cut > 0) && s->experts.act != WICK_ACT_RELU) {
		assert_int_equal(s->room.gates, gates);
		return;
	}
	assert_int_equal(s->room.gates - gates, ROWS * N_FF);
	assert_int_equal(s->room.closed - closed, expected);
	assert_true(s->experts.cut < 0.1f || expected > ROWS * N_FF / 20);
}

/* Each row an expert of its own but for two, and all the same one: bits of a row are the same. */
static void small_gates_are_zeros(void **state)
{
	static const enum wick_act acts[] = { WICK_ACT_SILU, WICK_ACT_RELU, WICK_ACT_SWIGLU_OAI };
	static const float cuts[] = { 0, 0.013f, 0.21f, 1.4f };
	static const uint32_t apart[ROWS] = { 2, 0, 1, 1 }, together[ROWS] = { 2, 2, 2, 2 };
	struct subject *s = *state;

	for (unsigned a = 0; a < 3; a++)
		for (unsigned c = 0; c < 4; c++) {
			float alone[D];

			s->experts.act = acts[a];
			s->experts.cut = cuts[c];
			check(s, apart);
			memcpy(alone, s->y[0], sizeof(alone));
			check(s, together);
			assert_memory_equal(alone, s->y[0], sizeof(alone));
		}
}

static void (*multiply_some)(float *y, const void *w, size_t stride, const uint32_t *index, size_t count, const float *x, size_t cols);
static size_t multiplied;

static void count_multiplied(float *y, const void *w, size_t stride, const uint32_t *index, size_t count, const float *x, size_t cols)
{
	multiplied += count;
	multiply_some(y, w, stride, index, count, x, cols);
}

/* Of a row alone, whose gates are mostly closed, the ups behind them are not multiplied, and may be anything. */
static void ups_of_closed_gates_are_left_out(void **state)
{
	static const uint32_t ids[ROWS] = { 0, 0, 0, 1 };
	struct subject *s = *state;
	float before[D];
	uint32_t spoilt = 0;

	s->experts.act = WICK_ACT_SILU;
	s->experts.cut = CLOSING;
	compute(s, ids);
	memcpy(before, s->y[ROWS - 1], sizeof(before));
	for (uint32_t i = 0; i < N_FF; i++) {
		double gate = activated(WICK_ACT_SILU, product(s->gate[1] + i * D, s->x[ROWS - 1], D) + s->bias[WICK_PART_GATE][1][i]);

		spoilt += fabs(gate) < CLOSING;
		for (uint32_t c = 0; fabs(gate) < CLOSING && c < D; c++)
			s->up[1][i * D + c] = NAN;
	}
	assert_in_range(spoilt, N_FF * 3 / 4, N_FF - 1);
	multiply_some = s->kernels.matvec_rows[WICK_F32];
	s->kernels.matvec_rows[WICK_F32] = count_multiplied;
	compute(s, ids);
	assert_int_equal(multiplied, N_FF - spoilt);
	assert_memory_equal(before, s->y[ROWS - 1], sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_gates_are_zeros, begin, end),
		cmocka_unit_test_setup_teardown(ups_of_closed_gates_are_left_out, begin, end),
	};

	return cmocka_run_group_tests_name("expert_gates", tests, NULL, NULL);
}
