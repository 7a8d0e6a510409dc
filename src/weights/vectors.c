/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Norms and biases (see vectors.h). */

#include "vectors.h"

#include "fetch.h"
#include "load.h"
#include "mem.h"

static void layer_tensors(const struct wick_layer *layer, const struct wick_tensor *of[WICK_VECTORS_A_LAYER])
{
	of[WICK_VECTOR_ATTN_NORM] = &layer->attn_norm;
	of[WICK_VECTOR_ATTN_NORM_BIAS] = &layer->attn_norm_bias;
	of[WICK_VECTOR_FFN_NORM] = &layer->ffn_norm;
	of[WICK_VECTOR_FFN_NORM_BIAS] = &layer->ffn_norm_bias;
	of[WICK_VECTOR_Q_BIAS] = &layer->q_bias;
	of[WICK_VECTOR_K_BIAS] = &layer->k_bias;
	of[WICK_VECTOR_V_BIAS] = &layer->v_bias;
	of[WICK_VECTOR_O_BIAS] = &layer->o_bias;
	of[WICK_VECTOR_UP_BIAS] = &layer->up_bias;
	of[WICK_VECTOR_DOWN_BIAS] = &layer->down_bias;
}

/* A vector's buffer: a direct read fills whole blocks. */
static uint64_t buffer_bytes(const struct wick_tensor *tensor)
{
	return tensor->rows ? wick_fetch_buffer_bytes(wick_tensor_bytes(tensor)) : 0;
}

uint32_t wick_vectors_count(const struct wick_model *model)
{
	return model->shape.layers * WICK_VECTORS_A_LAYER + 2;
}

uint64_t wick_vectors_bytes(const struct wick_model *model)
{
	const struct wick_tensor *of[WICK_VECTORS_A_LAYER];
	uint64_t bytes = wick_mem_cost(model->shape.layers * WICK_VECTORS_A_LAYER * sizeof(float *));

	for (uint32_t i = 0; i < model->shape.layers; i++) {
		layer_tensors(&model->layer[i], of);
		for (uint32_t j = 0; j < WICK_VECTORS_A_LAYER; j++)
			bytes += wick_mem_cost(buffer_bytes(of[j]));
	}
	return bytes + wick_mem_cost(buffer_bytes(&model->out_norm)) + wick_mem_cost(buffer_bytes(&model->out_norm_bias));
}

/* Where a vector will be, and its load; NULL when the model has none. */
static const float *take(const struct wick_tensor *tensor, struct wick_mem *mem, struct wick_load *loads, uint32_t *count)
{
	uint8_t *base;

	if (!tensor->rows)
		return NULL;
	base = wick_mem_take(mem, buffer_bytes(tensor));
	loads[(*count)++] = (struct wick_load){ .tensor = tensor, .rows = tensor->rows, .base = base };
	return (const float *)base;
}

uint32_t wick_vectors_init(
	struct wick_vectors *vectors, const struct wick_model *model, struct wick_mem *mem, struct wick_load *loads)
{
	const struct wick_tensor *of[WICK_VECTORS_A_LAYER];
	uint32_t count = 0;

	vectors->layer = wick_mem_take(mem, model->shape.layers * WICK_VECTORS_A_LAYER * sizeof(float *));
	for (uint32_t i = 0; i < model->shape.layers; i++) {
		layer_tensors(&model->layer[i], of);
		for (uint32_t j = 0; j < WICK_VECTORS_A_LAYER; j++)
			vectors->layer[i * WICK_VECTORS_A_LAYER + j] = take(of[j], mem, loads, &count);
	}
	vectors->out_norm = take(&model->out_norm, mem, loads, &count);
	vectors->out_norm_bias = take(&model->out_norm_bias, mem, loads, &count);
	return count;
}
