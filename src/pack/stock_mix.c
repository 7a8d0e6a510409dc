/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Types of tensors (see stock_mix.h), as llama.cpp's quantiser chooses them. */

#include "stock_mix.h"

#include "bits.h"

#include <stdio.h>
#include <string.h>

#define FEW_EXPERTS 8 /* Mixtral's, whose small matrices cost nothing beside its experts */

struct wick_stock_mix {
	const char *name;
	uint32_t file_type; /* as llama.cpp numbers them */
	enum wick_type usual, head, better, experts; /* better: of values and down-projections of some layers */
};

static const struct wick_stock_mix mixes[] = {
	{ "f32", 0, WICK_F32, WICK_F32, WICK_F32, WICK_F32 },
	{ "f16", 1, WICK_F16, WICK_F16, WICK_F16, WICK_F16 },
	{ "bf16", 32, WICK_BF16, WICK_BF16, WICK_BF16, WICK_BF16 },
	{ "q4_0", 2, WICK_Q4_0, WICK_Q6_K, WICK_Q4_0, WICK_Q4_0 },
	{ "q8_0", 7, WICK_Q8_0, WICK_Q8_0, WICK_Q8_0, WICK_Q8_0 },
	{ "q4_k_m", 15, WICK_Q4_K, WICK_Q6_K, WICK_Q6_K, WICK_Q4_K },
	{ "q5_k_m", 17, WICK_Q5_K, WICK_Q6_K, WICK_Q6_K, WICK_Q5_K },
	{ "q6_k", 18, WICK_Q6_K, WICK_Q6_K, WICK_Q6_K, WICK_Q6_K },
	{ "mxfp4", 38, WICK_Q8_0, WICK_Q8_0, WICK_Q8_0, WICK_MXFP4 },
};

const struct wick_stock_mix *wick_stock_mix_find(const char *name)
{
	for (size_t i = 0; i < WICK_COUNT_OF(mixes); i++)
		if (!strcmp(mixes[i].name, name))
			return &mixes[i];
	return NULL;
}

void wick_stock_mix_names(char *names, size_t bytes)
{
	size_t at = 0;

	for (size_t i = 0; i < WICK_COUNT_OF(mixes); i++)
		at += (size_t)snprintf(names + at, bytes - at, "%s%s", i ? ", " : "", mixes[i].name);
}

uint32_t wick_stock_mix_file_type(const struct wick_stock_mix *mix)
{
	return mix->file_type;
}

/* The first and the last eighth of the layers, and of the others every third. */
static bool is_better(uint32_t layer, uint32_t layers)
{
	return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

static enum wick_type type_of(const struct wick_stock_mix *mix, const struct wick_shape *shape, enum wick_tensor_id id, uint32_t layer)
{
	bool better = is_better(layer, shape->layers), quantised = mix->usual > WICK_Q8_0;
	bool few = quantised && wick_kind(shape, layer)->ffn.experts.count == FEW_EXPERTS;

	switch (id) {
	case WICK_T_EMBED:
		return shape->tied ? mix->head : mix->usual;
	case WICK_T_HEAD:
		return mix->head;
	case WICK_T_K:
		return few ? WICK_Q8_0 : mix->usual;
	case WICK_T_V:
		return few ? WICK_Q8_0 : better ? mix->better : mix->usual;
	case WICK_T_O:
		return few && mix->usual < WICK_Q5_K ? WICK_Q5_K : mix->usual;
	case WICK_T_DOWN:
	case WICK_T_SHARED_DOWN:
		return better ? mix->better : mix->usual;
	case WICK_T_GATE_EXPERTS:
	case WICK_T_UP_EXPERTS:
		return mix->experts;
	case WICK_T_DOWN_EXPERTS:
		return better && mix->experts == mix->usual ? mix->better : mix->experts;
	default:
		return mix->usual;
	}
}

enum wick_type wick_stock_mix_type(const struct wick_stock_mix *mix, const struct wick_shape *shape, enum wick_tensor_id id,
	uint32_t layer, uint64_t cols)
{
	static const enum wick_type instead[WICK_TYPE_COUNT] = { [WICK_Q4_K] = WICK_Q5_0, [WICK_Q5_K] = WICK_Q5_1,
		[WICK_Q6_K] = WICK_Q8_0 };
	enum wick_type type = id == WICK_T_ROUTER ? WICK_F32 : type_of(mix, shape, id, layer);

	if (cols % wick_types[type].block && instead[type])
		type = instead[type];
	return cols % wick_types[type].block ? WICK_F16 : type;
}
