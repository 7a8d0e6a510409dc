/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Drawing bundles: the neurons that a layer wants, as reads straight into the rows of its bundle cache.
 *
 *     wanted (bundle, row)  ->  extents, by the drive's price  ->  reads in flight  ->  reads that are back
 *
 * One draw is one layer's bundles, sent together. Its reads come back in any order, one by one; the caller that takes
 * them back (wick_draw_back) compares the checksums, computes, and repairs damaged bundles. */

#include "cache.h"
#include "extent.h"
#include "fetch.h"
#include "trial.h"

struct wick_mem;

/* Stretches of draws before the first trial without reading through gaps, and without drawing ahead: never the same
 * one, nor one after the other. */
#define WICK_TRIAL_GAPS 4
#define WICK_TRIAL_AHEAD 6

/* Shared by all draws. */
struct wick_drawing {
	struct wick_fetch *fetch;
	struct wick_extent_price price; /* of a read on this drive: what decides which gaps are read through */
	uint64_t stride;
	uint64_t chunk_bytes; /* of a read, at most */
	bool bridge;          /* gaps are read through where the price says so, until time says otherwise */
	struct wick_trial gaps; /* on: read through */
	bool halves;          /* for measuring: each bundle is two reads, of all first the ups, then the downs, unless
	                         it is one block of the drive */
	uint8_t *scratch;     /* where the bundles go that were read through */
	double cost_us;       /* of all reads so far, by the price */
	struct wick_landing repair;
};

struct wick_draw_read {
	struct wick_receiver receiver;
	struct wick_io_request request;
	struct wick_draw *draw;
	uint32_t wanted_first, wanted_count; /* of draw->wanted */
	struct wick_draw_read *other;        /* half of the bundle: it is back when both are; or NULL */
	struct wick_draw_read *next;         /* of those that are back */
};

struct wick_draw {
	struct wick_drawing *drawing;
	const struct wick_tensor *bundles; /* of the layer drawn for last */
	struct wick_cache *cache;          /* likewise */
	uint32_t most, count;              /* bundles at once, and of this draw */
	struct wick_wanted *wanted;        /* (most) ascending */
	uint32_t pending;                  /* reads that have not come back */
	uint64_t sent_ns, back_ns;         /* when it was sent, and when the latest read came back */
	bool through;                      /* gaps are read through, where there are some worth it */
	double price_us[2];                /* of its reads, without and with that; of the other way in a trial only */
	struct wick_draw_read *reads;      /* (most); halves: twice as many */
	struct wick_draw_read *back, *back_last;
	struct wick_extent_arrays arrays;
};

/* The longest gap that may be read through. */
uint64_t wick_drawing_gap_bytes(uint64_t stride);
/* Memory that the init functions take. */
uint64_t wick_drawing_bytes(uint64_t stride);
uint64_t wick_draw_bytes(uint32_t most, bool halves);

void wick_drawing_init(struct wick_drawing *drawing, struct wick_fetch *fetch, uint64_t stride, struct wick_mem *mem);
void wick_draw_init(struct wick_draw *draw, struct wick_drawing *drawing, uint32_t most, struct wick_mem *mem);

/* Sends the reads for draw->wanted[0 .. count), filled by the caller with rows of the cache. Nothing of an earlier draw
 * is pending or back. Returns the number of reads. */
uint32_t wick_draw_start(struct wick_draw *draw, const struct wick_tensor *bundles, struct wick_cache *cache,
	uint32_t count, enum wick_io_priority priority);

/* The next read that is back, or NULL. Its bundles are in their rows unless request.state says it failed. */
struct wick_draw_read *wick_draw_back(struct wick_draw *draw);

/* The fewest bundles whose time says something about the drive. */
#define WICK_DRAW_TIMED 8
static inline bool wick_draw_is_timed(const struct wick_draw *draw)
{
	return draw->count >= WICK_DRAW_TIMED;
}

/* After a draw on demand is back: what it took says which way to read is the faster. */
void wick_draw_learn(struct wick_draw *draw);

static inline bool wick_draw_idle(const struct wick_draw *draw)
{
	return !draw->pending && !draw->back;
}

/* Reads one bundle again into its row, and says what is wrong when that does not help. */
int wick_draw_repair(struct wick_drawing *drawing, const struct wick_tensor *bundles, uint8_t *row, uint32_t bundle,
	struct wick_diag *diag);
