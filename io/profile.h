/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The speed of a drive, measured once, and the time that reading will therefore take.
 *
 * The model has two tables over read size and queue depth, both in microseconds:
 *
 *     burst   d reads handed over together, until the last is back
 *     turn    the same in the middle of a long run, where each that comes back is followed by another: by Little's law
 *             the latency of one read; turn / d is the time from one completion to the next
 *
 * Of n reads with room for d in flight, the first d are a burst and every further one takes turn / d:
 *
 *     time(n, d) = burst(min(n, d)) + max(n - d, 0) * turn(d) / d
 *
 * Between measured points both tables are linear, in bytes and in depth: right where latency rules (they are flat),
 * and where bandwidth does (they are proportional). Outside: a smaller read or a shallower queue takes as long as the
 * smallest measured, a larger read in proportion to the largest, a deeper queue is as fast as the deepest.
 * docs/flash.md has the reasons and the error. */

#include "diag.h"
#include "extent.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_file;

#define WICK_PROFILE_SIZES 16
#define WICK_PROFILE_DEPTHS 16
#define WICK_PROFILE_DEPTH_MAX 4096
#define WICK_PROFILE_BYTES_MAX (1ull << 40)

/* The drive, method and mode that it was measured for. */
struct wick_profile_key {
	char device[192]; /* of wick_device.key */
	char method[16];  /* of wick_io_method() */
	bool direct;
};

/* The drive's speed in a run: the mean bytes of its reads and the mean number in flight. */
struct wick_profile_run {
	int64_t at_s; /* since the epoch; 0: there was none */
	uint64_t reads;
	double mb_per_s;          /* while at least one read was in flight */
	double expected_mb_per_s; /* of such reads by the profile */
};

struct wick_profile {
	struct wick_profile_key key;
	char model[96];     /* of the drive, for people; "" unknown */
	int64_t measured_s; /* since the epoch */
	bool quick;         /* by wick_profile_probe(), not by a sweep */
	struct wick_profile_run last_run;
	unsigned size_count, depth_count;
	uint64_t bytes[WICK_PROFILE_SIZES];   /* ascending */
	uint32_t depths[WICK_PROFILE_DEPTHS]; /* ascending */
	uint64_t reads[WICK_PROFILE_SIZES][WICK_PROFILE_DEPTHS]; /* that turn_us is of; 0: not noted */
	double turn_us[WICK_PROFILE_SIZES][WICK_PROFILE_DEPTHS];
	double burst_us[WICK_PROFILE_SIZES][WICK_PROFILE_DEPTHS];
};

/* One measurement. */
struct wick_profile_cell {
	uint64_t bytes;
	uint32_t depth;
	double interval_us; /* between completions of a steady load */
	double burst_us;    /* of a burst of depth reads */
	uint64_t reads;     /* that the interval is a mean of; 0: not known */
};

struct wick_profile_extents {
	uint64_t bytes; /* of each */
	uint64_t count;
};

/* Makes the tables from one cell for every pair of size and depth, in any order, and smooths what noise has turned
 * upside down: a larger read is never cheaper. The rest of the profile is left alone. -EINVAL, with a sentence, when a
 * pair is missing or there twice, or a figure is none or more than memory can take; -EBADMSG when one of unknown reads
 * says that they are many times faster for being longer or more. */
int wick_profile_fit(struct wick_profile *profile, const struct wick_profile_cell *cells, unsigned count,
	struct wick_diag *diag);

/* Whether the last run was more than twice as fast or as slow as it says: more than a token differs from a sweep. */
bool wick_profile_is_contradicted(const struct wick_profile *profile);

/* Of the steady figures, those that few reads made (WICK_PROBE_READS_MIN). */
unsigned wick_profile_few(const struct wick_profile *profile);

/* The price of one more read while the queue is kept full, microseconds. Grows with bytes, never falls. */
double wick_profile_read_us(const struct wick_profile *profile, uint64_t bytes, uint32_t depth);

/* The mean time of a read while that many are in flight, microseconds. */
double wick_profile_turn_us(const struct wick_profile *profile, uint64_t bytes, double depth);

/* The price for every length, as the planner of extents takes it. */
struct wick_extent_price wick_profile_price(const struct wick_profile *profile, uint32_t depth);

/* The time of reading all extents, handed over together to a queue of this depth, microseconds. */
double wick_profile_predict_us(const struct wick_profile *profile, const struct wick_profile_extents *extents,
	unsigned kinds, uint32_t depth);

/* The shallowest measured depth at which reads of this size take at most 1 + slack times what they take at the best. */
uint32_t wick_profile_depth(const struct wick_profile *profile, uint64_t bytes, double slack);

/* Profiles are kept as JSON, one file each, in XDG_CACHE_HOME/wick or ~/.cache/wick. */
enum { WICK_PROFILE_MISSING = 1 };

/* 0; WICK_PROFILE_MISSING when none was ever saved for this key; a negative errno and a sentence that names the file
 * when there is one that cannot be used: -EBADMSG when it holds nothing, since it is not even JSON, or nothing that can
 * be. */
int wick_profile_load(struct wick_profile *profile, const struct wick_profile_key *key, struct wick_diag *diag);

/* Whether there is a folder to save such a one in, which is made where it is missing. */
int wick_profile_check(const struct wick_profile_key *key, struct wick_diag *diag);

/* Saves it in place of an earlier one, all or nothing. path, of at least 512 bytes, says where; may be NULL. */
int wick_profile_save(const struct wick_profile *profile, char *path, struct wick_diag *diag);

/* Notes a run in the profile that was kept, if it is still this one. */
int wick_profile_note(const struct wick_profile *profile, const struct wick_profile_run *run, struct wick_diag *diag);

/* Measures the drive under an open file with the method (NULL: the best there is) and fits what came out, as well as
 * can be done in limit_ns; WICK_PROFILE_PROBE_NS is enough to plan with. Saves nothing. stop may be NULL; -ECANCELED
 * once it says so. */
#define WICK_PROFILE_PROBE_NS 1900000000ull
int wick_profile_probe(struct wick_profile *profile, const struct wick_file *file, const char *method,
	uint64_t limit_ns, bool (*stop)(void), struct wick_diag *diag);
