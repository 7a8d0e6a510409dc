/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bundles: what is chosen, read, checked, cached and computed as one. A neuron (a row of up, one of down and, where there
 * is one, of gate) or an expert, which has a gate, up and down of its own.
 *
 *     file     blk.0.gate  |....[ expert 0 ][ expert 1 ][ expert 2 ]...|       a range of each bundle, here of expert 1
 *              blk.0.up    |....[ expert 0 ][ expert 1 ][ expert 2 ]...|
 *              blk.0.down  |....[   expert 0   ][   expert 1   ]...|
 *
 *     slot     [..gate......][..up........][..down.........]        a range's data begins as far behind the range's place
 *                                                                    in the slot as it does behind a block of the drive
 *
 * A kind says what a bundle is made of, a set where the bundles of one layer are. Packed neurons have one range, whole
 * blocks of the drive, in which their parts stand side by side.
 *
 * Each range is checked in blocks of its own rows, numbered through the ranges. */

#include "types.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_shape;
struct wick_tensor;

enum wick_part_id { WICK_PART_GATE, WICK_PART_UP, WICK_PART_DOWN, WICK_PARTS };

/* A matrix of a bundle. A neuron's have one row: its down-projection is a column of the model's. */
struct wick_part {
	enum wick_type type;
	uint32_t rows, cols; /* rows 0: there is no such part */
	uint64_t row_bytes;
	uint32_t range;      /* in which it is, */
	uint64_t at;         /* and as many bytes behind its beginning */
};

/* What a bundle has in one tensor: some whole rows. */
struct wick_bundle_range {
	uint32_t rows, check_rows; /* the last check block of a range may be shorter */
	uint64_t row_bytes, bytes;
	uint32_t first_block, blocks;
	uint64_t slot_at, slot_bytes; /* its place in a slot, slack included */
};

struct wick_bundle_kind {
	struct wick_part part[WICK_PARTS];
	struct wick_bundle_range range[WICK_PARTS]; /* in the order in which they are read */
	uint32_t ranges;
	uint32_t blocks;     /* of all ranges */
	uint32_t neurons;    /* 1, or an expert's */
	uint64_t bytes;      /* of the parts' numbers */
	uint64_t slot_bytes;
	bool aligned;        /* every range is whole blocks of the drive, so that nothing lies between or around them */
};

struct wick_bundle_set {
	const struct wick_bundle_kind *kind;
	uint32_t layer, count;
	const struct wick_tensor *tensor[WICK_PARTS]; /* of each range */
};

/* The neurons of a packed model. */
void wick_bundle_of_neurons(struct wick_bundle_kind *kind, const struct wick_shape *shape, const struct wick_tensor *bundles);
/* Experts, of which the tensors (gate, up, down; gate may be NULL) have equal shares of rows; check blocks must not
 * reach from one into the next. The tensors begin anywhere in the file. */
void wick_bundle_of_experts(struct wick_bundle_kind *kind, const struct wick_tensor *const tensors[WICK_PARTS],
	uint32_t experts);

/* Rows of a check block for shares of so many rows: a divisor, some 256 KiB at most where there is one. */
uint32_t wick_bundle_check_rows(uint64_t rows, uint64_t row_bytes);

/* Where in the file the range of a bundle begins. */
uint64_t wick_bundle_offset(const struct wick_bundle_set *set, uint32_t range, uint32_t bundle);
/* Where its data is in the bundle's slot; offset_align: of the file. */
uint8_t *wick_bundle_data(const struct wick_bundle_set *set, uint32_t range, uint32_t bundle, uint8_t *slot,
	uint64_t offset_align);

/* The rows of a check block: of the tensor, `first` on, and in the range's data at_bytes behind its beginning. */
struct wick_bundle_block {
	uint32_t range;
	uint64_t first_row, rows, at_bytes, bytes;
};
struct wick_bundle_block wick_bundle_block(const struct wick_bundle_set *set, uint32_t bundle, uint32_t block);
