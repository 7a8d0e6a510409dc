/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The whole process, and the page cache it causes, stay within the budget.
 *
 * Each run is a process of its own, this program executed again. It is measured in four ways, since each is blind
 * somewhere:
 *
 *     its memory, page by page        before it ends, when all of it is in use; counts shared libraries, but no page
 *                                     cache
 *     its high-water mark (VmHWM)     likewise, at its worst; the kernel's sums for it lag behind on every CPU
 *     pages of the model in the       what it left behind; the file is evicted first, since a page that is there
 *     page cache when it has ended    already costs nothing
 *     peak of a cgroup without limit  counts page cache at its worst, but not libraries that others have loaded; with a
 *                                     limit it could never be above it, whatever the process did
 *
 * And in a cgroup of exactly that size the run must live.
 */

#include "cgroup.h"
#include "fixture.h"
#include "predictors.h"
#include "synth.h"

#include "bits.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PERCENT_LEAST 0 /* the smallest budget that works, instead of a share */

struct setting {
	const char *mode, *io;
	double percent;
	bool buffered;
	bool trained; /* with predictors in a file of their own */
};

static const struct setting settings[] = {
	{ "dense", NULL, PERCENT_LEAST, false },
	{ "dense", NULL, 60, false },
	{ "dense", "pread", 60, false },
	{ "dense", "mmap", 60, false },
	{ "dense", NULL, 100, false },
	{ "dense", NULL, 200, false }, /* all of it resident */
	{ "hybrid", NULL, 60, false },
	{ "naive", NULL, PERCENT_LEAST, false },
	{ "dense", NULL, 60, true },
	{ "naive", "pread", PERCENT_LEAST, true },
	{ "sparse", NULL, PERCENT_LEAST, false },
	{ "sparse", "pread", 60, false },
	{ "sparse", NULL, 100, true },
	{ "sparse", NULL, PERCENT_LEAST, false, .trained = true },
	{ "sparse", NULL, 60, true, .trained = true },
};

/* What a run says of itself when it ends. */
struct outcome {
	unsigned long long budget_bytes, used_bytes, peak_bytes;
	int direct;
};

static char scratch[PATH_MAX], model[PATH_MAX], trained[PATH_MAX]; /* trained: the same, under another name */
static struct cgroup cgroup;

static void setting_options(struct wick_options *options, const struct setting *setting)
{
	wick_options_init(options);
	options->mode = setting->mode;
	options->io = setting->io;
	options->buffered = setting->buffered;
	options->threads = 2;
	options->ctx = 128;
	options->memory.percent = setting->percent;
}

/* The number of a line like "VmHWM:   123 kB", in bytes. */
static unsigned long long proc_bytes(const char *path, const char *format)
{
	unsigned long long kib = 0;
	char line[256];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file) && sscanf(line, format, &kib) != 1)
		;
	if (file)
		fclose(file);
	return kib * 1024;
}

/* By how much VmHWM may be wrong: two sums, file pages and others, each behind by a batch on every CPU. */
static uint64_t lag_bytes(void)
{
	uint64_t cpus = (uint64_t)sysconf(_SC_NPROCESSORS_CONF);

	return 2 * cpus * WICK_MAX((uint64_t)32, 2 * cpus) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The run: a long prompt and some tokens. */
static int child(const char *path, const struct setting *setting)
{
	const struct wick_sampling sampling = { .temp = 0.8f, .top_p = 0.95f };
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;
	uint32_t ids[100];
	int err;

	for (uint32_t i = 0; i < 100; i++)
		ids[i] = 4 + i * 7 % 256;
	setting_options(&options, setting);
	if (!setting->percent) {
		struct wick_plan plan;

		options.memory.bytes = 1;
		wick_plan(path, &options, &plan, NULL);
		options.memory.bytes = plan.minimum_bytes;
	}
	err = wick_open(&wick, path, &options, &diag);
	if (!err)
		err = wick_eval(wick, ids, 100, NULL, NULL, &diag);
	for (unsigned i = 0; !err && i < 8; i++) {
		uint32_t id = wick_sample(wick, &sampling);

		err = wick_eval(wick, &id, 1, NULL, NULL, &diag);
	}
	if (err) {
		fprintf(stderr, "%d, %s\n", err, diag.text);
		return 1;
	}
	printf("%llu %d", (unsigned long long)wick_plan_of(wick)->budget_bytes, wick_report_of(wick)->direct);
	printf(" %llu", proc_bytes("/proc/self/smaps_rollup", "Rss: %llu"));
	wick_close(wick);
	printf(" %llu\n", proc_bytes("/proc/self/status", "VmHWM: %llu")); /* ru_maxrss begins with the parent's */
	return 0;
}

/* Bytes of a file that are in the page cache. */
static uint64_t cached_bytes(const char *path)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bytes = file_bytes(path), cached = 0;
	uint64_t pages = wick_div_up(bytes, page);
	unsigned char *there = malloc(pages);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	assert_non_null(there);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_int_equal(mincore(map, bytes, there), 0);
	for (uint64_t i = 0; i < pages; i++)
		cached += there[i] & 1;
	munmap(map, bytes);
	close(fd);
	free(there);
	return cached * page;
}

/* Whether the file has left the page cache; that of tmpfs, say, lives nowhere else. A page that the kernel holds just
 * then stays, so a few tries are allowed. */
static bool evict(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fsync(fd), 0);
	for (unsigned i = 0; i < 10 && (!i || cached_bytes(path)); i++)
		assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
	return !cached_bytes(path);
}

/* Runs this program again as a child, inside the cgroup if there is one. Returns what waitpid said. */
static int run_child(unsigned setting, struct outcome *outcome)
{
	char number[16], text[256] = "";
	int pipes[2], status;
	ssize_t got;
	pid_t pid;

	snprintf(number, sizeof(number), "%u", setting);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		if (!cgroup.folder[0] || cgroup_enter(&cgroup))
			execl("/proc/self/exe", "budget", settings[setting].trained ? trained : model, number, NULL);
		_exit(127);
	}
	close(pipes[1]);
	got = read(pipes[0], text, sizeof(text) - 1);
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*outcome = (struct outcome){ 0 };
	if (got > 0)
		sscanf(text, "%llu %d %llu %llu", &outcome->budget_bytes, &outcome->direct, &outcome->used_bytes,
			&outcome->peak_bytes);
	return status;
}

static void check_setting(unsigned i)
{
	const struct setting *setting = &settings[i];
	const char *why;
	struct outcome outcome;
	uint64_t peak = 0, left;

	if (!cgroup_create(&cgroup, &why))
		print_message("  %s\n", why);
	assert_true(evict(model));
	assert_int_equal(run_child(i, &outcome), 0);
	left = cached_bytes(model);
	if (cgroup.folder[0])
		peak = cgroup_peak_bytes(&cgroup);
	print_message("  %-6s %3.0f%% %-8s budget %5.1f MB, process %5.1f, at most %5.1f, left in the page cache %4.1f, "
		"cgroup %5.1f\n", setting->mode, setting->percent, outcome.direct ? "direct" : "buffered",
		outcome.budget_bytes / 1e6, outcome.used_bytes / 1e6, outcome.peak_bytes / 1e6, left / 1e6, peak / 1e6);
	assert_false(outcome.direct && setting->buffered);
	assert_in_range(outcome.used_bytes, 1, outcome.budget_bytes - left);
	assert_in_range(outcome.peak_bytes, 1, outcome.budget_bytes - left + lag_bytes());
	assert_in_range(peak, 0, outcome.budget_bytes);
	cgroup_remove(&cgroup);
}

static void peak_is_within_the_budget(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(settings); i++)
		check_setting(i);
}

/* The kernel enforces what was promised: a run whose cgroup is as large as its budget is not killed. */
static void lives_in_a_cgroup_of_that_size(void **state)
{
	const char *why;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(settings); i++) {
		struct outcome outcome;
		uint64_t budget;

		assert_int_equal(run_child(i, &outcome), 0);
		budget = outcome.budget_bytes;
		if (!cgroup_create(&cgroup, &why)) {
			print_message("  not tested: %s\n", why);
			skip();
		}
		assert_true(cgroup_limit(&cgroup, budget));
		assert_true(evict(model));
		assert_int_equal(run_child(i, &outcome), 0);
		cgroup_remove(&cgroup);
	}
}

/* Were memory not charged to the cgroup, the test above would pass for ever: half of it has to be too little. */
static void dies_in_half_of_it(void **state)
{
	struct outcome outcome;
	const char *why;
	uint64_t budget;

	(void)state;
	assert_int_equal(run_child(3, &outcome), 0);
	budget = outcome.budget_bytes;
	if (!cgroup_create(&cgroup, &why))
		skip();
	assert_true(cgroup_limit(&cgroup, budget / 2));
	assert_int_not_equal(run_child(3, &outcome), 0);
	cgroup_remove(&cgroup);
}

static int make_model(void **state)
{
	static const struct synth_shape shape = { .layers = 6, .d_model = 512, .heads = 8, .ffn = 2048, .vocab = 512,
		.ctx = 128 };

	(void)state;
	scratch_make(scratch);
	synth_checkpoint(scratch, &shape);
	path_join(model, scratch, "model.gguf");
	model_pack(scratch, model, "bf16");
	path_join(trained, scratch, "trained.gguf");
	assert_int_equal(link(model, trained), 0);
	predictors_write(trained);
	if (evict(model))
		return 0;
	puts("skipped: files here cannot be evicted from the page cache");
	scratch_remove(scratch);
	exit(77);
}

/* A test that failed leaves its cgroup. */
static int leave(void **state)
{
	(void)state;
	cgroup_remove(&cgroup);
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(peak_is_within_the_budget, leave),
		cmocka_unit_test_teardown(lives_in_a_cgroup_of_that_size, leave),
		cmocka_unit_test_teardown(dies_in_half_of_it, leave),
	};

	if (argc == 3)
		return child(argv[1], &settings[atoi(argv[2]) % WICK_COUNT_OF(settings)]);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	puts("skipped: a sanitizer's own memory is not in the budget");
	return 77;
#endif
	return cmocka_run_group_tests(tests, make_model, remove_model);
}
