/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* See expert_store.h. */

#include "expert_store.h"

#include "fetch.h"
#include "mem.h"

#include <string.h>

static uint32_t keys_of(const struct wick_model *model)
{
	return model->shape.layers * wick_experts_most(&model->shape);
}

uint64_t wick_expert_store_bytes(const struct wick_model *model, const struct wick_expert_class *class)
{
	return wick_cache_bytes(keys_of(model), class->slots, class->slot_bytes) + wick_policy_bytes(keys_of(model), class->slots) +
		wick_mem_cost(class->slots);
}

void wick_expert_store_init(struct wick_expert_store *store, const struct wick_model *model, const struct wick_expert_class *class,
	const struct wick_policy_ops *policy, struct wick_mem *mem)
{
	uint64_t at = 0;

	wick_cache_init(&store->cache, keys_of(model), class->slots, class->slot_bytes, mem);
	store->policy = wick_policy_init(policy, keys_of(model), class->slots, 0, mem);
	wick_policy_set_layers(store->policy, model->shape.layers);
	store->unchecked = wick_mem_take(mem, class->slots);
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		store->part_at[part] = at;
		at += wick_fetch_buffer_bytes(class->part_bytes[part]);
	}
}

void wick_expert_store_forget(struct wick_expert_store *store)
{
	memset(store->cache.in_flight, 0, store->cache.capacity);
	memset(store->unchecked, 0, store->cache.capacity);
	wick_cache_clear(&store->cache);
	wick_policy_reset(store->policy);
}
