/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Who reads an answer waits for no pass longer than a second, or two of its tokens, while prompts come: on machines fast and slow,
 * where a pass takes as long as reading the weights, where each row takes its time, and where both do. */

#include "patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PASSES 400
#define S 1e9

static double longer_of(double a, double b)
{
	return a > b ? a : b;
}

/* Some tokens alone, then prompts without end beside so many answers. Returns passes that took too long; *rows are those of prompts in
 * the last. */
static unsigned run(double pass_ns, double row_ns, uint32_t answers, uint32_t *rows)
{
	struct wick_patience patience = { 0 };
	double token_ns = pass_ns + answers * row_ns, most = longer_of(S, 2 * token_ns);
	unsigned late = 0;

	for (unsigned i = 0; i < 10; i++)
		wick_patience_learn(&patience, answers, answers, token_ns);
	for (unsigned i = 0; i < PASSES; i++) {
		double ns;

		*rows = wick_patience_rows(&patience, answers);
		assert_in_range(*rows, WICK_PIECE_MIN, WICK_PIECE_MAX);
		ns = pass_ns + (answers + *rows) * row_ns;
		late += ns > most * 1.0001;
		wick_patience_learn(&patience, answers + *rows, answers, ns);
	}
	return late;
}

/* The first pieces may be too long, before anything is known: one of 32 rows, one of 16. */
static void nobody_waits(void **state)
{
	static const double pass_s[] = { 0.0001, 0.05, 0.3, 0.9, 2, 20 }, row_s[] = { 0.00001, 0.001, 0.01, 0.03, 0.09 };
	uint32_t rows;

	(void)state;
	for (unsigned p = 0; p < sizeof(pass_s) / sizeof(*pass_s); p++)
		for (unsigned r = 0; r < sizeof(row_s) / sizeof(*row_s); r++)
			for (uint32_t answers = 1; answers <= 8; answers += 7) {
				double token_s = pass_s[p] + answers * row_s[r];

				if (token_s + WICK_PIECE_MIN * row_s[r] <= longer_of(1, 2 * token_s))
					assert_in_range(run(pass_s[p] * S, row_s[r] * S, answers, &rows), 0, 2);
			}
}

/* Rows of a long prompt take longer the more positions are in front of them. */
static void nobody_waits_for_what_comes_later(void **state)
{
	struct wick_patience patience = { 0 };
	double row_ns = 0.0016 * S;

	(void)state;
	wick_patience_learn(&patience, 1, 1, 0.01 * S);
	for (unsigned i = 0; i < 24; i++, row_ns *= 1.04) {
		uint32_t rows = wick_patience_rows(&patience, 1);
		double ns = 0.01 * S + rows * row_ns;

		assert_true(ns <= S);
		wick_patience_learn(&patience, 1 + rows, 1, ns);
	}
}

/* Prompts get what patience leaves. */
static void pieces_grow(void **state)
{
	uint32_t rows;

	(void)state;
	run(0.01 * S, 0.0001 * S, 1, &rows);
	assert_int_equal(rows, WICK_PIECE_MAX);
	run(0.01 * S, 0.004 * S, 1, &rows);
	assert_in_range(rows, 120, 250);
	run(10 * S, 0.01 * S, 4, &rows);
	assert_int_equal(rows, WICK_PIECE_MAX);
	run(0.01 * S, 0.5 * S, 1, &rows);
	assert_int_equal(rows, WICK_PIECE_MIN);
}

/* Nobody reads. */
static void no_answers(void **state)
{
	struct wick_patience patience = { 0 };

	(void)state;
	wick_patience_learn(&patience, 512, 0, 100 * S);
	assert_int_equal(wick_patience_rows(&patience, 0), WICK_PIECE_MAX);
	assert_int_equal(wick_patience_rows(&patience, 1), 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_waits), cmocka_unit_test(nobody_waits_for_what_comes_later),
		cmocka_unit_test(pieces_grow),
		cmocka_unit_test(no_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
