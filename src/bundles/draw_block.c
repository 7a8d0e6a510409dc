/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Check blocks of bundles in their slots: where they are, whether they are right, and what helps (see draw.h). */

#include "draw.h"

#include "file.h"
#include "kernels.h"
#include "sums.h"

#include <string.h>

static uint8_t *block_data(const struct wick_drawing *drawing, const struct wick_bundle_set *set, uint32_t bundle,
	const struct wick_bundle_block *block, uint8_t *slot)
{
	return wick_bundle_data(set, block->range, bundle, slot, wick_fetch_file(drawing->fetch, set->tensor[block->range])->offset_align) +
		block->at_bytes;
}

uint8_t *wick_draw_part(const struct wick_drawing *drawing, const struct wick_bundle_set *set, enum wick_part_id id,
	uint32_t bundle, uint8_t *slot)
{
	const struct wick_part *part = &set->kind->part[id];

	return wick_bundle_data(set, part->range, bundle, slot, wick_fetch_file(drawing->fetch, set->tensor[part->range])->offset_align) + part->at;
}

bool wick_draw_is_right(const struct wick_drawing *drawing, const struct wick_bundle_set *set, uint32_t bundle,
	uint32_t block, uint8_t *slot)
{
	const struct wick_bundle_block at = wick_bundle_block(set, bundle, block);
	const struct wick_tensor *tensor = set->tensor[at.range];
	uint32_t crc;

	if (drawing->fetch->no_verify)
		return true;
	crc = drawing->fetch->kernels->crc32c(0, block_data(drawing, set, bundle, &at, slot), at.bytes);
	return wick_sums_agree(tensor, at.first_row / tensor->check_rows, crc);
}

/* The blocks of the drive around a check block are its neighbours', too, which may be computed with by now: they stay as
 * they are. */
int wick_draw_repair(struct wick_drawing *drawing, const struct wick_bundle_set *set, uint32_t bundle, uint32_t block,
	uint8_t *slot, struct wick_diag *diag)
{
	const struct wick_bundle_block at = wick_bundle_block(set, bundle, block);
	uint8_t *data = block_data(drawing, set, bundle, &at, slot);
	int err;

	drawing->repair.buffer = drawing->repaired ? drawing->repaired : data;
	err = wick_fetch_repair(drawing->fetch, &drawing->repair, set->tensor[at.range], at.first_row, at.rows, diag);
	if (!err && drawing->repaired)
		memcpy(data, drawing->repair.data, at.bytes);
	return err;
}
