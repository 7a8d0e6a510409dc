/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The predictors that come with a model (see predictors.h). */

#include "predictors.h"

#include "load.h"
#include "mem.h"

uint64_t wick_predictors_bytes(const struct wick_model *model)
{
	uint64_t bytes = wick_mem_cost(model->shape.layers * sizeof(struct wick_predictor));

	if (!model->shape.predictor)
		return 0;
	for (uint32_t i = 0; i < model->shape.layers; i++)
		bytes += wick_mem_cost(wick_tensor_bytes(&model->layer[i].pred_out)) +
			wick_mem_cost(wick_tensor_bytes(&model->layer[i].pred_bias));
	return bytes;
}

size_t wick_predictors_scratch_floats(const struct wick_model *model)
{
	return model->shape.predictor ? model->shape.n_ff : 0;
}

uint32_t wick_predictors_count(const struct wick_model *model)
{
	return model->shape.predictor ? 2 * model->shape.layers : 0;
}

static struct wick_load take(const struct wick_tensor *tensor, struct wick_mem *mem)
{
	return (struct wick_load){ .tensor = tensor, .rows = tensor->rows,
		.base = wick_mem_take(mem, wick_tensor_bytes(tensor)) };
}

uint32_t wick_predictors_init(
	struct wick_chooser *chooser, const struct wick_model *model, struct wick_mem *mem, struct wick_load *loads)
{
	struct wick_predictor *predictors = wick_mem_take(mem, model->shape.layers * sizeof(*predictors));
	uint32_t count = 0;

	for (uint32_t i = 0; i < model->shape.layers; i++) {
		const struct wick_layer *layer = &model->layer[i];
		const struct wick_load *out = &loads[count], *bias = &loads[count + 1];

		loads[count++] = take(&layer->pred_out, mem);
		loads[count++] = take(&layer->pred_bias, mem);
		predictors[i] = (struct wick_predictor){ .out = layer->pred_out, .bias = layer->pred_bias,
			.out_data = out->base, .bias_data = (const float *)bias->base };
	}
	chooser->active = predictors;
	return count;
}
