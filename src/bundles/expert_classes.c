/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Classes of experts by size (see expert_sizes.h). Files of mixed types have down-projections of two types, or more, in turn: in slots
 * of one size a seventh of every second one would be empty. */

#include "expert_sizes.h"

#include "bits.h"
#include "fetch.h"

static uint64_t slot_bytes(const uint64_t part_bytes[WICK_PARTS])
{
	uint64_t sum = 0;

	for (uint32_t part = 0; part < WICK_PARTS; part++)
		sum += wick_fetch_buffer_bytes(part_bytes[part]);
	return sum;
}

static bool takes(const struct wick_expert_class *class, const uint64_t part_bytes[WICK_PARTS])
{
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		if (part_bytes[part] > class->part_bytes[part])
			return false;
	return true;
}

static void layer_parts(const struct wick_model *model, uint32_t layer, uint64_t part_bytes[WICK_PARTS])
{
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		part_bytes[part] = wick_expert_part_bytes(model, layer, part);
}

/* Makes two neighbours one, with room for the experts of either. */
static void merge(struct wick_expert_classes *classes, uint32_t first)
{
	struct wick_expert_class *class = &classes->at[first];

	for (uint32_t part = 0; part < WICK_PARTS; part++)
		class->part_bytes[part] = WICK_MAX(class[0].part_bytes[part], class[1].part_bytes[part]);
	class->slot_bytes = slot_bytes(class->part_bytes);
	classes->count--;
	for (uint32_t i = first + 1; i < classes->count; i++)
		classes->at[i] = classes->at[i + 1];
}

/* The two of which the smaller one's slots would grow least. */
static void merge_nearest(struct wick_expert_classes *classes)
{
	uint32_t nearest = 0;

	for (uint32_t i = 1; i + 1 < classes->count; i++)
		if (classes->at[i + 1].slot_bytes - classes->at[i].slot_bytes <
			classes->at[nearest + 1].slot_bytes - classes->at[nearest].slot_bytes)
			nearest = i;
	merge(classes, nearest);
}

/* Behind those that are no larger. */
static void add(struct wick_expert_classes *classes, const uint64_t part_bytes[WICK_PARTS])
{
	struct wick_expert_class class = { .slot_bytes = slot_bytes(part_bytes) };
	uint32_t i;

	if (classes->count == WICK_EXPERT_CLASSES_MAX)
		merge_nearest(classes);
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		class.part_bytes[part] = part_bytes[part];
	for (i = classes->count++; i && classes->at[i - 1].slot_bytes > class.slot_bytes; i--)
		classes->at[i] = classes->at[i - 1];
	classes->at[i] = class;
}

uint32_t wick_expert_class_of(const struct wick_expert_classes *classes, const struct wick_model *model, uint32_t layer)
{
	uint64_t part_bytes[WICK_PARTS];
	uint32_t i = 0;

	layer_parts(model, layer, part_bytes);
	while (i < classes->count && !takes(&classes->at[i], part_bytes))
		i++;
	return i;
}

static void add_all(struct wick_expert_classes *classes, const struct wick_model *model)
{
	for (uint32_t layer = 0; layer < model->shape.layers; layer++) {
		uint64_t part_bytes[WICK_PARTS];
		bool known = false;

		layer_parts(model, layer, part_bytes);
		for (uint32_t i = 0; i < classes->count; i++)
			known |= slot_bytes(part_bytes) == classes->at[i].slot_bytes && takes(&classes->at[i], part_bytes);
		if (!known && wick_kind(&model->shape, layer)->ffn.experts.count)
			add(classes, part_bytes);
	}
}

/* Returns whether each has at least so many slots. */
static bool divide(struct wick_expert_classes *classes, const struct wick_model *model, uint32_t slots, uint32_t least)
{
	uint64_t all = wick_expert_slots_all(model), before = 0;
	bool enough = true;

	for (uint32_t i = 0; i < classes->count; i++)
		classes->at[i].experts = 0;
	for (uint32_t layer = 0; layer < model->shape.layers; layer++) {
		uint32_t experts = wick_kind(&model->shape, layer)->ffn.experts.count;

		if (experts)
			classes->at[wick_expert_class_of(classes, model, layer)].experts += experts;
	}
	for (uint32_t i = 0; i < classes->count; i++) {
		struct wick_expert_class *class = &classes->at[i];
		uint64_t end = before + class->experts;

		class->slots = (uint32_t)(slots * end / all - slots * before / all);
		enough &= class->slots >= least;
		before = end;
	}
	return enough;
}

void wick_expert_classes_make(struct wick_expert_classes *classes, const struct wick_model *model, uint32_t slots)
{
	*classes = (struct wick_expert_classes){ 0 };
	add_all(classes, model);
	while (!divide(classes, model, slots, 2 * wick_expert_slots_min(&model->shape)) && classes->count > 1)
		merge_nearest(classes);
}
