/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The lists that flashbench takes, and cells on a small file: what is read, never how fast. */

#include "flash.h"

#include "bits.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_list(const char *text, bool sizes, const uint64_t *values, unsigned count)
{
	struct flash_list list;

	assert_int_equal(flash_list_parse(&list, "--it", text, sizes, 1, 1u << 30, NULL), 0);
	assert_int_equal(list.count, count);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(list.value[i], values[i]);
}

static void lists_double_and_join(void **state)
{
	(void)state;
	expect_list("4k", true, (const uint64_t[]){ 4096 }, 1);
	expect_list("4k..32K", true, (const uint64_t[]){ 4096, 8192, 16384, 32768 }, 4);
	expect_list("4608..10k", true, (const uint64_t[]){ 4608, 9216, 10240 }, 3);
	expect_list("1..8", false, (const uint64_t[]){ 1, 2, 4, 8 }, 4);
	expect_list("3..3", false, (const uint64_t[]){ 3 }, 1);
	expect_list("32,1..4,2,100", false, (const uint64_t[]){ 32, 1, 2, 4, 100 }, 5);
	expect_list("1073741823..1073741824", false, (const uint64_t[]){ (1u << 30) - 1, 1u << 30 }, 2);
}

static void sizes_are_said_short(void **state)
{
	(void)state;
	assert_string_equal(SIZE(0), "0");
	assert_string_equal(SIZE(4608), "4608");
	assert_string_equal(SIZE(1024), "1k");
	assert_string_equal(SIZE(1536 * 1024), "1536k");
	assert_string_equal(SIZE(1ull << 30), "1G");
	assert_string_equal(SIZE(UINT64_MAX), "18446744073709551615");
}

static struct flash_bench bench;

static const char *scratch(void)
{
	const char *folder = getenv("TMPDIR");

	return folder ? folder : "/tmp";
}

static int make_file(void **state)
{
	struct wick_diag diag = { "" };

	(void)state;
	bench = (struct flash_bench){ .seconds = 0.02, .io = { .method = "pread" } };
	return flash_open(&bench, scratch(), 1 << 20, false, &diag);
}

static int drop_file(void **state)
{
	(void)state;
	flash_close(&bench);
	return 0;
}

/* The file cannot be compressed, and no block of it is another's copy, so that no clever drive can cheat. */
static void the_test_file_is_noise(void **state)
{
	static uint8_t bytes[1 << 20];
	unsigned seen[256] = { 0 };

	(void)state;
	assert_int_equal(bench.file.size, sizeof(bytes));
	assert_true(bench.made);
	assert_int_equal(pread(bench.file.fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		seen[bytes[i]]++;
	for (unsigned i = 0; i < 256; i++)
		assert_in_range(seen[i], 3700, 4500); /* 4096, and more than six deviations on both sides */
	for (unsigned i = 4096; i < sizeof(bytes); i += 4096)
		assert_memory_not_equal(bytes, bytes + i, 512);
}

/* System calls that fail on command, with a positive errno; 0: they work. */
static struct {
	int sync_error, reserve_error, nameless_error, thread_error;
	unsigned sync_how; /* the flags that it fails with */
	unsigned reserve_times;
	unsigned names;    /* of files that were made with one */
	unsigned threads;  /* that the thread of the test may still start */
} calls;
static pthread_t of_the_test;

int __real_sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned how);
int __wrap_sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned how);
int __real_fallocate64(int fd, int mode, off64_t offset, off64_t bytes);
int __wrap_fallocate64(int fd, int mode, off64_t offset, off64_t bytes);
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_mkostemp64(char *path, int flags);
int __wrap_mkostemp64(char *path, int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument);

static int fails_with(int error)
{
	errno = error;
	return -1;
}

int __wrap_sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned how)
{
	if (calls.sync_error && how == calls.sync_how)
		return fails_with(calls.sync_error);
	return __real_sync_file_range(fd, offset, bytes, how);
}

int __wrap_fallocate64(int fd, int mode, off64_t offset, off64_t bytes)
{
	if (!calls.reserve_times)
		return __real_fallocate64(fd, mode, offset, bytes);
	calls.reserve_times--;
	return fails_with(calls.reserve_error);
}

int __wrap_open64(const char *path, int flags, ...)
{
	va_list rest;
	mode_t mode;

	va_start(rest, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	if (calls.nameless_error && (flags & O_TMPFILE) == O_TMPFILE)
		return fails_with(calls.nameless_error);
	return __real_open64(path, flags, mode);
}

int __wrap_mkostemp64(char *path, int flags)
{
	calls.names++;
	return __real_mkostemp64(path, flags);
}

/* Those of a queue come from other threads. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *), void *argument)
{
	if (calls.thread_error && pthread_equal(pthread_self(), of_the_test) && !calls.threads--)
		return calls.thread_error;
	return __real_pthread_create(thread, attributes, work, argument);
}

static int mend_calls(void **state)
{
	(void)state;
	memset(&calls, 0, sizeof(calls));
	return 0;
}

/* Makes a file of a few blocks; returns what came of it. */
static int make_long_file(struct wick_diag *diag)
{
	int rc;

	diag->text[0] = 0;
	rc = flash_open(&bench, scratch(), 9 << 20, false, diag);
	flash_close(&bench);
	return rc;
}

/* When a block's pages could not be written that is told once, and not by the sync of all in the end. */
static void a_block_that_cannot_be_written_is_told(void **state)
{
	static const unsigned hows[] = { SYNC_FILE_RANGE_WRITE,
		SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER };
	struct wick_diag diag;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(hows); i++) {
		calls.sync_how = hows[i];
		calls.sync_error = EIO;
		assert_int_equal(make_long_file(&diag), -EIO);
		assert_non_null(strstr(diag.text, "writing a test file of 9.4 MB: Input/output error"));
		calls.sync_error = ENOSYS;
		assert_int_equal(make_long_file(&diag), 0);
	}
}

static void room_that_cannot_be_reserved_is_done_without(void **state)
{
	static const struct {
		int error;
		unsigned times;
		int rc;
	} refusals[] = { { EINTR, 3, 0 }, { EOPNOTSUPP, 1, 0 }, { ENOSYS, 1, 0 }, { ENOSPC, 1, -ENOSPC } };
	struct wick_diag diag;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(refusals); i++) {
		calls.reserve_error = refusals[i].error;
		calls.reserve_times = refusals[i].times;
		assert_int_equal(make_long_file(&diag), refusals[i].rc);
		assert_int_equal(calls.reserve_times, 0);
	}
}

/* Whether files without a name can be had there. */
static bool has_nameless(void)
{
	int fd = open(scratch(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void the_test_file_never_has_a_name(void **state)
{
	struct wick_diag diag;

	(void)state;
	if (has_nameless()) {
		assert_int_equal(make_long_file(&diag), 0);
		assert_int_equal(calls.names, 0);
	}
	calls.nameless_error = EOPNOTSUPP;
	assert_int_equal(make_long_file(&diag), 0);
	assert_int_equal(calls.names, 1);
}

/* The last of three: the others, which may fail meanwhile, come back without having measured. */
static void a_thread_that_cannot_be_started_is_told(void **state)
{
	struct flash_cell cell = { .chunk_bytes = 4096, .depth = 100000, .threads = 3 };
	struct wick_diag diag = { "" };

	(void)state;
	of_the_test = pthread_self();
	calls.thread_error = EAGAIN;
	calls.threads = 2;
	assert_int_equal(flash_cell_run(&bench, &cell, NULL, NULL, &diag), -EAGAIN);
	assert_string_equal(diag.text, "cannot start thread 3 of 3: Resource temporarily unavailable");
}

static int drop_file_and_mend(void **state)
{
	return drop_file(state) | mend_calls(state);
}

static unsigned ticks;

static void tick(void *user)
{
	assert_ptr_equal(user, &bench);
	ticks++;
}

#define TRIES 20

/* The rate is of the time that was given, half a second, or a little more, so that three threads add up to three times one
 * of them. It is never more than what was read. */
static bool rate_is_of_the_time_given(const struct flash_cell *cell)
{
	double reads = cell->figure[FLASH_READS_PER_S] * 0.5;

	assert_true(reads <= (double)cell->reads * (1 + 1e-9));
	return reads >= (double)cell->reads / 2;
}

/* A thread that got no CPU for most of that time has another rate, so a few tries are allowed. */
static void a_cell_adds_up_its_threads(void **state)
{
	struct flash_cell cell = { .chunk_bytes = 4096, .depth = 2, .threads = 3 };
	const double *figure = cell.figure;
	unsigned tries = 0;

	(void)state;
	bench.seconds = 0.5;
	do
		assert_int_equal(flash_cell_run(&bench, &cell, tick, &bench, NULL), 0);
	while (!rate_is_of_the_time_given(&cell) && ++tries < TRIES);
	assert_true(tries < TRIES);
	assert_true(ticks > 0);
	assert_string_equal(bench.method, "pread");
	assert_string_equal(bench.why, "");
	assert_true(cell.reads > 0 && figure[FLASH_READS_PER_S] > 0 && figure[FLASH_CPU_US_PER_READ] > 0);
	assert_float_equal(figure[FLASH_MB_PER_S], figure[FLASH_READS_PER_S] * 4096 / 1e6, figure[FLASH_MB_PER_S] * 1e-9);
	assert_true(figure[FLASH_LATENCY_US_P50] <= figure[FLASH_LATENCY_US_P99]);
	assert_true(figure[FLASH_LATENCY_US_P99] <= figure[FLASH_LATENCY_US_P99_9]);
	assert_true(figure[FLASH_LATENCY_US_P99_9] <= figure[FLASH_LATENCY_US_MAX]);
	assert_float_equal(figure[FLASH_BURST_US], 0, 0);
}

static void bursts_are_measured_when_wanted(void **state)
{
	struct flash_cell cell = { .chunk_bytes = 4096, .depth = 8, .threads = 1 };

	(void)state;
	bench.bursts = true;
	assert_int_equal(flash_cell_run(&bench, &cell, NULL, NULL, NULL), 0);
	assert_true(cell.figure[FLASH_BURST_US] > 0);
}

/* One thread of several that cannot have what it needs: none measures, all come back. */
static void a_cell_that_cannot_be_set_up_says_why(void **state)
{
	struct flash_cell cell = { .chunk_bytes = 4096, .depth = 100000, .threads = 3 };
	struct wick_diag diag = { "" };

	(void)state;
	assert_int_equal(flash_cell_run(&bench, &cell, NULL, NULL, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "depth 100000"));
	assert_int_equal(cell.reads, 0);
}

/* The file ends before it should: a read that fails is told, by whichever thread. */
static void a_cell_that_fails_says_why(void **state)
{
	struct flash_cell cell = { .chunk_bytes = 4096, .depth = 2, .threads = 2 };
	struct wick_diag diag = { "" };
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", bench.file.fd);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(flash_cell_run(&bench, &cell, NULL, NULL, &diag), -ENODATA);
	assert_non_null(strstr(diag.text, "4096 bytes at "));
	assert_int_equal(cell.reads, 0);
}

static void medians_are_each_figures_own(void **state)
{
	struct flash_cell rounds[4] = { { .chunk_bytes = 4096, .depth = 8, .threads = 2 } }, cell;
	static const double values[4] = { 30, 10, 1000, 20 };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		rounds[i].reads = 100 + i;
		rounds[i].figure[FLASH_MB_PER_S] = values[i];
		rounds[i].figure[FLASH_LATENCY_US_MAX] = values[3 - i];
		rounds[i].figure[FLASH_CPU_US_PER_READ] = 7;
	}
	flash_cell_medians(&cell, rounds, 4);
	assert_float_equal(cell.figure[FLASH_MB_PER_S], 25, 0);
	assert_float_equal(cell.figure[FLASH_LATENCY_US_MAX], 25, 0);
	flash_cell_medians(&cell, rounds, 3);
	assert_float_equal(cell.figure[FLASH_MB_PER_S], 30, 0);
	assert_float_equal(cell.figure[FLASH_LATENCY_US_MAX], 20, 0);
	assert_float_equal(cell.figure[FLASH_CPU_US_PER_READ], 7, 0);
	assert_int_equal(cell.reads, 303);
	assert_int_equal(cell.chunk_bytes, 4096);
	assert_int_equal(cell.depth, 8);
	assert_int_equal(cell.threads, 2);
}

static void a_sweep_goes_its_rounds(void **state)
{
	struct flash_cell cells[2] = { { 4096, 1, 1, false, 0, { 0 } }, { 8192, 2, 1, true, 0, { 0 } } };
	struct flash_sweep sweep = { .bench = &bench, .cells = cells, .planned = 2, .rounds = 3 };

	(void)state;
	assert_int_equal(flash_sweep_run(&bench, &sweep, false, NULL), 0);
	assert_int_equal(sweep.count, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(cells[i].chunk_bytes, 4096 << i);
		assert_true(cells[i].reads >= 3 && cells[i].figure[FLASH_READS_PER_S] > 0);
	}
	assert_int_equal(flash_sweep_bound(&bench, &sweep, NULL), 0);
	assert_true(sweep.sequential_mb_per_s > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_double_and_join),
		cmocka_unit_test(sizes_are_said_short),
		cmocka_unit_test(medians_are_each_figures_own),
		cmocka_unit_test_teardown(a_block_that_cannot_be_written_is_told, mend_calls),
		cmocka_unit_test_teardown(room_that_cannot_be_reserved_is_done_without, mend_calls),
		cmocka_unit_test_teardown(the_test_file_never_has_a_name, mend_calls),
		cmocka_unit_test_setup_teardown(a_thread_that_cannot_be_started_is_told, make_file, drop_file_and_mend),
		cmocka_unit_test_setup_teardown(a_sweep_goes_its_rounds, make_file, drop_file),
		cmocka_unit_test_setup_teardown(the_test_file_is_noise, make_file, drop_file),
		cmocka_unit_test_setup_teardown(a_cell_adds_up_its_threads, make_file, drop_file),
		cmocka_unit_test_setup_teardown(bursts_are_measured_when_wanted, make_file, drop_file),
		cmocka_unit_test_setup_teardown(a_cell_that_cannot_be_set_up_says_why, make_file, drop_file),
		cmocka_unit_test_setup_teardown(a_cell_that_fails_says_why, make_file, drop_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
