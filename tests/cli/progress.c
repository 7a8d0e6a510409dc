/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a rate counts from. */

#include "progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define S 1000000000u

/* Two seconds of measuring the drive, then 100 bytes a second; then a second part, from nothing, at 10. */
static void a_rate_has_nothing_of_what_was_before(void **state)
{
	struct progress progress;

	(void)state;
	progress_begin(&progress, "loading");
	progress.begun_ns = 5ull * S;
	assert_float_equal(progress_rate(&progress, 50, 7ull * S), 0, 0);
	assert_float_equal(progress_rate(&progress, 150, 8ull * S), 100, 1e-9);
	assert_float_equal(progress_rate(&progress, 450, 11ull * S), 100, 1e-9);
	assert_float_equal(progress_rate(&progress, 5, 12ull * S), 0, 0);
	assert_float_equal(progress_rate(&progress, 15, 13ull * S), 10, 1e-9);
	assert_float_equal(progress_rate(&progress, 15, 14ull * S), 5, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_has_nothing_of_what_was_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
