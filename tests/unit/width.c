/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How many answers share a pass, by what passes would take. */

#include "width.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PASSES 3000

/* Of so many rows, in ns: reading all weights, and little for each row. */
static double read_all(uint32_t rows)
{
	return 1e8 + 2e6 * rows;
}

/* Rows push each other's experts out. */
static double push_out(uint32_t rows)
{
	return 1e7 * pow(rows, 1.6);
}

/* Up to four rows share; beyond that they push out. */
static double best_at_four(uint32_t rows)
{
	return rows <= 4 ? 5e7 + 1e6 * rows : 5e7 * pow(rows / 3.0, 2);
}

/* A tenth up and down, in an order of its own. */
static double noise(uint32_t pass)
{
	return 1 + 0.1 * sin(pass * 12.9898);
}

/* The time that all rows together take, over that of `best` rows a pass. */
static double run(double (*takes)(uint32_t rows), uint32_t wanted, uint32_t best, uint32_t *last)
{
	struct wick_width width = { 0 };
	double ns = 0, rows = 0;

	for (uint32_t i = 0; i < PASSES; i++) {
		*last = wick_width_choose(&width, wanted);
		assert_in_range(*last, 1, wanted);
		wick_width_learn(&width, *last, takes(*last) * noise(i));
		ns += takes(*last);
		rows += *last;
	}
	return ns / rows / (takes(best) / best);
}

static void company_that_pays_stays(void **state)
{
	uint32_t last;

	(void)state;
	assert_true(run(read_all, 8, 8, &last) < 1.03); /* what trials take */
	assert_int_equal(last, 8);
	assert_true(run(read_all, 1, 1, &last) <= 1.0);
	assert_true(run(read_all, 3, 3, &last) < 1.03);
}

static void company_that_does_not_pay_is_left(void **state)
{
	uint32_t last;

	(void)state;
	assert_true(run(push_out, 8, 1, &last) < 1.3);
	assert_int_equal(last, 1);
	assert_true(run(best_at_four, 8, 4, &last) < 1.1);
	assert_int_equal(last, 4);
	assert_true(run(best_at_four, 7, 4, &last) < 1.1);
}

/* What was found for eight is asked again when it changes. */
static void what_changes_is_found(void **state)
{
	struct wick_width width = { 0 };
	uint32_t last = 0;

	(void)state;
	for (uint32_t i = 0; i < 2 * PASSES; i++) {
		last = wick_width_choose(&width, 8);
		wick_width_learn(&width, last, i < PASSES ? push_out(last) : read_all(last));
	}
	assert_int_equal(last, 8);
}

/* Who leaves in the middle of a trial ends it. */
static void fewer_than_are_tried(void **state)
{
	struct wick_width width = { 0 };

	(void)state;
	for (uint32_t i = 0; i < PASSES; i++) {
		uint32_t wanted = 1 + i * 7 % 9, rows = wick_width_choose(&width, wanted);

		assert_in_range(rows, 1, wanted);
		wick_width_learn(&width, rows, push_out(rows));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(company_that_pays_stays),
		cmocka_unit_test(company_that_does_not_pay_is_left),
		cmocka_unit_test(what_changes_is_found),
		cmocka_unit_test(fewer_than_are_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
