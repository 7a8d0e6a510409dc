/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How fast a drive is said to be that stands still most of the time, and then serves all that wait: the bad drive of
 * drive.h, which counts what it serves. No rate may be beyond what it served, however short the measuring, and whether it
 * ends in the silence or in the midst of what is served. Of the machine nothing is asked: what is compared was counted by
 * both over the same time. */

#include "drive.h"
#include "flash.h"

#include "bits.h"
#include "clock.h"
#include "probe.h"
#include "profile.h"

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

#define FILE_BYTES (1u << 20)
#define BEAT_MS 40
#define MORE 1.2 /* times what the drive counted: its beats may come late, and close together */

static struct drive drive;
static char folder[PATH_MAX], below[PATH_MAX + 8], above[PATH_MAX + 8], path[PATH_MAX + 16];

static int mount_drive(void **state)
{
	const char *parent = getenv("TMPDIR"), *why;
	static char noise[FILE_BYTES];
	char real[PATH_MAX + 16];
	FILE *file;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/wick-rates-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	snprintf(below, sizeof(below), "%s/below", folder);
	snprintf(above, sizeof(above), "%s/above", folder);
	snprintf(real, sizeof(real), "%s/data", below);
	snprintf(path, sizeof(path), "%s/data", above);
	if (mkdir(below, 0700) || mkdir(above, 0700))
		return -1;
	file = fopen(real, "w");
	if (!file || fwrite(noise, 1, sizeof(noise), file) != sizeof(noise) || fclose(file))
		return -1;
	why = drive_start(&drive, below, above);
	if (!why)
		return 0;
	printf("skipped: %s\n", why);
	exit(77);
}

static int unmount_drive(void **state)
{
	char command[PATH_MAX + 16];

	(void)state;
	drive_stop(&drive);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static void beat(uint32_t ms)
{
	drive_order(&drive, &(struct drive_orders){ .fault = DRIVE_BEAT, .late_ms = ms, .uncached = true });
}

/* In so much time there are so many beats and, wherever it begins, one more; none served more than the most. */
static void check_rate(const char *what, double reads, double ns, uint32_t beat_ms)
{
	double most = (double)atomic_load(&drive.orders->most) * (ns / (beat_ms * 1e6) + 1);

	if (reads > most * MORE)
		fail_msg("%s: %.0f reads in %.1f ms of a drive that serves %.0f in that time", what, reads, ns / 1e6, most);
}

/* Both ways to read, some depths, and times from nothing to several beats. */
static void a_load_is_no_faster_than_the_drive(void **state)
{
	static const char *const methods[] = { "pread", "uring" };
	static const unsigned depths[] = { 1, 5, 32 };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(methods) * WICK_COUNT_OF(depths); i++) {
		const struct wick_io_options io = { .method = methods[i % 2], .depth = depths[i / 2] };
		struct wick_probe_options options = { .depth = depths[i / 2], .chunk_bytes_max = 4096, .bytes = FILE_BYTES };
		struct wick_file file;
		struct wick_probe *probe;

		beat(BEAT_MS);
		assert_int_equal(wick_file_open(&file, path, true, NULL), 0);
		options.file = &file;
		if (wick_io_create(&options.io, &io, NULL)) { /* no uring here */
			wick_file_close(&file);
			continue;
		}
		assert_int_equal(wick_probe_create(&probe, &options, NULL), 0);
		for (uint64_t ms = 0; ms < 5 * BEAT_MS; ms += 1 + ms) {
			const struct wick_probe_load load = { .chunk_bytes = 4096, .duration_ns = ms * 1000000 };
			uint64_t served = atomic_load(&drive.orders->served), begun_ns = wick_now_ns();
			struct wick_steady steady;
			double all;

			assert_int_equal(wick_probe_steady(probe, &load, &steady, NULL, NULL), 0);
			all = (double)(wick_now_ns() - begun_ns) / 1e9;
			served = atomic_load(&drive.orders->served) - served;
			assert_int_equal(steady.all_reads, served); /* the kernel splits no read of one page */
			assert_true(steady.reads <= served && (double)steady.ns / 1e9 <= all);
			check_rate(methods[i % 2], (double)steady.reads, (double)steady.ns, BEAT_MS);
		}
		wick_io_destroy(options.io);
		wick_probe_destroy(probe);
		wick_file_close(&file);
	}
}

/* flashbench's figure of it, and the star where reads stay few. */
static void a_cell_is_no_faster_than_the_drive(void **state)
{
	struct flash_bench bench = { .seconds = 0.03, .io = { .method = "pread" }, .bursts = true };
	struct flash_cell cell = { .chunk_bytes = 4096, .depth = 8, .threads = 1 };

	(void)state;
	beat(BEAT_MS);
	assert_int_equal(flash_open(&bench, path, 0, true, NULL), 0);
	assert_int_equal(flash_cell_run(&bench, &cell, NULL, NULL, NULL), 0);
	check_rate("flashbench", (double)cell.reads, (double)cell.reads * 1e9 / cell.figure[FLASH_READS_PER_S], BEAT_MS);
	assert_true(flash_cell_few(&cell)); /* in 0.15 s there are 4 beats */
	assert_true(cell.figure[FLASH_BURST_US] > 0);
	beat(1);
	bench.seconds = 0.5;
	assert_int_equal(flash_cell_run(&bench, &cell, NULL, NULL, NULL), 0);
	assert_false(flash_cell_few(&cell));
	flash_close(&bench);
}

/* Nor is any figure of a quick profile, and one of few reads says so. */
static void a_profile_is_no_faster_than_the_drive(void **state)
{
	const uint32_t ms = 7;
	struct wick_profile profile = { 0 };
	struct wick_diag diag = { "" };
	struct wick_file file;

	(void)state;
	beat(ms);
	assert_int_equal(wick_file_open(&file, path, true, NULL), 0);
	file.size = 16384; /* two sizes */
	assert_int_equal(wick_profile_probe(&profile, &file, "pread", 500000000, NULL, &diag), 0);
	assert_int_equal(profile.size_count, 2);
	for (unsigned size = 0; size < profile.size_count; size++)
		for (unsigned depth = 0; depth < profile.depth_count; depth++) {
			double reads = (double)profile.reads[size][depth];

			assert_true(reads >= profile.depths[depth]);
			check_rate("profile", reads, reads * profile.turn_us[size][depth] * 1e3 / profile.depths[depth], ms);
		}
	assert_true(wick_profile_few(&profile) > 0);
	wick_file_close(&file);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_load_is_no_faster_than_the_drive),
		cmocka_unit_test(a_cell_is_no_faster_than_the_drive),
		cmocka_unit_test(a_profile_is_no_faster_than_the_drive),
	};
	int served = drive_main(argc, argv);

	return served >= 0 ? served : cmocka_run_group_tests(tests, mount_drive, unmount_drive);
}
