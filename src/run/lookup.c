/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Single rows of the tables of embeddings and positions. */

#include "forward.h"

#include "bits.h"
#include "mem.h"

int wick_look_up(struct wick_forward *f, const struct wick_matrix *table, uint64_t row, float *into, struct wick_diag *diag)
{
	const struct wick_tensor *tensor = table->tensor;
	uint64_t block = row / tensor->check_rows * tensor->check_rows;
	const uint8_t *at;
	int err;

	if (row < table->resident_rows) {
		at = table->base + row * tensor->row_bytes;
	} else {
		wick_fetch_start(f->fetch, &f->lookup, tensor, block, WICK_MIN(tensor->check_rows, tensor->rows - block));
		wick_io_kick(f->fetch->io);
		err = wick_fetch_finish(f->fetch, &f->lookup, diag);
		if (err)
			return err;
		at = f->lookup.data + (row - block) * tensor->row_bytes;
	}
	f->compute.kernels->to_f32[tensor->type](into, at, tensor->cols);
	return 0;
}

/* The widest check block of the two tables. */
static uint64_t lookup_block_bytes(const struct wick_model *model)
{
	const struct wick_tensor *embed = wick_tensor_at(model, 0, WICK_T_EMBED);
	const struct wick_tensor *position = wick_tensor_at(model, 0, WICK_T_POSITION);

	return WICK_MAX(embed->check_rows * embed->row_bytes, position->check_rows * position->row_bytes);
}

static uint64_t lookup_requests_bytes(const struct wick_model *model, uint64_t chunk_bytes)
{
	return wick_fetch_requests(lookup_block_bytes(model), chunk_bytes) * sizeof(struct wick_io_request);
}

uint64_t wick_forward_lookup_bytes(const struct wick_model *model, uint64_t chunk_bytes)
{
	return wick_mem_cost(wick_fetch_buffer_bytes(lookup_block_bytes(model))) +
		wick_mem_cost(lookup_requests_bytes(model, chunk_bytes));
}

void wick_forward_lookup_init(struct wick_forward *f, struct wick_mem *mem)
{
	f->lookup.buffer = wick_mem_take(mem, wick_fetch_buffer_bytes(lookup_block_bytes(f->model)));
	f->lookup.requests = wick_mem_take(mem, lookup_requests_bytes(f->model, f->fetch->chunk_bytes));
}
