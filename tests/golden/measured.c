/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Running and measuring (see measured.h). */

#include "measured.h"

#include "fixture.h"

#include "bits.h"
#include "memory_limits.h"

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

#define RUN "--run-measured" /* MODEL MODE IO PERCENT BYTES BUFFERED CTX PROMPT */
#define RUN_ARGS 11
#define PROMPT_MAX 2048

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

uint64_t measured_lag_bytes(void)
{
	uint64_t cpus = (uint64_t)sysconf(_SC_NPROCESSORS_CONF);

	return 2 * cpus * WICK_MAX((uint64_t)32, 2 * cpus) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A prompt for each session, then tokens of all in one batch. */
static int evaluate(struct wick *wick, uint32_t prompt, struct wick_diag *diag)
{
	const struct wick_sampling sampling = { .size = sizeof(sampling), .temp = 0.8f, .top_p = 0.95f };
	uint32_t ids[PROMPT_MAX], count = wick_plan_of(wick)->sessions;
	struct wick_row rows[WICK_SESSIONS_MAX];
	int err = 0;

	for (uint32_t s = 0; !err && s < count; s++) {
		for (uint32_t i = 0; i < prompt; i++)
			ids[i] = 4 + (i * 7 + s) % 255;
		rows[s] = (struct wick_row){ .want = true };
		err = wick_session_create(&rows[s].session, wick, diag);
		if (!err)
			err = wick_session_eval(rows[s].session, ids, prompt, NULL, NULL, diag);
	}
	for (unsigned i = 0; !err && i < MEASURED_TOKENS; i++) {
		for (uint32_t s = 0; s < count; s++) {
			rows[s].id = wick_session_sample(rows[s].session, &sampling);
			rows[s].position = wick_session_position(rows[s].session);
		}
		err = wick_eval_rows(wick, rows, count, diag);
	}
	return err;
}

static void print_figures(struct wick *wick)
{
	const struct wick_plan *plan = wick_plan_of(wick);
	unsigned long long used_bytes = proc_bytes("/proc/self/smaps_rollup", "Rss: %llu");

	printf("%llu %llu %llu %d", (unsigned long long)plan->budget_bytes, (unsigned long long)plan->total_bytes,
		(unsigned long long)plan->process_bytes, wick_report_of(wick)->direct);
	printf(" %llu %llu", used_bytes, wick_process_cost_bytes() - used_bytes);
	wick_close(wick);
	printf(" %llu\n", proc_bytes("/proc/self/status", "VmHWM: %llu")); /* ru_maxrss begins with the parent's */
}

static int run(const char *path, struct wick_options *options, uint32_t prompt)
{
	struct wick_diag diag = { 0 };
	struct wick *wick;
	int err;

	if (!options->memory.bytes && !options->memory.percent) {
		struct wick_plan plan;

		options->memory.bytes = 1;
		wick_plan(path, options, &plan, NULL);
		options->memory.bytes = plan.minimum_bytes;
	}
	err = wick_open(&wick, path, options, &diag);
	if (!err)
		err = evaluate(wick, prompt, &diag);
	if (!err)
		print_figures(wick);
	else
		fprintf(stderr, "%d, %s\n", err, diag.text);
	return err != 0;
}

int measured_main(int argc, char **argv)
{
	struct wick_options options;

	if (argc != RUN_ARGS || strcmp(argv[1], RUN))
		return -1;
	wick_options_init(&options);
	options.mode = argv[3];
	options.io = *argv[4] ? argv[4] : NULL;
	options.memory.percent = atof(argv[5]);
	options.memory.bytes = strtoull(argv[6], NULL, 10);
	options.buffered = atoi(argv[7]);
	options.ctx = (uint32_t)atoi(argv[8]);
	options.sessions = (uint32_t)atoi(argv[10]);
	options.threads = 2;
	return run(argv[2], &options, WICK_MIN((uint32_t)atoi(argv[9]), PROMPT_MAX));
}

static void start(const char *model, const struct measured_setting *setting)
{
	char percent[32], bytes[32], ctx[16], prompt[16], sessions[16];

	snprintf(percent, sizeof(percent), "%.17g", setting->bytes ? 0 : setting->percent);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)setting->bytes);
	snprintf(ctx, sizeof(ctx), "%u", setting->ctx);
	snprintf(prompt, sizeof(prompt), "%u", setting->prompt);
	snprintf(sessions, sizeof(sessions), "%u", setting->sessions);
	execl("/proc/self/exe", "measured", RUN, model, setting->mode, setting->io ? setting->io : "", percent, bytes,
		setting->buffered ? "1" : "0", ctx, prompt, sessions, NULL);
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

/* A page that the kernel holds just then stays, so a few tries are allowed. */
bool measured_evict(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fsync(fd), 0);
	for (unsigned i = 0; i < 10 && (!i || cached_bytes(path)); i++)
		assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
	return !cached_bytes(path);
}

int measured_run(struct measured *measured, const char *model, const struct measured_setting *setting,
	const struct cgroup *cgroup)
{
	unsigned long long budget = 0, planned = 0, process = 0, used = 0, untouched = 0, peak = 0;
	int pipes[2], status, direct = 0;
	char text[256] = "";
	ssize_t got;
	pid_t pid;

	assert_true(measured_evict(model));
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		if (!cgroup->folder[0] || cgroup_enter(cgroup))
			start(model, setting);
		_exit(127);
	}
	close(pipes[1]);
	got = read(pipes[0], text, sizeof(text) - 1);
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (got > 0)
		sscanf(text, "%llu %llu %llu %d %llu %llu %llu", &budget, &planned, &process, &direct, &used, &untouched, &peak);
	*measured = (struct measured){ .budget_bytes = budget, .planned_bytes = planned, .process_bytes = process,
		.used_bytes = used, .untouched_bytes = untouched, .peak_bytes = peak, .left_bytes = cached_bytes(model), .direct = direct,
		.cgroup_bytes = cgroup->folder[0] ? cgroup_peak_bytes(cgroup) : 0 };
	return status;
}
