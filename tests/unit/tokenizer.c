/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A small vocabulary that the Hugging Face tokenizers library trained, and that library's ids for hostile strings
 * (fixtures/make_tokenizer.py). Beside it a plain quadratic BPE written from GPT-2's description, for strings that
 * nobody thought of. */

#include "tokenizer.h"

#include "bits.h"
#include "pretokenizer.h"
#include "tokenizer_fixture.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define VOCAB 424

static struct wick_hf_tokenizer hf;
static struct wick_tokenizer *tokenizer;
static json_t *cases; /* [text, [id, ...], [bytes of a piece, ...]] */

static int setup(void **state)
{
	struct wick_diag diag = { 0 };
	struct wick_vocabulary vocabulary;

	(void)state;
	assert_int_equal(wick_hf_tokenizer_load(&hf, fixture_path("tokenizer"), VOCAB, &diag), 0);
	vocabulary = hf_vocabulary(&hf);
	assert_int_equal(wick_tokenizer_build(&tokenizer, &vocabulary, &diag), 0);
	cases = json_load_file(fixture_path("tokenizer/cases.json"), JSON_ALLOW_NUL, NULL);
	assert_true(json_array_size(cases) > 150);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wick_tokenizer_destroy(tokenizer);
	wick_hf_tokenizer_free(&hf);
	json_decref(cases);
	return 0;
}

/* xorshift: the same strings every time. */
static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void check_round_trip(const struct wick_tokenizer *which, const char *text, size_t bytes)
{
	int64_t count;
	size_t decoded_bytes;
	uint32_t *ids = encode(which, text, bytes, &count);
	char *decoded;

	assert_true(count >= 0);
	decoded = decode(which, ids, (size_t)count, &decoded_bytes);
	assert_int_equal(decoded_bytes, bytes);
	assert_memory_equal(decoded, text, bytes);
	free(decoded);
	free(ids);
}

static void ids_of_the_library(void **state)
{
	(void)state;
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *text = json_array_get(json_array_get(cases, i), 0);
		const json_t *expected = json_array_get(json_array_get(cases, i), 1);
		uint32_t ids[2048] = { 0 };
		int64_t count = wick_tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text),
			false, ids, WICK_COUNT_OF(ids));

		if (count != (int64_t)json_array_size(expected))
			fail_msg("\"%s\": %lld ids, not %zu", json_string_value(text), (long long)count,
				json_array_size(expected));
		for (size_t k = 0; k < (size_t)count; k++)
			if (ids[k] != json_integer_value(json_array_get(expected, k)))
				fail_msg("\"%s\": id %zu is %u, not %lld", json_string_value(text), k, ids[k],
					json_integer_value(json_array_get(expected, k)));
		check_round_trip(tokenizer, json_string_value(text), json_string_length(text));
	}
}

/* Every byte string has ids, and they say what it was. */
static void any_bytes_round_trip(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		uint8_t text[40];
		size_t bytes = next_random(&seed) % sizeof(text);
		uint32_t mask = next_random(&seed) % 2 ? 0xff : 0x3f; /* mostly continuation bytes and ASCII, or all */

		for (size_t k = 0; k < bytes; k++)
			text[k] = (uint8_t)((next_random(&seed) & mask) | (mask == 0x3f &&
				next_random(&seed) % 3 ? 0x80 : 0));
		check_round_trip(tokenizer, (const char *)text, bytes);
	}
}

/* Bytes that are not UTF-8 are one token each, and what is between them is encoded as if it stood alone. */
static void broken_utf8(void **state)
{
	static const struct {
		const char *before, *broken, *after;
	} strings[] = {
		{ "the", "\x80", "the" },             /* a continuation without a beginning */
		{ " the ", "\xff", " the" },          /* no byte of UTF-8 at all; the space before it ends a text */
		{ "the  ", "\xc3", "" },              /* cut at the end of the text */
		{ "", "\xe6\xb2", " it" },            /* cut in the middle */
		{ "a", "\xc0\xaf", "a" },             /* "/" in two bytes */
		{ "a", "\xe0\x80\xaf", "a" },         /* and in three */
		{ "a", "\xf0\x80\x80\xaf", "a" },     /* and in four */
		{ "a", "\xed\xa0\x80", "a" },         /* a surrogate */
		{ "a", "\xf4\x90\x80\x80", "a" },     /* beyond U+10FFFF */
		{ "a", "\xf8\x88\x80\x80\x80", "a" }, /* five bytes */
		{ "\xc3\xbc", "\xbc", "\xc3\xbc" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(strings); i++) {
		const char *parts[] = { strings[i].before, strings[i].broken, strings[i].after };
		uint32_t ids[64], expected[64];
		size_t count = 0;
		char text[64];

		for (size_t part = 0; part < 3; part++)
			for (size_t k = 0, step; parts[part][k]; k += step) {
				step = part == 1 ? 1 : strlen(parts[part]);
				count += (size_t)wick_tokenizer_encode(tokenizer, parts[part] + k, step, false,
					expected + count, 64 - count);
			}
		snprintf(text, sizeof(text), "%s%s%s", parts[0], parts[1], parts[2]);
		assert_int_equal(wick_tokenizer_encode(tokenizer, text, strlen(text), false, ids, 64), count);
		assert_memory_equal(ids, expected, count * sizeof(*ids));
		check_round_trip(tokenizer, text, strlen(text));
	}
}

/* GPT-2's own way: find the pair with the lowest rank, merge it wherever it is, from left to right; again. */
static size_t plain_bpe(const char *word, size_t bytes, uint32_t *ids, uint32_t (*pairs)[VOCAB], const uint32_t *made)
{
	size_t count = bytes;

	for (size_t i = 0; i < bytes; i++)
		wick_tokenizer_encode(tokenizer, word + i, 1, false, &ids[i], 1);
	for (;;) {
		uint32_t best = UINT32_MAX;
		size_t kept = 0;

		for (size_t i = 0; i + 1 < count; i++)
			best = WICK_MIN(best, pairs[ids[i]][ids[i + 1]]);
		if (best == UINT32_MAX)
			return count;
		for (size_t i = 0; i < count; i++) {
			bool pair = i + 1 < count && pairs[ids[i]][ids[i + 1]] == best;

			ids[kept++] = pair ? made[best] : ids[i];
			i += pair;
		}
		count = kept;
	}
}

static uint32_t id_of(const char *spelling, size_t bytes)
{
	for (uint32_t i = 0; i < hf.count; i++)
		if (strlen(hf.tokens[i]) == bytes && !memcmp(hf.tokens[i], spelling, bytes))
			return i;
	fail_msg("no token \"%.*s\"", (int)bytes, spelling);
	return 0;
}

static void same_as_the_plain_algorithm(void **state)
{
	static uint32_t pairs[VOCAB][VOCAB], made[VOCAB];
	static const char letters[] = "aaaaaanbthegolmprus";
	uint32_t seed = 7;

	(void)state;
	memset(pairs, 0xff, sizeof(pairs));
	for (uint32_t i = 0; i < hf.merge_count; i++) {
		size_t left = strcspn(hf.merges[i], " "), right = strlen(hf.merges[i]) - left - 1;
		char joined[64];

		pairs[id_of(hf.merges[i], left)][id_of(hf.merges[i] + left + 1, right)] = i;
		snprintf(joined, sizeof(joined), "%.*s%s", (int)left, hf.merges[i], hf.merges[i] + left + 1);
		made[i] = id_of(joined, strlen(joined));
	}
	for (size_t i = 0; i < 3000; i++) {
		uint32_t ids[600], expected[600];
		char word[600];
		size_t bytes = 1 + next_random(&seed) % (i % 100 ? 40 : 600), count;

		for (size_t k = 0; k < bytes; k++)
			word[k] = letters[next_random(&seed) % (sizeof(letters) - 1)];
		count = plain_bpe(word, bytes, expected, pairs, made);
		assert_int_equal(wick_tokenizer_encode(tokenizer, word, bytes, false, ids, 600), count);
		assert_memory_equal(ids, expected, count * sizeof(*ids));
	}
}

/* Would take hours if a piece cost the square of its length. */
static void a_megabyte_without_a_break(void **state)
{
	static const char *const units[] = { "a", " ", "\n", "1", "!", "ab", "\xe6\xb2\xb9", "\xff" };
	char *text = malloc(1 << 20);

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(units); i++) {
		size_t bytes = i ? 1 << 17 : 1 << 20;

		for (size_t k = 0; k < bytes; k++)
			text[k] = units[i][k % strlen(units[i])];
		check_round_trip(tokenizer, text, bytes);
		text[bytes - 1] = 'x'; /* so that \s+(?!\S) has to step back */
		check_round_trip(tokenizer, text, bytes);
	}
	free(text);
}

static void bos_and_capacity(void **state)
{
	uint32_t ids[8] = { 0 }, with[8];
	int64_t count = wick_tokenizer_encode(tokenizer, "the lamp", 8, false, ids, 8);

	(void)state;
	assert_in_range(count, 2, 7);
	memset(with, 0xee, sizeof(with));
	assert_int_equal(wick_tokenizer_encode(tokenizer, "the lamp", 8, true, with, 2), count + 1);
	assert_int_equal(with[0], 2);
	assert_int_equal(with[1], ids[0]);
	assert_int_equal(with[2], 0xeeeeeeee);
	assert_int_equal(wick_tokenizer_encode(tokenizer, "the lamp", 8, true, NULL, 0), count + 1);
	assert_int_equal(wick_tokenizer_encode(tokenizer, "", 0, true, with, 8), 1);
	assert_int_equal(wick_tokenizer_encode(tokenizer, NULL, 0, false, with, 8), 0);
	assert_int_equal(wick_tokenizer_bos(tokenizer), 2);
	assert_int_equal(wick_tokenizer_eos(tokenizer), 2);
	assert_int_equal(wick_tokenizer_vocab(tokenizer), VOCAB);
}

static void texts_of_tokens(void **state)
{
	size_t bytes = 99;

	(void)state;
	assert_null(wick_tokenizer_text(tokenizer, VOCAB, &bytes));
	assert_int_equal(bytes, 0);
	for (uint32_t id = 0; id < VOCAB; id++) {
		const char *text = wick_tokenizer_text(tokenizer, id, &bytes);

		assert_non_null(text);
		assert_int_equal(bytes == 0, hf.types[id] != WICK_TOKEN_NORMAL);
	}
	assert_int_equal(hf.types[1], WICK_TOKEN_CONTROL);
	assert_int_equal(hf.types[VOCAB - 1], WICK_TOKEN_UNUSED);
	assert_memory_equal(wick_tokenizer_text(tokenizer, id_of("\xc4\xa0the", 5), &bytes), " the", 4);
	assert_int_equal(bytes, 4);
	assert_memory_equal(wick_tokenizer_text(tokenizer, id_of("\xc4\x80", 2), &bytes), "\0", 1);
	assert_int_equal(bytes, 1);
}

static void says_what_it_holds(void **state)
{
	struct wick_vocabulary vocabulary = hf_vocabulary(&hf);
	struct mallinfo2 before = mallinfo2(), after;
	struct wick_tokenizer *other;
	size_t held;

	(void)state;
	if (!before.uordblks) /* another allocator (a sanitizer's) */
		skip();
	assert_int_equal(wick_tokenizer_build(&other, &vocabulary, NULL), 0);
	after = mallinfo2();
	held = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
	/* The expression's machine code is not malloc's, and small blocks may be some that were freed before. */
	assert_in_range(wick_tokenizer_bytes(other), held * 97 / 100, held + 65536 + 2048);
	wick_tokenizer_destroy(other);
}

#ifndef __SANITIZE_ADDRESS__
/* The working memory of a 64 MiB word is 2 GiB. */
static void out_of_memory(void **state)
{
	const size_t bytes = 64 << 20;
	struct rlimit old, tight;
	long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");
	char *text = malloc(bytes);
	int64_t result;

	(void)state;
	assert_non_null(text);
	assert_non_null(statm);
	memset(text, 'a', bytes);
	assert_int_equal(fscanf(statm, "%ld", &pages), 1);
	fclose(statm);
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	tight = old;
	tight.rlim_cur = (rlim_t)(pages * sysconf(_SC_PAGESIZE)) + bytes + (64 << 20);
	assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
	result = wick_tokenizer_encode(tokenizer, text, bytes, false, NULL, 0);
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(result, -ENOMEM);
	free(text);
}
#endif

static void check_pieces(const struct wick_pretokenizer *pretokenizer, const json_t *text, const json_t *lengths)
{
	struct wick_pieces pieces;
	const char *piece;

	assert_int_equal(
		wick_pieces_begin(&pieces, pretokenizer, json_string_value(text), json_string_length(text)), 0);
	for (size_t k = 0; k < json_array_size(lengths); k++) {
		int64_t expected = json_integer_value(json_array_get(lengths, k));
		int64_t length = wick_pieces_next(&pieces, &piece);

		if (length != expected)
			fail_msg("\"%s\": piece %zu has %lld bytes, not %lld", json_string_value(text), k,
				(long long)length, (long long)expected);
	}
	assert_int_equal(wick_pieces_next(&pieces, &piece), 0);
	assert_ptr_equal(piece, json_string_value(text) + json_string_length(text));
	wick_pieces_end(&pieces);
}

/* By PCRE2's machine code, and by its interpreter. */
static void pieces_of_the_library(void **state)
{
	struct wick_pretokenizer *pretokenizer;
	struct wick_diag diag = { 0 };

	(void)state;
	assert_int_equal(wick_pretokenizer_create(&pretokenizer, wick_pre_find("gpt-2", 5)->expressions, "test", &diag), 0);
	for (size_t interpret = 0; interpret < 2; interpret++) {
		for (size_t i = 0; i < json_array_size(cases); i++)
			check_pieces(pretokenizer, json_array_get(json_array_get(cases, i), 0),
				json_array_get(json_array_get(cases, i), 2));
		wick_pretokenizer_interpret(pretokenizer);
	}
	wick_pretokenizer_destroy(pretokenizer);
}

/* Every byte of `broken`, between two spaces, is a piece. */
static void check_broken_pieces(const struct wick_pretokenizer *pretokenizer, const char *broken)
{
	struct wick_pieces pieces;
	const char *piece;
	char text[16];

	snprintf(text, sizeof(text), " %s ", broken);
	assert_int_equal(wick_pieces_begin(&pieces, pretokenizer, text, strlen(text)), 0);
	for (size_t i = 0; i < strlen(text); i++)
		assert_int_equal(wick_pieces_next(&pieces, &piece), 1);
	assert_int_equal(wick_pieces_next(&pieces, &piece), 0);
	wick_pieces_end(&pieces);
}

/* The edges of Unicode's table 3-7, each from outside. */
static void pieces_of_broken_utf8(void **state)
{
	static const char *const broken[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\xc2", "\xdf\x7f",
		"\xe0\x80\x80", "\xe0\x9f\xbf", "\xe0\xa0", "\xe1\x7f\x80", "\xe1\x80\xc0", "\xed\xa0\x80",
		"\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf1\x80\x80\x7f",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff" };
	struct wick_pretokenizer *pretokenizer;

	(void)state;
	assert_int_equal(wick_pretokenizer_create(&pretokenizer, wick_pre_find("gpt-2", 5)->expressions, "test", NULL), 0);
	for (size_t i = 0; i < WICK_COUNT_OF(broken); i++)
		check_broken_pieces(pretokenizer, broken[i]);
	wick_pretokenizer_destroy(pretokenizer);
}

/* Both forms of a folder give the same arrays, except that tokenizer.json says which tokens are special. */
static void tokenizer_json_alike(void **state)
{
	struct wick_hf_tokenizer json;
	struct wick_diag diag = { 0 };

	(void)state;
	assert_int_equal(wick_hf_tokenizer_load(&json, fixture_path("tokenizer-json"), VOCAB, &diag), 0);
	assert_int_equal(json.merge_count, hf.merge_count);
	assert_true(json.add_bos && json.bos == 2);
	for (uint32_t i = 0; i < VOCAB; i++) {
		assert_string_equal(json.tokens[i], hf.tokens[i]);
		assert_int_equal(json.types[i], i < 4 ? WICK_TOKEN_CONTROL : hf.types[i]);
	}
	for (uint32_t i = 0; i < json.merge_count; i++)
		assert_string_equal(json.merges[i], hf.merges[i]);
	wick_hf_tokenizer_free(&json);
}

/* One thing at a time is wrong with the vocabulary; the rest of it is the fixture. */
static void refused_vocabularies(void **state)
{
	static const struct {
		const char *token, *merge; /* instead of token 300, instead of merge 7 */
		int32_t type;              /* of token 300 */
		const char *pre, *says;
		int64_t bos;
	} wrong[] = {
		{ .says = "needs a token that the vocabulary lacks", .token = "a b" },
		{ .says = "needs a token that the vocabulary lacks", .token = "\xe2\x96\x81the" },
		{ .says = "needs a token that the vocabulary lacks", .token = "\xc4" },
		{ .says = "and 300 are the same", .token = "a" },
		{ .says = "needs a token that the vocabulary lacks", .token = "qqqq" },
		{ .says = "token 300 is of type 6", .type = WICK_TOKEN_BYTE },
		{ .says = "token 300 is of type 0", .type = -1 },
		{ .says = "merge 7, \"ab\", is not two pieces", .merge = "ab" },
		{ .says = "merge 7, \"a \", is not two pieces", .merge = "a " },
		{ .says = "merge 7, \" a\", is not two pieces", .merge = " a" },
		{ .says = "merge 7, \"\", is not two pieces", .merge = "" },
		{ .says = "merge 7, \"a b c\", is not two pieces", .merge = "a b c" },
		{ .says = "merge 7, \"q q\", needs a token", .merge = "q q" },
		{ .says = "merge 7, \"t h\", is there twice", .merge = "t h" },
		{ .says = "pre is \"llama-bqe\", a pre-tokeniser that is not known", .pre = "llama-bqe" },
		{ .says = "tokenizer.ggml.pre is \"\"", .pre = "" },
		{ .says = "bos is token 424 and eos token 2 of 424", .bos = VOCAB },
		{ .says = "bos goes before every text", .bos = -1 },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(wrong); i++) {
		struct wick_hf_tokenizer changed = hf;
		struct wick_tokenizer *built = NULL;
		struct wick_diag diag = { 0 };
		struct wick_vocabulary vocabulary;
		char *tokens[VOCAB], *merges[VOCAB];
		int32_t types[VOCAB];

		memcpy(tokens, hf.tokens, sizeof(tokens));
		memcpy(types, hf.types, sizeof(types));
		memcpy(merges, hf.merges, hf.merge_count * sizeof(*merges));
		changed.tokens = tokens;
		changed.types = types;
		changed.merges = merges;
		tokens[300] = wrong[i].token ? (char *)wrong[i].token : tokens[300];
		merges[7] = wrong[i].merge ? (char *)wrong[i].merge : merges[7];
		types[300] = wrong[i].type ? WICK_MAX(wrong[i].type, 0) : types[300];
		vocabulary = hf_vocabulary(&changed);
		vocabulary.bos = wrong[i].bos ? wrong[i].bos : vocabulary.bos;
		if (wrong[i].pre)
			vocabulary.pre = (struct wick_gguf_string){ wrong[i].pre, strlen(wrong[i].pre) };
		assert_int_equal(wick_tokenizer_build(&built, &vocabulary, &diag), -EINVAL);
		assert_null(built);
		if (!strstr(diag.text, wrong[i].says))
			fail_msg("\"%s\", not \"%s\"", diag.text, wrong[i].says);
	}
}

/* A vocabulary need not have every byte: one that it lacks is left out, and what is beside it merges. */
static void byte_without_a_token(void **state)
{
	struct wick_vocabulary vocabulary = hf_vocabulary(&hf);
	uint32_t id = id_of("Q", 1), ids[8], others[8];
	int64_t count;
	struct wick_tokenizer *poorer;

	(void)state;
	hf.types[id] = WICK_TOKEN_UNUSED;
	assert_int_equal(wick_tokenizer_build(&poorer, &vocabulary, NULL), 0);
	hf.types[id] = WICK_TOKEN_NORMAL;
	assert_int_equal(wick_tokenizer_encode(poorer, "Q", 1, false, ids, 8), 0);
	count = wick_tokenizer_encode(poorer, "the", 3, false, ids, 8);
	assert_int_equal(wick_tokenizer_encode(poorer, "QtQQheQ", 7, false, others, 8), count);
	assert_memory_equal(ids, others, (size_t)count * sizeof(*ids));
	wick_tokenizer_destroy(poorer);
}

/* A model may have taken an ordinary token for its padding. It stays what BPE makes, and is not shown. */
static void special_but_ordinary(void **state)
{
	struct wick_vocabulary vocabulary = hf_vocabulary(&hf);
	uint32_t id = id_of("\xc4\xa0the", 5), ids[8];
	struct wick_tokenizer *other;
	size_t bytes;

	(void)state;
	hf.types[id] = WICK_TOKEN_CONTROL;
	assert_int_equal(wick_tokenizer_build(&other, &vocabulary, NULL), 0);
	hf.types[id] = WICK_TOKEN_NORMAL;
	assert_int_equal(wick_tokenizer_encode(other, " the", 4, false, ids, 8), 1);
	assert_int_equal(ids[0], id);
	assert_non_null(wick_tokenizer_text(other, id, &bytes));
	assert_int_equal(bytes, 0);
	assert_non_null(wick_tokenizer_text(other, id + 1, &bytes));
	assert_int_not_equal(bytes, 0);
	wick_tokenizer_destroy(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_the_library),
		cmocka_unit_test(any_bytes_round_trip),
		cmocka_unit_test(broken_utf8),
		cmocka_unit_test(same_as_the_plain_algorithm),
		cmocka_unit_test(a_megabyte_without_a_break),
		cmocka_unit_test(bos_and_capacity),
		cmocka_unit_test(texts_of_tokens),
		cmocka_unit_test(says_what_it_holds),
#ifndef __SANITIZE_ADDRESS__ /* whose allocator ends the process instead */
		cmocka_unit_test(out_of_memory),
#endif
		cmocka_unit_test(pieces_of_the_library),
		cmocka_unit_test(pieces_of_broken_utf8),
		cmocka_unit_test(tokenizer_json_alike),
		cmocka_unit_test(refused_vocabularies),
		cmocka_unit_test(byte_without_a_token),
		cmocka_unit_test(special_but_ordinary),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
