/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Long texts in pieces: nothing is lost, and the pieces have the tokens of the whole. */

#include "reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wick/wick.h>

#include <cmocka.h>

#define TEXT_BYTES (4 * READER_PIECE_BYTES + 12345)
#define PIECES_MAX 64

static char folder[256], path[300], model[300];

struct whole {
	char *text;
	size_t bytes;
	size_t piece_bytes[PIECES_MAX];
	unsigned pieces;
};

/* The text as the reader gives it. */
static struct whole read_pieces(const char *text, size_t bytes)
{
	struct whole whole = { .text = malloc(bytes + 1) };
	FILE *file = fopen(path, "wb");
	struct reader reader;
	const char *piece;
	size_t count;

	assert_int_equal(fwrite(text, 1, bytes, file), bytes);
	fclose(file);
	assert_int_equal(reader_open(&reader, path, NULL), 0);
	assert_int_equal(reader.total_bytes, bytes);
	for (;;) {
		assert_int_equal(reader_next(&reader, &piece, &count, NULL), 0);
		if (!count)
			break;
		assert_true(whole.bytes + count <= bytes && whole.pieces < PIECES_MAX);
		memcpy(whole.text + whole.bytes, piece, count);
		whole.bytes += count;
		whole.piece_bytes[whole.pieces++] = count;
		assert_int_equal(reader.done_bytes, whole.bytes);
	}
	reader_close(&reader);
	assert_int_equal(whole.bytes, bytes);
	assert_memory_equal(whole.text, text, bytes);
	return whole;
}

/* Words, spaces of every kind, contractions, digits, and characters beyond ASCII: what a cut could fall into. */
static char *make_text(size_t bytes)
{
	static const char *const parts[] = { "the", " ", "  ", "\n", "\r\n", " \t", "thing", "'s", "'", "12", "\xc3\xa9",
		"\xc2\xa0", "\xe2\x80\x83", "!", "  \n\n ", "and", "\xf0\x9f\x98\x80" };
	char *text = malloc(bytes + 1);
	uint32_t state = 1;
	size_t at = 0;

	while (at < bytes) {
		const char *part = parts[(state = state * 1664525 + 1013904223) >> 8 & 15];
		size_t length = strlen(part);

		if (at + length > bytes)
			part = "x", length = 1;
		memcpy(text + at, part, length);
		at += length;
	}
	return text;
}

static void test_short(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "a", " ", "a b", "a ", " a", "\n\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(read_pieces(texts[i], strlen(texts[i])).text);
}

static uint32_t *tokens_of(const struct wick *wick, const char *text, size_t bytes, int64_t *count)
{
	uint32_t *ids = malloc((bytes + 1) * sizeof(*ids));

	*count = wick_tokenize(wick, text, bytes, false, ids, bytes + 1);
	assert_true(*count >= 0);
	return ids;
}

static void test_same_tokens(void **state)
{
	char *text = make_text(TEXT_BYTES);
	struct whole whole = read_pieces(text, TEXT_BYTES);
	struct wick_options options;
	int64_t count, used = 0, some;
	size_t at = 0;
	struct wick *wick;
	uint32_t *ids;

	(void)state;
	assert_true(whole.pieces > 3);
	wick_options_init(&options);
	assert_int_equal(wick_open(&wick, model, &options, NULL), 0);
	ids = tokens_of(wick, text, TEXT_BYTES, &count);
	for (unsigned i = 0; i < whole.pieces; at += whole.piece_bytes[i++], used += some) {
		uint32_t *piece = tokens_of(wick, text + at, whole.piece_bytes[i], &some);

		assert_true(used + some <= count);
		assert_memory_equal(piece, ids + used, some * sizeof(*ids));
		free(piece);
	}
	assert_int_equal(used, count);
	wick_close(wick);
	free(ids);
	free(whole.text);
	free(text);
}

/* Nowhere to cut: one piece, however long. */
static void test_no_space(void **state)
{
	char *text = malloc(TEXT_BYTES);
	struct whole whole;

	(void)state;
	memset(text, 'a', TEXT_BYTES);
	whole = read_pieces(text, TEXT_BYTES);
	assert_int_equal(whole.pieces, 1);
	free(whole.text);
	free(text);
}

static void test_missing(void **state)
{
	struct wick_diag diag = { 0 };
	struct reader reader;

	(void)state;
	assert_true(reader_open(&reader, "/nowhere/text", &diag) < 0);
	assert_string_equal(diag.text, "/nowhere/text: No such file or directory");
	reader_close(&reader);
}

static int setup(void **state)
{
	const char *source = getenv("WICK_SOURCE"), *tmp = getenv("TMPDIR");
	char checkpoint[4096];
	struct wick_diag diag;

	(void)state;
	snprintf(folder, sizeof(folder), "%.200s/wick-reader-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/text", folder);
	snprintf(model, sizeof(model), "%s/model.gguf", folder);
	snprintf(checkpoint, sizeof(checkpoint), "%s/tests/golden/fixtures/blocks-f16", source ? source : ".");
	if (wick_pack(checkpoint, model, NULL, &diag))
		fail_msg("%s", diag.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	unlink(model);
	rmdir(folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_same_tokens),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
