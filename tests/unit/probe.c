/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Timed loads on a small file: what is read and counted; never how fast. */

#include "probe.h"

#include "file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_BYTES (1u << 20)
#define DEPTH 8

static struct wick_file file;
static struct wick_io *io;
static struct wick_probe *probe;
static struct wick_histogram latency;
static unsigned stops_asked;

static int open_all(void **state)
{
	const char *parent = getenv("TMPDIR");
	struct wick_io_options io_options = { .method = "pread", .depth = DEPTH, .threads = 2 };
	struct wick_probe_options options = { .file = &file, .depth = DEPTH, .chunk_bytes_max = 16384, .reads_max = 100,
		.from = 65536, .bytes = FILE_BYTES - 65536, .seed = 1 };
	char path[256], *bytes = calloc(1, FILE_BYTES);
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/wick-probe-XXXXXX", parent ? parent : "/tmp");
	fd = mkstemp(path);
	assert_true(fd >= 0 && bytes);
	assert_int_equal(write(fd, bytes, FILE_BYTES), FILE_BYTES);
	free(bytes);
	close(fd);
	assert_int_equal(wick_file_open(&file, path, false, NULL), 0);
	assert_int_equal(wick_io_create(&io, &io_options, NULL), 0);
	options.io = io;
	assert_int_equal(wick_probe_create(&probe, &options, NULL), 0);
	memset(&latency, 0, sizeof(latency));
	stops_asked = 0;
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	wick_io_destroy(io);
	wick_probe_destroy(probe);
	if (file.path)
		unlink(file.path);
	wick_file_close(&file);
	return 0;
}

static void a_steady_load_counts_until_its_last_read(void **state)
{
	const struct wick_probe_load load = { .chunk_bytes = 4096, .duration_ns = 20000000 };
	struct wick_steady steady;

	(void)state;
	assert_int_equal(wick_probe_steady(probe, &load, &steady, &latency, NULL), 0);
	assert_true(steady.reads >= DEPTH && steady.ns >= load.duration_ns);
	assert_int_equal(latency.count, steady.reads);
	assert_in_range(steady.all_reads, steady.reads, steady.reads + DEPTH - 1); /* those sent before it was back */
	assert_int_equal(wick_io_counters(io)->reads, steady.all_reads);
	assert_int_equal(wick_io_counters(io)->bytes, steady.all_reads * 4096);
	assert_int_equal(wick_io_outstanding(io), 0);
}

/* However short the time, the queue turns over once. */
static void no_time_is_enough_for_one_turn(void **state)
{
	const struct wick_probe_load load = { .chunk_bytes = 16384, .sequential = true };
	struct wick_steady steady;

	(void)state;
	assert_int_equal(wick_probe_steady(probe, &load, &steady, NULL, NULL), 0);
	assert_true(steady.reads >= DEPTH && steady.ns > 0);
}

static void a_burst_reads_what_it_was_told(void **state)
{
	uint64_t ns = 0;
	double us = 0;

	(void)state;
	assert_int_equal(wick_probe_burst(probe, 16384, 100, &ns, NULL), 0);
	assert_true(ns > 0);
	assert_int_equal(wick_io_counters(io)->reads, 100);
	assert_int_equal(wick_io_counters(io)->bytes, 100 * 16384);
	assert_int_equal(wick_probe_bursts(probe, 4096, 3, 5, UINT64_MAX, &us, NULL), 0);
	assert_true(us > 0);
	assert_int_equal(wick_io_counters(io)->reads, 115);
	assert_int_equal(wick_probe_bursts(probe, 4096, 3, 5, 0, &us, NULL), 0);
	assert_int_equal(wick_io_counters(io)->reads, 118);
}

static bool third_time(void)
{
	return ++stops_asked >= 3;
}

static void it_stops_when_told(void **state)
{
	struct wick_io_options io_options = { .method = "pread", .depth = DEPTH };
	struct wick_probe_options options = { .file = &file, .depth = DEPTH, .chunk_bytes_max = 4096, .reads_max = 8,
		.bytes = FILE_BYTES, .stop = third_time };
	const struct wick_probe_load load = { .chunk_bytes = 4096, .duration_ns = 60000000000 };
	struct wick_steady steady;
	struct wick_probe *own;
	uint64_t ns;

	(void)state;
	assert_int_equal(wick_io_create(&options.io, &io_options, NULL), 0);
	assert_int_equal(wick_probe_create(&own, &options, NULL), 0);
	assert_int_equal(wick_probe_steady(own, &load, &steady, NULL, NULL), -ECANCELED);
	assert_int_equal(wick_io_outstanding(options.io), 0);
	assert_int_equal(wick_probe_burst(own, 4096, 8, &ns, NULL), -ECANCELED);
	wick_io_destroy(options.io);
	wick_probe_destroy(own);
}

/* The file shrinks: reads fail, and the sentence says which. */
static void a_read_that_fails_is_named(void **state)
{
	const struct wick_probe_load load = { .chunk_bytes = 4096, .duration_ns = 20000000 };
	struct wick_diag diag = { "" };
	struct wick_steady steady;
	uint64_t ns;

	(void)state;
	assert_int_equal(truncate(file.path, 1000), 0);
	assert_int_equal(wick_probe_steady(probe, &load, &steady, NULL, &diag), -ENODATA);
	assert_non_null(strstr(diag.text, file.path));
	assert_non_null(strstr(diag.text, "4096 bytes at "));
	assert_int_equal(wick_io_outstanding(io), 0);
	assert_int_equal(wick_probe_burst(probe, 4096, 10, &ns, NULL), -ENODATA);
}

static void refuse(struct wick_probe_options options, int code, const char *words)
{
	struct wick_diag diag = { "" };
	struct wick_probe *none;

	options.io = io;
	options.depth = DEPTH;
	assert_int_equal(wick_probe_create(&none, &options, &diag), code);
	assert_null(none);
	assert_non_null(strstr(diag.text, words));
}

static void what_cannot_be_read_is_refused(void **state)
{
	struct wick_file aligned = file;

	(void)state;
	aligned.offset_align = aligned.memory_align = 4096;
	refuse((struct wick_probe_options){ .file = &aligned, .chunk_bytes_max = 6144, .bytes = FILE_BYTES }, -EINVAL,
		"6144 bytes are no multiple of its alignment, 4096");
	refuse((struct wick_probe_options){ .file = &file, .chunk_bytes_max = 0, .bytes = FILE_BYTES }, -EINVAL, "0 bytes");
	refuse((struct wick_probe_options){ .file = &file, .chunk_bytes_max = FILE_BYTES + 1, .bytes = FILE_BYTES }, -EINVAL,
		"less than one read");
	refuse((struct wick_probe_options){ .file = &file, .chunk_bytes_max = 4096, .from = 4096, .bytes = FILE_BYTES },
		-EINVAL, "no part of it");
	refuse((struct wick_probe_options){ .file = &file, .chunk_bytes_max = 1ull << 60, .bytes = FILE_BYTES }, -EINVAL,
		"less than one read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_steady_load_counts_until_its_last_read, open_all, close_all),
		cmocka_unit_test_setup_teardown(no_time_is_enough_for_one_turn, open_all, close_all),
		cmocka_unit_test_setup_teardown(a_burst_reads_what_it_was_told, open_all, close_all),
		cmocka_unit_test_setup_teardown(it_stops_when_told, open_all, close_all),
		cmocka_unit_test_setup_teardown(a_read_that_fails_is_named, open_all, close_all),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_refused, open_all, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
