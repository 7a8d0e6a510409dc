/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The least that a token can take (see floor.h). */

#include "floor.h"

#include "bits.h"

double wick_floor_sweep_us(
	const struct wick_drive *drive, const struct wick_plan *plan, uint64_t chunk_bytes, uint32_t queue_depth)
{
	uint64_t chunk = WICK_MIN(chunk_bytes, plan->unit_bytes), in_flight;

	if (!drive->known || !plan->swept_bytes)
		return 0;
	in_flight = (plan->unit_count - 1) * wick_div_up(plan->unit_bytes, chunk); /* one unit is being computed */
	return (double)plan->swept_bytes / (double)chunk *
		wick_profile_read_us(&drive->profile, chunk, (uint32_t)WICK_MIN(in_flight, queue_depth));
}

/* Of a matrix, or of as many experts as a token chooses. */
static uint64_t used_bytes(const struct wick_shape *shape, const struct wick_matrices *matrices, uint32_t i)
{
	const struct wick_matrix *matrix = &matrices->at[i];
	uint64_t rows = matrix->rows;

	if (matrix->tensor->experts)
		rows = rows / matrix->tensor->experts * wick_kind(shape, matrices->steps->matrix[i].layer)->ffn.experts.chosen;
	return rows * matrix->tensor->row_bytes;
}

uint64_t wick_floor_pass_bytes(const struct wick_shape *shape, const struct wick_matrices *matrices, const struct wick_plan *plan,
	bool sparse)
{
	uint64_t bytes = sparse ? plan->predictor_bytes : 0;

	for (uint32_t i = 0; i < matrices->count; i++)
		if (!matrices->at[i].lookup && !matrices->at[i].bundles)
			bytes += used_bytes(shape, matrices, i);
	if (!sparse)
		bytes += (uint64_t)shape->layers * shape->n_ff * shape->part_bytes *
			(shape->bundle_parts - (wick_is_relu(shape) ? 1 : 0));
	return bytes;
}
