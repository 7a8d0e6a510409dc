/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A stock model in several files (make_stock.py): opened by the first; a part that is missing, or not the one that it should
 * be, is refused with a sentence that names file and key; parts may lie on different drives. stock.c compares its answers. */

#include "first_session.h"
#include "fixture.h"

#include "bits.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURE "stock/llama-split-f16"
#define PARTS 4
#define KIND_BYTES 4 /* between a key's name and its value */

static char scratch[PATH_MAX], part[PARTS][PATH_MAX];

static int copy_parts(void **state)
{
	char folder[PATH_MAX], cache[PATH_MAX];

	(void)state;
	scratch_make(scratch);
	fixture_folder(folder, FIXTURE);
	path_join(cache, scratch, "cache");
	assert_int_equal(setenv("XDG_CACHE_HOME", cache, 1), 0);
	for (unsigned i = 0; i < PARTS; i++) {
		char name[64], from[PATH_MAX];
		uint64_t bytes;
		void *data;

		snprintf(name, sizeof(name), "model-%05u-of-%05u.gguf", i + 1, PARTS);
		path_join(from, folder, name);
		path_join(part[i], scratch, name);
		data = file_read(from, &bytes);
		file_write(part[i], data, bytes);
		free(data);
	}
	return 0;
}

static int remove_parts(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

/* Both of these stand in the sentence. */
static void refuse(const char *path, int err, const char *file, const char *what)
{
	struct wick_diag diag = { 0 };
	char *json = NULL;

	assert_int_equal(wick_info(path, &json, &diag), err);
	if (!strstr(diag.text, file) || !strstr(diag.text, what))
		fail_msg("\"%s\" says nothing of %s, or of %s", diag.text, file, what);
}

/* Adds to the first byte of a key's value. */
static void change_key(const char *path, const char *key, int by)
{
	uint64_t bytes;
	uint8_t *data = file_read(path, &bytes), *name = memmem(data, bytes, key, strlen(key));

	assert_non_null(name);
	name[strlen(key) + KIND_BYTES] = (uint8_t)(name[strlen(key) + KIND_BYTES] + by);
	file_write(path, data, bytes);
	free(data);
}

static void described_as_one(void **state)
{
	struct wick_diag diag = { 0 };
	uint64_t bytes = 0;
	char *json = NULL, text[64];

	(void)state;
	for (unsigned i = 0; i < PARTS; i++)
		bytes += file_bytes(part[i]);
	assert_int_equal(wick_info(part[0], &json, &diag), 0);
	snprintf(text, sizeof(text), "\"file_bytes\": %llu", (unsigned long long)bytes);
	assert_non_null(strstr(json, text));
	assert_non_null(strstr(json, "\"tensors\": 21"));
	free(json);
}

static void parts_that_do_not_belong(void **state)
{
	char elsewhere[PATH_MAX];

	(void)state;
	refuse(part[1], -EINVAL, part[1], "split.no");
	path_join(elsewhere, scratch, "renamed.gguf");
	assert_int_equal(rename(part[0], elsewhere), 0);
	refuse(elsewhere, -EINVAL, elsewhere, "split.count");
	assert_int_equal(rename(elsewhere, part[0]), 0);
	assert_int_equal(rename(part[2], elsewhere), 0);
	refuse(part[0], -ENOENT, part[2], "split.count");
	assert_int_equal(rename(part[3], part[2]), 0);
	assert_int_equal(rename(elsewhere, part[3]), 0);
	refuse(part[0], -EINVAL, part[2], "split.no");
}

static void parts_of_another_model(void **state)
{
	static const char *const keys[] = { "split.count", "split.tensors.count" };
	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(keys); i++) {
		change_key(part[1], keys[i], 1);
		refuse(part[0], -EINVAL, part[1], keys[i]);
		change_key(part[1], keys[i], -1);
	}
	for (unsigned i = 0; i < PARTS; i++)
		change_key(part[i], "split.tensors.count", 1);
	refuse(part[0], -EINVAL, part[0], "split.tensors.count");
	for (unsigned i = 0; i < PARTS; i++)
		change_key(part[i], "split.tensors.count", -1);
}

static void a_tensor_in_two_parts(void **state)
{
	uint64_t bytes;
	char *data, *name;

	(void)state;
	data = file_read(part[2], &bytes);
	name = memmem(data, bytes, "blk.1.ffn_down.weight", strlen("blk.1.ffn_down.weight"));
	assert_non_null(name);
	name[4] = '0';
	file_write(part[2], data, bytes);
	free(data);
	refuse(part[0], -EINVAL, "model-0000", "\"blk.0.ffn_down.weight\" is in another part");
}

static int verify(uint64_t *learned, struct wick_diag *diag)
{
	struct wick_verified verified = { 0 };
	int err = wick_verify(part[0], NULL, NULL, &verified, diag);

	*learned = verified.learned;
	return err;
}

/* Sums are bound to every part, and guard every part. */
static void checksums_of_all_parts(void **state)
{
	const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	struct wick_diag diag = { 0 };
	uint64_t learned, all, bytes;
	uint8_t *data;

	(void)state;
	assert_int_equal(utimensat(AT_FDCWD, part[2], long_ago, 0), 0);
	assert_int_equal(verify(&all, &diag), 0);
	assert_true(all > 21);
	assert_int_equal(verify(&learned, &diag), 0);
	assert_int_equal(learned, 0);
	data = file_read(part[2], &bytes);
	data[bytes / 2] ^= 1;
	file_write(part[2], data, bytes);
	assert_int_equal(utimensat(AT_FDCWD, part[2], long_ago, 0), 0);
	assert_int_equal(verify(&learned, &diag), -EBADMSG);
	assert_non_null(strstr(diag.text, part[2]));
	file_write(part[2], data, bytes); /* now it is known to have changed */
	assert_int_equal(verify(&learned, &diag), 0);
	assert_int_equal(learned, all);
	free(data);
}

/* Logits of a few tokens. */
static void answer(float *logits, uint32_t vocab, const char *mode)
{
	const uint32_t ids[] = { 3, 1, 4, 1, 5, 9, 2, 6 };
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;

	wick_options_init(&options);
	options.memory.bytes = MODEL_WHOLE_BYTES;
	options.mode = mode;
	wick = model_open(part[0], &options);
	assert_int_equal(wick_report_of(wick)->vocab, vocab);
	assert_int_equal(wick_session_eval(session_of(wick), ids, WICK_COUNT_OF(ids), NULL, NULL, &diag), 0);
	memcpy(logits, wick_session_logits(session_of(wick)), vocab * sizeof(float));
	wick_close(wick);
}

/* One part is read directly, another lies in memory, behind a link. */
static void on_two_drives(void **state)
{
	char there[] = "/dev/shm/wick-split-XXXXXX", elsewhere[PATH_MAX];
	float first[259], other[259];
	uint64_t bytes;
	void *data;

	(void)state;
	answer(first, WICK_COUNT_OF(first), "naive");
	if (!mkdtemp(there))
		skip();
	path_join(elsewhere, there, "part");
	data = file_read(part[2], &bytes);
	file_write(elsewhere, data, bytes);
	free(data);
	assert_int_equal(unlink(part[2]), 0);
	assert_int_equal(symlink(elsewhere, part[2]), 0);
	answer(other, WICK_COUNT_OF(other), "naive");
	assert_memory_equal(first, other, sizeof(first));
	answer(other, WICK_COUNT_OF(other), "dense");
	assert_memory_equal(first, other, sizeof(first));
	assert_int_equal(unlink(elsewhere), 0);
	assert_int_equal(rmdir(there), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(described_as_one, copy_parts, remove_parts),
		cmocka_unit_test_setup_teardown(parts_that_do_not_belong, copy_parts, remove_parts),
		cmocka_unit_test_setup_teardown(parts_of_another_model, copy_parts, remove_parts),
		cmocka_unit_test_setup_teardown(a_tensor_in_two_parts, copy_parts, remove_parts),
		cmocka_unit_test_setup_teardown(checksums_of_all_parts, copy_parts, remove_parts),
		cmocka_unit_test_setup_teardown(on_two_drives, copy_parts, remove_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
