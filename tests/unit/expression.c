/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Tokenizers' expressions in PCRE2's words, and how a text is cut by several of them. The pieces were made by the Hugging
 * Face tokenizers library from the same expressions. */

#include "expression.h"

#include "bits.h"
#include "pretokenizer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void translated(void **state)
{
	static const char *const pairs[][2] = {
		{ "\\p{L}+|[^\\r\\n]", "\\p{L}+|[^\\r\\n]" },
		{ "\\d[\\d_]", "[\\p{Nd}][\\p{Nd}_]" },
		{ "\\W", "[^\\p{L}\\p{M}\\p{Nd}\\p{Pc}]" },
		{ "[!-/:-@\\[-`{-~]", "[!-/:-@\\[-`{-~]" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(pairs); i++) {
		char *text;

		assert_int_equal(wick_expression_translate(&text, pairs[i][0], "file", NULL), 0);
		assert_string_equal(text, pairs[i][1]);
		free(text);
	}
}

static void refused(void **state)
{
	static const char *const expressions[][2] = {
		{ "\\h", "\\h" }, { "a\\b", "\\b" }, { "[\\S]", "\\S" }, { "\\1", "\\1" }, { "\\K", "\\K" }, { "[a[b]]", "[b" },
		{ "[a&&b]", "&&" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(expressions); i++) {
		struct wick_diag diag = { 0 };
		char *text, says[100];

		assert_int_equal(wick_expression_translate(&text, expressions[i][0], "file", &diag), -EINVAL);
		assert_null(text);
		snprintf(says, sizeof(says), "file: a pre-tokeniser's expression has \"%s\", which", expressions[i][1]);
		assert_non_null(strstr(diag.text, says));
	}
}

/* The pieces with a bar between them. */
static void check(const char *pre, const char *text, const char *expected)
{
	struct wick_pretokenizer *pretokenizer;
	struct wick_pieces pieces;
	const char *piece;
	char line[400] = "";
	int64_t bytes;

	assert_int_equal(wick_pretokenizer_create(&pretokenizer, wick_pre_find(pre, strlen(pre))->expressions, "test", NULL),
		0);
	assert_int_equal(wick_pieces_begin(&pieces, pretokenizer, text, strlen(text)), 0);
	while ((bytes = wick_pieces_next(&pieces, &piece)) > 0)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%.*s", *line ? "|" : "", (int)bytes, piece);
	assert_int_equal(bytes, 0);
	if (strcmp(line, expected))
		fail_msg("%s: %s, not %s", pre, line, expected);
	wick_pieces_end(&pieces);
	wick_pretokenizer_destroy(pretokenizer);
}

static void pieces(void **state)
{
	(void)state;
	check("gpt-2", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'|S| 12345| l|'|\xc3\xa9t\xc3\xa9|,| IT|'|LL| go|!|\n\n | x| =| HTMLParser|2|(|a|_|b|);");
	check("gpt-2", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| 1952|\xe5\xb9\xb4|\xe3\x80\x80|don|'t|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("gpt-2", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e|\xcc\x81|T| \xc2\xa0| \xc7\x85x| \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3| \xe1\xba\x9e" "A|/|\n|/");
	check("llama-bpe", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'S| |123|45| l|'\xc3\xa9t\xc3\xa9|,| IT|'LL| go|!\n\n| | x| =| HTMLParser|2|(a|_b|);");
	check("llama-bpe", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |195|2|\xe5\xb9\xb4|\xe3\x80\x80" "don|'t|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("llama-bpe", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e|\xcc\x81T| \xc2\xa0| \xc7\x85x| |\xd9\xa0\xd9\xa1\xd9\xa2|\xd9\xa3| \xe1\xba\x9e" "A|/\n|/");
	check("qwen2", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'S| |1|2|3|4|5| l|'\xc3\xa9t\xc3\xa9|,| IT|'LL| go|!\n\n| | x| =| HTMLParser|2|(a|_b|);");
	check("qwen2", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |1|9|5|2|\xe5\xb9\xb4|\xe3\x80\x80" "don|'t|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("qwen2", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e|\xcc\x81T| \xc2\xa0| \xc7\x85x| |\xd9\xa0|\xd9\xa1|\xd9\xa2|\xd9\xa3| \xe1\xba\x9e" "A|/\n|/");
	check("qwen35", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'S| |1|2|3|4|5| l|'\xc3\xa9t\xc3\xa9|,| IT|'LL| go|!\n\n| | x| =| HTMLParser|2|(a|_b|);");
	check("qwen35", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |1|9|5|2|\xe5\xb9\xb4|\xe3\x80\x80" "don|'t|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("qwen35", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e\xcc\x81T| \xc2\xa0| \xc7\x85x| |\xd9\xa0|\xd9\xa1|\xd9\xa2|\xd9\xa3| \xe1\xba\x9e" "A|/\n|/");
	check("gpt-4o", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He'S| |123|45| l|'\xc3\xa9t\xc3\xa9|,| IT'LL| go|!\n\n| | x| =| HTMLParser|2|(a|_b|);");
	check("gpt-4o", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |195|2|\xe5\xb9\xb4|\xe3\x80\x80" "don't|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("gpt-4o", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e\xcc\x81|T| \xc2\xa0| \xc7\x85x| |\xd9\xa0\xd9\xa1\xd9\xa2|\xd9\xa3| \xe1\xba\x9e" "A|/\n/");
	check("tekken", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'S| |1|2|3|4|5| l|'\xc3\xa9t\xc3\xa9|,| IT|'LL| go|!\n\n| | x| =| HTMLParser|2|(a|_b|);");
	check("tekken", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |1|9|5|2|\xe5\xb9\xb4|\xe3\x80\x80" "don|'t|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("tekken", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e\xcc\x81|T| \xc2\xa0| \xc7\x85x| |\xd9\xa0|\xd9\xa1|\xd9\xa2|\xd9\xa3| \xe1\xba\x9e" "A|/\n/");
	check("smollm", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'|S| |1|2|3|4|5| l|'|\xc3\xa9t\xc3\xa9|,| IT|'|LL| go|!|\n\n | x| =| HTMLParser|2|(|a|_|b|);");
	check("smollm", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |1|9|5|2|\xe5\xb9\xb4|\xe3\x80\x80|don|'t|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("smollm", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e|\xcc\x81|T| \xc2\xa0| \xc7\x85x| |\xd9\xa0|\xd9\xa1|\xd9\xa2|\xd9\xa3| \xe1\xba\x9e" "A|/|\n|/");
	check("falcon", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'|S| |123|45| l|'|\xc3\xa9t\xc3\xa9|,| IT|'|LL| go|!|\n\n | x| |=| HTMLParser|2|(|a|_|b|);");
	check("falcon", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |195|2|\xe5\xb9\xb4|\xe3\x80\x80|don|'|t|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("falcon", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e|\xcc\x81|T| \xc2\xa0| \xc7\x85x| \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3| \xe1\xba\x9e" "A|/|\n|/");
	check("deepseek-coder", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'|S| |1|2|3|4|5| l|'|\xc3\xa9t\xc3\xa9|,| IT|'|LL| go|!|\n|\n| | x| =| HTMLParser|2|(|a|_|b|);");
	check("deepseek-coder", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |1|9|5|2|\xe5\xb9\xb4|\xe3\x80\x80|don|'|t|\xe2\x80\xa6| \xf0\x9f\x98\x80 | z");
	check("deepseek-coder", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e|\xcc\x81|T| \xc2\xa0| \xc7\x85x| |\xd9\xa0|\xd9\xa1|\xd9\xa2|\xd9\xa3| |\xe1\xba\x9e|A|/|\n|/");
	check("deepseek-v3", "He'S 12345 l'\xc3\xa9t\xc3\xa9, IT'LL go!\n\n  x = HTMLParser2(a_b);",
		"He|'S| |123|45| l|'|\xc3\xa9t\xc3\xa9|,| IT|'LL| go|!\n\n| | x| =| HTMLParser|2|(a|_b|);");
	check("deepseek-v3", "\xe8\x80\x81\xe4\xba\xba 1952\xe5\xb9\xb4\xe3\x80\x80" "don't\xe2\x80\xa6 \xf0\x9f\x98\x80  z",
		"\xe8\x80\x81\xe4\xba\xba| |195|2|\xe5\xb9\xb4|\xe3\x80\x80" "don|'t|\xe2\x80\xa6| \xf0\x9f\x98\x80| | z");
	check("deepseek-v3", "\xe0\xb8\x81\xe0\xb8\xb3  e\xcc\x81T \xc2\xa0 \xc7\x85x \xd9\xa0\xd9\xa1\xd9\xa2\xd9\xa3 \xe1\xba\x9e" "A/\n/",
		"\xe0\xb8\x81\xe0\xb8\xb3| | e\xcc\x81T| \xc2\xa0| \xc7\x85x| |\xd9\xa0\xd9\xa1\xd9\xa2|\xd9\xa3| \xe1\xba\x9e" "A|/\n|/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(translated),
		cmocka_unit_test(refused),
		cmocka_unit_test(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
