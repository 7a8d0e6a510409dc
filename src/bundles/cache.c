/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Slots and their inverse (see cache.h). Both maps change together, here and nowhere else:
 *
 *     delete slot 0:   slot 2 moves into the hole         replace slot 0 by 5:   nothing moves
 *     [ 7 | 2 | 9 | . ]  ->  [ 9 | 2 | . | . ]          [ 7 | 2 | 9 | . ]  ->  [ 5*| 2 | 9 | . ]    * in flight
 */

#include "cache.h"

#include "check.h"
#include "mem.h"

#include <errno.h>
#include <string.h>

uint64_t wick_cache_bytes(uint32_t keys, uint32_t capacity, uint64_t slot_bytes)
{
	return wick_mem_cost(capacity * slot_bytes) + wick_mem_cost(capacity * sizeof(uint32_t)) +
		wick_mem_cost(keys * sizeof(uint32_t)) + wick_mem_cost(capacity);
}

void wick_cache_init(struct wick_cache *cache, uint32_t keys, uint32_t capacity, uint64_t slot_bytes, struct wick_mem *mem)
{
	*cache = (struct wick_cache){
		.keys = keys,
		.capacity = capacity,
		.slot_bytes = slot_bytes,
		.slots = wick_mem_take(mem, capacity * slot_bytes),
		.key_of_slot = wick_mem_take(mem, capacity * sizeof(uint32_t)),
		.slot_of_key = wick_mem_take(mem, keys * sizeof(uint32_t)),
		.in_flight = wick_mem_take(mem, capacity),
	};
	memset(cache->slot_of_key, 0xff, keys * sizeof(uint32_t));
}

static void give(struct wick_cache *cache, uint32_t slot, uint32_t key)
{
	cache->key_of_slot[slot] = key;
	cache->slot_of_key[key] = slot;
}

uint32_t wick_cache_append(struct wick_cache *cache, uint32_t key)
{
	wick_assert(cache->used < cache->capacity);
	wick_assert(cache->slot_of_key[key] == WICK_NO_SLOT);
	give(cache, cache->used, key);
	cache->in_flight[cache->used] = 1;
	return cache->used++;
}

void wick_cache_replace(struct wick_cache *cache, uint32_t slot, uint32_t key)
{
	wick_assert(slot < cache->used && !cache->in_flight[slot]);
	wick_assert(cache->slot_of_key[key] == WICK_NO_SLOT);
	cache->slot_of_key[cache->key_of_slot[slot]] = WICK_NO_SLOT;
	give(cache, slot, key);
	cache->in_flight[slot] = 1;
}

int wick_cache_delete(struct wick_cache *cache, uint32_t slot)
{
	uint32_t last = cache->used - 1;

	wick_assert(slot < cache->used && !cache->in_flight[slot]);
	if (cache->in_flight[last])
		return -EBUSY;
	cache->slot_of_key[cache->key_of_slot[slot]] = WICK_NO_SLOT;
	if (slot != last) {
		give(cache, slot, cache->key_of_slot[last]);
		memcpy(wick_cache_at(cache, slot), wick_cache_at(cache, last), cache->slot_bytes);
	}
	cache->used = last;
	return 0;
}

void wick_cache_clear(struct wick_cache *cache)
{
	for (uint32_t slot = 0; slot < cache->used; slot++) {
		wick_assert(!cache->in_flight[slot]);
		cache->slot_of_key[cache->key_of_slot[slot]] = WICK_NO_SLOT;
	}
	cache->used = 0;
}
