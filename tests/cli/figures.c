/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The closing lines: a budget that did not hold is not told as one that did. */

#include "figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The last line; the caller frees it. */
static char *memory_line(uint64_t peak_bytes, uint64_t budget_bytes)
{
	struct run_figures run = { .stop = "length", .decode.peak_bytes = peak_bytes };
	struct wick_plan plan = { .budget_bytes = budget_bytes };
	char *text = NULL, *line;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	print_figures(&run, &plan, false, out);
	fclose(out);
	line = strdup(strstr(text, "memory  "));
	free(text);
	return line;
}

static void an_overrun_is_said(void **state)
{
	char *line = memory_line(19177472, 19066880);

	(void)state;
	assert_string_equal(line,
		"memory  111 kB MORE than the budget of 19.1 MB (19.2 MB at most): this is a mistake in wick, please report it\n");
	free(line);
}

static void a_budget_that_held_is_a_figure(void **state)
{
	char *line = memory_line(19066880, 19066880);

	(void)state;
	assert_string_equal(line, "memory  19.1 MB at most, of a budget of 19.1 MB\n");
	free(line);
}

/* One ratio, of neurons and experts: what was read ahead for nothing is no miss, and what was read ahead and used is one. */
static void hits(void **state)
{
	const struct wick_stats none = { 0 }, neurons = { .bundles_active = 100, .bundles_read = 40, .bundles_prefetched = 30,
		.bundles_wasted = 15 }, both = { .bundles_active = 100, .bundles_read = 40, .bundles_wasted = 15, .experts_active = 100,
		.experts_read = 6, .experts_prefetched = 3, .experts_wasted = 1 };

	(void)state;
	assert_float_equal(hit_ratio(&none), 1, 1e-9);
	assert_float_equal(hit_ratio(&neurons), 0.75, 1e-9);
	assert_float_equal(hit_ratio(&both), 0.85, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_overrun_is_said),
		cmocka_unit_test(a_budget_that_held_is_a_figure),
		cmocka_unit_test(hits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
