/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Norms and biases: f32 vectors, a few for every layer, always resident. */

#include "model.h"

enum wick_vector { /* of a layer */
	WICK_VECTOR_ATTN_NORM, WICK_VECTOR_ATTN_NORM_BIAS, WICK_VECTOR_FFN_NORM, WICK_VECTOR_FFN_NORM_BIAS,
	WICK_VECTOR_Q_BIAS, WICK_VECTOR_K_BIAS, WICK_VECTOR_V_BIAS, WICK_VECTOR_O_BIAS, WICK_VECTOR_UP_BIAS,
	WICK_VECTOR_DOWN_BIAS, WICK_VECTORS_A_LAYER,
};

struct wick_load;
struct wick_mem;

struct wick_vectors {
	const float **layer; /* (layers, WICK_VECTORS_A_LAYER); NULL: the model has none */
	const float *out_norm, *out_norm_bias;
};

static inline const float *wick_vector(const struct wick_vectors *vectors, uint32_t layer, enum wick_vector which)
{
	return vectors->layer[(uint64_t)layer * WICK_VECTORS_A_LAYER + which];
}

/* Memory that wick_vectors_init() takes. */
uint64_t wick_vectors_bytes(const struct wick_model *model);

/* Takes the memory and writes what must be loaded into it to loads, which has room for wick_vectors_count(). */
uint32_t wick_vectors_count(const struct wick_model *model);
uint32_t wick_vectors_init(
	struct wick_vectors *vectors, const struct wick_model *model, struct wick_mem *mem, struct wick_load *loads);
