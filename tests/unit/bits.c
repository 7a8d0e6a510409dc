/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "bits.h"
#include "diag.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void sizes_saturate(void **state)
{
	(void)state;
	assert_true(wick_mul(UINT64_MAX / 2, 3) == UINT64_MAX);
	assert_true(wick_mul(1ull << 32, 1ull << 31) == 1ull << 63);
	assert_true(wick_add(UINT64_MAX, 1) == UINT64_MAX);
	assert_true(wick_div_up(UINT64_MAX, 2) == 1ull << 63);
	assert_int_equal(wick_div_up(0, 7), 0);
}

static void alignment(void **state)
{
	(void)state;
	assert_int_equal(wick_align_up(1, 512), 512);
	assert_int_equal(wick_align_up(512, 512), 512);
	assert_int_equal(wick_align_down(1023, 512), 512);
	assert_true(wick_is_pow2(4096));
	assert_false(wick_is_pow2(0));
	assert_false(wick_is_pow2(24));
}

static void first_sentence_stays_and_is_printable(void **state)
{
	struct wick_diag diag = { 0 };

	(void)state;
	assert_int_equal(wick_diag_say(&diag, -EIO, "tensor \"%s\"", "a\x1b[2Jb\n\xc2\x9b" "31m\xc3\x9b"), -EIO);
	assert_int_equal(wick_diag_say(&diag, -EINVAL, "later"), -EINVAL);
	assert_string_equal(diag.text, "tensor \"a?[2Jb???31m\xc3\x9b\"");
	assert_int_equal(wick_diag_say(NULL, -ENOMEM, "nobody listens"), -ENOMEM);
}

/* A long name keeps both of its ends, and no character is cut in two. */
static void long_names_are_shortened(void **state)
{
	char name[4096], room[WICK_DIAG_NAME_BYTES];
	struct wick_diag diag = { 0 };

	(void)state;
	memset(name, 'a', sizeof(name));
	name[159] = 0;
	assert_ptr_equal(wick_diag_shorten(room, name), name);
	name[159] = 'a';
	strcpy(name + 4090, "bcd");
	wick_diag_say(&diag, -EIO, "%s and %s: why", wick_diag_name(name), wick_diag_name("short"));
	assert_non_null(strstr(diag.text, "aaa...aaa"));
	assert_non_null(strstr(diag.text, "abcd and short: why"));
	assert_in_range(strlen(diag.text), 100, WICK_DIAG_NAME_BYTES + 20);
	for (unsigned shift = 0; shift < 3; shift++) {
		const char *text;

		for (size_t i = 0; i + 2 < 4093 - shift; i += 3)
			memcpy(name + shift + i, "\xe2\x82\xac", 3);
		text = wick_diag_shorten(room, name);
		assert_memory_equal(strstr(text, "...") - 3, "\xe2\x82\xac...\xe2\x82\xac", 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_saturate),
		cmocka_unit_test(alignment),
		cmocka_unit_test(first_sentence_stays_and_is_printable),
		cmocka_unit_test(long_names_are_shortened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
