/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The floor of a token of experts, and its forecast, by hand: two layers, each a matrix before two experts of three parts, and a
 * head, on a drive that is slower than memory by far. */

#include "forecast_experts.h"

#include "bits.h"
#include "steps.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ROW_BYTES = 4096, BEFORE = 10 * ROW_BYTES, PART = 3 * ROW_BYTES, HEAD = 20 * ROW_BYTES, EXPERTS = 2, MATRICES = 9 };

static struct wick_tensor before = { .rows = BEFORE / ROW_BYTES, .row_bytes = ROW_BYTES };
static struct wick_tensor part = { .rows = PART / ROW_BYTES * EXPERTS, .row_bytes = ROW_BYTES, .experts = EXPERTS };
static struct wick_tensor head = { .rows = HEAD / ROW_BYTES, .row_bytes = ROW_BYTES };
static struct wick_matrix at[MATRICES];
static uint32_t first[] = { 0, 4, 8, 9 };
static struct wick_steps steps = { .first_matrix = first };
static struct wick_shape shape = { .layers = 2, .kinds = 1, .kind[0].ffn.experts = { .count = EXPERTS, .chosen = 2 } };
static struct wick_matrices matrices = { .at = at, .count = MATRICES, .steps = &steps };
static struct wick_drive drive = { .known = true };
static struct wick_dependent dependent = { .shape = &shape, .matrices = &matrices, .drive = &drive, .memory = 1000,
	.chunk_bytes = 1 << 20, .queue_depth = 8 };

static int begin(void **state)
{
	struct wick_profile_cell cells[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t bytes = i / 2 ? 1 << 20 : ROW_BYTES;

		cells[i] = (struct wick_profile_cell){ .bytes = bytes, .depth = i % 2 ? 8 : 1, .interval_us = (double)bytes,
			.burst_us = (double)bytes * (i % 2 ? 8 : 1) };
	}
	assert_int_equal(wick_profile_fit(&drive.profile, cells, 4, NULL), 0);
	for (unsigned i = 0; i < MATRICES; i++) {
		struct wick_tensor *tensor = i == 8 ? &head : i % 4 ? &part : &before;

		at[i] = (struct wick_matrix){ .tensor = tensor, .rows = tensor->rows, .resident_rows = tensor->rows };
	}
	return 0;
}

static double reading_us(uint32_t experts)
{
	const struct wick_profile_extents extents = { .bytes = PART, .count = experts * 3 };

	return wick_profile_predict_us(&drive.profile, &extents, 1, 8);
}

static void near(double value, double expected)
{
	if (fabs(value / expected - 1) > 1e-9)
		fail_msg("%.9g, not %.9g", value, expected);
}

/* What is missing is read after what comes before the router; where nothing is, arithmetic takes its place. */
static void floors(void **state)
{
	(void)state;
	near(wick_dependent_rest_us(&dependent), HEAD / 1000.0);
	near(wick_dependent_layer_us(&dependent, 0, 2, 0), (BEFORE + 2 * 3 * PART) / 1000.0);
	near(wick_dependent_layer_us(&dependent, 1, 2, 1), BEFORE / 1000.0 + reading_us(1));
	near(wick_dependent_layer_us(&dependent, 1, 2, 2), BEFORE / 1000.0 + reading_us(2));
	assert_true(reading_us(1) > 2 * 3 * PART / 1000.0 && reading_us(2) > 1.9 * reading_us(1));
}

/* A quarter of the tokens misses both experts in layer 0, a half one in layer 1. */
static void forecasts(void **state)
{
	const struct wick_rates rates = { .resident = 500, .swept = 250 };
	const uint32_t missing[] = { 3, 0, 1, 2, 2, 0 };
	const struct wick_expert_outlook outlook = { .dependent = dependent, .rates = &rates, .missing = missing, .chosen = 2 };
	double all_here = (BEFORE + 2 * 3 * PART) / 500.0, floor_ms, ms, least;
	struct wick_forecast forecast;

	(void)state;
	wick_forecast_experts(&forecast, &outlook, 0, &floor_ms);
	ms = HEAD / 500.0 + 0.75 * all_here + 0.25 * (BEFORE / 500.0 + reading_us(2) + PART / 250.0) + 0.5 * all_here +
		0.5 * (BEFORE / 500.0 + reading_us(1) + PART / 250.0);
	near(forecast.ms_per_token, ms / 1e3);
	near(forecast.flash_ms, (0.25 * reading_us(2) + 0.5 * reading_us(1)) / 1e3);
	least = HEAD / 1000.0 + 2 * BEFORE / 1000.0 + 1.25 * 2 * 3 * PART / 1000.0 + 0.25 * reading_us(2) + 0.5 * reading_us(1);
	near(floor_ms, least / 1e3);
	wick_forecast_experts(&forecast, &outlook, 1e9, &floor_ms); /* of sweeping, beside which all else is short */
	near(forecast.ms_per_token, 1e6 + (0.25 * reading_us(2) + 0.5 * reading_us(1)) / 1e3);
	near(floor_ms, 1e6);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(floors), cmocka_unit_test(forecasts) };

	return cmocka_run_group_tests(tests, begin, NULL);
}
