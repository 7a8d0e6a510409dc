/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Norms and biases (see vectors.h). */

#include "vectors.h"

#include "fetch.h"
#include "load.h"
#include "mem.h"

/* A vector's buffer: a direct read fills whole blocks. */
static uint64_t buffer_bytes(const struct wick_tensor *tensor)
{
	return wick_fetch_buffer_bytes(wick_tensor_bytes(tensor));
}

uint32_t wick_vectors_count(const struct wick_model *model)
{
	uint32_t count = 0;

	for (uint64_t i = 0; i < wick_tensors_count(model->shape.layers); i++)
		count += model->tensors[i].vector;
	return count;
}

uint64_t wick_vectors_bytes(const struct wick_model *model)
{
	uint64_t entries = wick_tensors_count(model->shape.layers), bytes = wick_mem_cost(entries * sizeof(float *));

	for (uint64_t i = 0; i < entries; i++)
		if (model->tensors[i].vector)
			bytes += wick_mem_cost(buffer_bytes(&model->tensors[i]));
	return bytes;
}

uint32_t wick_vectors_init(
	struct wick_vectors *vectors, const struct wick_model *model, const struct wick_file *files, struct wick_mem *mem,
	struct wick_load *loads)
{
	uint64_t entries = wick_tensors_count(model->shape.layers);
	uint32_t count = 0;

	vectors->at = wick_mem_take(mem, entries * sizeof(float *));
	for (uint64_t i = 0; i < entries; i++) {
		const struct wick_tensor *tensor = &model->tensors[i];

		if (!tensor->vector)
			continue;
		loads[count] = (struct wick_load){ .tensor = tensor, .rows = tensor->rows,
			.base = wick_mem_take(mem, buffer_bytes(tensor)) };
		vectors->at[i] = (const float *)wick_load_data(&loads[count++], files);
	}
	return count;
}
