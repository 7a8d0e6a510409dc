/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How large experts are, and a cache of them. */

#include "bundle.h"
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

/* Slots of one size, and the layers whose experts they take. A slot is an expert, with the blocks of the drive around its parts. */
struct wick_expert_class {
	uint64_t part_bytes[WICK_PARTS]; /* room for a part; 0: its layers have none */
	uint64_t slot_bytes;
	uint32_t experts, slots; /* of all its layers */
};

#define WICK_EXPERT_CLASSES_MAX 4

struct wick_expert_classes {
	uint32_t count;
	struct wick_expert_class at[WICK_EXPERT_CLASSES_MAX];
};

/* The classes of a cache of so many slots. Each has its layers' share of them, so that all layers keep the same share of their experts.
 * There is one for each size that experts have, but no more than there are slots for twice a layer's chosen in each. */
void wick_expert_classes_make(struct wick_expert_classes *classes, const struct wick_model *model, uint32_t slots);
/* That of a layer. */
uint32_t wick_expert_class_of(const struct wick_expert_classes *classes, const struct wick_model *model, uint32_t layer);
