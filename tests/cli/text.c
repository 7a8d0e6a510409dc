/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* UTF-8 in pieces, and what a terminal must not be given. */

#include "text.h"

#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Every code point by the definition of UTF-8 (RFC 3629, section 3), written out here once more. */
static int encode(uint32_t code, char *into)
{
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (int i = length - 1; i > 0; i--, code >>= 6)
		into[i] = (char)(0x80 | (code & 0x3f));
	into[0] = (char)(lead[length] | code);
	return length;
}

static void every_character(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		char bytes[4];
		int length = encode(code, bytes);
		int wanted = code >= 0xd800 && code <= 0xdfff ? -1 : length;

		if (wick_utf8_length(bytes, (size_t)length) != wanted)
			fail_msg("U+%04x", code);
		for (int part = 0; wanted > 0 && part < length; part++)
			if (wick_utf8_length(bytes, (size_t)part) != 0)
				fail_msg("U+%04x, %d bytes of it", code, part);
	}
}

/* Table 3-7 of the Unicode standard: what the second byte may not be, and bytes that begin nothing. */
static void malformed(void **state)
{
	static const char *const bad[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "\xfe", "\xc3(", "\xe2\x82(", "\xf0\x9f\x98(" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wick_utf8_length(bad[i], strlen(bad[i])) != -1)
			fail_msg("case %zu", i);
	/* Told as soon as it is known, so that nothing is held back in vain. */
	assert_int_equal(wick_utf8_length("\xc0", 1), -1);
	assert_int_equal(wick_utf8_length("\xf5", 1), -1);
	assert_int_equal(wick_utf8_length("\xe0\x80", 2), -1);
	assert_int_equal(wick_utf8_length("\xed\xa0", 2), -1);
	assert_int_equal(wick_utf8_length("\xf4\x90", 2), -1);
}

/* What arrives on the other side after each byte is always whole characters, and in the end every byte is there. */
static void joined(void **state)
{
	static const char all[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\xff\xe2\x82!\xf0\x9f";
	static const size_t arrived[] = { 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 12, 12, 12, 15, 15, 15 };
	struct text_joiner joiner = { .held_bytes = 0 };
	char *got;
	size_t got_bytes;
	FILE *out = open_memstream(&got, &got_bytes);

	(void)state;
	for (size_t i = 0; i < sizeof(all) - 1; i++) {
		text_join(&joiner, &all[i], 1, out);
		fflush(out);
		assert_int_equal(got_bytes, arrived[i]);
	}
	text_join_end(&joiner, out);
	fclose(out);
	assert_int_equal(got_bytes, sizeof(all) - 1);
	assert_memory_equal(got, all, got_bytes);
	free(got);
}

static void cleaned(void **state)
{
	static const char *const pairs[][2] = {
		{ "plain \xe2\x82\xac", "plain \xe2\x82\xac" },
		{ "\x1b[31m\n\r\t\x7f", "?[31m????" },
		{ "\xc2\x9b" "31m", "?31m" },
		{ "\x9b" "31m", "?31m" },
		{ "\xc2\xa0", "\xc2\xa0" },
		{ "\xe2\x80\xae" "fugg\xe2\x80\xac", "?fugg?" },
		{ "\xe2\x81\xa6" "a\xe2\x81\xa9", "?a?" },
		{ "\xe2\x80\xa8" "a\xe2\x80\xa9", "?a?" },
		{ "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa" },
		{ "cut \xf0\x9f", "cut ??" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[32];

		strcpy(text, pairs[i][0]);
		text_clean(text);
		assert_string_equal(text, pairs[i][1]);
	}
}

/* NULL is nothing, and what is longer than any path is cut. */
static void shown(void **state)
{
	static char long_name[3 * 4096];

	(void)state;
	memset(long_name, 'a', sizeof(long_name) - 1);
	assert_string_equal(SHOWN("a\x1b" "b"), "a?b");
	assert_string_equal(SHOWN(NULL), "");
	assert_int_equal(strlen(SHOWN(long_name)), 4095);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character),
		cmocka_unit_test(malformed),
		cmocka_unit_test(joined),
		cmocka_unit_test(cleaned),
		cmocka_unit_test(shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
