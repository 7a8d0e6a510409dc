/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* SentencePiece's kind of BPE, by scores and by merges, and special tokens in a text. The vocabulary is small enough to
 * see what must come out; for other texts there is a plain quadratic algorithm beside it. */

#include "tokenizer.h"

#include "bits.h"
#include "vocabulary.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SP "\xe2\x96\x81" /* U+2581 */

static const struct entry {
	const char *text;
	int type;
	double score;
} entries[] = {
	{ "<unk>", WICK_TOKEN_UNKNOWN, 0 },     /* 0 */
	{ "<s>", WICK_TOKEN_CONTROL, 0 },       /* 1 */
	{ "</s>", WICK_TOKEN_CONTROL, 0 },      /* 2 */
	{ "<0xC3>", WICK_TOKEN_BYTE, 0 },       /* 3 */
	{ "<0xA9>", WICK_TOKEN_BYTE, 0 },       /* 4 */
	{ SP, WICK_TOKEN_NORMAL, -10 },         /* 5 */
	{ "a", WICK_TOKEN_NORMAL, -11 },        /* 6 */
	{ "b", WICK_TOKEN_NORMAL, -12 },        /* 7 */
	{ "c", WICK_TOKEN_NORMAL, -13 },        /* 8 */
	{ "ab", WICK_TOKEN_NORMAL, -2 },        /* 9 */
	{ "bc", WICK_TOKEN_NORMAL, -1 },        /* 10: wins over "ab" */
	{ SP "a", WICK_TOKEN_NORMAL, -3 },      /* 11 */
	{ SP "ab", WICK_TOKEN_NORMAL, -4 },     /* 12 */
	{ "aa", WICK_TOKEN_NORMAL, -5 },        /* 13 */
	{ SP SP, WICK_TOKEN_NORMAL, -6 },       /* 14 */
	{ "<|im_start|>", WICK_TOKEN_CONTROL, 0 }, /* 15 */
	{ "<|im_start|>a", WICK_TOKEN_CONTROL, 0 }, /* 16 */
	{ "==", WICK_TOKEN_USER, 0 },           /* 17 */
	{ "===", WICK_TOKEN_USER, 0 },          /* 18 */
	{ "[PAD19]", WICK_TOKEN_USER, 0 },      /* 19: a row that no text leads to */
	{ "\xe6\xb2\xb9", WICK_TOKEN_NORMAL, -7 }, /* 20 */
};

#define COUNT WICK_COUNT_OF(entries)

struct source {
	struct entry entries[COUNT];
	const char *merges[4];
};

static struct wick_gguf_string token(const void *from, uint32_t i)
{
	const struct source *source = from;

	return (struct wick_gguf_string){ source->entries[i].text, strlen(source->entries[i].text) };
}

static int64_t type(const void *from, uint32_t i)
{
	return ((const struct source *)from)->entries[i].type;
}

static double score(const void *from, uint32_t i)
{
	return ((const struct source *)from)->entries[i].score;
}

static struct wick_gguf_string merge(const void *from, uint32_t i)
{
	const struct source *source = from;

	return (struct wick_gguf_string){ source->merges[i], strlen(source->merges[i]) };
}

/* "</s>" on its right, "<|im_start|>" on its left. */
static bool strips(const void *from, uint32_t i, enum wick_side side)
{
	(void)from;
	return i == (side == WICK_RIGHT ? 2 : 15);
}

static int64_t stop(const void *from, uint32_t i)
{
	(void)from;
	return i ? 7 : -1;
}

static struct wick_vocabulary vocabulary_of(struct source *source)
{
	memcpy(source->entries, entries, sizeof(entries));
	return (struct wick_vocabulary){ .whose = "small", .model = WICK_MODEL_PIECES, .space_prefix = WICK_SPACE_PARTS,
		.count = COUNT, .token = token, .type = type, .score = score, .merge = merge, .from = source, .bos = 1,
		.eos = 2, .unk = 0, .add_bos = true };
}

static struct wick_tokenizer *build(const struct wick_vocabulary *vocabulary)
{
	struct wick_tokenizer *tokenizer;
	struct wick_diag diag = { 0 };

	if (wick_tokenizer_build(&tokenizer, vocabulary, &diag))
		fail_msg("%s", diag.text);
	return tokenizer;
}

/* ids: "1 5 6" */
static void check(const struct wick_tokenizer *tokenizer, const char *text, unsigned flags, const char *expected)
{
	uint32_t ids[64];
	char line[512] = "";
	int64_t count = wick_tokenizer_encode(tokenizer, text, strlen(text), flags, ids, WICK_COUNT_OF(ids));

	assert_in_range(count, 0, 64);
	for (int64_t i = 0; i < count; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), i ? " %u" : "%u", ids[i]);
	if (strcmp(line, expected))
		fail_msg("\"%s\": %s, not %s", text, line, expected);
}

static void by_scores(void **state)
{
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer = build(&vocabulary);

	(void)state;
	check(tokenizer, "", 0, "");
	check(tokenizer, "", WICK_ENCODE_BOS, "1");
	check(tokenizer, "ab", 0, "12");
	check(tokenizer, "ab", WICK_ENCODE_GOES_ON, "9");
	check(tokenizer, "abc", WICK_ENCODE_BOS, "1 11 10");  /* "bc" first, then " a" */
	check(tokenizer, "aaa", WICK_ENCODE_GOES_ON, "13 6"); /* of equals the leftmost */
	check(tokenizer, " ab", 0, "5 12");                   /* two spaces: "ab" comes first, then " ab" before "  " */
	check(tokenizer, SP "ab", 0, "5 12");                 /* U+2581 is a space */
	check(tokenizer, "a\xc3\xa9", 0, "11 3 4");           /* a character by its bytes */
	check(tokenizer, "a\xc3", 0, "11 3");                 /* half of one */
	check(tokenizer, "axyb", 0, "11 0 7");                /* neighbours that have none: one unknown token */
	check(tokenizer, "\xe6\xb2\xb9", 0, "5 20");
	check(tokenizer, "[PAD19]a", 0, "5 0 6");
	wick_tokenizer_destroy(tokenizer);
}

static void by_merges(void **state)
{
	struct source source = { .merges = { "a b", SP " ab", "b c" } };
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer;

	(void)state;
	vocabulary.merge_count = 3;
	vocabulary.space_prefix = WICK_SPACE_NEVER;
	tokenizer = build(&vocabulary);
	check(tokenizer, "abc", 0, "9 8");
	check(tokenizer, " abc", 0, "12 8");
	check(tokenizer, "aabcbc", 0, "6 9 8 10"); /* "aa" is a token, but no merge makes it */
	check(tokenizer, "\xc3\xa9", 0, "3 4");
	wick_tokenizer_destroy(tokenizer);
}

static void special_tokens(void **state)
{
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer = build(&vocabulary);

	(void)state;
	check(tokenizer, "a<s>b", 0, "11 0 7");                               /* text: none of its characters has a token */
	check(tokenizer, "a<s>b", WICK_ENCODE_SPECIAL, "11 1 5 7");           /* the space in front of each part */
	check(tokenizer, "<|im_start|>ab", WICK_ENCODE_SPECIAL, "16 5 7");    /* the longest */
	check(tokenizer, "<|im_start|>b", WICK_ENCODE_SPECIAL, "15 5 7");
	check(tokenizer, "<|im_start|", WICK_ENCODE_SPECIAL, "5 0 6 0");      /* cut short */
	check(tokenizer, "=====", 0, "18 17");                                /* the user's are cut out of any text */
	check(tokenizer, "a==b", 0, "11 17 5 7");
	wick_tokenizer_destroy(tokenizer);
	vocabulary.space_prefix = WICK_SPACE_FIRST;
	tokenizer = build(&vocabulary);
	check(tokenizer, "a<s>b", WICK_ENCODE_SPECIAL, "11 1 7");
	check(tokenizer, "<s>b", WICK_ENCODE_SPECIAL, "1 7");
	wick_tokenizer_destroy(tokenizer);
	vocabulary.strips = strips;
	tokenizer = build(&vocabulary);
	check(tokenizer, "</s> \n\xe3\x80\x80 b", WICK_ENCODE_SPECIAL, "2 7");
	check(tokenizer, "a \n<|im_start|>b", WICK_ENCODE_SPECIAL, "11 15 7");
	check(tokenizer, "<s> b", WICK_ENCODE_SPECIAL, "1 5 7");
	wick_tokenizer_destroy(tokenizer);
}

/* The template's <s> is the token, a caller's is text, and one that both spell is, too. */
static void check_marks(const struct wick_tokenizer *tokenizer)
{
	static const struct {
		const char *text;
		struct wick_mark marks[5];
		size_t count;
		const char *ids;
	} cases[] = {
		{ "<s>b", { { 4, false } }, 1, "1 5 7" },
		{ "<s>b", { { 4, true } }, 1, "5 0 7" },
		{ "<s>b", { { 3, false }, { 1, true } }, 2, "1 5 7" },
		{ "<s>b", { { 2, false }, { 2, true } }, 2, "5 0 7" },
		{ "<s>b", { { 1, false }, { 1, true }, { 2, false } }, 3, "5 0 7" },
		{ "<s>b", { { 1, false }, { 2, false }, { 1, true } }, 3, "1 5 7" },
		{ "<s>b", { { 0, true }, { 4, false } }, 2, "1 5 7" },
		{ "<|im_start|>a", { { 12, false }, { 1, true } }, 2, "15 11" },     /* the longer one is not all its own */
		{ "a==", { { 2, false }, { 1, true } }, 2, "11 17" },
		{ "abc", { { 2, false }, { 1, true } }, 2, "11 10" },                /* one text, merged as one */
		{ "a<s>", { { 1, false } }, 1, "11 0" },                             /* behind the marks: the caller's */
	};

	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		char line[64] = "";
		uint32_t ids[16];
		int64_t count = wick_tokenizer_encode_marked(tokenizer, cases[i].text, strlen(cases[i].text), cases[i].marks,
			cases[i].count, 0, ids, 16);

		for (int64_t k = 0; k < count; k++)
			snprintf(line + strlen(line), sizeof(line) - strlen(line), k ? " %u" : "%u", ids[k]);
		if (strcmp(line, cases[i].ids))
			fail_msg("case %zu: %s, not %s", i, line, cases[i].ids);
	}
}

static void marks_decide(void **state)
{
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer = build(&vocabulary);

	(void)state;
	check_marks(tokenizer);
	wick_tokenizer_destroy(tokenizer);
}

/* Files that have what frames turns as tokens of the user's: in a conversation they are the template's alone; in other
 * texts they are tokens, as to their authors' libraries. */
static void turns_of_the_users_type(void **state)
{
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);

	(void)state;
	source.entries[1].type = source.entries[15].type = WICK_TOKEN_USER;
	for (int inside = 0; inside < 3; inside++) {
		struct wick_tokenizer *tokenizer;

		vocabulary.user_inside = inside;
		vocabulary.unigram = inside == 2;
		tokenizer = build(&vocabulary);
		check_marks(tokenizer);
		check(tokenizer, "a<s>b", 0, inside ? "11 1 7" : "11 1 5 7");
		wick_tokenizer_destroy(tokenizer);
	}
}

/* The pair of neighbours with the highest score, the leftmost of equals, until there is none. */
static size_t plain_merge(char parts[][8], size_t count)
{
	for (;;) {
		size_t best = count;
		double highest = -INFINITY;

		for (size_t i = 0; i + 1 < count; i++) {
			char both[16];

			snprintf(both, sizeof(both), "%s%s", parts[i], parts[i + 1]);
			for (size_t k = 0; k < COUNT; k++)
				if (entries[k].type == WICK_TOKEN_NORMAL && !strcmp(entries[k].text, both) &&
					entries[k].score > highest) {
					highest = entries[k].score;
					best = i;
				}
		}
		if (best == count)
			return count;
		memcpy(parts[best] + strlen(parts[best]), parts[best + 1], strlen(parts[best + 1]) + 1);
		memmove(parts[best + 1], parts[best + 2], (count - best - 2) * sizeof(*parts));
		count--;
	}
}

static void same_as_the_plain_algorithm(void **state)
{
	static const char *const letters[] = { "a", "b", "c", SP };
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer = build(&vocabulary);
	uint32_t seed = 5;

	(void)state;
	for (unsigned run = 0; run < 5000; run++) {
		char parts[40][8], text[200] = "";
		size_t count = 0, length = 1 + run % 39;
		uint32_t ids[64];

		for (; count < length; count++) {
			seed = seed * 1664525 + 1013904223;
			strcpy(parts[count], letters[seed >> 30]);
			strcat(text, parts[count]);
		}
		count = plain_merge(parts, count);
		assert_int_equal(wick_tokenizer_encode(tokenizer, text, strlen(text), WICK_ENCODE_GOES_ON, ids, 64), count);
		for (size_t i = 0; i < count; i++)
			assert_string_equal(entries[ids[i]].text, parts[i]);
	}
	wick_tokenizer_destroy(tokenizer);
}

static void texts_of_tokens(void **state)
{
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer = build(&vocabulary);
	size_t bytes;

	(void)state;
	assert_memory_equal(wick_tokenizer_text(tokenizer, 12, &bytes), " ab", 3);
	assert_int_equal(bytes, 3);
	assert_memory_equal(wick_tokenizer_text(tokenizer, 3, &bytes), "\xc3", 1);
	assert_int_equal(bytes, 1);
	assert_memory_equal(wick_tokenizer_text(tokenizer, 17, &bytes), "==", 2);
	assert_int_equal(bytes, 2);
	wick_tokenizer_text(tokenizer, 1, &bytes);
	assert_int_equal(bytes, 0);
	wick_tokenizer_text(tokenizer, 19, &bytes);
	assert_int_equal(bytes, 0);
	assert_memory_equal(wick_tokenizer_piece(tokenizer, 1, &bytes), "<s>", 3);
	assert_int_equal(bytes, 3);
	wick_tokenizer_destroy(tokenizer);
}

/* Named by the file, and special tokens by their text; but <|end|> only where a message is a whole turn. */
static void ends_of_a_text(void **state)
{
	static const struct {
		const char *instead; /* of <|im_start|>a, a control token */
		const char *user;    /* of ===, a token of the user's */
		bool by_text;
		const char *stops;
	} cases[] = {
		{ "<|im_end|>", "===", true, "2 7 16" },
		{ "<|im_end|>", "===", false, "7" },
		{ "<|end|>", "<|call|>", true, "2 7 16 18" },
		{ "<|return|>", "<|end|>", true, "2 7 16 18" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct source source;
		struct wick_vocabulary vocabulary = vocabulary_of(&source);
		struct wick_tokenizer *tokenizer;
		char line[64] = "";

		source.entries[16].text = cases[i].instead;
		source.entries[18].text = cases[i].user;
		vocabulary.stops_by_text = cases[i].by_text;
		vocabulary.stop = stop;
		vocabulary.stop_count = 2;
		tokenizer = build(&vocabulary);
		for (uint32_t id = 0; id < COUNT; id++)
			if (wick_tokenizer_stops(tokenizer, id))
				snprintf(line + strlen(line), sizeof(line) - strlen(line), *line ? " %u" : "%u", id);
		assert_string_equal(line, cases[i].stops);
		wick_tokenizer_destroy(tokenizer);
	}
}

static void an_end_of_a_message(void **state)
{
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer;

	(void)state;
	source.entries[15].text = "<|return|>";
	source.entries[16].text = "<|call|>";
	source.entries[18].text = "<|end|>";
	source.entries[9].text = "<|eot_id|>"; /* an ordinary token: text */
	vocabulary.stops_by_text = true;
	tokenizer = build(&vocabulary);
	assert_true(wick_tokenizer_stops(tokenizer, 15) && wick_tokenizer_stops(tokenizer, 16));
	assert_false(wick_tokenizer_stops(tokenizer, 18) || wick_tokenizer_stops(tokenizer, 9));
	wick_tokenizer_destroy(tokenizer);
}

/* One thing at a time is wrong. */
static void refused_vocabularies(void **state)
{
	static const struct {
		uint32_t id;
		struct entry entry;
		const char *says;
	} wrong[] = {
		{ 10, { "bc", WICK_TOKEN_NORMAL, NAN }, "the score of token 10 is not finite" },
		{ 10, { "bc", WICK_TOKEN_NORMAL, INFINITY }, "the score of token 10 is not finite" },
		{ 10, { "ab", WICK_TOKEN_NORMAL, 0 }, "tokens 9 and 10 are the same" },
		{ 16, { "<|im_start|>", WICK_TOKEN_CONTROL, 0 }, "special tokens 15 and 16 are the same" },
		{ 4, { "<0xC3>", WICK_TOKEN_BYTE, 0 }, "tokens 3 and 4 are the same byte" },
		{ 4, { "<0xc4>", WICK_TOKEN_BYTE, 0 }, "token 4, \"<0xc4>\", is not spelled as a byte is" },
		{ 4, { "\xc4", WICK_TOKEN_BYTE, 0 }, "is not spelled as a byte is" },
		{ 4, { "x", 7, 0 }, "token 4 is of type 7" },
		{ 4, { "x", 0, 0 }, "token 4 is of type 0" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(wrong); i++) {
		struct source source;
		struct wick_vocabulary vocabulary = vocabulary_of(&source);
		struct wick_tokenizer *tokenizer;
		struct wick_diag diag = { 0 };

		source.entries[wrong[i].id] = wrong[i].entry;
		assert_int_equal(wick_tokenizer_build(&tokenizer, &vocabulary, &diag), -EINVAL);
		assert_null(tokenizer);
		if (!strstr(diag.text, wrong[i].says))
			fail_msg("case %zu: \"%s\"", i, diag.text);
	}
}

/* No unknown token and no byte: such a text cannot be said. */
static void nothing_for_a_character(void **state)
{
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer;

	(void)state;
	vocabulary.unk = -1;
	tokenizer = build(&vocabulary);
	assert_int_equal(wick_tokenizer_encode(tokenizer, "x", 1, 0, NULL, 0), -EINVAL);
	assert_int_equal(wick_tokenizer_encode(tokenizer, "ab", 2, 0, NULL, 0), 1);
	wick_tokenizer_destroy(tokenizer);
}

/* Would take hours if it cost the square of its length. */
static void a_megabyte_without_a_break(void **state)
{
	static const char *const units[] = { "a", "ab", " ", SP, "\xc3\xa9", "=", "<|im_start|" };
	struct source source;
	struct wick_vocabulary vocabulary = vocabulary_of(&source);
	struct wick_tokenizer *tokenizer = build(&vocabulary);
	const size_t bytes = 1 << 20;
	char *text = malloc(bytes);

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(units); i++) {
		for (size_t k = 0; k < bytes; k++)
			text[k] = units[i][k % strlen(units[i])];
		assert_in_range(wick_tokenizer_encode(tokenizer, text, bytes, WICK_ENCODE_SPECIAL, NULL, 0), 1, bytes + 1);
	}
	free(text);
	wick_tokenizer_destroy(tokenizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_scores),
		cmocka_unit_test(by_merges),
		cmocka_unit_test(special_tokens),
		cmocka_unit_test(marks_decide),
		cmocka_unit_test(turns_of_the_users_type),
		cmocka_unit_test(same_as_the_plain_algorithm),
		cmocka_unit_test(texts_of_tokens),
		cmocka_unit_test(ends_of_a_text),
		cmocka_unit_test(an_end_of_a_message),
		cmocka_unit_test(refused_vocabularies),
		cmocka_unit_test(nothing_for_a_character),
		cmocka_unit_test(a_megabyte_without_a_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
