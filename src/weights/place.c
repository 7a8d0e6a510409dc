/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where each weight matrix is (see place.h). */

#include "place.h"

#include "bits.h"

static struct wick_place place_of(const struct wick_shape *shape, const struct wick_tensor *tensor, bool lookup)
{
	if (!tensor->rows)
		return (struct wick_place){ 0 };
	return (struct wick_place){ .tensor = tensor, .rows = tensor->rows, .tile_rows = wick_gemm_rows(shape),
		.lookup = lookup };
}

/* Rows that a context needs, in whole check blocks. */
static uint64_t position_rows(const struct wick_tensor *position, uint32_t ctx)
{
	if (!position->rows)
		return 0;
	return WICK_MIN(position->rows, wick_div_up(ctx, position->check_rows) * position->check_rows);
}

static const enum wick_tensor_id of_layer[WICK_PLACES_A_LAYER] = {
	[WICK_PLACE_Q] = WICK_T_Q, [WICK_PLACE_K] = WICK_T_K, [WICK_PLACE_V] = WICK_T_V, [WICK_PLACE_O] = WICK_T_O,
	[WICK_PLACE_FFN] = WICK_T_BUNDLES,
};

void wick_places_init(struct wick_place *places, const struct wick_model *model, uint32_t ctx)
{
	const struct wick_shape *shape = &model->shape;

	if (!shape->tied)
		places[WICK_PLACE_EMBED] = place_of(shape, wick_tensor_at(model, 0, WICK_T_EMBED), true);
	places[WICK_PLACE_POSITION] = place_of(shape, wick_tensor_at(model, 0, WICK_T_POSITION), true);
	places[WICK_PLACE_POSITION].rows = position_rows(wick_tensor_at(model, 0, WICK_T_POSITION), ctx);
	places[WICK_PLACE_PROJECT_IN] = place_of(shape, wick_tensor_at(model, 0, WICK_T_PROJECT_IN), false);
	for (uint32_t i = 0; i < shape->layers; i++)
		for (uint32_t which = 0; which < WICK_PLACES_A_LAYER; which++)
			places[wick_place_layer(i, which)] = place_of(shape, wick_tensor_at(model, i, of_layer[which]), false);
	places[wick_place_project_out(shape)] = place_of(shape, wick_tensor_at(model, 0, WICK_T_PROJECT_OUT), false);
	places[wick_place_head(shape)] = place_of(shape, wick_tensor_at(model, 0, WICK_T_HEAD), false);
}
