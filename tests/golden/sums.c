/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Checksums of a stock file: learned when its blocks first arrive, kept beside it, compared ever after, and dropped with
 * the file that they were of. */

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

#define FIXTURE "stock/qwen2-linear-f32"

static char scratch[PATH_MAX], model[PATH_MAX], kept[PATH_MAX];

static const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

/* A fresh copy of the fixture, of a time that can be set again. */
static int copy_model(void **state)
{
	char folder[PATH_MAX], from[PATH_MAX], cache[PATH_MAX];
	uint64_t bytes;
	void *data;

	(void)state;
	scratch_make(scratch);
	fixture_folder(folder, FIXTURE);
	path_join(from, folder, "model.gguf");
	path_join(model, scratch, "model.gguf");
	path_join(kept, scratch, "model.gguf.sums");
	path_join(cache, scratch, "cache");
	data = file_read(from, &bytes);
	file_write(model, data, bytes);
	free(data);
	assert_int_equal(utimensat(AT_FDCWD, model, long_ago, 0), 0);
	assert_int_equal(setenv("XDG_CACHE_HOME", cache, 1), 0);
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

/* Opens, evaluates a token and closes; what the report says of sums goes to said. */
static int use(char said[256], struct wick_diag *diag)
{
	const uint32_t id = 65;
	struct wick_options options;
	struct wick *wick = NULL;
	int err;

	wick_options_init(&options);
	options.memory.percent = 1000;
	err = wick_open(&wick, model, &options, diag);
	if (err)
		return err;
	snprintf(said, 256, "%s", wick_report_of(wick)->sums);
	err = wick_session_eval(session_of(wick), &id, 1, NULL, NULL, diag);
	wick_close(wick);
	return err;
}

/* Another bit in the middle of the file, at the same time of change or not. */
static void flip(bool unnoticed)
{
	uint64_t bytes;
	uint8_t *data = file_read(model, &bytes);

	data[bytes / 2] ^= 4;
	file_write(model, data, bytes);
	free(data);
	if (unnoticed)
		assert_int_equal(utimensat(AT_FDCWD, model, long_ago, 0), 0);
}

static void learned_and_kept(void **state)
{
	struct wick_verified verified;
	struct wick_diag diag;
	char said[256];

	(void)state;
	assert_int_equal(use(said, &diag), 0);
	assert_non_null(strstr(said, "no checksums are known yet"));
	assert_int_equal(access(kept, R_OK), 0);
	assert_int_equal(use(said, &diag), 0);
	assert_non_null(strstr(said, "are known, from"));
	assert_int_equal(wick_verify(model, NULL, NULL, &verified, &diag), 0);
	assert_true(verified.blocks > 10);
	assert_int_equal(wick_verify(model, NULL, NULL, &verified, &diag), 0);
	assert_int_equal(verified.learned, 0);
	assert_int_equal(use(said, &diag), 0);
	assert_non_null(strstr(said, "checksums of 100% are known"));
}

static void other_bytes_are_a_read_error(void **state)
{
	struct wick_diag diag;
	char said[256];

	(void)state;
	assert_int_equal(wick_verify(model, NULL, NULL, NULL, &diag), 0);
	flip(true);
	assert_int_equal(use(said, &diag), -EBADMSG);
	assert_non_null(strstr(diag.text, "checksum does not match"));
	assert_non_null(strstr(diag.text, "blk."));
	assert_int_equal(wick_verify(model, NULL, NULL, NULL, &diag), -EBADMSG);
}

static void another_file_begins_anew(void **state)
{
	struct wick_verified verified;
	struct wick_diag diag;
	char said[256];

	(void)state;
	assert_int_equal(wick_verify(model, NULL, NULL, NULL, &diag), 0);
	flip(false);
	assert_int_equal(use(said, &diag), 0);
	assert_non_null(strstr(said, "were dropped"));
	assert_int_equal(wick_verify(model, NULL, NULL, &verified, &diag), 0);
}

/* What cannot be used is as if it were not there. */
static void broken_sums_are_dropped(void **state)
{
	struct wick_diag diag;
	uint64_t bytes;
	uint8_t *data;
	char said[256];

	(void)state;
	assert_int_equal(wick_verify(model, NULL, NULL, NULL, &diag), 0);
	data = file_read(kept, &bytes);
	data[bytes - 9] ^= 1;
	file_write(kept, data, bytes);
	assert_int_equal(use(said, &diag), 0);
	assert_non_null(strstr(said, "were dropped"));
	file_write(kept, data, bytes / 2);
	free(data);
	assert_int_equal(use(said, &diag), 0);
}

/* Nobody writes to it: waiting for its bytes would be for ever. */
static void a_fifo_is_dropped(void **state)
{
	struct wick_diag diag;
	struct stat status;
	char said[256];

	(void)state;
	assert_int_equal(mkfifo(kept, 0600), 0);
	assert_int_equal(use(said, &diag), 0);
	assert_non_null(strstr(said, "were dropped"));
	assert_int_equal(stat(kept, &status), 0);
	assert_true(S_ISREG(status.st_mode));
}

/* A folder stands where they would be kept, so the cache folder takes them. */
static void kept_elsewhere(void **state)
{
	struct wick_diag diag;
	char said[256];

	(void)state;
	assert_int_equal(mkdir(kept, 0700), 0);
	assert_int_equal(wick_verify(model, NULL, NULL, NULL, &diag), 0);
	assert_int_equal(folder_entries(scratch), 3); /* model, folder, cache: no part is left */
	assert_int_equal(use(said, &diag), 0);
	assert_non_null(strstr(said, "/cache/wick/"));
	assert_non_null(strstr(said, "of 100%"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(learned_and_kept, copy_model, remove_model),
		cmocka_unit_test_setup_teardown(other_bytes_are_a_read_error, copy_model, remove_model),
		cmocka_unit_test_setup_teardown(another_file_begins_anew, copy_model, remove_model),
		cmocka_unit_test_setup_teardown(broken_sums_are_dropped, copy_model, remove_model),
		cmocka_unit_test_setup_teardown(a_fifo_is_dropped, copy_model, remove_model),
		cmocka_unit_test_setup_teardown(kept_elsewhere, copy_model, remove_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
