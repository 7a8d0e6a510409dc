/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keys and values of the context, f16, a row of kv_heads * head_dim numbers for each position of each layer. */

#include "model.h"

#include <stdint.h>

struct wick_mem;
struct wick_kernels;

struct wick_kv {
	uint8_t *keys, *values; /* (layers, ctx, row_bytes) */
	uint64_t row_bytes;
	uint32_t ctx;
};

uint64_t wick_kv_bytes(const struct wick_shape *shape, uint32_t ctx);
void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, uint32_t ctx, struct wick_mem *mem);

static inline uint8_t *wick_kv_keys(const struct wick_kv *kv, uint32_t layer, uint32_t position)
{
	return kv->keys + ((uint64_t)layer * kv->ctx + position) * kv->row_bytes;
}

static inline uint8_t *wick_kv_values(const struct wick_kv *kv, uint32_t layer, uint32_t position)
{
	return kv->values + ((uint64_t)layer * kv->ctx + position) * kv->row_bytes;
}
