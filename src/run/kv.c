/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys and values of the context (see kv.h). */

#include "kv.h"

#include "mem.h"

static uint64_t half_bytes(const struct wick_shape *shape, uint32_t ctx)
{
	return (uint64_t)shape->layers * ctx * shape->kv_heads * shape->head_dim * wick_types[WICK_F16].block_bytes;
}

uint64_t wick_kv_bytes(const struct wick_shape *shape, uint32_t ctx)
{
	return 2 * wick_mem_cost(half_bytes(shape, ctx));
}

void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, uint32_t ctx, struct wick_mem *mem)
{
	*kv = (struct wick_kv){ .heads = shape->kv_heads, .ctx = ctx,
		.row_bytes = (uint64_t)shape->head_dim * wick_types[WICK_F16].block_bytes };
	kv->keys = wick_mem_take(mem, half_bytes(shape, ctx));
	kv->values = wick_mem_take(mem, half_bytes(shape, ctx));
}
