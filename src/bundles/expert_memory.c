/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Memory of the cache of experts (see expert_cache.h). */

#include "expert_cache.h"

#include "bits.h"
#include "io.h"
#include "mem.h"

/* Experts of a strip: half of a store's slots, so that the next strip has the other half; a token's in any case. */
static uint32_t most_of(const struct wick_shape *shape, const struct wick_expert_classes *classes)
{
	uint32_t most = WICK_EXPERTS_AT_ONCE;

	for (uint32_t i = 0; i < classes->count; i++)
		most = WICK_MIN(most, classes->at[i].slots / 2);
	return WICK_MAX(most, wick_expert_slots_min(shape));
}

/* Memory of a draw and of the lists of what is computed. */
enum { KEYS, SLOTS, STATE, AHEAD, WANTED, LANDINGS, OF_DRAW };

static void draw_bytes(uint64_t bytes[OF_DRAW], uint32_t most)
{
	bytes[KEYS] = bytes[SLOTS] = most * sizeof(uint32_t);
	bytes[STATE] = bytes[AHEAD] = most;
	bytes[WANTED] = most * sizeof(struct wick_wanted);
	bytes[LANDINGS] = most * WICK_PARTS * sizeof(struct wick_landing);
}

static uint64_t requests_bytes(const struct wick_model *model, uint64_t chunk_bytes, uint32_t part)
{
	return wick_fetch_requests(wick_expert_part_most(model, part), chunk_bytes) * sizeof(struct wick_io_request);
}

uint64_t wick_expert_cache_bytes(const struct wick_model *model, const struct wick_expert_cache_shape *shape)
{
	struct wick_expert_classes classes;
	uint64_t pieces[OF_DRAW], bytes = wick_expert_ahead_bytes();
	uint32_t most;

	wick_expert_classes_make(&classes, model, shape->capacity);
	for (uint32_t i = 0; i < classes.count; i++)
		bytes += wick_expert_store_bytes(model, &classes.at[i]);
	most = most_of(&model->shape, &classes);
	bytes += wick_mem_cost(most * sizeof(uint32_t)) + wick_mem_cost(most * WICK_PARTS * sizeof(uint8_t *));
	draw_bytes(pieces, most);
	for (int i = 0; i < OF_DRAW; i++)
		bytes += 2 * wick_mem_cost(pieces[i]);
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		bytes += 2 * wick_mem_cost(most * requests_bytes(model, shape->chunk_bytes, part)) +
			wick_mem_cost(2 * WICK_EXPERTS_AHEAD * requests_bytes(model, shape->chunk_bytes, part));
	return bytes;
}

static void init_requests(const struct wick_expert_cache *cache, struct wick_landing *landing, uint32_t count, uint64_t chunk_bytes,
	struct wick_mem *mem)
{
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		uint64_t each = requests_bytes(cache->model, chunk_bytes, part);
		uint8_t *requests = wick_mem_take(mem, count * each);

		for (uint32_t i = 0; i < count; i++)
			landing[i * WICK_PARTS + part].requests = (struct wick_io_request *)(requests + i * each);
	}
}

static void init_draw(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint64_t chunk_bytes, struct wick_mem *mem)
{
	uint64_t bytes[OF_DRAW];

	draw_bytes(bytes, cache->most);
	*draw = (struct wick_expert_draw){ .keys = wick_mem_take(mem, bytes[KEYS]), .slots = wick_mem_take(mem, bytes[SLOTS]),
		.state = wick_mem_take(mem, bytes[STATE]), .ahead = wick_mem_take(mem, bytes[AHEAD]), .wanted = wick_mem_take(mem, bytes[WANTED]),
		.landing = wick_mem_take(mem, bytes[LANDINGS]) };
	init_requests(cache, draw->landing, cache->most, chunk_bytes, mem);
}

static uint32_t layers_with_experts(const struct wick_shape *shape)
{
	uint32_t count = 0;

	for (uint32_t layer = 0; layer < shape->layers; layer++)
		count += wick_kind(shape, layer)->ffn.experts.count != 0;
	return count;
}

void wick_expert_cache_init(struct wick_expert_cache *cache, const struct wick_expert_cache_shape *shape,
	const struct wick_model *model, struct wick_fetch *fetch, struct wick_mem *mem)
{
	*cache = (struct wick_expert_cache){ .model = model, .fetch = fetch, .capacity = shape->capacity, .overlap = true,
		.gate_first = true, .layer = UINT32_MAX, .row_steps = layers_with_experts(&model->shape) };
	wick_expert_classes_make(&cache->classes, model, shape->capacity);
	for (uint32_t i = 0; i < cache->classes.count; i++)
		wick_expert_store_init(&cache->store[i], model, &cache->classes.at[i], shape->policy, mem);
	cache->most = most_of(&model->shape, &cache->classes);
	cache->which = wick_mem_take(mem, cache->most * sizeof(uint32_t));
	cache->data = wick_mem_take(mem, cache->most * WICK_PARTS * sizeof(uint8_t *));
	for (int i = 0; i < 2; i++)
		init_draw(cache, &cache->draw[i], shape->chunk_bytes, mem);
	wick_expert_ahead_init(&cache->ahead, mem);
	init_requests(cache, cache->ahead.landing, 2 * WICK_EXPERTS_AHEAD, shape->chunk_bytes, mem);
}
