/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cost model: from cells to tables, from tables to times (see profile.h). */

#include "profile.h"

#include "bits.h"
#include "check.h"
#include "probe.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

#define DISAGREE 2 /* times */
#define FALL_MAX 8 /* times: more than noise */
#define BYTES_PER_US_MAX 1e6 /* a terabyte a second: no memory takes so much */
#define US_MIN 1e-6 /* a picosecond: no read is that fast, and 1 / us is still a number */
#define US_MAX 1e12 /* eleven days: no read takes that long */

/* Puts a value where it belongs among ascending ones, unless it is there. Returns the new count, over `room` if full. */
static unsigned insert(uint64_t *values, unsigned count, unsigned room, uint64_t value)
{
	unsigned at = 0;

	while (at < count && values[at] < value)
		at++;
	if (at < count && values[at] == value)
		return count;
	if (count == room)
		return room + 1;
	for (unsigned i = count; i > at; i--)
		values[i] = values[i - 1];
	values[at] = value;
	return count + 1;
}

static unsigned find(const uint64_t *values, uint64_t value)
{
	unsigned at = 0;

	while (values[at] != value)
		at++;
	return at;
}

static bool is_time(double us)
{
	return us > US_MIN && us < US_MAX; /* false for NaN */
}

/* The least change, in proportion, after which a column rises: neighbours in the wrong order take their geometric mean,
 * as long as there are any (pool adjacent violators). */
static void make_rising(double table[][WICK_PROFILE_DEPTHS], unsigned rows, unsigned column)
{
	double log_sum[WICK_PROFILE_SIZES];
	unsigned length[WICK_PROFILE_SIZES], pools = 0, row = 0;

	for (unsigned i = 0; i < rows; i++) {
		log_sum[pools] = log(table[i][column]);
		length[pools++] = 1;
		while (pools > 1 && log_sum[pools - 2] / length[pools - 2] > log_sum[pools - 1] / length[pools - 1]) {
			log_sum[pools - 2] += log_sum[pools - 1];
			length[pools - 2] += length[pools - 1];
			pools--;
		}
	}
	for (unsigned pool = 0; pool < pools; pool++)
		for (unsigned i = 0; i < length[pool]; i++)
			table[row++][column] = exp(log_sum[pool] / length[pool]);
}

/* The sizes and depths that were measured, ascending. */
static int find_axes(struct wick_profile *profile, const struct wick_profile_cell *cells, unsigned count,
	struct wick_diag *diag)
{
	uint64_t depths[WICK_PROFILE_DEPTHS] = { 0 };

	profile->size_count = profile->depth_count = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!cells[i].bytes || cells[i].bytes > WICK_PROFILE_BYTES_MAX || !cells[i].depth ||
			cells[i].depth > WICK_PROFILE_DEPTH_MAX || !is_time(cells[i].interval_us) ||
			!is_time(cells[i].burst_us) || (double)cells[i].bytes > BYTES_PER_US_MAX * cells[i].interval_us)
			return wick_diag_say(diag, -EINVAL, "profile: reads of %" PRIu64 " bytes at depth %" PRIu32
				" that take %g us are no measurement", cells[i].bytes, cells[i].depth,
				cells[i].interval_us);
		profile->size_count = insert(profile->bytes, profile->size_count, WICK_PROFILE_SIZES, cells[i].bytes);
		profile->depth_count = insert(depths, profile->depth_count, WICK_PROFILE_DEPTHS, cells[i].depth);
		if (profile->size_count > WICK_PROFILE_SIZES || profile->depth_count > WICK_PROFILE_DEPTHS)
			return wick_diag_say(diag, -EINVAL, "profile: it holds %u sizes and %u depths at most",
				WICK_PROFILE_SIZES, WICK_PROFILE_DEPTHS);
	}
	for (unsigned i = 0; i < profile->depth_count; i++)
		profile->depths[i] = (uint32_t)depths[i];
	return count ? 0 : wick_diag_say(diag, -EINVAL, "profile: nothing was measured");
}

/* Every pair of size and depth exactly once. */
static int fill(struct wick_profile *profile, const struct wick_profile_cell *cells, unsigned count, struct wick_diag *diag)
{
	uint64_t depths[WICK_PROFILE_DEPTHS];

	for (unsigned i = 0; i < profile->depth_count; i++)
		depths[i] = profile->depths[i];
	for (unsigned size = 0; size < profile->size_count; size++)
		for (unsigned depth = 0; depth < profile->depth_count; depth++)
			profile->turn_us[size][depth] = 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned size = find(profile->bytes, cells[i].bytes), depth = find(depths, cells[i].depth);

		if (profile->turn_us[size][depth])
			return wick_diag_say(diag, -EINVAL, "profile: reads of %" PRIu64 " bytes at depth %" PRIu32
				" were measured twice", cells[i].bytes, cells[i].depth);
		profile->reads[size][depth] = cells[i].reads;
		profile->turn_us[size][depth] = cells[i].interval_us * cells[i].depth;
		profile->burst_us[size][depth] = cells[i].burst_us;
	}
	for (unsigned size = 0; size < profile->size_count; size++)
		for (unsigned depth = 0; depth < profile->depth_count; depth++)
			if (!profile->turn_us[size][depth])
				return wick_diag_say(diag, -EINVAL, "profile: reads of %" PRIu64 " bytes at depth %"
					PRIu32 " were not measured", profile->bytes[size], profile->depths[depth]);
	return 0;
}

/* Of two turns, the latter of larger reads or of a deeper queue. */
static int check_pair(const struct wick_profile *profile, const unsigned from[2], const unsigned to[2],
	struct wick_diag *diag)
{
	double before = profile->turn_us[from[0]][from[1]], after = profile->turn_us[to[0]][to[1]];

	if (profile->reads[to[0]][to[1]] || after * FALL_MAX >= before)
		return 0;
	return wick_diag_say(diag, -EBADMSG, "profile: reads of %" PRIu64 " bytes at depth %" PRIu32 " took %.0f us and those of %"
		PRIu64 " bytes at depth %" PRIu32 " only %.0f, which cannot be",
		profile->bytes[from[0]], profile->depths[from[1]], before, profile->bytes[to[0]], profile->depths[to[1]], after);
}

/* No read comes back sooner because it is larger or one of more: such a figure was counted wrongly, as may be in profiles
 * from before reads were noted. In later ones it says that something else kept the drive or the machine busy before. */
static int check_turns(const struct wick_profile *profile, struct wick_diag *diag)
{
	int rc = 0;

	for (unsigned size = 0; size < profile->size_count && !rc; size++)
		for (unsigned depth = 0; depth < profile->depth_count && !rc; depth++) {
			const unsigned at[] = { size, depth };

			for (unsigned smaller = 0; smaller < size && !rc; smaller++)
				rc = check_pair(profile, (const unsigned[]){ smaller, depth }, at, diag);
			for (unsigned shallower = 0; shallower < depth && !rc; shallower++)
				rc = check_pair(profile, (const unsigned[]){ size, shallower }, at, diag);
		}
	return rc;
}

int wick_profile_fit(struct wick_profile *profile, const struct wick_profile_cell *cells, unsigned count,
	struct wick_diag *diag)
{
	int rc = find_axes(profile, cells, count, diag);

	if (!rc)
		rc = fill(profile, cells, count, diag);
	if (!rc)
		rc = check_turns(profile, diag);
	for (unsigned depth = 0; !rc && depth < profile->depth_count; depth++) {
		make_rising(profile->turn_us, profile->size_count, depth);
		make_rising(profile->burst_us, profile->size_count, depth);
	}
	return rc;
}

/* A row of a table at a depth between those measured. */
static double at_depth(const struct wick_profile *profile, const double *row, double depth)
{
	const unsigned last = profile->depth_count - 1;
	unsigned i = 0;
	double below, share;

	if (depth <= profile->depths[0])
		return row[0];
	if (depth >= profile->depths[last])
		return row[last];
	while (profile->depths[i + 1] < depth)
		i++;
	below = profile->depths[i];
	share = (depth - below) / (profile->depths[i + 1] - below);
	return row[i] + share * (row[i + 1] - row[i]);
}

/* A table between the sizes measured, and beyond them. */
static double look_up(const struct wick_profile *profile, const double table[][WICK_PROFILE_DEPTHS], uint64_t bytes,
	double depth)
{
	const unsigned last = profile->size_count - 1;
	unsigned i = 0;
	double low, high, share;

	if (bytes <= profile->bytes[0])
		return at_depth(profile, table[0], depth);
	if (bytes >= profile->bytes[last])
		return at_depth(profile, table[last], depth) * ((double)bytes / (double)profile->bytes[last]);
	while (profile->bytes[i + 1] < bytes)
		i++;
	low = at_depth(profile, table[i], depth);
	high = at_depth(profile, table[i + 1], depth);
	share = (double)(bytes - profile->bytes[i]) / (double)(profile->bytes[i + 1] - profile->bytes[i]);
	return low + share * (high - low);
}

/* Depths that were measured are all that is known: no deeper queue is any faster. */
static uint32_t known_depth(const struct wick_profile *profile, uint32_t depth)
{
	wick_require(profile->size_count && profile->depth_count && depth);
	return WICK_MIN(depth, profile->depths[profile->depth_count - 1]);
}

bool wick_profile_is_contradicted(const struct wick_profile *profile)
{
	const struct wick_profile_run *run = &profile->last_run;

	return run->at_s && (run->mb_per_s * DISAGREE < run->expected_mb_per_s || run->expected_mb_per_s * DISAGREE < run->mb_per_s);
}

unsigned wick_profile_few(const struct wick_profile *profile)
{
	unsigned few = 0;

	for (unsigned size = 0; size < profile->size_count; size++)
		for (unsigned depth = 0; depth < profile->depth_count; depth++)
			few += profile->reads[size][depth] && profile->reads[size][depth] < WICK_PROBE_READS_MIN;
	return few;
}

double wick_profile_turn_us(const struct wick_profile *profile, uint64_t bytes, double depth)
{
	double deepest = profile->depths[profile->depth_count - 1];

	return look_up(profile, profile->turn_us, bytes, depth) * WICK_MAX(depth / deepest, 1.0);
}

double wick_profile_read_us(const struct wick_profile *profile, uint64_t bytes, uint32_t depth)
{
	uint32_t known = known_depth(profile, depth);

	return look_up(profile, profile->turn_us, bytes, known) / known;
}

struct wick_extent_price wick_profile_price(const struct wick_profile *profile, uint32_t depth)
{
	uint32_t known = known_depth(profile, depth);
	struct wick_extent_price price = { .count = profile->size_count };

	_Static_assert(WICK_EXTENT_POINTS >= WICK_PROFILE_SIZES, "a point for each size");
	for (unsigned i = 0; i < price.count; i++) {
		price.bytes[i] = profile->bytes[i];
		price.us[i] = at_depth(profile, profile->turn_us[i], known) / known;
	}
	return price;
}

double wick_profile_predict_us(const struct wick_profile *profile, const struct wick_profile_extents *extents,
	unsigned kinds, uint32_t depth)
{
	uint32_t known = known_depth(profile, depth);
	double reads = 0, first, us = 0;

	for (unsigned i = 0; i < kinds; i++)
		reads += (double)extents[i].count;
	first = WICK_MIN(reads, (double)known);
	for (unsigned i = 0; i < kinds && reads; i++) {
		double burst_us = look_up(profile, profile->burst_us, extents[i].bytes, first);
		double turn_us = look_up(profile, profile->turn_us, extents[i].bytes, known);

		us += (double)extents[i].count / reads * (burst_us + (reads - first) / known * turn_us);
	}
	return us;
}

uint32_t wick_profile_depth(const struct wick_profile *profile, uint64_t bytes, double slack)
{
	double best_us = INFINITY;
	unsigned i;

	wick_require(slack >= 0);
	for (i = 0; i < profile->depth_count; i++)
		best_us = fmin(best_us, wick_profile_read_us(profile, bytes, profile->depths[i]));
	for (i = 0; wick_profile_read_us(profile, bytes, profile->depths[i]) > best_us * (1 + slack); i++)
		;
	return profile->depths[i];
}
