/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What is known of a drive, and the times that follow. */

#include "device.h"
#include "drive.h"
#include "file.h"
#include "floor.h"
#include "forecast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[256], model[300];

/* A drive whose reads take 100 us at depth 1, and at depth 10 turn over in 200 us, whatever their size up to 1 MiB. */
static struct wick_profile flat_profile(void)
{
	static const struct wick_profile_cell cells[] = {
		{ 4096, 1, 100, 100, 100 },
		{ 4096, 10, 20, 200 },
		{ 1 << 20, 1, 100, 100, 99 },
		{ 1 << 20, 10, 20, 200, 5 },
	};
	struct wick_profile profile = { .measured_s = 1795219200, .key.direct = false }; /* 2026-11-21 */

	assert_int_equal(wick_profile_fit(&profile, cells, 4, NULL), 0);
	return profile;
}

static struct wick_file open_model(void)
{
	struct wick_file file;
	struct wick_diag diag = { "" };

	assert_int_equal(wick_file_open(&file, model, false, &diag), 0);
	return file;
}

static void keep_profile(const struct wick_file *file, bool quick)
{
	struct wick_profile profile = flat_profile();
	struct wick_device device;

	assert_int_equal(wick_device_of(&device, file->path, NULL), 0);
	snprintf(profile.key.device, sizeof(profile.key.device), "%s", device.key);
	snprintf(profile.key.method, sizeof(profile.key.method), "pread");
	profile.quick = quick;
	assert_int_equal(wick_profile_save(&profile, NULL, NULL), 0);
}

static void a_kept_profile_is_found(void **state)
{
	struct wick_file file = open_model();
	struct wick_extent_price price;
	struct wick_drive drive;

	(void)state;
	keep_profile(&file, false);
	wick_drive_find(&drive, &file, "pread", false);
	assert_true(drive.known);
	assert_string_equal(drive.said, "profile of 2026-11-21, 2 of its 4 figures from fewer than 100 reads");
	keep_profile(&file, true);
	wick_drive_find(&drive, &file, "pread", true);
	assert_string_equal(drive.said, "quick profile of 2026-11-21, 2 of its 4 figures from fewer than 100 reads");
	price = wick_drive_price(&drive, 10);
	assert_float_equal(wick_extent_read_us(&price, 65536), 20, 1e-9);
	wick_file_close(&file);
}

/* By hand, of reads of 4096 bytes: 10 in flight are under way for 200 us each and one ends every 20, which is 204.8 MB/s; 20
 * are no faster, and one alone takes 100 us. */
static void a_run_is_held_against_the_profile(void **state)
{
	static const struct {
		struct wick_drive_load load;
		double mb_per_s, expected_mb_per_s;
	} runs[] = {
		{ { 1000, 4096000, 200000000, 20000000 }, 204.8, 204.8 },
		{ { 1000, 4096000, 1000000000, 100000000 }, 40.96, 204.8 },
		{ { 2000, 8192000, 4000000000, 200000000 }, 40.96, 204.8 },
		{ { 1000, 4096000, 50000000, 50000000 }, 81.92, 40.96 },
	};
	static const struct wick_drive_load few = { 999, 4096000, 200000000, 20000000 }, idle = { 1000, 4096000, 0, 0 };
	struct wick_drive drive = { .profile = flat_profile(), .known = true };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct wick_profile_run run = wick_drive_speed(&drive, &runs[i].load);

		assert_true(run.at_s > 1700000000);
		assert_int_equal(run.reads, runs[i].load.reads);
		assert_float_equal(run.mb_per_s, runs[i].mb_per_s, 1e-6);
		assert_float_equal(run.expected_mb_per_s, runs[i].expected_mb_per_s, 1e-6);
	}
	assert_int_equal(wick_drive_speed(&drive, &few).at_s, 0);
	assert_int_equal(wick_drive_speed(&drive, &idle).at_s, 0);
	drive.known = false;
	assert_int_equal(wick_drive_speed(&drive, &runs[0].load).at_s, 0);
}

/* It is kept with the profile, and said where the two disagree; a profile made meanwhile is another one. */
static void a_run_that_disagrees_is_said(void **state)
{
	static const struct wick_drive_load as_it_is = { 1000, 4096000, 200000000, 20000000 };
	static const struct wick_drive_load slow = { 1000, 4096000, 1000000000, 100000000 };
	static const struct wick_drive_load fast = { 1000, 4096000, 40000000, 4000000 };
	struct wick_file file = open_model();
	struct wick_drive drive;

	(void)state;
	keep_profile(&file, false);
	wick_drive_find(&drive, &file, "pread", false);
	wick_drive_note(&drive, &slow);
	wick_drive_find(&drive, &file, "pread", false);
	assert_non_null(strstr(drive.said, "profile of 2026-11-21, 2 of its"));
	assert_non_null(strstr(drive.said, " read at 41 MB/s where it promises 205; wick flashbench --save-profile measures again"));
	wick_drive_note(&drive, &as_it_is);
	wick_drive_find(&drive, &file, "pread", false);
	assert_null(strstr(drive.said, "last run"));
	assert_float_equal(drive.profile.last_run.mb_per_s, 204.8, 1e-6);
	wick_drive_note(&drive, &fast);
	wick_drive_find(&drive, &file, "pread", false);
	assert_non_null(strstr(drive.said, " read at 1024 MB/s where it promises 205;"));
	drive.profile.measured_s++;
	wick_drive_note(&drive, &as_it_is);
	wick_drive_find(&drive, &file, "pread", false);
	assert_non_null(strstr(drive.said, " read at 1024 MB/s where it promises 205;"));
	wick_file_close(&file);
}

/* Anything from an old board to a server: megabytes, not bytes or gigabytes. */
static void memory_has_a_rate(void **state)
{
	double all = 0;

	(void)state;
	assert_int_equal(wick_memory_rate(2, &all, NULL), 0);
	assert_true(all > 100 && all < 1e7); /* MB/s */
}

/* A profile is of one method; and three bytes cannot be measured by. */
static void nothing_known_is_said(void **state)
{
	struct wick_file file = open_model();
	struct wick_extent_price price;
	struct wick_drive drive;

	(void)state;
	wick_drive_find(&drive, &file, "uring", true);
	assert_false(drive.known);
	assert_non_null(strstr(drive.said, "too small"));
	price = wick_drive_price(&drive, 10);
	assert_float_equal(wick_extent_read_us(&price, 4096), 5.4, 0.1); /* 185,000 reads a second */
	wick_file_close(&file);
}

static void a_large_file_is_measured_once(void **state)
{
	struct wick_file file;
	struct wick_drive drive;
	char said[400];

	(void)state;
	assert_int_equal(truncate(model, (off_t)WICK_DRIVE_FILE_BYTES), 0);
	file = open_model();
	wick_drive_find(&drive, &file, "mmap", false);
	snprintf(said, sizeof(said), "no profile: wick flashbench --save-profile %s makes one", folder);
	assert_string_equal(drive.said, said);
	wick_drive_find(&drive, &file, "mmap", true);
	assert_true(drive.known);
	assert_string_equal(drive.said, "quick profile, measured just now");
	wick_drive_find(&drive, &file, "mmap", true);
	assert_memory_equal(drive.said, "quick profile of ", strlen("quick profile of "));
	wick_file_close(&file);
}

static void break_profiles(const char *text)
{
	char command[400];

	snprintf(command, sizeof(command), "for f in '%s'/wick/*; do printf '%s' >\"$f\"; done", folder, text);
	assert_int_equal(system(command), 0);
}

/* Refused with what to do about it; and one that holds nothing is measured anew where that may be done. */
static void a_broken_profile_is_said(void **state)
{
	static const char *const texts[] = { "", "{", "{}" };
	struct wick_file file = open_model();
	struct wick_drive drive;

	(void)state;
	keep_profile(&file, false);
	for (int i = 0; i < 3; i++) {
		break_profiles(texts[i]);
		wick_drive_find(&drive, &file, "pread", i == 2);
		assert_false(drive.known);
		assert_memory_equal(drive.said, "no profile: ", strlen("no profile: "));
		assert_non_null(strstr(drive.said, "remove it, or measure again with wick flashbench --save-profile"));
	}
	break_profiles("");
	wick_drive_find(&drive, &file, "pread", true);
	assert_true(drive.known);
	assert_string_equal(drive.said, "quick profile, measured just now: the one that was kept was damaged");
	wick_drive_find(&drive, &file, "pread", true);
	assert_memory_equal(drive.said, "quick profile of ", strlen("quick profile of "));
	wick_file_close(&file);
}

/* Two layers of 8 bundles of 1 MiB, half of them resident, and a head of 4 MiB that stays. By hand: 8 MiB are swept in 8
 * reads, 2 in flight beside the one that is computed; between depths 1 and 10 a turn is 100 + 100 / 9 us at depth 2, so a read takes 55.6 us, all 444 us.
 * Of the bundles' bytes (1 + 0.1) / 2 are multiplied: 4.4 MiB of each half. */
static void times_follow_from_rates(void **state)
{
	static const struct wick_tensor bundles = { .rows = 8, .row_bytes = 1 << 20 };
	static const struct wick_tensor head = { .rows = 1024, .row_bytes = 4096 };
	const struct wick_shape shape = { .layers = 2, .kinds = 1, .bundle_parts = 2, .tied = true, .n_ff = 8,
		.part_bytes = 1 << 19 };
	const struct wick_plan plan = { .swept_bytes = 8 << 20, .unit_count = 3, .unit_bytes = 1 << 20, .predictor_bytes = 7 };
	const struct wick_rates rates = { .resident = 2 * 1048576, .swept = 1048576 }; /* bytes/us: MiB a us */
	struct wick_matrix at[] = { { .tensor = &bundles, .rows = 8, .resident_rows = 4, .bundles = true },
		{ .tensor = &bundles, .rows = 8, .resident_rows = 4, .bundles = true },
		{ .tensor = &head, .rows = 1024, .resident_rows = 1024 } };
	const struct wick_matrices matrices = { .at = at, .count = 3 };
	struct wick_drive drive = { .profile = flat_profile(), .known = true };
	struct wick_forecast forecast;

	(void)state;
	wick_forecast_dense(&forecast, &rates, &shape, &matrices, wick_floor_sweep_us(&drive, &plan, 1 << 21, 32));
	assert_float_equal(forecast.flash_ms, 8 * (100 + 100 / 9.0) / 2 / 1e3, 1e-9);
	assert_float_equal(forecast.compute_ms, ((4 + 4.4) / 2 + 4.4) / 1e3, 1e-9);
	assert_float_equal(forecast.ms_per_token, forecast.flash_ms, 0);
	drive.known = false;
	wick_forecast_dense(&forecast, &rates, &shape, &matrices, wick_floor_sweep_us(&drive, &plan, 1 << 21, 32));
	assert_float_equal(forecast.flash_ms, 0, 0);
	assert_float_equal(forecast.ms_per_token, forecast.compute_ms, 0);
	assert_int_equal(wick_floor_pass_bytes(&shape, &matrices, &plan, false), (4 + 8) << 20); /* head, up-projections */
	assert_int_equal(wick_floor_pass_bytes(&shape, &matrices, &plan, true), (4 << 20) + 7);
}

static int make_folder(void **state)
{
	const char *parent = getenv("TMPDIR");
	FILE *file;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/wick-drive-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(folder) || setenv("XDG_CACHE_HOME", folder, 1))
		return -1;
	snprintf(model, sizeof(model), "%s/model", folder);
	file = fopen(model, "w");
	return file && fputs("abc", file) >= 0 && fclose(file) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[sizeof(folder) + 32];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kept_profile_is_found),
		cmocka_unit_test(a_run_is_held_against_the_profile),
		cmocka_unit_test(a_run_that_disagrees_is_said),
		cmocka_unit_test(nothing_known_is_said),
		cmocka_unit_test(a_large_file_is_measured_once),
		cmocka_unit_test(a_broken_profile_is_said),
		cmocka_unit_test(times_follow_from_rates),
		cmocka_unit_test(memory_has_a_rate),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
