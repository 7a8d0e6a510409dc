/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Real vocabularies, where they are at hand (WICK_SHARED): llama.cpp's vectors for GPT-2, and the naughty strings
 * through GPT-2's and OPT's. */

#include "tokenizer.h"

#include "bits.h"
#include "gguf.h"
#include "tokenizer_fixture.h"

#include <glob.h>
#include <jansson.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define SEPARATOR "\n__ggml_vocab_test__\n"

static const char *shared_path(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/data/tokenizers/%s", getenv("WICK_SHARED"), name);
	return path;
}

static char *slurp(const char *path)
{
	FILE *stream = fopen(path, "rb");
	char *bytes = calloc(1, 1 << 20);

	assert_non_null(stream);
	assert_non_null(bytes);
	assert_in_range(fread(bytes, 1, 1 << 20, stream), 1, (1 << 20) - 1);
	fclose(stream);
	return bytes;
}

static struct wick_tokenizer *open_vocabulary(const char *path)
{
	struct wick_diag diag = { 0 };
	struct wick_tokenizer *tokenizer;
	struct wick_gguf *gguf;

	if (wick_gguf_open(&gguf, path, &diag) || wick_tokenizer_create(&tokenizer, gguf, UINT32_MAX, &diag))
		fail_msg("%s", diag.text);
	wick_gguf_close(gguf);
	return tokenizer;
}

static struct wick_tokenizer *open_gpt2(void)
{
	return open_vocabulary(shared_path("ggml-vocab/ggml-vocab-gpt-2.gguf"));
}

/* One text and its line of ids. */
static void check_vector(const struct wick_tokenizer *tokenizer, const char *path, const char *text, size_t bytes,
	const char *line)
{
	uint32_t ids[1024];
	int64_t count = wick_tokenizer_encode(tokenizer, text, bytes, WICK_ENCODE_SPECIAL, ids, WICK_COUNT_OF(ids));

	assert_in_range(count, 0, 1024);
	for (int64_t i = 0; i < count; i++) {
		char *end;

		if (strtoul(line, &end, 10) != ids[i] || end == line)
			fail_msg("%s: \"%.*s\": id %lld is %u, not as in \"%.40s\"", path, (int)bytes, text, (long long)i,
				ids[i], line);
		line = end;
	}
	if (line[strspn(line, " ")] != '\n')
		fail_msg("%s: \"%.*s\": too few ids", path, (int)bytes, text);
}

/* FILE.gguf with FILE.gguf.inp, texts, and FILE.gguf.out, a line of ids for each. The ids for Qwen3.5 are not from its
 * own tokenizer, which has normal form C: there a letter and its accent are one. */
static void check_vectors(const char *path)
{
	struct wick_tokenizer *tokenizer = open_vocabulary(path);
	char name[4200];
	char *texts, *text, *lines, *line;
	size_t count = 0;

	snprintf(name, sizeof(name), "%s.inp", path);
	text = texts = slurp(name);
	snprintf(name, sizeof(name), "%s.out", path);
	line = lines = slurp(name);
	for (char *end; (end = strstr(text, SEPARATOR)); text = end + strlen(SEPARATOR), count++) {
		if (!strstr(path, "qwen35") || !memchr(text, 0xcc, (size_t)(end - text)))
			check_vector(tokenizer, path, text, (size_t)(end - text), line);
		line = strchr(line, '\n') + 1;
	}
	assert_in_range(count, 40, 60);
	free(texts);
	free(lines);
	wick_tokenizer_destroy(tokenizer);
}

static size_t check_folder(const char *folder)
{
	char pattern[4200];
	glob_t found;
	size_t checked = 0;

	snprintf(pattern, sizeof(pattern), "%s/ggml-vocab-*.gguf.inp", folder);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *path = found.gl_pathv[i];

		path[strlen(path) - strlen(".inp")] = 0;
		if (access(path, R_OK) || strstr(path, "bert"))
			continue;
		check_vectors(path);
		checked++;
	}
	globfree(&found);
	return checked;
}

/* llama.cpp's own, made by the models' tokenizers; more of them in a folder that WICK_VOCABULARIES names. */
static void vectors(void **state)
{
	const char *more = getenv("WICK_VOCABULARIES");

	(void)state;
	assert_true(check_folder(shared_path("ggml-vocab")) >= 3);
	if (more)
		assert_true(check_folder(more) >= 10);
}

static void check_naughty(const struct wick_tokenizer *tokenizer)
{
	json_t *strings = json_load_file(shared_path("naughty/blns.json"), JSON_ALLOW_NUL, NULL);

	assert_true(json_array_size(strings) > 500);
	for (size_t i = 0; i < json_array_size(strings); i++) {
		const char *text = json_string_value(json_array_get(strings, i));
		size_t bytes = json_string_length(json_array_get(strings, i)), decoded_bytes;
		int64_t count;
		uint32_t *ids = encode(tokenizer, text, bytes, &count);
		char *decoded = decode(tokenizer, ids, (size_t)count, &decoded_bytes);

		assert_int_equal(decoded_bytes, bytes);
		assert_memory_equal(decoded, text, bytes);
		free(decoded);
		free(ids);
	}
	json_decref(strings);
}

static void naughty_strings(void **state)
{
	struct wick_tokenizer *tokenizer = open_gpt2();

	(void)state;
	check_naughty(tokenizer);
	wick_tokenizer_destroy(tokenizer);
}

/* OPT's vocabulary in a folder as its checkpoints have it. */
static void opt(void **state)
{
	static const char text[] = "Hello world!";
	static const uint32_t expected[] = { 2, 31414, 232, 328 }; /* transformers' OPT tokenizer */
	static const char *const files[][2] = { { "vocab.json", "opt-gpt2/gpt2-vocab.json" },
		{ "merges.txt", "opt-gpt2/gpt2-merges.txt" } };
	const char *tmp = getenv("TMPDIR");
	struct wick_diag diag = { 0 };
	struct wick_tokenizer *tokenizer;
	struct wick_hf_tokenizer hf;
	struct wick_vocabulary vocabulary;
	uint32_t ids[8];
	char folder[200], path[256];
	FILE *config;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/wick-opt-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < WICK_COUNT_OF(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i][0]);
		assert_int_equal(symlink(shared_path(files[i][1]), path), 0);
	}
	snprintf(path, sizeof(path), "%s/config.json", folder);
	config = fopen(path, "w");
	fputs("{\"model_type\": \"opt\", \"bos_token_id\": 2, \"eos_token_id\": 2, \"pad_token_id\": 1}", config);
	fclose(config);
	if (wick_hf_tokenizer_load(&hf, folder, 50272, &diag))
		fail_msg("%s", diag.text);
	unlink(path);
	for (size_t i = 0; i < WICK_COUNT_OF(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i][0]);
		unlink(path);
	}
	rmdir(folder);

	vocabulary = hf_vocabulary(&hf);
	assert_int_equal(wick_tokenizer_build(&tokenizer, &vocabulary, &diag), 0);
	assert_int_equal(wick_tokenizer_encode(tokenizer, text, strlen(text), true, ids, 8), WICK_COUNT_OF(expected));
	assert_memory_equal(ids, expected, sizeof(expected));
	check_naughty(tokenizer);
	wick_tokenizer_destroy(tokenizer);
	wick_hf_tokenizer_free(&hf);
}

static void says_what_it_holds(void **state)
{
	struct mallinfo2 before = mallinfo2(), after;
	struct wick_tokenizer *tokenizer = open_gpt2();
	size_t held;

	(void)state;
	after = mallinfo2();
	held = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
	if (before.uordblks) /* else a sanitizer's allocator; the expression's machine code is not malloc's */
		assert_in_range(wick_tokenizer_bytes(tokenizer), held * 98 / 100, held * 102 / 100 + 65536);
	wick_tokenizer_destroy(tokenizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(naughty_strings),
		cmocka_unit_test(opt),
		cmocka_unit_test(says_what_it_holds),
	};

	if (!getenv("WICK_SHARED")) {
		puts("skipped: WICK_SHARED is not set");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
