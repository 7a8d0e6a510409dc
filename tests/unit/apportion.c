/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rows go where they save the most: on convex curves that is the best of all ways, which are tried. */

#include "apportion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LAYERS 4
#define POINTS 6

static uint64_t random_state = 99;

/* xorshift64* */
static uint32_t pick(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 33) % below;
}

static double sum_of(double misses[LAYERS][POINTS], const uint32_t *chosen)
{
	double sum = 0;

	for (unsigned l = 0; l < LAYERS; l++)
		sum += misses[l][chosen[l]];
	return sum;
}

/* Every way there is. */
static double best_sum(double misses[LAYERS][POINTS], const uint32_t *rows, uint64_t total)
{
	uint32_t at[LAYERS] = { 0 };
	double best = 1e9;

	for (;;) {
		uint64_t given = 0;
		unsigned l = 0;

		for (unsigned i = 0; i < LAYERS; i++)
			given += rows[at[i]];
		if (given <= total && sum_of(misses, at) < best)
			best = sum_of(misses, at);
		while (l < LAYERS && ++at[l] == POINTS)
			at[l++] = 0;
		if (l == LAYERS)
			return best;
	}
}

/* Convex: what a point saves is less than what the one before did. */
static void convex_curves_get_the_best(void **state)
{
	static const uint32_t rows[POINTS] = { 10, 20, 30, 40, 50, 60 };

	(void)state;
	for (unsigned round = 0; round < 500; round++) {
		uint64_t total = LAYERS * 10 + pick(21) * 10, given = 0;
		double misses[LAYERS][POINTS];
		uint32_t chosen[LAYERS];

		for (unsigned l = 0; l < LAYERS; l++) {
			uint32_t step = pick(1000) + 100;

			misses[l][0] = 6000;
			for (unsigned p = 1; p < POINTS; p++, step = pick(step) + 1)
				misses[l][p] = misses[l][p - 1] - step;
		}
		assert_true(wick_apportion(&misses[0][0], rows, LAYERS, POINTS, total, chosen) <= total);
		for (unsigned l = 0; l < LAYERS; l++)
			given += rows[chosen[l]];
		assert_true(given <= total);
		assert_true(sum_of(misses, chosen) == best_sum(misses, rows, total));
	}
}

/* A flat stretch in front hides a layer from greed by single points. */
static void flat_stretches_are_stepped_over(void **state)
{
	static const uint32_t rows[] = { 10, 20, 30, 40 };
	static const double misses[2][4] = { { 100, 100, 100, 10 }, { 50, 45, 41, 38 } };
	uint32_t chosen[2];

	(void)state;
	assert_int_equal(wick_apportion(&misses[0][0], rows, 2, 4, 50, chosen), 50);
	assert_int_equal(chosen[0], 3);
	assert_int_equal(chosen[1], 0);
	assert_int_equal(wick_apportion(&misses[0][0], rows, 2, 4, 45, chosen), 40); /* too little for that */
	assert_int_equal(chosen[0], 0);
	assert_int_equal(chosen[1], 2);
}

/* Nothing is given that saves nothing. */
static void what_saves_nothing_is_left(void **state)
{
	static const uint32_t rows[] = { 1, 1000 };
	static const double misses[] = { 5, 5, 7, 6 };
	uint32_t chosen[2];

	(void)state;
	assert_int_equal(wick_apportion(misses, rows, 2, 2, 1000000, chosen), 1001);
	assert_int_equal(chosen[0], 0);
	assert_int_equal(chosen[1], 1);
	assert_int_equal(wick_apportion(misses, rows, 2, 1, 2, chosen), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(convex_curves_get_the_best),
		cmocka_unit_test(flat_stretches_are_stepped_over),
		cmocka_unit_test(what_saves_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
