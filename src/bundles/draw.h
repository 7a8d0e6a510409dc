/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Drawing bundles: those that a layer wants, as reads straight into the slots of their group.
 *
 *     wanted (bundle, slot)  ->  reads in flight  ->  reads that are back  ->  check blocks that are here
 *
 * One draw is one set's bundles, sent together. Bundles that stand side by side in the file, each in one piece, are read
 * as extents, by the drive's price. Others are read one by one, range by range: of all bundles first what is computed
 * first, each range in reads of some size, which bring the blocks of the drive that cover it:
 *
 *     reads of a range     [ . . . . . . . . | . . . . . . . . | . . . ]       whole blocks of the drive
 *     its check blocks       [      0      |      1      |      2   ]          the first is here when two reads are
 *
 * Reads come back in any order, one by one. The caller takes the check blocks that are here by then (wick_draw_next),
 * compares their checksums, computes, and repairs what is damaged. */

#include "extent.h"
#include "fetch.h"
#include "group.h"
#include "trial.h"

struct wick_mem;

/* Stretches of draws before the first trial without reading through gaps, and without drawing ahead: never the same
 * one, nor one after the other. */
#define WICK_TRIAL_GAPS 4
#define WICK_TRIAL_AHEAD 6

/* Shared by all draws of one kind of bundles. */
struct wick_drawing {
	struct wick_fetch *fetch;
	const struct wick_bundle_kind *kind;
	struct wick_extent_price price; /* of a read on this drive: what decides which gaps are read through */
	uint64_t chunk_bytes; /* of a read, at most */
	uint64_t piece_bytes; /* of a read, at most, where bundles are read one by one; 0: they are read as extents */
	bool bridge;          /* gaps are read through where the price says so, until time says otherwise */
	struct wick_trial gaps; /* on: read through */
	uint8_t *scratch;     /* where the bundles go that were read through */
	double cost_us;       /* of all reads so far, by the price */
	struct wick_landing repair;
	uint8_t *repaired; /* where a check block is read again that is not whole blocks of the drive; or NULL */
};

struct wick_draw_read {
	struct wick_receiver receiver;
	struct wick_io_request request;
	struct wick_draw *draw;
	uint64_t end;                        /* of the bytes that are wanted, in the file */
	uint32_t wanted_first, wanted_count; /* of draw->wanted: an extent's whole bundles; */
	uint32_t block_first, block_count;   /* or check blocks of one bundle, which this read brings or helps to */
	struct wick_draw_read *next;         /* of those that are back */
};

struct wick_draw {
	struct wick_drawing *drawing;
	struct wick_member *member;        /* of the set drawn for last */
	uint32_t most, count;              /* bundles at once, and of this draw */
	uint32_t reads_sent;
	struct wick_wanted *wanted;        /* (most) ascending */
	uint32_t pending;                  /* reads that have not come back */
	uint64_t sent_ns, back_ns;         /* when it was sent, and when the latest read came back */
	bool through;                      /* gaps are read through, where there are some worth it */
	double price_us[2];                /* of its reads, without and with that; of the other way in a trial only */
	struct wick_draw_read *reads;      /* (most, reads of a bundle) */
	struct wick_draw_read *back, *back_last;
	uint32_t taken;                    /* bundles or check blocks of the first that is back */
	uint16_t *left;                    /* (most, blocks): reads that bring them and are not back; of extents NULL */
	struct wick_extent_arrays arrays;
};

/* The longest gap that may be read through. */
uint64_t wick_drawing_gap_bytes(uint64_t stride);
/* How bundles that stand `stride` apart are read as extents. */
struct wick_extent_layout wick_draw_layout(uint64_t stride, uint64_t chunk_bytes, bool through, uint8_t *slots,
	uint8_t *scratch);

/* Of a read where bundles of a kind are read one by one; 0: they are not. apart: though they need not be, and then in
 * two reads, unless they are one block of the drive. */
uint64_t wick_draw_piece_bytes(const struct wick_bundle_kind *kind, uint64_t chunk_bytes, bool apart,
	uint64_t offset_align);

/* Memory that the init functions take. */
uint64_t wick_drawing_bytes(const struct wick_bundle_kind *kind);
uint64_t wick_draw_bytes(const struct wick_bundle_kind *kind, uint64_t piece_bytes, uint32_t most);

void wick_drawing_init(struct wick_drawing *drawing, const struct wick_bundle_kind *kind, struct wick_fetch *fetch,
	uint64_t piece_bytes, struct wick_mem *mem);
void wick_draw_init(struct wick_draw *draw, struct wick_drawing *drawing, uint32_t most, struct wick_mem *mem);

/* Sends the reads for draw->wanted[0 .. count), filled by the caller with slots of the member's group. Nothing of an
 * earlier draw is pending or back. Returns the number of reads. */
uint32_t wick_draw_start(struct wick_draw *draw, struct wick_member *member, uint32_t count,
	enum wick_io_priority priority);
/* The same for draw->wanted[draw->count .. draw->count + count), as more of the same draw. */
uint32_t wick_draw_more(struct wick_draw *draw, uint32_t count, enum wick_io_priority priority);

/* A check block of draw->wanted[k] that is here, or that could not be read. */
struct wick_draw_block {
	uint32_t k, block;
	bool failed, unanswered; /* because the drive did not answer */
};

/* The next that is here; false: there is none now. */
bool wick_draw_next(struct wick_draw *draw, struct wick_draw_block *block);

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

/* Where a part of a bundle is in its slot. */
uint8_t *wick_draw_part(const struct wick_drawing *drawing, const struct wick_bundle_set *set, enum wick_part_id id,
	uint32_t bundle, uint8_t *slot);
/* Whether a check block in its slot has the checksum that it should have. Any thread may ask. */
bool wick_draw_is_right(const struct wick_drawing *drawing, const struct wick_bundle_set *set, uint32_t bundle,
	uint32_t block, uint8_t *slot);
/* Reads one check block again into its slot, and says what is wrong when that does not help. */
int wick_draw_repair(struct wick_drawing *drawing, const struct wick_bundle_set *set, uint32_t bundle, uint32_t block,
	uint8_t *slot, struct wick_diag *diag);
