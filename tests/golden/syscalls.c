/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Each system call fails in turn, as a drive, a full disk or a signal makes it: what reads and writes files goes on, or ends
 * with that error and a sentence; under a name there is the old file or the new one, whole, and nothing else beside it. */

#include "failing.h"
#include "fixture.h"
#include "operations.h"

#include "bits.h"

#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STEP 13 /* one in so many fails */
#else
#define STEP 1
#endif

#define OUTPUTS 2
#define READS (FAILING_READ | FAILING_READ_AT)
#define WRITES (FAILING_WRITE | FAILING_DIRECT)
#define FULL (FAILING_OPEN | WRITES | FAILING_RESERVE | FAILING_SYNC | FAILING_CUT | FAILING_RENAME)

static const struct failing faults[] = {
	{ "EIO", FAILING_READ, EIO },
	{ "EIO once", FAILING_READ_AT, EIO, .no_matter = true },
	{ "EIO", FAILING_ALL & ~READS, EIO },
	{ "ENOSPC", FULL | FAILING_NAMELESS | FAILING_LINK, ENOSPC },
	{ "ENOSPC, with a name", FULL, ENOSPC, .named = true },
	{ "EINTR", READS, EINTR, .no_matter = true },
	{ "EINTR", WRITES | FAILING_RESERVE, EINTR, .no_matter = true },
	{ "half", READS, .no_matter = true },
	{ "half", WRITES, .no_matter = true },
	{ "the end", READS, .none = true },
	{ "no direct write", FAILING_DIRECT, EINVAL, .no_matter = true },
	{ "no direct I/O", FAILING_FLAGS, EINVAL, .no_matter = true },
	{ "no file without a name", FAILING_NAMELESS, EOPNOTSUPP, .no_matter = true },
	{ "a name that is taken", FAILING_LINK, EEXIST, .no_matter = true },
	{ "nothing reserved", FAILING_RESERVE, EOPNOTSUPP, .no_matter = true },
};

static void *part_data; /* of a training that was stopped in the last layer */
static uint64_t part_bytes;

static int open_it(struct wick_diag *diag)
{
	struct wick_options options;
	struct wick *wick;
	int code;

	wick_options_init(&options);
	options.mode = "sparse";
	options.io = "pread";
	options.threads = 1;
	options.ctx = 32;
	options.trace = at.trace;
	code = wick_open(&wick, at.predicted, &options, diag);
	wick_close(wick);
	return code;
}

static int pack_it(struct wick_diag *diag)
{
	return wick_pack(at.source, at.out, NULL, diag);
}

/* Goes on with what was kept, which an error does not take away. */
static int train_it(struct wick_diag *diag)
{
	int code;

	file_write(at.part, part_data, part_bytes);
	code = operations_train(0, NULL, diag);
	if (code < 0)
		assert_true(file_bytes(at.part) >= part_bytes);
	unlink(at.part);
	return code;
}

static const struct operation {
	const char *name, *fixture;
	int (*run)(struct wick_diag *diag);
	const char *outputs[OUTPUTS];
	unsigned least; /* faults: so that the test can fail */
	unsigned step;  /* one read in so many fails; 0: each */
} operations[] = {
	{ "open", NULL, open_it, { NULL }, 30 },
	{ "verify", NULL, operations_verify, { NULL }, 20 },
	{ "info", NULL, operations_info, { NULL }, 20 },
	{ "pack safetensors", "sharded-f16", pack_it, { at.out }, 100, .step = 7 },
	{ "pack pytorch", "post-norm-f16", pack_it, { at.out }, 50 },
	{ "order", NULL, operations_order, { at.out, at.out_sidecar }, 100, .step = 11 },
	{ "train", NULL, train_it, { at.sidecar }, 40, .step = 8 },
	{ "import", NULL, operations_import, { at.sidecar }, 60 },
	{ "make up a trace", NULL, operations_synthesize, { at.out }, 10 },
	{ "pack a stock file", "stock/qwen3-tied-bf16", operations_pack_stock, { at.out }, 40 },
	{ "pack the folder of one", "stock/qwen3-tied-bf16/folder", pack_it, { at.out }, 60, .step = 5 },
};

struct file {
	void *data;
	uint64_t bytes;
};

static bool same(const char *path, const void *data, uint64_t bytes)
{
	struct file file;
	bool is;

	if (access(path, F_OK))
		return !data;
	file.data = file_read(path, &file.bytes);
	is = data && file.bytes == bytes && !memcmp(file.data, data, bytes);
	free(file.data);
	return is;
}

/* Predictors whose last rename failed are whole under another name beside the model that is in place, and it runs. */
static void remove_meanwhile(const char *when)
{
	char pattern[PATH_MAX];
	glob_t found;

	path_join(pattern, at.scratch, "out.pred.????????.gguf");
	if (!strstr(when, "in place, its predictors as") || glob(pattern, 0, NULL, &found))
		return;
	assert_int_equal(found.gl_pathc, 1);
	unlink(found.gl_pathv[0]);
	globfree(&found);
}

/* The files from before, or those that a run without faults writes. The second, predictors, are for the first: a failed run
 * takes them away where the old model stays, unless it says that they are in place. */
static void check_outputs(const struct operation *operation, const struct file *wanted, int code, const char *when)
{
	bool in_place = !code || strstr(when, "is in place"), new = true;

	remove_meanwhile(when);
	for (unsigned i = 0; i < OUTPUTS && operation->outputs[i]; i++) {
		const char *path = operation->outputs[i];
		bool old = same(path, "old", 3), none = i && same(path, NULL, 0);

		new = same(path, wanted[i].data, wanted[i].bytes) && (new || in_place);
		if (!new && (!code || (!old && !none)))
			fail_msg("%s: %s is neither the old file nor the new one", when, path);
		unlink(path);
	}
}

/* One run with the k-th call failing. Whether there were as many. */
static bool try(const struct operation *operation, const struct failing *fault, uint64_t k, const struct file *wanted)
{
	unsigned entries = folder_entries(at.scratch), left;
	struct wick_diag diag = { 0 };
	bool failed;
	char when[1280];
	int code;

	for (unsigned i = 0; i < OUTPUTS && operation->outputs[i]; i++)
		file_write(operation->outputs[i], "old", 3);
	failing_begin(fault, k);
	code = operation->run(&diag);
	failed = failing_end();
	snprintf(when, sizeof(when), "%s, %s at call %llu: %d, \"%s\"", operation->name, fault->name, (unsigned long long)k, code,
		diag.text);
	if ((code && (!diag.text[0] || fault->no_matter)) || (code && fault->code && code != -fault->code))
		fail_msg("%s", when);
	check_outputs(operation, wanted, code, when);
	left = folder_entries(at.scratch);
	if (left != entries)
		fail_msg("%s: %u files are left", when, left - entries);
	return failed;
}

static void calls_fail_anywhere(void **state)
{
	const struct operation *operation = *state;
	struct file wanted[OUTPUTS] = { 0 };
	unsigned tried = 0;

	if (operation->fixture)
		fixture_folder(at.source, operation->fixture);
	assert_int_equal(operation->run(NULL), 0);
	for (unsigned i = 0; i < OUTPUTS && operation->outputs[i]; i++) {
		wanted[i].data = file_read(operation->outputs[i], &wanted[i].bytes);
		unlink(operation->outputs[i]);
	}
	for (unsigned i = 0; i < WICK_COUNT_OF(faults); i++) {
		unsigned step = !(faults[i].calls & ~READS) && operation->step ? operation->step : STEP;

		for (uint64_t k = 1; try(operation, &faults[i], k, wanted); k += step)
			tried++;
	}
	print_message("  %s: %u faults\n", operation->name, tried);
	assert_in_range(tried, STEP > 1 ? 1 : operation->least, UINT32_MAX);
	for (unsigned i = 0; i < OUTPUTS; i++)
		free(wanted[i].data);
}

static int stop_in_the_last_layer(void *user, uint32_t layer, uint32_t layers, const char *what, double done)
{
	(void)user, (void)what, (void)done;
	return layer + 1 == layers;
}

static int make(void **state)
{
	operations_make(state);
	assert_int_equal(operations_train(0, stop_in_the_last_layer, NULL), -ECANCELED);
	part_data = file_read(at.part, &part_bytes);
	unlink(at.part);
	return 0;
}

static int clean_up(void **state)
{
	failing_end();
	free(part_data);
	return operations_remove(state);
}

#define TEST(i) { operations[i].name, calls_fail_anywhere, NULL, NULL, (void *)&operations[i] }

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(0), TEST(1), TEST(2), TEST(3), TEST(4), TEST(5), TEST(6), TEST(7), TEST(8),
		TEST(9), TEST(10) };

	return cmocka_run_group_tests(tests, make, clean_up);
}
