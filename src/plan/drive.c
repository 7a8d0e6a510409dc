/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The drive under the model (see drive.h). */

#include "drive.h"

#include "bits.h"
#include "device.h"
#include "file.h"
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FOLDER_SHOWN_MAX 800

/* For a drive without a profile: 4 us a read, and 3 GB/s. */
static const struct wick_extent_price guess = { 2, { 4096, 1 << 20 }, { 4 + 4096 / 3e3, 4 + (1 << 20) / 3e3 } };

/* Adds to a sentence how much of the profile rests on little. */
static void say_few(struct wick_drive *drive)
{
	const struct wick_profile *profile = &drive->profile;
	unsigned few = wick_profile_few(profile);
	size_t used = strlen(drive->said);

	if (few)
		snprintf(drive->said + used, sizeof(drive->said) - used, ", %u of its %u figures from fewer than %u reads", few,
			profile->size_count * profile->depth_count, WICK_PROBE_READS_MIN);
}

struct day {
	char text[16];
};

static struct day day_of(int64_t s)
{
	struct day day = { "an unknown day" };
	time_t time = (time_t)s;
	struct tm when;

	if (gmtime_r(&time, &when))
		strftime(day.text, sizeof(day.text), "%Y-%m-%d", &when);
	return day;
}

/* Adds that the drive was another one in the last run. */
static void say_last_run(struct wick_drive *drive)
{
	const struct wick_profile_run *run = &drive->profile.last_run;
	size_t used = strlen(drive->said);

	if (!wick_profile_is_contradicted(&drive->profile))
		return;
	snprintf(drive->said + used, sizeof(drive->said) - used, ", but the last run, of %s, read at %.0f MB/s where it promises %.0f; "
		"wick flashbench --save-profile measures again", day_of(run->at_s).text, run->mb_per_s, run->expected_mb_per_s);
}

/* "profile of 2026-11-21", "quick profile of 2026-11-21". */
static void say_profile(struct wick_drive *drive)
{
	snprintf(drive->said, sizeof(drive->said), "%sprofile of %s", drive->profile.quick ? "quick " : "",
		day_of(drive->profile.measured_s).text);
	say_few(drive);
	say_last_run(drive);
}

/* By Little's law as many reads are in flight on average as their latencies are longer than the time; and the latency
 * of a read among so many is what the profile has. So the two can be compared even where something kept the queue from
 * being full. */
struct wick_profile_run wick_drive_speed(const struct wick_drive *drive, const struct wick_drive_load *load)
{
	struct wick_profile_run run = { .reads = load->reads };
	double depth, latency_us;

	if (!drive->known || load->reads < WICK_DRIVE_READS_MIN || !load->busy_ns || !load->latency_ns)
		return run;
	depth = WICK_MAX((double)load->latency_ns / (double)load->busy_ns, 1.0);
	latency_us = depth * (double)load->busy_ns / 1e3 / (double)load->reads;
	run.at_s = time(NULL);
	run.mb_per_s = (double)load->bytes / ((double)load->busy_ns / 1e3);
	run.expected_mb_per_s = run.mb_per_s * latency_us /
		wick_profile_turn_us(&drive->profile, load->bytes / load->reads, depth);
	return run;
}

void wick_drive_note(const struct wick_drive *drive, const struct wick_drive_load *load)
{
	struct wick_profile_run run = wick_drive_speed(drive, load);

	if (run.at_s)
		wick_profile_note(&drive->profile, &run, NULL);
}

static void say_why_none(struct wick_drive *drive, const struct wick_diag *why)
{
	snprintf(drive->said, sizeof(drive->said), "no profile: %.1000s", why->text);
}

/* Names the command that makes one, for the folder that the model is in. */
static void say_how(struct wick_drive *drive, const char *path, const char *because)
{
	const char *slash = strrchr(path, '/');
	int length = slash ? (int)(slash - path) + (slash == path) : 1;

	snprintf(drive->said, sizeof(drive->said), "no profile%s: wick flashbench --save-profile %.*s makes one", because,
		WICK_MIN(length, FOLDER_SHOWN_MAX), slash ? path : ".");
}

/* Measures for two seconds and keeps what came out, in place of what is damaged. */
static int measure_now(struct wick_drive *drive, const struct wick_file *file, const char *method, bool damaged)
{
	struct wick_diag diag = { .text = "" };
	int err = wick_profile_probe(&drive->profile, file, method, WICK_PROFILE_PROBE_NS, NULL, &diag);

	if (err) {
		say_why_none(drive, &diag);
		return err;
	}
	snprintf(drive->said, sizeof(drive->said), "quick profile, measured just now%s%s",
		wick_profile_save(&drive->profile, NULL, &diag) ? " and not kept" : "",
		damaged ? ": the one that was kept was damaged" : "");
	return 0;
}

void wick_drive_find(struct wick_drive *drive, const struct wick_file *file, const char *method, bool measure)
{
	struct wick_profile_key key = { .direct = file->direct };
	struct wick_diag diag = { .text = "" };
	struct wick_device device;
	bool large = file->size >= WICK_DRIVE_FILE_BYTES;
	int found;

	*drive = (struct wick_drive){ 0 };
	found = wick_device_of(&device, file->path, &diag);
	if (!found) {
		snprintf(key.device, sizeof(key.device), "%s", device.key);
		snprintf(key.method, sizeof(key.method), "%s", method);
		found = wick_profile_load(&drive->profile, &key, &diag);
	}
	if (found == 0)
		say_profile(drive);
	else if (measure && large && (found == WICK_PROFILE_MISSING || found == -EBADMSG))
		found = measure_now(drive, file, method, found == -EBADMSG);
	else if (found < 0)
		say_why_none(drive, &diag);
	else
		say_how(drive, file->path, large ? "" : ", and the model is too small to measure the drive by");
	drive->known = found == 0;
}

struct wick_extent_price wick_drive_price(const struct wick_drive *drive, uint32_t depth)
{
	return drive->known ? wick_profile_price(&drive->profile, depth) : guess;
}
