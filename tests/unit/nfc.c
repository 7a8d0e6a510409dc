/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Normal form C: what Unicode's own annex (UAX 15) shows, and texts of nothing but accents. */

#include "nfc.h"

#include "bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *text, size_t bytes, const char *expected)
{
	char *composed;
	size_t count = bytes;

	assert_int_equal(wick_nfc(&composed, text, &count), 0);
	assert_int_equal(count, strlen(expected));
	assert_memory_equal(composed ? composed : text, expected, count);
	free(composed);
}

static void of_the_annex(void **state)
{
	static const char *const pairs[][2] = {
		{ "plain", "plain" },
		{ "e\xcc\x81", "\xc3\xa9" },                                 /* e, acute */
		{ "\xe2\x84\xab", "\xc3\x85" },                              /* U+212B is U+00C5 */
		{ "\xe2\x84\xa6", "\xce\xa9" },                              /* U+2126 is U+03A9 */
		{ "s\xcc\x87\xcc\xa3", "\xe1\xb9\xa9" },                     /* dot above, then below: U+1E69 */
		{ "\xe1\xb8\x8b\xcc\xa3", "\xe1\xb8\x8d\xcc\x87" },          /* U+1E0B U+0323 is U+1E0D U+0307 */
		{ "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87" },                /* accents in the order of their class */
		{ "\xe0\xa5\x98", "\xe0\xa4\x95\xe0\xa4\xbc" },              /* U+0958 is not put together again */
		{ "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81" },  /* Hangul */
		{ "\xec\xae\x80\xe1\x86\xa7", "\xec\xae\x80\xe1\x86\xa7" }, /* U+11A7 is no final letter */
		{ "\xef\xac\x81", "\xef\xac\x81" },                          /* the ligature fi is another letter */
		{ "\xff" "e\xcc\x81\xc3", "\xff\xc3\xa9\xc3" },              /* bytes that are no UTF-8 */
		{ "\xcc\x81", "\xcc\x81" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(pairs); i++)
		check(pairs[i][0], strlen(pairs[i][0]), pairs[i][1]);
	check("", 0, "");
}

/* Half a million accents above, then as many below, which belong before them. */
static void nothing_but_accents(void **state)
{
	const size_t each = 500000;
	char *text = malloc(4 * each), *expected = malloc(4 * each + 1);

	(void)state;
	for (size_t i = 0; i < each; i++) {
		memcpy(text + 2 * i, "\xcc\x87", 2);
		memcpy(text + 2 * (each + i), "\xcc\xa3", 2);
	}
	memcpy(expected, text + 2 * each, 2 * each);
	memcpy(expected + 2 * each, text, 2 * each);
	expected[4 * each] = 0;
	check(text, 4 * each, expected);
	free(text);
	free(expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_annex),
		cmocka_unit_test(nothing_but_accents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
