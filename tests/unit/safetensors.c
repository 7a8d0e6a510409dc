/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Safetensors: a good file gives its tensors, and each kind of bad one its sentence. With the argument "shared", a real
 * file. */

#include "checkpoint.h"
#include "safetensors.h"

#include "bits.h"
#include "folder.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

/* Opens a folder with only this file, and compares how the sentence begins. "" when nothing may go wrong. */
static struct wick_checkpoint *open_file(const struct folder *folder, const char *header, size_t data_bytes,
	const char *sentence)
{
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };
	int ret;

	folder_write_safetensors(folder, "model.safetensors", header, data_bytes);
	ret = wick_checkpoint_open(&checkpoint, folder->path, &diag);
	if (!sentence[0])
		assert_string_equal(diag.text, "");
	else
		assert_memory_equal(diag.text + strlen(folder->path), sentence, strlen(sentence));
	assert_int_equal(ret, sentence[0] ? -EINVAL : 0);
	return checkpoint;
}

static void tensors_are_found_and_read(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint = open_file(&folder,
		"{\"__metadata__\":{\"format\":\"pt\"},"
		"\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[16,28]},"
		"\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
		"\"none\":{\"dtype\":\"F16\",\"shape\":[0,7],\"data_offsets\":[28,28]},"
		"\"scalar\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[28,30]}}   ", 30, "");
	const struct wick_source_tensor *tensor;
	uint8_t bytes[8] = { 0 };
	struct wick_diag diag = { 0 };

	(void)state;
	assert_int_equal(wick_checkpoint_count(checkpoint), 4);
	assert_string_equal(wick_checkpoint_at(checkpoint, 0)->name, "a");
	assert_string_equal(wick_checkpoint_at(checkpoint, 1)->name, "b");
	tensor = wick_checkpoint_find(checkpoint, "b");
	assert_int_equal(tensor->type, WICK_BF16);
	assert_int_equal(tensor->dims, 2);
	assert_true(tensor->shape[0] == 2 && tensor->shape[1] == 3 && tensor->bytes == 12);
	assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 4, bytes, 8, &diag), 0);
	assert_memory_equal(bytes, "\x14\x15\x16\x17\x18\x19\x1a\x1b", 8);
	assert_int_equal(wick_checkpoint_find(checkpoint, "scalar")->dims, 0);
	assert_true(wick_checkpoint_find(checkpoint, "none")->bytes == 0);
	assert_null(wick_checkpoint_find(checkpoint, "__metadata__"));
	assert_string_equal(wick_checkpoint_file(checkpoint, tensor), folder_path(&folder, "model.safetensors"));
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

static void reads_stay_within_the_tensor(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint = open_file(&folder,
		"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
		"\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", 16, "");
	const struct wick_source_tensor *tensor = wick_checkpoint_find(checkpoint, "a");
	struct wick_diag diag = { 0 };
	uint8_t bytes[16];

	(void)state;
	assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 8, bytes, 0, &diag), 0);
	assert_int_equal(wick_checkpoint_read(checkpoint, tensor, UINT64_MAX, bytes, 2, NULL), -EINVAL);
	assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 4, bytes, 5, &diag), -EINVAL);
	assert_string_equal(diag.text + strlen(folder.path),
		"/model.safetensors: tensor a: bytes 4 to 9 asked for, it has 8");
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

/* safetensors' save_model() keeps a shared tensor once and its other names in the metadata. */
static void shared_tensors_have_all_their_names(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint = open_file(&folder,
		"{\"__metadata__\":{\"format\":\"pt\",\"b\":\"a\",\"c\":\"a\",\"d\":\"none\",\"e\":\"__metadata__\",\"f\":\"a\"},"
		"\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
		"\"f\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[4,8]}}", 8, "");
	const struct wick_source_tensor *a = wick_checkpoint_find(checkpoint, "a"), *b = wick_checkpoint_find(checkpoint, "b");
	const struct wick_source_tensor *f = wick_checkpoint_find(checkpoint, "f");
	struct wick_diag diag = { 0 };
	uint8_t bytes[4];

	(void)state;
	assert_int_equal(wick_checkpoint_count(checkpoint), 4); /* a, b, c, f */
	assert_non_null(b);
	assert_true(b->alias && !a->alias && !f->alias);
	assert_true(wick_checkpoint_is_same(a, b) && !wick_checkpoint_is_same(a, f));
	assert_int_equal(wick_checkpoint_read(checkpoint, b, 0, bytes, 4, &diag), 0);
	assert_memory_equal(bytes, "\0\1\2\3", 4);
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

/* Read as float32: the file's bytes 0, 1, 2, ... are two doubles, and what C makes of them. */
static void doubles_are_rounded(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint = open_file(&folder,
		"{\"a\":{\"dtype\":\"F16\",\"shape\":[28],\"data_offsets\":[0,56]},"
		"\"b\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[56,72]}}", 72, "");
	const struct wick_source_tensor *tensor = wick_checkpoint_find(checkpoint, "b");
	struct wick_diag diag = { 0 };
	float numbers[2];

	(void)state;
	assert_int_equal(tensor->type, WICK_F32);
	assert_int_equal(tensor->bytes, 8);
	assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 0, numbers, 8, &diag), 0);
	assert_true(numbers[0] == (float)0x1.e3d3c3b3a3938p-12 && numbers[1] == (float)0x1.6454443424140p+117);
	assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 4, numbers, 4, &diag), 0);
	assert_true(numbers[0] == (float)0x1.6454443424140p+117);
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

static void unfit_tensors_matter_only_when_needed(void **state)
{
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint = open_file(&folder,
		"{\"ids\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]},"
		"\"deep\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,2],\"data_offsets\":[16,24]},"
		"\"nibbles\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[24,26]}}", 26, "");
	const struct wick_source_tensor *tensor;
	struct wick_diag diag = { 0 };
	char byte;

	(void)state;
	assert_int_equal(wick_checkpoint_find(checkpoint, "ids")->type, WICK_TYPE_COUNT);
	assert_int_equal(
		wick_checkpoint_read(checkpoint, wick_checkpoint_find(checkpoint, "ids"), 0, &byte, 1, &diag), -EINVAL);
	assert_string_equal(diag.text + strlen(folder.path),
		"/model.safetensors: tensor ids is of type I64, which wick cannot use");
	diag.text[0] = 0;
	assert_int_equal(wick_checkpoint_need(checkpoint, "deep", &tensor, &diag), -EINVAL);
	assert_string_equal(diag.text + strlen(folder.path),
		"/model.safetensors: tensor deep has 5 dimensions, which wick cannot use");
	diag.text[0] = 0;
	assert_int_equal(wick_checkpoint_need(checkpoint, "gone", &tensor, &diag), -ENOENT);
	assert_string_equal(diag.text + strlen(folder.path), ": tensor gone is missing");
	wick_checkpoint_close(checkpoint);
	folder_remove(&folder);
}

static void bad_headers_get_a_sentence(void **state)
{
#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
	static const struct {
		const char *header;
		size_t data_bytes;
		const char *sentence;
	} cases[] = {
		{ "[]", 0, "its header is not an object" },
		{ "{", 0, "its header: bad JSON: line 1, column 1: " },
		{ "{" A "," A "}", 8, "its header: bad JSON: line 1, column 57: duplicate object key" },
		{ "{\"a\":1}", 0, "tensor a: not described by an object" },
		{ "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "tensor a: dtype is not given" },
		{ "{\"a\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
			"tensor a: dtype F33 is not one of the format's" },
		{ "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "tensor a: shape is not given" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8,
			"tensor a: shape is not a list of lengths" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8,
			"tensor a: shape is not a list of lengths" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", 8,
			"tensor a: shape has too many numbers to count" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
			"tensor a: F32 of shape [4611686018427387904] takes 2305843009213693951 bytes, its "
			"data_offsets 0" },
		{ "{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
			"tensor a: F16 of shape [2] takes 4 bytes, its data_offsets 8" },
		{ "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1,
			"tensor a: F4 of shape [3] takes 1 bytes, its data_offsets 1" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "tensor a: data_offsets is not a pair of offsets" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,-8]}}", 8,
			"tensor a: data_offsets is not a pair of offsets" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551624]}}", 8,
			"tensor a: data_offsets is not a pair of offsets" },
		{ "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8,
			"tensor a: data_offsets [8, 0] run backwards" },
		{ "{" A "}", 7, "tensor a: data_offsets [0, 8] go beyond the file, which has 7 bytes of data" },
		{ "{" A "}", 9, "the last 1 bytes belong to no tensor" },
		{ "{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12,
			"tensor b overlaps tensor a" },
		{ "{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[9,17]}}", 17,
			"tensor b begins at 9, and the 1 bytes before it are no tensor's" },
		{ "{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "a tensor without a name" },
	};
	struct folder folder = folder_make();

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		char sentence[256];

		snprintf(sentence, sizeof(sentence), "/model.safetensors: %s", cases[i].sentence);
		assert_null(open_file(&folder, cases[i].header, cases[i].data_bytes, sentence));
	}
	folder_remove(&folder);
#undef A
}

/* The file's own length bounds the header before anything is allocated. */
static void bad_lengths_get_a_sentence(void **state)
{
	static const struct {
		uint64_t header_bytes;
		size_t file_bytes;
		const char *sentence;
	} cases[] = {
		{ 0, 0, "0 bytes, too few for a safetensors file" },
		{ 0, 7, "7 bytes, too few for a safetensors file" },
		{ 3, 10, "a header of 3 bytes goes beyond the file, which has 10" },
		{ UINT64_MAX, 10, "a header of 18446744073709551615 bytes goes beyond the file, which has 10" },
		{ WICK_SAFETENSORS_HEADER_MAX + 1, WICK_SAFETENSORS_HEADER_MAX + 100,
			"a header of 16777217 bytes, more than the 16777216 that one may have" },
	};
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint;

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_diag diag = { 0 };

		folder_write(&folder, "model.safetensors", &cases[i].header_bytes, WICK_MIN(8, cases[i].file_bytes));
		assert_int_equal(truncate(folder_path(&folder, "model.safetensors"), cases[i].file_bytes), 0);
		assert_int_equal(wick_checkpoint_open(&checkpoint, folder.path, &diag), -EINVAL);
		assert_string_equal(strstr(diag.text, ": ") + 2, cases[i].sentence);
	}
	folder_remove(&folder);
}

/* No name is longer than WICK_SOURCE_NAME_MAX, and no checkpoint has more tensors than WICK_SOURCE_TENSORS_MAX. */
static void names_and_counts_are_bounded(void **state)
{
	static const char entry[] = "\"%u\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},";
	char *header = malloc((WICK_SOURCE_TENSORS_MAX + 1) * 64ul), *end = header;
	struct folder folder = folder_make();

	(void)state;
	sprintf(header, "{\"%0*d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", WICK_SOURCE_NAME_MAX, 0);
	wick_checkpoint_close(open_file(&folder, header, 0, ""));
	sprintf(header, "{\"%0*d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", WICK_SOURCE_NAME_MAX + 1,
		0);
	assert_null(open_file(&folder, header, 0, "/model.safetensors: tensor 0000000000000000000000000000000000000000"
		"00000000000000000000...: a name of 513 bytes, more than 512"));
	*end++ = '{';
	for (unsigned i = 0; i <= WICK_SOURCE_TENSORS_MAX; i++)
		end += sprintf(end, entry, i);
	strcpy(end - 1, "}");
	assert_null(open_file(&folder, header, 0, "/model.safetensors: more than 262144 tensors"));
	free(header);
	folder_remove(&folder);
}

/* Cut anywhere, a good file is refused. */
static void every_truncation_is_refused(void **state)
{
	static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
	struct folder folder = folder_make();
	struct wick_checkpoint *checkpoint = open_file(&folder, header, 8, "");

	(void)state;
	wick_checkpoint_close(checkpoint);
	for (long bytes = 8 + strlen(header) + 8 - 1; bytes >= 0; bytes--) {
		struct wick_diag diag = { 0 };

		assert_int_equal(truncate(folder_path(&folder, "model.safetensors"), bytes), 0);
		assert_int_equal(wick_checkpoint_open(&checkpoint, folder.path, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "model.safetensors: "));
	}
	folder_remove(&folder);
}

/* A real file. Its numbers as Python's safetensors and torch give them: first, last, and the sum. */
static void real_file(void **state)
{
	static const struct {
		const char *name;
		uint64_t rows, cols;
		double first, last, sum;
	} known[] = {
		{ "lm_head.weight", 2048, 128, -0.68359375, -0.421875, 2512.834466814995 },
		{ "model.layers.1.mlp.down_proj.weight", 128, 384, -0.17578125, -0.1376953125, -41.52520179748535 },
	};
	struct wick_checkpoint *checkpoint;
	struct wick_diag diag = { 0 };

	if (wick_checkpoint_open(&checkpoint, *state, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(wick_checkpoint_count(checkpoint), 21); /* 20 in the file, and an alias in its metadata */
	for (size_t i = 0; i < WICK_COUNT_OF(known); i++) {
		const struct wick_source_tensor *tensor = wick_checkpoint_find(checkpoint, known[i].name);
		uint64_t count = known[i].rows * known[i].cols;
		float *numbers = malloc(count * sizeof(*numbers));
		double sum = 0;

		assert_non_null(tensor);
		assert_true(tensor->type == WICK_F32 && tensor->bytes == count * 4);
		assert_true(tensor->shape[0] == known[i].rows && tensor->shape[1] == known[i].cols);
		assert_int_equal(wick_checkpoint_read(checkpoint, tensor, 0, numbers, tensor->bytes, &diag), 0);
		for (uint64_t n = 0; n < count; n++)
			sum += numbers[n];
		assert_true(numbers[0] == known[i].first && numbers[count - 1] == known[i].last);
		assert_true(fabs(sum - known[i].sum) < 1e-6);
		free(numbers);
	}
	wick_checkpoint_close(checkpoint);
}

static int run_shared(void)
{
	static char folder[512];
	const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(real_file, folder) };
	const char *shared = getenv("WICK_SHARED");

	if (!shared) {
		puts("skipped: WICK_SHARED is not set, so there are no real files");
		return 77;
	}
	snprintf(folder, sizeof(folder), "%s/data/models/TinyStories-656K", shared);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tensors_are_found_and_read),
		cmocka_unit_test(reads_stay_within_the_tensor),
		cmocka_unit_test(shared_tensors_have_all_their_names),
		cmocka_unit_test(doubles_are_rounded),
		cmocka_unit_test(unfit_tensors_matter_only_when_needed),
		cmocka_unit_test(bad_headers_get_a_sentence),
		cmocka_unit_test(bad_lengths_get_a_sentence),
		cmocka_unit_test(names_and_counts_are_bounded),
		cmocka_unit_test(every_truncation_is_refused),
	};

	if (argc > 1 && !strcmp(argv[1], "shared"))
		return run_shared();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
