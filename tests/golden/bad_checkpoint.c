/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Bad checkpoints are refused with one sentence that names the place, and leave no output. */

#include "damage.h"
#include "fixture.h"

#include "bits.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

/* In the scratch folder: a copy of a checkpoint, a folder for the output, and that. */
static char scratch[PATH_MAX], source[PATH_MAX], out[PATH_MAX], target[PATH_MAX];

static int make_scratch(void **state)
{
	(void)state;
	scratch_make(scratch);
	path_join(source, scratch, "source");
	path_join(out, scratch, "out");
	path_join(target, out, "model.gguf");
	assert_int_equal(mkdir(source, 0755), 0);
	assert_int_equal(mkdir(out, 0755), 0);
	return 0;
}

static int remove_scratch(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

static void copy_fixture(const char *name)
{
	char folder[PATH_MAX];

	fixture_folder(folder, name);
	folder_copy(folder, source);
}

static void check_refused(const char *type, const char *name, const char *const words[2])
{
	const struct wick_pack_options options = { .type = type };
	struct wick_diag diag = { 0 };
	int code = wick_pack(source, target, &options, &diag);

	print_message("  %s: %s\n", name, diag.text);
	if (code >= 0)
		fail_msg("%s: packed, with code %d", name, code);
	for (unsigned i = 0; i < 2 && words[i]; i++)
		if (!strstr(diag.text, words[i]))
			fail_msg("%s: no \"%s\" in the sentence \"%s\"", name, words[i], diag.text);
	assert_int_not_equal(diag.text[0], 0);
	if (folder_entries(out))
		fail_msg("%s: something is left beside the output", name);
}

static void damaged_is_refused(void **state)
{
	const struct damage *damage = *state;

	copy_fixture(damage->fixture);
	damage->damage(source);
	check_refused("f32", damage->name, damage->words);
}

/* Unless a copy packs as it is, none of the refusals above means anything. */
static void undamaged_is_packed(void **state)
{
	static const char *const names[] = { "plain-f32", "sharded-f16", "bin-hub-f16", "sharded-bin-bf16" };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(names); i++) {
		copy_fixture(names[i]);
		model_pack(source, target, "f32");
		assert_int_equal(folder_entries(out), 1);
		remove_scratch(NULL);
		make_scratch(NULL);
	}
}

static void failure_keeps_the_old_output(void **state)
{
	const struct wick_pack_options options = { .type = "f32" };
	uint64_t bytes;
	char *kept;

	(void)state;
	copy_fixture("plain-f32");
	file_write(target, "what was there", 14);
	damages[0].damage(source);
	assert_true(wick_pack(source, target, &options, NULL) < 0);
	assert_int_equal(folder_entries(out), 1);
	kept = file_read(target, &bytes);
	assert_string_equal(kept, "what was there");
	free(kept);
}

/* The limit on the size of files stands in for a disk that is full. */
static void disk_full(void **state)
{
	const struct wick_pack_options options = { .type = "f32" };
	struct wick_diag diag = { 0 };
	struct rlimit limit, before;
	int code;

	(void)state;
	copy_fixture("plain-f32");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 200000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	code = wick_pack(source, target, &options, &diag);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(code, -EFBIG);
	assert_non_null(strstr(diag.text, "model.gguf"));
	assert_int_equal(folder_entries(out), 0);
}

static void output_cannot_be_written(void **state)
{
	const char *const words[2] = { "nowhere", NULL };

	(void)state;
	copy_fixture("plain-f32");
	path_join(target, out, "nowhere/model.gguf");
	check_refused("f32", "output_cannot_be_written", words);
}

static void type_unknown(void **state)
{
	const char *const words[2] = { "f8", NULL };

	(void)state;
	copy_fixture("plain-f32");
	check_refused("f8", "type_unknown", words);
}

static void source_is_not_there(void **state)
{
	const char *const words[2] = { "absent", NULL };

	(void)state;
	path_join(source, scratch, "absent");
	check_refused("f32", "source_is_not_there", words);
}

/* Ended by the caller, as by Ctrl-C. */
static int end_it(void *user, uint64_t bytes_done, uint64_t bytes_total)
{
	*(unsigned *)user += bytes_done > bytes_total;
	return bytes_done > bytes_total / 2;
}

static void ended_by_the_caller(void **state)
{
	unsigned beyond = 0;
	const struct wick_pack_options options = { .type = "f32", .progress = end_it, .user = &beyond };

	(void)state;
	copy_fixture("plain-f32");
	assert_int_equal(wick_pack(source, target, &options, NULL), -ECANCELED);
	assert_int_equal(folder_entries(out), 0);
	assert_int_equal(beyond, 0);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make_scratch, remove_scratch)

int main(void)
{
	static const struct CMUnitTest others[] = {
		IN_SCRATCH(undamaged_is_packed),
		IN_SCRATCH(failure_keeps_the_old_output),
		IN_SCRATCH(disk_full),
		IN_SCRATCH(output_cannot_be_written),
		IN_SCRATCH(type_unknown),
		IN_SCRATCH(source_is_not_there),
		IN_SCRATCH(ended_by_the_caller),
	};
	struct CMUnitTest tests[DAMAGES + WICK_COUNT_OF(others)];

	for (unsigned i = 0; i < DAMAGES; i++)
		tests[i] = (struct CMUnitTest){ damages[i].name, damaged_is_refused, make_scratch, remove_scratch,
			(void *)&damages[i] };
	memcpy(tests + DAMAGES, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
