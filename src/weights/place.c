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

void wick_places_init(struct wick_place *places, const struct wick_model *model, uint32_t ctx)
{
	const struct wick_shape *shape = &model->shape;

	places[WICK_PLACE_EMBED] = shape->tied ? (struct wick_place){ 0 } : place_of(shape, &model->embed, true);
	places[WICK_PLACE_POSITION] = place_of(shape, &model->position, true);
	places[WICK_PLACE_POSITION].rows = position_rows(&model->position, ctx);
	places[WICK_PLACE_PROJECT_IN] = place_of(shape, &model->project_in, false);
	for (uint32_t i = 0; i < shape->layers; i++) {
		const struct wick_layer *layer = &model->layer[i];

		places[wick_place_layer(i, WICK_PLACE_Q)] = place_of(shape, &layer->q, false);
		places[wick_place_layer(i, WICK_PLACE_K)] = place_of(shape, &layer->k, false);
		places[wick_place_layer(i, WICK_PLACE_V)] = place_of(shape, &layer->v, false);
		places[wick_place_layer(i, WICK_PLACE_O)] = place_of(shape, &layer->o, false);
		places[wick_place_layer(i, WICK_PLACE_FFN)] = place_of(shape, &layer->bundles, false);
	}
	places[wick_place_project_out(shape)] = place_of(shape, &model->project_out, false);
	places[wick_place_head(shape)] = place_of(shape, &model->head, false);
}
