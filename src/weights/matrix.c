/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where each weight matrix is (see matrix.h). */

#include "matrix.h"

#include "bits.h"
#include "file.h"
#include "load.h"

#include <errno.h>
#include <stdlib.h>

/* Rows that a run needs: of the table of positions those of its context, in whole check blocks. */
static uint64_t rows_of(const struct wick_step_matrix *used, const struct wick_tensor *tensor, uint32_t ctx)
{
	if (used->tensor != WICK_T_POSITION)
		return tensor->rows;
	return WICK_MIN(tensor->rows, wick_div_up(ctx, tensor->check_rows) * tensor->check_rows);
}

uint64_t wick_matrix_bytes(const struct wick_matrix *matrix, uint64_t rows)
{
	const struct wick_tensor *tensor = matrix->tensor;
	uint64_t each = wick_expert_rows(tensor);

	if (tensor->expert_at)
		return rows / each * wick_fetch_buffer_bytes(each * tensor->row_bytes);
	return rows ? wick_load_bytes(tensor->offset, rows * tensor->row_bytes) : 0;
}

const uint8_t *wick_matrix_expert(const struct wick_matrix *matrix, uint32_t expert, const struct wick_file *files)
{
	const struct wick_tensor *tensor = matrix->tensor;
	uint64_t rows = wick_expert_rows(tensor);
	struct wick_place place = wick_tensor_place(tensor, expert * rows);

	if (!tensor->expert_at)
		return matrix->base + expert * rows * tensor->row_bytes;
	return matrix->base + expert * wick_fetch_buffer_bytes(rows * tensor->row_bytes) +
		place.offset % files[place.part].offset_align;
}

int wick_matrices_make(struct wick_matrices *matrices, const struct wick_model *model, uint32_t ctx, struct wick_diag *diag)
{
	const struct wick_steps *steps = &model->steps;

	*matrices = (struct wick_matrices){ .steps = steps, .count = steps->matrices };
	matrices->at = calloc(steps->matrices, sizeof(*matrices->at));
	matrices->slots = calloc(steps->layers, sizeof(*matrices->slots));
	if (!matrices->at || !matrices->slots)
		return wick_diag_say(diag, -ENOMEM, "no memory for the plan of %u matrices", steps->matrices);
	for (uint32_t i = 0; i < steps->matrices; i++) {
		const struct wick_step_matrix *used = &steps->matrix[i];
		const struct wick_tensor *tensor = wick_tensor_at(model, used->layer, used->tensor);

		matrices->at[i] = (struct wick_matrix){ .tensor = tensor, .rows = rows_of(used, tensor, ctx),
			.tile_rows = wick_tile_rows(&model->shape), .keep = used->keep, .lookup = used->lookup,
			.bundles = used->bundles };
	}
	return 0;
}

void wick_matrices_free(struct wick_matrices *matrices)
{
	free(matrices->at);
	free(matrices->slots);
	*matrices = (struct wick_matrices){ 0 };
}
