/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The limit of a cgroup: one that is below the budget is said, one that would have the process killed refuses it, and page
 * cache that is charged to the cgroup counts as free. Each question is asked by a process of its own inside the cgroup. */

#include "cgroup.h"
#include "fixture.h"

#include "bits.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (1ull << 20)
#define ROOM (64 * MIB) /* for a process that asks, and what libraries it is charged for */
#define BIG (48 * MIB)  /* of page cache */

static char scratch[PATH_MAX], model[PATH_MAX];
static struct cgroup cgroup;

/* What a process inside a cgroup with this limit answers. */
static void ask(char *answer, size_t bytes, uint64_t limit, void (*child)(uint64_t argument), uint64_t argument)
{
	int pipes[2], status;
	const char *why;
	ssize_t got;
	pid_t pid;

	assert_true(cgroup_create(&cgroup, &why));
	assert_true(cgroup_limit(&cgroup, limit));
	assert_int_equal(pipe(pipes), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		if (cgroup_enter(&cgroup))
			child(argument);
		fflush(stdout);
		_exit(0);
	}
	close(pipes[1]);
	got = read(pipes[0], answer, bytes - 1);
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	cgroup_remove(&cgroup);
	assert_int_equal(status, 0);
	assert_true(got > 0);
	answer[got] = 0;
}

static void set_options(struct wick_options *options, uint64_t budget)
{
	wick_options_init(options);
	options->threads = 1;
	options->ctx = 32;
	options->mode = "dense";
	options->memory.bytes = budget;
}

static void open_with_budget(uint64_t budget)
{
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;
	int code;

	set_options(&options, budget);
	code = wick_open(&wick, model, &options, &diag);
	printf("%d, %s", code, code ? diag.text : wick_report_of(wick)->limit);
	wick_close(wick);
}

static uint64_t whole_bytes(void)
{
	struct wick_options options;

	set_options(&options, 0);
	return model_whole_bytes(model, &options);
}

static void a_limit_above_the_budget_is_not_mentioned(void **state)
{
	char answer[1024];

	(void)state;
	ask(answer, sizeof(answer), 2 * ROOM, open_with_budget, 2 * ROOM);
	assert_string_equal(answer, "0, ");
}

static void a_limit_below_the_budget_is_said(void **state)
{
	char answer[1024];

	(void)state;
	ask(answer, sizeof(answer), ROOM, open_with_budget, 2 * ROOM);
	assert_string_equal(answer, "0, a cgroup allows this process 64.0 MiB, less than the budget");
}

static void a_limit_below_the_plan_is_refused(void **state)
{
	uint64_t whole = whole_bytes(), limit = wick_align_down(whole, 4096) - 4096; /* kept in whole pages */
	char answer[1024];

	(void)state;
	ask(answer, sizeof(answer), limit, open_with_budget, whole);
	assert_int_equal(strncmp(answer, "-28, a cgroup allows this process ", 34), 0);
	/* So small a model has no budget that is smaller by more than a process differs from another, so none is named. */
	assert_non_null(strstr(answer, " MiB, and the smallest budget that works here is "));
	assert_null(strstr(answer, "--memory"));
}

static void fill_page_cache(uint64_t bytes)
{
	static char block[1 << 16];
	char path[PATH_MAX];
	int fd;

	path_join(path, scratch, "big");
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	for (uint64_t at = 0; at < bytes; at += sizeof(block))
		if (write(fd, block, sizeof(block)) != sizeof(block))
			return;
	fsync(fd);
	printf("%llu", (unsigned long long)wick_free_bytes());
	close(fd);
	unlink(path);
}

static void page_cache_counts_as_free(void **state)
{
	char answer[1024];
	uint64_t before, after;
	struct statfs fs;

	(void)state;
	assert_int_equal(statfs(scratch, &fs), 0);
	if (fs.f_type == TMPFS_MAGIC) {
		print_message("  not tested: files here are memory\n");
		skip();
	}
	ask(answer, sizeof(answer), ROOM, fill_page_cache, 0);
	before = strtoull(answer, NULL, 10);
	assert_in_range(before, ROOM - BIG + 1, ROOM); /* so that the next could fail */
	ask(answer, sizeof(answer), ROOM, fill_page_cache, BIG);
	after = strtoull(answer, NULL, 10);
	assert_in_range(after, before - BIG / 2, ROOM);
}

static int make_model(void **state)
{
	char folder[PATH_MAX];

	(void)state;
	fixture_folder(folder, "plain-f32");
	scratch_make(scratch);
	path_join(model, scratch, "model.gguf");
	model_pack(folder, model, "f16");
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	cgroup_remove(&cgroup);
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_above_the_budget_is_not_mentioned),
		cmocka_unit_test(a_limit_below_the_budget_is_said),
		cmocka_unit_test(a_limit_below_the_plan_is_refused),
		cmocka_unit_test(page_cache_counts_as_free),
	};
	const char *why;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	puts("skipped: a sanitizer's own memory does not fit");
	return 77;
#endif
	if (!cgroup_create(&cgroup, &why)) {
		printf("skipped: %s\n", why);
		return 77;
	}
	cgroup_remove(&cgroup);
	return cmocka_run_group_tests(tests, make_model, remove_model);
}
