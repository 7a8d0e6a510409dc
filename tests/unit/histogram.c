/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Percentiles by buckets against percentiles by sorting. */

#include "histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 20000

static struct wick_histogram histogram, other;
static uint64_t sorted[COUNT];

static int clear(void **state)
{
	(void)state;
	memset(&histogram, 0, sizeof(histogram));
	memset(&other, 0, sizeof(other));
	return 0;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* From nanoseconds to minutes, evenly over the magnitudes. */
static void percentiles_are_right_within_3_percent(void **state)
{
	static const double shares[] = { 0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1 };
	uint64_t random = 7;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		random = random * 6364136223846793005 + 1442695040888963407;
		sorted[i] = (uint64_t)exp2((double)(random >> 11) / 0x1p53 * 38);
		wick_histogram_add(i % 3 ? &histogram : &other, sorted[i]);
	}
	wick_histogram_merge(&histogram, &other);
	qsort(sorted, COUNT, sizeof(*sorted), compare);
	assert_int_equal(histogram.count, COUNT);
	assert_int_equal(histogram.max_ns, sorted[COUNT - 1]);
	for (unsigned i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		double exact = (double)sorted[(size_t)ceil(shares[i] * COUNT) - 1];
		double said = (double)wick_histogram_ns(&histogram, shares[i]);

		assert_true(fabs(said - exact) <= exact / 32 + 0.5);
	}
}

/* The edges of the buckets: one below, at and above every power of two. */
static void a_single_duration_comes_back(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 44; bit++) {
		for (int step = -1; step <= 1; step++) {
			uint64_t ns = (1ull << bit) + (uint64_t)step;
			double error;

			clear(NULL);
			wick_histogram_add(&histogram, ns);
			error = (double)wick_histogram_ns(&histogram, 0.5) - (double)ns;
			assert_true(fabs(error) <= (double)ns / 32);
		}
	}
}

static void extremes_have_a_place(void **state)
{
	(void)state;
	assert_int_equal(wick_histogram_ns(&histogram, 0.99), 0);
	wick_histogram_add(&histogram, 0);
	assert_int_equal(wick_histogram_ns(&histogram, 1), 0);
	wick_histogram_add(&histogram, UINT64_MAX);
	wick_histogram_add(&histogram, UINT64_MAX);
	assert_int_equal(histogram.max_ns, UINT64_MAX);
	assert_true(wick_histogram_ns(&histogram, 1) >= 1ull << 43);
	assert_int_equal(wick_histogram_ns(&histogram, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(percentiles_are_right_within_3_percent, clear),
		cmocka_unit_test_setup(a_single_duration_comes_back, clear),
		cmocka_unit_test_setup(extremes_have_a_place, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
