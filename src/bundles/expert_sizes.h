/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How large experts are, and a cache of them. */

#include "model.h"

/* Slots that a layer's chosen need; 0: the model has no experts. */
uint32_t wick_expert_slots_min(const struct wick_shape *shape);
/* Of all experts. */
uint64_t wick_expert_slots_all(const struct wick_model *model);
/* Bytes that one token chooses over all layers. */
uint64_t wick_expert_cycle_bytes(const struct wick_model *model);

/* Of one expert, the mean over layers; and the type of the first layer's gates. */
uint64_t wick_expert_bytes(const struct wick_model *model);
enum wick_type wick_expert_type(const struct wick_model *model);

/* Bytes of a part of each expert of a layer, 0: the layer has none; and the most of any layer. */
uint64_t wick_expert_part_bytes(const struct wick_model *model, uint32_t layer, uint32_t part);
uint64_t wick_expert_part_most(const struct wick_model *model, uint32_t part);
/* Of a layer, at most. */
uint32_t wick_experts_most(const struct wick_shape *shape);
/* Of a slot: an expert, with the blocks of the drive around its parts. */
uint64_t wick_expert_slot_bytes(const struct wick_model *model);
