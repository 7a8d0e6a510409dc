/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bundle cache: slots for bundles of one size, and which bundles have one. Keys and slots, no files. A key is a bundle of
 * the sets that share the cache (group.h); for the neurons of a layer (the paper's neuron matrix, section 3.3) it is the
 * neuron's number.
 *
 *     slots           [ bundle 7 | bundle 2 | bundle 9 | ........ free ........ ]
 *     key_of_slot         7          2          9
 *     slot_of_key     [ - - 1 - - - - 0 - 2 - ... ]            the inverse; WICK_NO_SLOT: absent
 *
 * Slots 0..used-1 are always taken, so they are used by walking them or by index. A bundle that is on its way has a
 * slot already, where it is read to without a copy; it is marked in flight, and such a slot neither moves nor is
 * replaced. Taking one away copies the last slot into the hole; giving its slot to another bundle copies nothing. */

#include <stdbool.h>
#include <stdint.h>

struct wick_mem;

#define WICK_NO_SLOT UINT32_MAX

struct wick_cache {
	uint32_t keys, capacity, used;
	uint64_t slot_bytes;
	uint8_t *slots;        /* (capacity, slot_bytes), aligned for direct reads */
	uint32_t *key_of_slot; /* (capacity) */
	uint32_t *slot_of_key; /* (keys) */
	uint8_t *in_flight;    /* (capacity); not 0: its bytes are not here yet */
};

/* Memory that wick_cache_init() takes from mem. */
uint64_t wick_cache_bytes(uint32_t keys, uint32_t capacity, uint64_t slot_bytes);
void wick_cache_init(struct wick_cache *cache, uint32_t keys, uint32_t capacity, uint64_t slot_bytes,
	struct wick_mem *mem);

static inline uint8_t *wick_cache_at(const struct wick_cache *cache, uint32_t slot)
{
	return cache->slots + slot * cache->slot_bytes;
}

/* A slot for a bundle that has none: a free one, which must be there, or that of a bundle that goes. Marked in
 * flight. */
uint32_t wick_cache_append(struct wick_cache *cache, uint32_t key);
void wick_cache_replace(struct wick_cache *cache, uint32_t slot, uint32_t key);
/* Takes a slot away; the last one moves into the hole (unless it is in flight: then -EBUSY, and nothing is done). */
int wick_cache_delete(struct wick_cache *cache, uint32_t slot);
void wick_cache_clear(struct wick_cache *cache); /* nothing may be in flight */
