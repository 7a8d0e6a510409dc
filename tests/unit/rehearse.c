/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rehearsals of traces whose reads are known by hand, and the times that follow from them. */

#include "check.h"
#include "choose.h"
#include "forecast.h"
#include "policy.h"
#include "rehearse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { LAYERS = 2, N_FF = 16, STRIDE = 4096, HALF = 8, TOKENS = 3 };

static char path[300];

/* Even tokens use the first half of the neurons, odd ones the second; three tokens, so that the end is not alike to the
 * beginning. The guess at layer 1 is right, or it is the other half. */
static struct wick_trace *make_trace(bool right)
{
	const struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = N_FF, .lookahead = true };
	struct wick_trace_writer *writer;
	struct wick_trace *trace;

	assert_int_equal(wick_trace_create(&writer, path, &shape, NULL), 0);
	for (uint32_t t = 0; t < 2 * TOKENS; t++)
		for (uint32_t l = 0; l < LAYERS; l++) {
			uint32_t ids[HALF], likely[HALF], half = t % 2;
			float probability[HALF];

			for (uint32_t i = 0; i < HALF; i++) {
				ids[i] = half * HALF + i;
				likely[i] = (right ? half : 1 - half) * HALF + i;
				probability[i] = 0.9f;
			}
			assert_int_equal(wick_trace_add(writer, l, ids, HALF, likely, probability, HALF, NULL), 0);
		}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	assert_int_equal(wick_trace_open(&trace, path, NULL), 0);
	return trace;
}

static const struct wick_shape model = { .layers = LAYERS, .n_ff = N_FF, .stride = STRIDE, .bundle_bytes = STRIDE,
	.kinds = 1, .bundle_parts = 2, .tied = true };

/* 10 us a read, and 1 GB/s. */
static const struct wick_extent_price line = { 2, { 1, 1 << 30 }, { 10.001, 10 + (1 << 30) * 0.001 } };

static void rehearse(bool right, uint32_t capacity, uint32_t ahead, struct wick_rehearsed layers[LAYERS])
{
	struct wick_sparse_shape sparse = { .policy = wick_policy_find("lru") };
	const uint32_t slots[LAYERS] = { capacity, capacity };
	struct wick_rehearsal rehearsal = { .shape = &model, .sparse = &sparse, .slots = slots, .price = line, .chunk_bytes = 1 << 20,
		.bridge = true, .trace = make_trace(right), .ahead = ahead };
	struct wick_diag diag = { "" };

	assert_int_equal(wick_rehearse(&rehearsal, layers, &diag), 0);
	wick_trace_close(rehearsal.trace);
}

/* Room for half: the other half is always missing, and is one read. */
static void what_is_missing_is_drawn(void **state)
{
	struct wick_rehearsed layers[LAYERS];

	(void)state;
	rehearse(true, HALF, 0, layers);
	for (unsigned i = 0; i < LAYERS; i++) {
		assert_float_equal(layers[i].active, HALF, 0);
		assert_float_equal(layers[i].drawn, HALF, 0);
		assert_float_equal(layers[i].reads, 1, 0);
		assert_float_equal(layers[i].bytes, HALF * STRIDE, 0);
		assert_float_equal(layers[i].ahead, 0, 0);
	}
	rehearse(true, N_FF - 1, 0, layers);
	assert_true(layers[0].drawn > 0 && layers[0].drawn < HALF);
	rehearse(true, 3, 0, layers); /* rounds of three: nothing is there when it comes again */
	assert_float_equal(layers[1].drawn, HALF, 0);
	assert_float_equal(layers[1].reads, 3, 0);
	assert_float_equal(layers[1].rounds, 3, 0);
}

/* Of the four that would be drawn ahead a quarter of the cache at most are, for the second layer only: nothing goes before the
 * first. */
static void guesses_are_counted(void **state)
{
	struct wick_rehearsed layers[LAYERS];

	(void)state;
	rehearse(true, 12, 4, layers);
	assert_float_equal(layers[0].ahead, 0, 0);
	assert_true(layers[1].ahead > 0 && layers[1].ahead <= 3);
	assert_float_equal(layers[1].wasted, 0, 0);
	assert_true(layers[1].ahead + layers[1].drawn >= 4);
	rehearse(false, 12, 4, layers);
	assert_float_equal(layers[1].wasted, layers[1].ahead, 1e-9);
}

/* Made up: about a tenth fires, and a matrix of a quarter of the layer has more than half of what fires. */
static void without_a_trace_it_is_made_up(void **state)
{
	const struct wick_shape shape = { .layers = 3, .n_ff = 4096, .stride = STRIDE };
	struct wick_sparse_shape sparse = { .policy = wick_policy_find(NULL) };
	const uint32_t slots[] = { 512, 1024, 1536 }; /* the average counts */
	struct wick_rehearsal rehearsal = { .shape = &shape, .sparse = &sparse, .slots = slots, .price = line, .chunk_bytes = 1 << 20,
		.synthesis = { .zipf = 1.44, .active = 0.1, .seed = 1 } };
	struct wick_rehearsed layers[3];

	(void)state;
	assert_int_equal(wick_rehearse(&rehearsal, layers, NULL), 0);
	assert_float_equal(layers[0].active, 410, 20);
	assert_true(layers[0].drawn > 0 && layers[0].drawn < layers[0].active / 2);
	assert_float_equal(layers[2].drawn, layers[0].drawn, 0);
}

/* By shares: in one layer every fourth neuron fires for four tokens of five, in the other a few always and no other ever. Layers are told
 * apart, with their own slots: the few have room. */
static void by_how_often_neurons_fire(void **state)
{
	enum { MANY = 4096, ALWAYS = 100 };
	static float firing[LAYERS][MANY];
	const struct wick_shape shape = { .layers = LAYERS, .n_ff = MANY, .stride = STRIDE };
	struct wick_sparse_shape sparse = { .policy = wick_policy_find("lru") };
	const uint32_t slots[LAYERS] = { 200, 150 };
	struct wick_rehearsal rehearsal = { .shape = &shape, .sparse = &sparse, .slots = slots, .price = line, .chunk_bytes = 1 << 20,
		.firing = firing[0], .synthesis = { .zipf = 1.44, .active = 0.1, .seed = 1 } };
	struct wick_rehearsed layers[LAYERS];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		firing[0][i] = i % 4 ? 0 : 0.8f;
		firing[1][i] = i < ALWAYS ? 1 : 0;
	}
	assert_int_equal(wick_rehearse(&rehearsal, layers, NULL), 0);
	assert_float_equal(layers[0].active, 0.8 * MANY / 4, 15);
	assert_true(layers[0].drawn > 600);
	assert_float_equal(layers[1].active, 0.98 * ALWAYS, 2);
	assert_float_equal(layers[1].drawn, 0, 0);
}

/* A read takes 100 us, and at depth 10 a turn takes 200. */
static struct wick_drive flat_drive(void)
{
	static const struct wick_profile_cell cells[] = {
		{ 4096, 1, 100, 100 }, { 4096, 10, 20, 200 }, { 1 << 20, 1, 100, 100 }, { 1 << 20, 10, 20, 200 },
	};
	struct wick_drive drive = { .known = true };

	assert_int_equal(wick_profile_fit(&drive.profile, cells, 4, NULL), 0);
	return drive;
}

/* Each layer has a matrix; or none has one. */
static uint32_t one_each[LAYERS + 2] = { 0, 1, 2, 2 }, none[LAYERS + 2];
static const struct wick_steps steps = { .layers = LAYERS, .first_matrix = one_each };
static const struct wick_steps no_steps = { .layers = LAYERS, .first_matrix = none };

/* By hand: each layer has 100 us before its FFN (a matrix of 100 KiB at 1 KiB a us), whose ups take 20 and whose downs
 * take 20 (10 bundles of 4 KiB), 10 us more for each bundle to check, and 3 us for each read to send; one read of 100 us
 * is on demand, beside which there are the ups and then the downs. */
static void times_add_up(void **state)
{
	static const struct wick_tensor matrix = { .rows = 100, .row_bytes = 1024 };
	struct wick_rehearsed layers[LAYERS] = { { .active = 10, .drawn = 1, .reads = 1, .bytes = 4096 } };
	const struct wick_rates rates = { .resident = 1024, .swept = 1024 / 3.5, .read_us = 3 };
	struct wick_matrix at[LAYERS] = { { .tensor = &matrix, .rows = 100, .resident_rows = 100 },
		{ .tensor = &matrix, .rows = 100, .resident_rows = 100 } };
	const struct wick_matrices matrices = { .steps = &steps, .at = at, .count = LAYERS };
	struct wick_drive drive = flat_drive();
	struct wick_sparse_outlook outlook = { .shape = &model, .matrices = &matrices, .rates = &rates, .drive = &drive,
		.layers = layers, .queue_depth = 10, .threads = 1, .overlap = true };
	struct wick_forecast forecast;

	(void)state;
	layers[1] = layers[0];
	wick_forecast_sparse(&forecast, &outlook);
	assert_float_equal(forecast.flash_ms, 0.2, 1e-9);
	assert_float_equal(forecast.compute_ms, 2 * (0.1 + 0.053), 1e-9);
	assert_float_equal(forecast.ms_per_token, 2 * (0.1 + 0.1 + 0.02), 1e-9);
	outlook.overlap = false;
	wick_forecast_sparse(&forecast, &outlook);
	assert_float_equal(forecast.ms_per_token, 2 * (0.1 + 0.1 + 0.053), 1e-9);
	outlook.overlap = true;
	layers[0].active = layers[1].active = 110; /* 453 us of computing: the read hides */
	wick_forecast_sparse(&forecast, &outlook);
	assert_float_equal(forecast.ms_per_token, 2 * (0.1 + 0.453), 1e-9);
}

/* Without time for it a few are drawn ahead all the same. */
static void ahead_as_it_pays(void **state)
{
	struct wick_rehearsed layers[LAYERS] = { { .active = 1, .drawn = 1, .reads = 1, .bytes = 4096 } };
	const struct wick_rates rates = { .resident = 4096, .swept = 4096 };
	const struct wick_matrices matrices = { .steps = &no_steps };
	struct wick_drive drive = flat_drive();
	struct wick_sparse_outlook outlook = { .shape = &model, .matrices = &matrices, .rates = &rates, .drive = &drive,
		.layers = layers, .queue_depth = 10, .threads = 1, .overlap = true };

	(void)state;
	layers[1] = layers[0];
	assert_int_equal(wick_forecast_ahead(&outlook), 4);
	/* 200 reads of 20 us, and 1000 us before: 50 of them fit there. */
	layers[0] = layers[1] = (struct wick_rehearsed){ .drawn = 200, .reads = 200, .bytes = 200 * 4096, .manage_us = 1000 };
	assert_int_equal(wick_forecast_ahead(&outlook), 50);
}

static int make_folder(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(path, sizeof(path), "%s/wick-rehearse-%d.trace", parent ? parent : "/tmp", (int)getpid());
	return 0;
}

static int remove_trace(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_drawn),
		cmocka_unit_test(guesses_are_counted),
		cmocka_unit_test(without_a_trace_it_is_made_up),
		cmocka_unit_test(by_how_often_neurons_fire),
		cmocka_unit_test(times_add_up),
		cmocka_unit_test(ahead_as_it_pays),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_trace);
}
