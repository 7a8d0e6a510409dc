/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keys and values of the context, f16. All positions of a head lie in a row, as attention reads them:
 *
 *     layer 0                                       layer 1
 *     | head 0: ctx x head_dim | head 1: ... | ...  |
 */

#include "model.h"

#include <stdint.h>

struct wick_mem;
struct wick_kernels;

struct wick_kv {
	uint8_t *keys, *values; /* (layers, heads, ctx, row_bytes) */
	uint64_t row_bytes;     /* of one head at one position */
	uint32_t heads, ctx;
};

uint64_t wick_kv_bytes(const struct wick_shape *shape, uint32_t ctx);
void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, uint32_t ctx, struct wick_mem *mem);

static inline uint64_t wick_kv_at(const struct wick_kv *kv, uint32_t layer, uint32_t head, uint32_t position)
{
	return (((uint64_t)layer * kv->heads + head) * kv->ctx + position) * kv->row_bytes;
}
