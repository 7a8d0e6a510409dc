/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Thoughts and answers: the same wherever the text is cut. */

#include "thinking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct told {
	char thought[256], answer[256];
};

static void take(void *user, bool thought, const char *text, size_t bytes)
{
	struct told *told = user;

	strncat(thought ? told->thought : told->answer, text, bytes);
}

/* In pieces of so many bytes. */
static void tell(struct told *told, const char *text, size_t piece, bool inside)
{
	struct wick_thinking thinking;
	size_t bytes = strlen(text);

	*told = (struct told){ "", "" };
	wick_thinking_begin(&thinking, inside);
	for (size_t at = 0; at < bytes; at += piece)
		wick_thinking_put(&thinking, text + at, bytes - at < piece ? bytes - at : piece, take, told);
	wick_thinking_end(&thinking, take, told);
}

static const struct {
	const char *text, *thought, *answer;
	bool inside;
} cases[] = {
	{ "Hello.", "", "Hello.", false },
	{ "", "", "", false },
	{ "<think>\nWell.\n</think>\n\nYes.", "\nWell.\n", "Yes.", false },
	{ "\n<think>a</think>b", "a", "b", false },
	{ "Well.</think> Yes.", "Well.", "Yes.", true },
	{ "a < b </thin </think>c", "a < b </thin ", "c", true },
	{ "a<</think>b", "a<", "b", true },
	{ "never ends </thi", "never ends </thi", "", true },
	{ "<thin air", "", "<thin air", false },
	{ "\n\nplain", "", "\n\nplain", false },
	{ "<think></think>only", "", "only", false },
	{ "no <think>in the middle</think>", "", "no <think>in the middle</think>", false },
	{ "<think>a</think>b <think>c</think>", "a", "b <think>c</think>", false },
	{ "<think>a</think>\n \n", "a", "", false },
};

static void test_cuts(void **state)
{
	struct told told;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece <= 40; piece++) {
			tell(&told, cases[i].text, piece, cases[i].inside);
			assert_string_equal(told.thought, cases[i].thought);
			assert_string_equal(told.answer, cases[i].answer);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cuts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
