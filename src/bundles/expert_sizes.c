/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sizes of experts (see expert_sizes.h). */

#include "expert_sizes.h"

#include "bits.h"
#include "bundle.h"
#include "fetch.h"

uint64_t wick_expert_part_bytes(const struct wick_model *model, uint32_t layer, uint32_t part)
{
	const struct wick_tensor *tensor = wick_expert_tensor(model, layer, part);

	return tensor->rows ? wick_tensor_bytes(tensor) / tensor->experts : 0;
}

uint64_t wick_expert_part_most(const struct wick_model *model, uint32_t part)
{
	uint64_t most = 0;

	for (uint32_t layer = 0; layer < model->shape.layers; layer++)
		most = WICK_MAX(most, wick_expert_part_bytes(model, layer, part));
	return most;
}

uint32_t wick_experts_most(const struct wick_shape *shape)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < shape->kinds; i++)
		most = WICK_MAX(most, shape->kind[i].ffn.experts.count);
	return most;
}

uint32_t wick_expert_slots_min(const struct wick_shape *shape)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < shape->kinds; i++)
		most = WICK_MAX(most, shape->kind[i].ffn.experts.chosen);
	return most;
}

uint64_t wick_expert_slots_all(const struct wick_model *model)
{
	uint64_t sum = 0;

	for (uint32_t layer = 0; layer < model->shape.layers; layer++)
		sum += wick_kind(&model->shape, layer)->ffn.experts.count;
	return sum;
}

uint64_t wick_expert_cycle_bytes(const struct wick_model *model)
{
	uint64_t sum = 0;

	for (uint32_t layer = 0; layer < model->shape.layers; layer++)
		for (uint32_t part = 0; part < WICK_PARTS; part++)
			sum += wick_kind(&model->shape, layer)->ffn.experts.chosen * wick_expert_part_bytes(model, layer, part);
	return sum;
}

uint64_t wick_expert_bytes(const struct wick_model *model)
{
	uint64_t chosen = 0;

	for (uint32_t layer = 0; layer < model->shape.layers; layer++)
		chosen += wick_kind(&model->shape, layer)->ffn.experts.chosen;
	return chosen ? wick_expert_cycle_bytes(model) / chosen : 0;
}

enum wick_type wick_expert_type(const struct wick_model *model)
{
	uint32_t layer = 0;

	while (!wick_kind(&model->shape, layer)->ffn.experts.count)
		layer++;
	return wick_expert_tensor(model, layer, WICK_PART_GATE)->type;
}
