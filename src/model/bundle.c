/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What bundles are made of and where they are (see bundle.h). */

#include "bundle.h"

#include "bits.h"
#include "check.h"
#include "model.h"

#include <string.h>

#define CHECK_BYTES (256u << 10) /* of a check block: damage is named within it, and threads share a bundle by it */

/* Adds what a bundle has in a tensor, at the end of the slot. */
static struct wick_bundle_range *add_range(struct wick_bundle_kind *kind, const struct wick_tensor *tensor, uint64_t rows)
{
	struct wick_bundle_range *range = &kind->range[kind->ranges++];

	range->rows = (uint32_t)rows;
	range->check_rows = tensor->check_rows;
	range->row_bytes = tensor->row_bytes;
	range->bytes = rows * tensor->row_bytes;
	range->first_block = kind->blocks;
	range->blocks = (uint32_t)wick_div_up(rows, tensor->check_rows);
	range->slot_at = kind->slot_bytes;
	/* A block of slack, since the reads bring the blocks of the drive that surround it. */
	range->slot_bytes = kind->aligned ? range->bytes : wick_align_up(range->bytes, WICK_FILE_ALIGN) + WICK_FILE_ALIGN;
	kind->blocks += range->blocks;
	kind->slot_bytes += range->slot_bytes;
	return range;
}

static void add_part(struct wick_bundle_kind *kind, enum wick_part_id id, enum wick_type type, uint64_t rows, uint64_t cols)
{
	struct wick_part *part = &kind->part[id];

	part->type = type;
	part->rows = (uint32_t)rows;
	part->cols = (uint32_t)cols;
	part->row_bytes = wick_type_bytes(type, cols);
	part->range = kind->ranges - 1;
	kind->bytes += rows * part->row_bytes;
}

void wick_bundle_of_neurons(struct wick_bundle_kind *kind, const struct wick_shape *shape, const struct wick_tensor *bundles)
{
	memset(kind, 0, sizeof(*kind));
	kind->neurons = 1;
	kind->aligned = true;
	add_range(kind, bundles, 1);
	for (unsigned id = WICK_PARTS - shape->bundle_parts; id < WICK_PARTS; id++) {
		uint64_t at = kind->bytes;

		add_part(kind, id, bundles->type, 1, shape->d_model);
		kind->part[id].at = at;
	}
}

void wick_bundle_of_experts(struct wick_bundle_kind *kind, const struct wick_tensor *const tensors[WICK_PARTS],
	uint32_t experts)
{
	memset(kind, 0, sizeof(*kind));
	for (unsigned id = 0; id < WICK_PARTS; id++) {
		const struct wick_tensor *tensor = tensors[id];

		if (!tensor)
			continue;
		wick_require(tensor->rows % experts == 0 && tensor->rows / experts % tensor->check_rows == 0);
		add_range(kind, tensor, tensor->rows / experts);
		add_part(kind, id, tensor->type, tensor->rows / experts, tensor->cols);
	}
	kind->neurons = kind->part[WICK_PART_UP].rows;
}

uint32_t wick_bundle_check_rows(uint64_t rows, uint64_t row_bytes)
{
	uint64_t check = WICK_MIN(rows, WICK_MAX(1, CHECK_BYTES / row_bytes));

	while (rows % check)
		check--;
	return (uint32_t)check;
}

uint64_t wick_bundle_offset(const struct wick_bundle_set *set, uint32_t range, uint32_t bundle)
{
	return set->tensor[range]->offset + bundle * set->kind->range[range].bytes;
}

uint8_t *wick_bundle_data(const struct wick_bundle_set *set, uint32_t range, uint32_t bundle, uint8_t *slot,
	uint64_t offset_align)
{
	return slot + set->kind->range[range].slot_at + wick_bundle_offset(set, range, bundle) % offset_align;
}

struct wick_bundle_block wick_bundle_block(const struct wick_bundle_set *set, uint32_t bundle, uint32_t block)
{
	const struct wick_bundle_kind *kind = set->kind;
	struct wick_bundle_block found = { 0 };
	const struct wick_bundle_range *range = kind->range;
	uint64_t row;

	while (block >= range->first_block + range->blocks)
		range++;
	row = (uint64_t)(block - range->first_block) * range->check_rows;
	found.range = (uint32_t)(range - kind->range);
	found.first_row = (uint64_t)bundle * range->rows + row;
	found.rows = WICK_MIN(range->check_rows, range->rows - row);
	found.at_bytes = row * range->row_bytes;
	found.bytes = found.rows * range->row_bytes;
	return found;
}
