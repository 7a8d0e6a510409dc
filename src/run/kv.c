/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys and values of the context (see kv.h). */

#include "kv.h"

#include "bits.h"
#include "mem.h"

static struct wick_kv_layer layer_of(const struct wick_shape *shape, uint32_t layer)
{
	const struct wick_attn_facts *attn = &wick_kind(shape, layer)->attn;

	return (struct wick_kv_layer){ .heads = attn->kv_heads, .key_bytes = wick_type_bytes(WICK_F16, attn->k_dim),
		.value_bytes = wick_type_bytes(WICK_F16, attn->v_dim) };
}

/* Of all layers' keys or values. */
static uint64_t half_bytes(const struct wick_shape *shape, uint32_t ctx, bool values)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < shape->layers; i++) {
		struct wick_kv_layer layer = layer_of(shape, i);

		bytes += (values ? layer.value_bytes : layer.key_bytes) * layer.heads * ctx;
	}
	return bytes;
}

uint64_t wick_kv_bytes(const struct wick_shape *shape, uint32_t ctx)
{
	return wick_mem_cost(shape->layers * sizeof(struct wick_kv_layer)) + wick_mem_cost(half_bytes(shape, ctx, false)) +
		wick_mem_cost(half_bytes(shape, ctx, true));
}

void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, uint32_t ctx, struct wick_mem *mem)
{
	uint8_t *keys, *values;

	*kv = (struct wick_kv){ .ctx = ctx, .layer = wick_mem_take(mem, shape->layers * sizeof(*kv->layer)) };
	keys = wick_mem_take(mem, half_bytes(shape, ctx, false));
	values = wick_mem_take(mem, half_bytes(shape, ctx, true));
	for (uint32_t i = 0; i < shape->layers; i++) {
		struct wick_kv_layer *layer = &kv->layer[i];

		*layer = layer_of(shape, i);
		layer->keys = keys;
		layer->values = values;
		keys += layer->key_bytes * layer->heads * ctx;
		values += layer->value_bytes * layer->heads * ctx;
	}
}
