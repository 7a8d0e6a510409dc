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

/* Of a drive that nobody has measured: 4 us a read, and 3 GB/s. */
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

/* "profile of 2026-11-21", "quick profile of 2026-11-21". */
static void say_profile(struct wick_drive *drive)
{
	time_t measured = (time_t)drive->profile.measured_s;
	char day[16] = "an unknown day";
	struct tm when;

	if (gmtime_r(&measured, &when))
		strftime(day, sizeof(day), "%Y-%m-%d", &when);
	snprintf(drive->said, sizeof(drive->said), "%sprofile of %s", drive->profile.quick ? "quick " : "", day);
	say_few(drive);
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
