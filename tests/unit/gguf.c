/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The GGUF reader against files put together here byte by byte from the format's description, the same files cut or
 * bent, and real and broken ones from elsewhere. */

#include "gguf.h"

#include "bits.h"
#include "model.h"

#include <wick/wick.h>

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BROKEN_FILES 152 /* of the suite that is not in the repository */

struct bytes {
	uint8_t data[8192];
	size_t count;
};

static char path[4096];

static void put(struct bytes *b, const void *data, size_t count)
{
	assert_true(b->count + count <= sizeof(b->data));
	memcpy(b->data + b->count, data, count);
	b->count += count;
}

static void put_number(struct bytes *b, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		put(b, &(uint8_t){ value >> 8 * i }, 1);
}

static void put_string(struct bytes *b, const char *string)
{
	put_number(b, strlen(string), 8);
	put(b, string, strlen(string));
}

static void put_start(struct bytes *b, uint32_t version, uint64_t tensors, uint64_t pairs)
{
	put(b, "GGUF", 4);
	put_number(b, version, 4);
	put_number(b, tensors, 8);
	put_number(b, pairs, 8);
}

static void put_pair(struct bytes *b, const char *key, uint32_t type, uint64_t value, unsigned bytes)
{
	put_string(b, key);
	put_number(b, type, 4);
	put_number(b, value, bytes);
}

static void put_tensor(struct bytes *b, const char *name, uint64_t ne0, uint64_t ne1, uint32_t type, uint64_t offset)
{
	put_string(b, name);
	put_number(b, 2, 4);
	put_number(b, ne0, 8);
	put_number(b, ne1, 8);
	put_number(b, type, 4);
	put_number(b, offset, 8);
}

static void put_padding(struct bytes *b, size_t align)
{
	while (b->count % align)
		put_number(b, 0, 1);
}

static int open_bytes(struct wick_gguf **gguf, const struct bytes *b, size_t count, struct wick_diag *diag)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(b->data, 1, count, file), count);
	assert_int_equal(fclose(file), 0);
	diag->text[0] = 0;
	return wick_gguf_open(gguf, path, diag);
}

/* The file must be refused with a sentence that has both the path and these words. */
static void refused(const struct bytes *b, const char *words)
{
	struct wick_gguf *gguf;
	struct wick_diag diag;

	assert_int_equal(open_bytes(&gguf, b, b->count, &diag), -EINVAL);
	assert_null(gguf);
	if (!strstr(diag.text, words) || !strstr(diag.text, path))
		fail_msg("wanted \"%s\" in: %s", words, diag.text);
}

/* One pair of every type and two tensors, at an alignment of 64. */
static struct bytes sample(void)
{
	struct bytes b = { 0 };

	put_start(&b, 3, 2, 14);
	put_pair(&b, "general.alignment", WICK_GGUF_U32, 64, 4);
	put_pair(&b, "u8", WICK_GGUF_U8, 0xff, 1);
	put_pair(&b, "i8", WICK_GGUF_I8, 0xff, 1);
	put_pair(&b, "u16", WICK_GGUF_U16, 0xfffe, 2);
	put_pair(&b, "i16", WICK_GGUF_I16, 0x7fff, 2);
	put_pair(&b, "i32", WICK_GGUF_I32, 0x80000000, 4);
	put_pair(&b, "f32", WICK_GGUF_F32, 0x3e200000, 4); /* 0.15625 */
	put_pair(&b, "yes", WICK_GGUF_BOOL, 1, 1);
	put_pair(&b, "u64", WICK_GGUF_U64, UINT64_MAX, 8);
	put_pair(&b, "i64", WICK_GGUF_I64, 5, 8);
	put_pair(&b, "f64", WICK_GGUF_F64, 0xc004000000000000, 8); /* -2.5 */
	put_string(&b, "string");
	put_number(&b, WICK_GGUF_STRING, 4);
	put_string(&b, "wick");
	put_string(&b, "words");
	put_number(&b, WICK_GGUF_ARRAY, 4);
	put_number(&b, WICK_GGUF_STRING, 4);
	put_number(&b, 3, 8);
	put_string(&b, "a");
	put_string(&b, "");
	put_string(&b, "ccc");
	put_string(&b, "numbers");
	put_number(&b, WICK_GGUF_ARRAY, 4);
	put_number(&b, WICK_GGUF_I16, 4);
	put_number(&b, 2, 8);
	put_number(&b, 0xfffe, 2);
	put_number(&b, 300, 2);
	put_tensor(&b, "x", 3, 5, WICK_GGML_F32, 0); /* 60 bytes */
	put_tensor(&b, "y", 64, 2, WICK_GGML_Q8_0, 64); /* 2 * 2 * 34 bytes */
	put_padding(&b, 64);
	for (unsigned i = 0; i < 64 + 136; i++)
		put_number(&b, i, 1);
	return b;
}

static void values_and_tensors(void **state)
{
	struct bytes b = sample();
	struct wick_gguf *gguf;
	struct wick_diag diag;
	uint64_t number, data_at = b.count - 200;
	double real;
	bool yes = false;
	struct wick_gguf_string string;

	(void)state;
	assert_int_equal(open_bytes(&gguf, &b, b.count, &diag), 0);
	assert_int_equal(wick_gguf_header_bytes(gguf), data_at);
	assert_int_equal(wick_gguf_file_bytes(gguf), b.count);
	assert_string_equal(wick_gguf_path(gguf), path);

	assert_int_equal(wick_gguf_u64(gguf, "u8", &number, &diag), 0);
	assert_int_equal(number, 255);
	assert_int_equal(wick_gguf_u64(gguf, "u16", &number, &diag), 0);
	assert_int_equal(number, 65534);
	assert_int_equal(wick_gguf_u64(gguf, "i16", &number, &diag), 0);
	assert_int_equal(number, 32767);
	assert_int_equal(wick_gguf_u64(gguf, "u64", &number, &diag), 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(wick_gguf_u64(gguf, "i64", &number, &diag), 0);
	assert_int_equal(number, 5);
	assert_int_equal(wick_gguf_f64(gguf, "f32", &real, &diag), 0);
	assert_true(real == 0.15625);
	assert_int_equal(wick_gguf_f64(gguf, "f64", &real, &diag), 0);
	assert_true(real == -2.5);
	assert_int_equal(wick_gguf_bool(gguf, "yes", &yes, &diag), 0);
	assert_true(yes);
	assert_int_equal(wick_gguf_string(gguf, "string", &string, &diag), 0);
	assert_int_equal(string.length, 4);
	assert_memory_equal(string.bytes, "wick", 4);

	assert_int_equal(wick_gguf_tensor_count(gguf), 2);
	assert_null(wick_gguf_tensor(gguf, "z"));
	assert_ptr_equal(wick_gguf_tensor(gguf, "y"), wick_gguf_tensor_at(gguf, 1));
	assert_int_equal(wick_gguf_tensor(gguf, "x")->bytes, 60);
	assert_int_equal(wick_gguf_tensor(gguf, "x")->offset, data_at);
	assert_int_equal(wick_gguf_tensor(gguf, "y")->bytes, 136);
	assert_int_equal(wick_gguf_tensor(gguf, "y")->offset, data_at + 64);
	assert_int_equal(wick_gguf_tensor(gguf, "y")->ne[0], 64);
	assert_int_equal(wick_gguf_tensor(gguf, "y")->ne[3], 1);
	wick_gguf_close(gguf);
}

static void arrays(void **state)
{
	struct bytes b = sample();
	struct wick_gguf *gguf;
	struct wick_diag diag;
	enum wick_gguf_type type;
	uint64_t count;
	static const struct { uint64_t i; const char *word; } asked[] = {
		{ 0, "a" }, { 1, "" }, { 2, "ccc" }, { 2, "ccc" }, { 0, "a" }, { 2, "ccc" }, { 1, "" },
	};

	(void)state;
	assert_int_equal(open_bytes(&gguf, &b, b.count, &diag), 0);
	assert_int_equal(wick_gguf_array(gguf, "words", &type, &count, &diag), 0);
	assert_int_equal(type, WICK_GGUF_STRING);
	assert_int_equal(count, 3);
	for (size_t k = 0; k < WICK_COUNT_OF(asked); k++) {
		struct wick_gguf_string word = wick_gguf_array_string(gguf, "words", asked[k].i);

		assert_int_equal(word.length, strlen(asked[k].word));
		assert_memory_equal(word.bytes, asked[k].word, word.length);
	}
	assert_null(wick_gguf_array_string(gguf, "words", 3).bytes);
	assert_null(wick_gguf_array_string(gguf, "numbers", 0).bytes);
	assert_int_equal(wick_gguf_array_int(gguf, "numbers", 0), -2);
	assert_int_equal(wick_gguf_array_int(gguf, "numbers", 1), 300);
	assert_int_equal(wick_gguf_array_int(gguf, "numbers", 2), 0);
	wick_gguf_close(gguf);
}

static void absent_and_wrong_kinds(void **state)
{
	struct bytes b = sample();
	struct wick_gguf *gguf;
	struct wick_diag diag;
	uint64_t number;
	double real;
	bool yes;
	struct wick_gguf_string string;

	(void)state;
	assert_int_equal(open_bytes(&gguf, &b, b.count, &diag), 0);
	assert_int_equal(wick_gguf_u64(gguf, "u", &number, &diag), -ENOENT);
	assert_int_equal(wick_gguf_string(gguf, "stringy", &string, &diag), -ENOENT);
	assert_string_equal(diag.text, "");
	assert_int_equal(wick_gguf_u64(gguf, "i8", &number, &diag), -EINVAL); /* -1 */
	assert_non_null(strstr(diag.text, "\"i8\""));
	assert_int_equal(wick_gguf_u64(gguf, "f32", &number, NULL), -EINVAL);
	assert_int_equal(wick_gguf_f64(gguf, "u8", &real, NULL), -EINVAL);
	assert_int_equal(wick_gguf_bool(gguf, "u8", &yes, NULL), -EINVAL);
	assert_int_equal(wick_gguf_string(gguf, "words", &string, NULL), -EINVAL);
	wick_gguf_close(gguf);
}

static void cut_anywhere(void **state)
{
	struct bytes b = sample();

	(void)state;
	for (size_t count = 0; count < b.count; count++) {
		struct wick_gguf *gguf;
		struct wick_diag diag;

		assert_int_equal(open_bytes(&gguf, &b, count, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "cut off"));
	}
}

static void bent_preamble(void **state)
{
	struct bytes b;

	(void)state;
	b = sample();
	b.data[0] = 'X';
	refused(&b, "not a GGUF file");
	b = sample();
	b.data[4] = 1;
	refused(&b, "version 1");
	b = sample();
	memcpy(b.data + 4, "\0\0\0\3", 4);
	refused(&b, "big-endian");
	b = sample();
	memset(b.data + 8, 0xff, 7); /* tensors */
	refused(&b, "tensors");
	b = sample();
	memset(b.data + 16, 0xff, 8); /* keys */
	refused(&b, "keys");
}

static void bent_pairs(void **state)
{
	struct bytes b = { 0 };

	(void)state;
	put_start(&b, 3, 0, 1);
	put_pair(&b, "k", 13, 0, 4);
	refused(&b, "\"k\"");
	b.count = 0;
	put_start(&b, 3, 0, 2);
	put_pair(&b, "k", WICK_GGUF_U8, 0, 1);
	put_pair(&b, "k", WICK_GGUF_U8, 0, 1);
	refused(&b, "twice");
	b.count = 0;
	put_start(&b, 3, 0, 1);
	put_pair(&b, "k", WICK_GGUF_ARRAY, WICK_GGUF_ARRAY, 4);
	put_number(&b, 0, 8);
	refused(&b, "array of arrays");
	b.count = 0;
	put_start(&b, 3, 0, 1);
	put_pair(&b, "k", WICK_GGUF_ARRAY, WICK_GGUF_U64, 4);
	put_number(&b, 0x2000000000000001, 8); /* times 8 is 8 */
	put_number(&b, 0, 8);
	refused(&b, "cut off");
	b.count = 0;
	put_start(&b, 3, 0, 1);
	put_number(&b, UINT64_MAX - 3, 8); /* a key that ends before it starts */
	put_number(&b, 0, 8);
	refused(&b, "cut off");
	for (uint32_t align = 0; align < 100; align++) {
		struct wick_gguf *gguf;
		struct wick_diag diag;
		int wanted = align == 8 || align == 16 || align == 32 || align == 64 ? 0 : -EINVAL;

		b.count = 0;
		put_start(&b, 2, 0, 1);
		put_pair(&b, "general.alignment", WICK_GGUF_U32, align, 4);
		assert_int_equal(open_bytes(&gguf, &b, b.count, &diag), wanted);
		wick_gguf_close(gguf);
	}
}

/* A file of two tensors: x of 32 numbers of x_type at 0, y of 1 number at y_offset, then 256 bytes of data. */
static struct bytes pair_of_tensors(uint64_t x_count, uint32_t x_type, uint64_t y_offset, const char *y_name)
{
	struct bytes b = { 0 };

	put_start(&b, 3, 2, 0);
	put_tensor(&b, "x", x_count, 1, x_type, 0);
	put_tensor(&b, y_name, 1, 1, WICK_GGML_F32, y_offset);
	put_padding(&b, 32);
	for (unsigned i = 0; i < 256; i++)
		put_number(&b, 0, 1);
	return b;
}

static void bent_tensors(void **state)
{
	struct bytes b;
	struct wick_gguf *gguf;
	struct wick_diag diag;

	(void)state;
	b = pair_of_tensors(32, WICK_GGML_F32, 128, "y");
	assert_int_equal(open_bytes(&gguf, &b, b.count, &diag), 0);
	wick_gguf_close(gguf);
	b = pair_of_tensors(32, 77, 96, "y"); /* a type nobody has told us about */
	assert_int_equal(open_bytes(&gguf, &b, b.count, &diag), 0);
	assert_int_equal(wick_gguf_tensor_at(gguf, 0)->type, 77);
	assert_int_equal(wick_gguf_tensor_at(gguf, 0)->bytes, 0);
	wick_gguf_close(gguf);
	b = pair_of_tensors(33, WICK_GGML_F32, 128, "y");
	refused(&b, "overlap");
	b = pair_of_tensors(32, WICK_GGML_F32, 0, "y");
	refused(&b, "overlap");
	b = pair_of_tensors(32, WICK_GGML_F32, 129, "y");
	refused(&b, "\"y\"");
	b = pair_of_tensors(32, WICK_GGML_F32, 256, "y");
	refused(&b, "\"y\"");
	b = pair_of_tensors(32, WICK_GGML_F32, UINT64_MAX - 31, "y");
	refused(&b, "\"y\"");
	b = pair_of_tensors(32, WICK_GGML_F32, 128, "x");
	refused(&b, "twice");
	b = pair_of_tensors(UINT64_MAX / 2, WICK_GGML_F32, 128, "y");
	refused(&b, "\"x\"");
	b = pair_of_tensors(33, WICK_GGML_Q4_0, 128, "y");
	refused(&b, "\"x\"");
	b = pair_of_tensors(32, WICK_GGML_F32, 128, "y");
	b.data[24 + 9] = 5; /* x's number of dimensions */
	refused(&b, "dimensions");
}

static void not_a_file(void **state)
{
	struct wick_gguf *gguf;
	struct wick_diag diag = { 0 };

	(void)state;
	assert_int_equal(wick_gguf_open(&gguf, "/nonexistent/model.gguf", &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "/nonexistent/model.gguf"));
	diag.text[0] = 0;
	assert_int_equal(wick_gguf_open(&gguf, "/dev/null", &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "regular"));
	wick_gguf_close(NULL);
}

/* A header larger than one read, with its sizes as Python's gguf package gives them. */
static void real_vocabularies(void **state)
{
	static const struct {
		const char *name;
		uint64_t tokens, merges, data_at, sample_id;
		const char *sample;
	} files[] = {
		{ "falcon", 65024, 64784, 2287744, 1000, "\u0120requ" },
		{ "gpt-2", 50257, 50000, 1766816, 50256, "<|endoftext|>" },
		{ "gpt-neox", 50432, 50009, 1771456, 50431, "[PAD50431]" },
		{ "llama-spm", 32000, 0, 723872, 1000, "ied" },
	};
	const char *shared = getenv("WICK_SHARED");

	(void)state;
	if (!shared) {
		print_message("WICK_SHARED is not set: real vocabularies not opened\n");
		skip();
	}
	for (size_t k = 0; k < WICK_COUNT_OF(files); k++) {
		char name[4096];
		struct wick_gguf *gguf;
		struct wick_diag diag = { 0 };
		enum wick_gguf_type type;
		uint64_t count = 0;
		struct wick_gguf_string token;

		snprintf(name, sizeof(name), "%s/data/tokenizers/ggml-vocab/ggml-vocab-%s.gguf", shared, files[k].name);
		if (wick_gguf_open(&gguf, name, &diag))
			fail_msg("%s", diag.text);
		assert_int_equal(wick_gguf_header_bytes(gguf), files[k].data_at);
		assert_int_equal(wick_gguf_array(gguf, "tokenizer.ggml.tokens", &type, &count, &diag), 0);
		assert_int_equal(count, files[k].tokens);
		token = wick_gguf_array_string(gguf, "tokenizer.ggml.tokens", files[k].sample_id);
		assert_int_equal(token.length, strlen(files[k].sample));
		assert_memory_equal(token.bytes, files[k].sample, token.length);
		count = 0;
		wick_gguf_array(gguf, "tokenizer.ggml.merges", &type, &count, &diag);
		assert_int_equal(count, files[k].merges);
		assert_true(wick_gguf_memory_bytes(gguf) < files[k].data_at + 16384);
		wick_gguf_close(gguf);
	}
}

/* A sentence and an error, or neither. */
static void is_said(int rc, struct wick_diag *diag, const char *what, const char *name)
{
	if (rc > 0 || (rc == 0) != (diag->text[0] == 0))
		fail_msg("%s of %s: %d, \"%s\"", what, name, rc, diag->text);
	diag->text[0] = 0;
}

/* What the commands do with a file that the reader takes. */
static void use(const char *name)
{
	struct wick_options options;
	struct wick_plan plan;
	struct wick_model *model;
	struct wick_diag diag = { 0 };
	char *json;

	wick_options_init(&options);
	is_said(wick_model_open(&model, name, &diag), &diag, "opening", name);
	wick_model_close(model);
	is_said(wick_info(name, &json, &diag), &diag, "info", name);
	free(json);
	is_said(wick_plan(name, &options, &plan, &diag), &diag, "plan", name);
	is_said(wick_verify(name, NULL, NULL, NULL, &diag), &diag, "verify", name);
}

/* Whether the file is taken. */
static bool try_broken(const char *name)
{
	struct wick_diag diag = { 0 };
	struct wick_gguf *gguf;
	int rc = wick_gguf_open(&gguf, name, &diag);

	assert_true(rc == 0 || rc == -EINVAL);
	is_said(rc, &diag, "reading", name);
	wick_gguf_close(gguf);
	if (rc == 0)
		use(name);
	return rc == 0;
}

/* Files that broke other readers: each is refused with a sentence, or opens, and is then no model or a sound one. */
static void broken_files(void **state)
{
	const char *shared = getenv("WICK_SHARED");
	unsigned opened = 0, count = 0;
	struct dirent *entry;
	char name[4096];
	DIR *folder;

	(void)state;
	if (!shared) {
		print_message("WICK_SHARED is not set: broken files not opened\n");
		skip();
	}
	snprintf(name, sizeof(name), "%s/data/suites/gguf-fuzz", shared);
	folder = opendir(name);
	assert_non_null(folder);
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "LICENSE"))
			continue;
		snprintf(name, sizeof(name), "%s/data/suites/gguf-fuzz/%s", shared, entry->d_name);
		opened += try_broken(name);
		count++;
	}
	closedir(folder);
	print_message("%u opened, %u refused\n", opened, count - opened);
	assert_int_equal(count, BROKEN_FILES);
	assert_true(opened < count / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_tensors),
		cmocka_unit_test(arrays),
		cmocka_unit_test(absent_and_wrong_kinds),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(bent_preamble),
		cmocka_unit_test(bent_pairs),
		cmocka_unit_test(bent_tensors),
		cmocka_unit_test(not_a_file),
		cmocka_unit_test(real_vocabularies),
		cmocka_unit_test(broken_files),
	};
	const char *folder = getenv("TMPDIR");
	int fd, rc;

	snprintf(path, sizeof(path), "%s/wick-gguf-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
