/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The drive under the model, as far as it is known: prices of reads and expected times, for decisions about reading. */

#include "diag.h"
#include "profile.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_file;

struct wick_drive {
	struct wick_profile profile; /* when known */
	bool known;
	char said[1024]; /* for people: what profile, or why none */
};

/* A drive is measured by reading a file of at least so much (a smaller one may be in caches on the way), and into so
 * much memory at most, all of it given back. */
#define WICK_DRIVE_FILE_BYTES (256ull << 20)
#define WICK_DRIVE_MEMORY_BYTES (160ull << 20)

/* Finds the profile that was kept for the drive under the file and the method. With `measure` one that is missing, or
 * damaged, is made in two seconds and kept. That nothing is known is no error: drive->said has the reason. */
void wick_drive_find(struct wick_drive *drive, const struct wick_file *file, const char *method, bool measure);

/* The reads of a run. */
struct wick_drive_load {
	uint64_t reads, bytes;
	uint64_t latency_ns; /* of all reads together */
	uint64_t busy_ns;    /* with at least one in flight */
};

/* How fast the drive was, beside the profile. Reads too few to say that (WICK_DRIVE_READS_MIN) have an at_s of 0. */
#define WICK_DRIVE_READS_MIN 1000
struct wick_profile_run wick_drive_speed(const struct wick_drive *drive, const struct wick_drive_load *load);

/* Notes that in the profile. If it cannot be saved, that is no error: the next run notes it again. */
void wick_drive_note(const struct wick_drive *drive, const struct wick_drive_load *load);

/* Of one more read among many; a guess in the middle of today's drives when nothing is known. */
struct wick_extent_price wick_drive_price(const struct wick_drive *drive, uint32_t depth);
