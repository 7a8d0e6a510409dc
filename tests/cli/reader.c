/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Long texts in pieces: nothing is lost, and the pieces have the tokens of the whole. */

#include "reader.h"

#include "bits.h"
#include "cut.h"
#include "pretokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wick/wick.h>

#include <cmocka.h>

#define TEXT_BYTES (4 * READER_PIECE_BYTES + 12345)
#define PIECES_MAX 64
#define SEEDS 3
#define SHORT_BYTES 60
#define SHORT_TEXTS 4000u

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
		assert_in_range(count, 1, READER_PIECE_MAX);
		assert_in_range(reader.capacity, 1, READER_PIECE_MAX);
	}
	/* Each byte is searched once, but for two of each read. */
	assert_in_range(reader.looked_bytes, 0, bytes + 2 * (bytes / READER_PIECE_BYTES + whole.pieces + 1));
	reader_close(&reader);
	assert_int_equal(whole.bytes, bytes);
	assert_memory_equal(whole.text, text, bytes);
	return whole;
}

#define PARTS_MAX 32

/* What a text is a mixture of. */
struct mixture {
	const char *parts[PARTS_MAX];
};

/* Words, spaces of every kind, contractions, digits, and characters beyond ASCII: what a cut could fall into. */
static const struct mixture english = { { "the", " ", "  ", "\n", "\r\n", " \t", "thing", "'s", "'", "12", "\xc3\xa9",
	"\xc2\xa0", "\xe2\x80\x83", "!", "  \n\n ", "and", "\xf0\x9f\x98\x80" } };

/* No blank of ASCII but the newline, behind what is none. */
static const struct mixture chinese = { { "\xe8\x80\x81\xe4\xba\xba", "\xe6\x9c\x9b\xe7\x9d\x80", "\xef\xbc\x8c",
	"\xe3\x80\x82\n", "\xe6\xb5\xb7", "\xe2\x80\x9c" } };

/* Every white space that Unicode has and what looks like it in its last or first bytes, next to each other; and bytes that
 * are no characters. */
static const struct mixture spaces = { { "\n", " ", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x8a",
	"\xe2\x80\x8b", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xe3\x80\x81",
	"\xe1\xa0\x8e", "\xc3\x85", "\xc3\xa0", "\xef\xbb\xbf", "\x85", "\xe3\x80", "\xe3", "\xc2", "\x80", "a", "1", "!", "'s",
	"\x1c" } };

/* Only what is white space and not ASCII separates. */
static const struct mixture wide = { { "\xe8\x80\x81", "\xe4\xba\xba", "\xe3\x80\x80", "\xef\xbc\x8c", "\xe3\x80\x82" } };

static char *make_text(const struct mixture *mixture, size_t bytes, uint32_t state)
{
	char *text = malloc(bytes + 1);
	uint32_t parts = 0;
	size_t at = 0;

	while (parts < PARTS_MAX && mixture->parts[parts])
		parts++;
	while (at < bytes) {
		const char *part = mixture->parts[((state = state * 1664525 + 1013904223) >> 8) % parts];
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

static void check_tokens(const struct wick *wick, const char *text, size_t bytes)
{
	struct whole whole = read_pieces(text, bytes);
	int64_t count, used = 0, some;
	size_t at = 0;
	uint32_t *ids = tokens_of(wick, text, bytes, &count);

	assert_true(whole.pieces > 3);
	for (unsigned i = 0; i < whole.pieces; at += whole.piece_bytes[i++], used += some) {
		uint32_t *piece = tokens_of(wick, text + at, whole.piece_bytes[i], &some);

		assert_true(used + some <= count);
		assert_memory_equal(piece, ids + used, some * sizeof(*ids));
		free(piece);
	}
	assert_int_equal(used, count);
	free(ids);
	free(whole.text);
}

static void test_same_tokens(void **state)
{
	const struct mixture *const mixtures[] = { &english, &chinese, &spaces, &wide };
	struct wick_options options;
	struct wick *wick;

	(void)state;
	wick_options_init(&options);
	assert_int_equal(wick_open(&wick, model, &options, NULL), 0);
	for (size_t i = 0; i < sizeof(mixtures) / sizeof(*mixtures); i++)
		for (uint32_t seed = 1; seed <= SEEDS; seed++) {
			char *text = make_text(mixtures[i], TEXT_BYTES, seed);

			check_tokens(wick, text, TEXT_BYTES);
			free(text);
		}
	wick_close(wick);
}

/* Marks where the pre-tokeniser's pieces of a text end. */
static void mark_ends(const struct wick_pretokenizer *pretokenizer, const char *text, size_t bytes, bool *ends)
{
	struct wick_pieces pieces;
	const char *piece;
	int64_t length;
	size_t at = 0;

	assert_int_equal(wick_pieces_begin(&pieces, pretokenizer, text, bytes), 0);
	while ((length = wick_pieces_next(&pieces, &piece)) > 0)
		ends[at += (size_t)length] = true;
	assert_int_equal(length, 0);
	assert_int_equal(at, bytes);
	wick_pieces_end(&pieces);
}

/* Cut at every place that is one, the pieces, of which tokens are made, are those of the whole: whatever the vocabulary. The
 * texts are so short that chance meets everything. */
static void check_cuts(const struct wick_pretokenizer *pretokenizer, char *text, unsigned *cuts)
{
	bool whole[SHORT_BYTES + 1] = { false };

	mark_ends(pretokenizer, text, SHORT_BYTES, whole);
	for (size_t at = SHORT_BYTES; (at = wick_text_cut(text, 0, at)); ++*cuts) {
		bool parts[SHORT_BYTES + 1] = { false };

		mark_ends(pretokenizer, text, at, parts);
		mark_ends(pretokenizer, text + at, SHORT_BYTES - at, parts + at);
		assert_memory_equal(parts, whole, sizeof(parts));
	}
}

static void test_every_cut(void **state)
{
	static const char *const pres[] = { "gpt-2", "llama-bpe", "qwen35", "gpt-4o", "tekken", "smollm", "falcon", "default",
		"deepseek-v3" };
	const struct mixture *const mixtures[] = { &english, &chinese, &spaces, &wide };
	unsigned cuts = 0;

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(pres); i++) {
		const struct wick_pre *pre = wick_pre_find(pres[i], strlen(pres[i]));
		struct wick_pretokenizer *pretokenizer;

		assert_int_equal(wick_pretokenizer_create(&pretokenizer, pre->expressions, "test", NULL), 0);
		for (uint32_t seed = 0; seed < SHORT_TEXTS; seed++) {
			char *text = make_text(mixtures[seed % 4], SHORT_BYTES, seed);

			check_cuts(pretokenizer, text, &cuts);
			free(text);
		}
		wick_pretokenizer_destroy(pretokenizer);
	}
	assert_in_range(cuts, SHORT_TEXTS, UINT32_MAX);
}

/* Nowhere to cut: pieces of a bounded length, each of whole characters. */
static void test_no_space(void **state)
{
	static const char *const letters[] = { "a", "\xc3\xa9", "\xe6\xb5\xb7", "\xf0\x9f\x98\x80" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t length = strlen(letters[i]), bytes = TEXT_BYTES / length * length;
		char *text = make_text(&(struct mixture){ { letters[i] } }, bytes, 1);
		struct whole whole = read_pieces(text, bytes);

		assert_in_range(whole.pieces, 2, PIECES_MAX);
		for (unsigned k = 0; k < whole.pieces; k++)
			assert_int_equal(whole.piece_bytes[k] % length, 0);
		free(whole.text);
		free(text);
	}
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
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_no_space),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
