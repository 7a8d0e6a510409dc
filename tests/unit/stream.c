/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text token by token: characters that several tokens share, stop texts that begin and do not go on, what ends a text. */

#include "stream.h"

#include "bits.h"
#include "vocabulary.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A token for each byte, "<0x00>" and on, then the others. */
static const char *const others[] = { "</s>", "<|im_end|>", "Hello", "\xe2\x96\x81world" };

#define NONE "\xef\xbf\xbd" /* for a byte of no character */

enum { EOS = 256, IM_END, HELLO, WORLD, COUNT };

static struct wick_tokenizer *tokenizer;

static struct wick_gguf_string token(const void *from, uint32_t i)
{
	static char byte[8];

	(void)from;
	if (i >= EOS)
		return (struct wick_gguf_string){ others[i - EOS], strlen(others[i - EOS]) };
	snprintf(byte, sizeof(byte), "<0x%02X>", i);
	return (struct wick_gguf_string){ byte, 6 };
}

static int64_t type(const void *from, uint32_t i)
{
	(void)from;
	return i < EOS ? WICK_TOKEN_BYTE : i < HELLO ? WICK_TOKEN_CONTROL : WICK_TOKEN_NORMAL;
}

static double score(const void *from, uint32_t i)
{
	(void)from;
	return -(double)i;
}

static int64_t stop(const void *from, uint32_t i)
{
	(void)from;
	(void)i;
	return EOS;
}

static int setup(void **state)
{
	const struct wick_vocabulary vocabulary = { .whose = "bytes", .model = WICK_MODEL_PIECES, .count = COUNT,
		.token = token, .type = type, .score = score, .stop = stop, .stop_count = 1, .bos = -1, .eos = EOS, .unk = -1 };

	(void)state;
	return wick_tokenizer_build(&tokenizer, &vocabulary, NULL);
}

static int teardown(void **state)
{
	(void)state;
	wick_tokenizer_destroy(tokenizer);
	return 0;
}

static struct wick_stream *begin(const char *const *stops, uint32_t count, bool special)
{
	struct wick_stream *stream;

	assert_int_equal(wick_stream_open(&stream, tokenizer, stops, count, special), 0);
	return stream;
}

/* Puts the bytes of a text one by one. Returns what was shown, each part behind a bar; the caller frees it. */
static char *put(struct wick_stream *stream, const char *bytes, int *ended)
{
	char *line;
	size_t length;
	FILE *out = open_memstream(&line, &length);

	for (*ended = 0; *bytes && !*ended; bytes++) {
		const char *text;
		size_t count;

		*ended = wick_stream_put(stream, (uint8_t)*bytes, &text, &count);
		if (count)
			fprintf(out, "|%.*s", (int)count, text);
	}
	fclose(out);
	return line;
}

static void check_end(struct wick_stream *stream, const char *expected)
{
	const char *text;
	size_t bytes;

	wick_stream_end(stream, &text, &bytes);
	assert_int_equal(bytes, strlen(expected));
	if (bytes)
		assert_memory_equal(text, expected, bytes);
	wick_stream_destroy(stream);
}

static void check(const char *const *stops, uint32_t count, const char *bytes, const char *shown, const char *rest,
	const char *stopped_by)
{
	struct wick_stream *stream = begin(stops, count, false);
	int ended;
	char *line = put(stream, bytes, &ended);

	if (strcmp(line, shown))
		fail_msg("\"%s\": %s, not %s", bytes, line, shown);
	assert_int_equal(ended, stopped_by != NULL);
	if (stopped_by)
		assert_string_equal(wick_stream_stopped_by(stream), stopped_by);
	else
		assert_null(wick_stream_stopped_by(stream));
	free(line);
	check_end(stream, rest);
}

static void whole_characters(void **state)
{
	(void)state;
	check(NULL, 0, "ab", "|a|b", "", NULL);
	check(NULL, 0, "\xc3\xa9z", "|\xc3\xa9|z", "", NULL);
	check(NULL, 0, "\xe6\xb2\xb9\xf0\x9f\x98\x80", "|\xe6\xb2\xb9|\xf0\x9f\x98\x80", "", NULL);
	check(NULL, 0, "a\xf0\x9f\x98", "|a", NONE NONE NONE, NULL);        /* cut by the end */
	check(NULL, 0, "\xe6\xb2" "a", "|" NONE NONE "a", "", NULL);         /* no character after all */
	check(NULL, 0, "\xff\x80", "|" NONE "|" NONE, "", NULL);
}

static void stop_texts(void **state)
{
	static const char *const stops[] = { "END", "\n\n", "NOW", "ENDS" };
	static const char *const wide[] = { "\xe6\xb2\xb9" };
	static const char *const repeated[] = { "aab" };

	(void)state;
	check(stops, 4, "a\xe6\xb2" "END", "|a|" NONE NONE, "", "END");
	check(stops, 4, "abEND", "|a|b", "", "END");
	check(stops, 4, "aENx", "|a|ENx", "", NULL);
	check(stops, 4, "aEN", "|a", "EN", NULL);                         /* the text is over: it was none */
	check(stops, 4, "a\nb\n\n", "|a|\nb", "", "\n\n");
	check(stops, 4, "EENOW", "|E|E", "", "NOW");
	check(wide, 1, "\xe6\xb2\xb8\xe6\xb2\xb9", "|\xe6\xb2\xb8", "", "\xe6\xb2\xb9");
	check(repeated, 1, "aaab", "|a", "", "aab");
}

/* A stop text in the middle of a token, and over two of them. */
static void within_tokens(void **state)
{
	static const char *const stops[] = { "o wor" };
	struct wick_stream *stream = begin(stops, 1, false);
	const char *text;
	size_t bytes;

	(void)state;
	assert_int_equal(wick_stream_put(stream, HELLO, &text, &bytes), 0);
	assert_int_equal(bytes, 4);
	assert_memory_equal(text, "Hell", 4);
	assert_int_equal(wick_stream_put(stream, WORLD, &text, &bytes), 1);
	assert_int_equal(bytes, 0);
	assert_string_equal(wick_stream_stopped_by(stream), "o wor");
	check_end(stream, "");
}

static void special_tokens(void **state)
{
	static const char *const stops[] = { "Hello!" };

	(void)state;
	for (int special = 0; special < 2; special++) {
		struct wick_stream *stream = begin(stops, 1, special);
		const char *text;
		size_t bytes;

		assert_int_equal(wick_stream_put(stream, IM_END, &text, &bytes), 0);
		assert_int_equal(bytes, special ? 10 : 0);
		assert_int_equal(wick_stream_put(stream, HELLO, &text, &bytes), 0);
		assert_int_equal(bytes, 0);
		assert_int_equal(wick_stream_put(stream, EOS, &text, &bytes), 1);
		assert_int_equal(bytes, 5); /* was held, and is text now */
		assert_memory_equal(text, "Hello", 5);
		assert_string_equal(wick_stream_stopped_by(stream), "</s>");
		check_end(stream, "");
	}
}

static void empty_stop_text(void **state)
{
	static const char *const stops[] = { "a", "" };
	struct wick_stream *stream;

	(void)state;
	assert_int_equal(wick_stream_open(&stream, tokenizer, stops, 2, false), -EINVAL);
	assert_null(stream);
	wick_stream_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_characters),
		cmocka_unit_test(stop_texts),
		cmocka_unit_test(within_tokens),
		cmocka_unit_test(special_tokens),
		cmocka_unit_test(empty_stop_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
