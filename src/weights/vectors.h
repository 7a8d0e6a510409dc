/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Norms and biases: f32 vectors, a few for every layer, always resident. */

#include "model.h"

struct wick_file;
struct wick_load;
struct wick_mem;

struct wick_vectors {
	const float **at; /* (wick_tensors_count()); NULL: the model has none, or it is no vector */
};

static inline const float *wick_vector(const struct wick_vectors *vectors, uint32_t layer, enum wick_tensor_id id)
{
	return vectors->at[wick_tensor_index(layer, id)];
}

/* Memory that wick_vectors_init() takes. */
uint64_t wick_vectors_bytes(const struct wick_model *model);

/* Takes the memory and writes what must be loaded into it to loads, which has room for wick_vectors_count(). */
uint32_t wick_vectors_count(const struct wick_model *model);
uint32_t wick_vectors_init(
	struct wick_vectors *vectors, const struct wick_model *model, const struct wick_file *files, struct wick_mem *mem,
	struct wick_load *loads);
