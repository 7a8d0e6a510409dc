/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Predictions against plain arithmetic in double, in every form a predictor has, and the same for any threads. */

#include "predict.h"

#include "bits.h"
#include "pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define D_MODEL 96
#define NEURONS 1000
#define RANK 32

struct fixture {
	struct wick_kernels kernels;
	struct wick_predictor predictor;
	float in[RANK][D_MODEL], out[NEURONS][D_MODEL], bias[NEURONS], x[D_MODEL]; /* as the types hold them */
	uint8_t in_data[RANK * D_MODEL * 4], out_data[NEURONS * D_MODEL * 4];
};

static float noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(int32_t)*seed * 0x1p-31f;
}

static struct wick_tensor tensor_of(enum wick_type type, uint64_t rows, uint64_t cols)
{
	return (struct wick_tensor){ .type = type, .rows = rows, .cols = cols, .row_bytes = wick_type_bytes(type, cols) };
}

/* Random numbers, stored, and read back as what is then meant. */
static void store(const struct fixture *fixture, uint8_t *data, float *numbers, size_t pitch,
	const struct wick_tensor *tensor, uint32_t *seed)
{
	for (uint64_t r = 0; r < tensor->rows; r++) {
		for (uint64_t c = 0; c < tensor->cols; c++)
			numbers[r * pitch + c] = noise(seed);
		fixture->kernels.from_f32[tensor->type](data + r * tensor->row_bytes, numbers + r * pitch, tensor->cols);
		fixture->kernels.to_f32[tensor->type](numbers + r * pitch, data + r * tensor->row_bytes, tensor->cols);
	}
}

static struct fixture *make(enum wick_type type, bool low_rank, bool relu)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	uint32_t seed = 7;

	assert_non_null(fixture);
	wick_kernels_init(&fixture->kernels, ~0u);
	fixture->predictor = (struct wick_predictor){ .out = tensor_of(type, NEURONS, low_rank ? RANK : D_MODEL),
		.bias = tensor_of(WICK_F32, 1, NEURONS), .in_data = fixture->in_data, .out_data = fixture->out_data,
		.bias_data = fixture->bias, .relu = relu };
	if (low_rank)
		fixture->predictor.in = tensor_of(type, RANK, D_MODEL);
	store(fixture, fixture->in_data, fixture->in[0], D_MODEL, &fixture->predictor.in, &seed);
	store(fixture, fixture->out_data, fixture->out[0], D_MODEL, &fixture->predictor.out, &seed);
	for (int i = 0; i < NEURONS; i++)
		fixture->bias[i] = noise(&seed);
	for (int c = 0; c < D_MODEL; c++)
		fixture->x[c] = noise(&seed);
	return fixture;
}

static double dot(const float *a, const double *b, uint64_t count)
{
	double sum = 0;

	for (uint64_t i = 0; i < count; i++)
		sum += a[i] * b[i];
	return sum;
}

/* The definition of predict.h. */
static void expect(const struct fixture *fixture, double scores[NEURONS])
{
	double x[D_MODEL], hidden[RANK];
	bool low_rank = fixture->predictor.in.rows;

	for (int c = 0; c < D_MODEL; c++)
		x[c] = fixture->x[c];
	for (int r = 0; r < RANK; r++) {
		hidden[r] = dot(fixture->in[r], x, D_MODEL);
		if (fixture->predictor.relu)
			hidden[r] = fmax(hidden[r], 0);
	}
	for (int i = 0; i < NEURONS; i++)
		scores[i] = dot(fixture->out[i], low_rank ? hidden : x, low_rank ? RANK : D_MODEL) + fixture->bias[i];
}

/* The quantised types meet x in steps (docs/kernels.md), and two products follow each other; scores are about 10, and
 * the numbers of q2 twice those of q4_0. */
static double tolerance_of(enum wick_type type)
{
	static const double tolerances[WICK_TYPE_COUNT] = { [WICK_Q8_0] = 0.01, [WICK_Q4_0] = 0.5,
		[WICK_Q2] = 1 };

	return tolerances[type] > 0 ? tolerances[type] : 1e-4;
}

static void check(const struct fixture *fixture, const float *scores, const uint32_t *active, uint32_t count)
{
	double wanted[NEURONS], tolerance = tolerance_of(fixture->predictor.out.type);
	uint32_t at = 0, sure = 0;

	expect(fixture, wanted);
	for (uint32_t i = 0; i < NEURONS; i++) {
		bool listed = at < count && active[at] == i;

		at += listed;
		assert_int_equal(listed, scores[i] > 0);
		assert_true(fabs(scores[i] - wanted[i]) < tolerance);
		if (fabs(wanted[i]) <= tolerance)
			continue;
		assert_int_equal(listed, wanted[i] > 0);
		sure++;
	}
	assert_int_equal(at, count); /* ascending, each once */
	assert_true(sure > NEURONS * 4 / 5);
	assert_true(count > NEURONS / 10 && count < NEURONS * 9 / 10);
}

static void predict(const struct fixture *fixture, uint32_t threads, float *scores, uint32_t *active, uint32_t *count)
{
	struct wick_compute compute = { .kernels = &fixture->kernels };
	float *scratch = malloc(wick_predict_scratch_floats(&fixture->predictor) * sizeof(float));

	assert_int_equal(wick_pool_create(&compute.pool, threads, NULL), 0);
	*count = wick_predict(&fixture->predictor, &compute, fixture->x, scratch, scores, active);
	wick_pool_destroy(compute.pool);
	free(scratch);
}

static void check_form(enum wick_type type, bool low_rank, bool relu)
{
	struct fixture *fixture = make(type, low_rank, relu);
	float scores[NEURONS], again[NEURONS];
	uint32_t active[NEURONS], same[NEURONS], count, same_count;

	predict(fixture, 1, scores, active, &count);
	check(fixture, scores, active, count);
	for (uint32_t threads = 2; threads < 6; threads++) {
		predict(fixture, threads, again, same, &same_count);
		assert_memory_equal(again, scores, sizeof(scores));
		assert_int_equal(same_count, count);
		assert_memory_equal(same, active, count * sizeof(*active));
	}
	predict(fixture, 2, NULL, same, &same_count);
	assert_int_equal(same_count, count);
	assert_memory_equal(same, active, count * sizeof(*active));
	free(fixture);
}

static void scores_are_those_of_the_definition(void **state)
{
	static const enum wick_type types[] = { WICK_F32, WICK_F16, WICK_BF16, WICK_Q8_0, WICK_Q4_0, WICK_Q2 };

	(void)state;
	for (size_t t = 0; t < WICK_COUNT_OF(types); t++) {
		check_form(types[t], false, false);
		check_form(types[t], true, false);
		check_form(types[t], true, true);
	}
}

static void a_nan_is_not_active(void **state)
{
	struct fixture *fixture = make(WICK_F32, true, false);
	uint32_t active[NEURONS], count;
	float scores[NEURONS];

	(void)state;
	fixture->bias[5] = NAN;
	fixture->bias[6] = INFINITY;
	fixture->bias[7] = -INFINITY;
	predict(fixture, 2, scores, active, &count);
	assert_true(isnan(scores[5]));
	for (uint32_t k = 0; k < count; k++)
		assert_true(active[k] != 5 && active[k] != 7);
	free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scores_are_those_of_the_definition),
		cmocka_unit_test(a_nan_is_not_active),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
