/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rows and their inverse (see cache.h). Both maps change together, here and nowhere else:
 *
 *     delete row 0:   row 2 moves into the hole         replace row 0 by 5:   nothing moves
 *     [ 7 | 2 | 9 | . ]  ->  [ 9 | 2 | . | . ]          [ 7 | 2 | 9 | . ]  ->  [ 5*| 2 | 9 | . ]    * in flight
 */

#include "cache.h"

#include "check.h"
#include "mem.h"

#include <errno.h>
#include <string.h>

uint64_t wick_cache_bytes(uint32_t neurons, uint32_t capacity, uint64_t stride)
{
	return wick_mem_cost(capacity * stride) + wick_mem_cost(capacity * sizeof(uint32_t)) +
		wick_mem_cost(neurons * sizeof(uint32_t)) + wick_mem_cost(capacity);
}

void wick_cache_init(struct wick_cache *cache, uint32_t neurons, uint32_t capacity, uint64_t stride, struct wick_mem *mem)
{
	*cache = (struct wick_cache){
		.neurons = neurons,
		.capacity = capacity,
		.stride = stride,
		.rows = wick_mem_take(mem, capacity * stride),
		.neuron_of_row = wick_mem_take(mem, capacity * sizeof(uint32_t)),
		.row_of_neuron = wick_mem_take(mem, neurons * sizeof(uint32_t)),
		.in_flight = wick_mem_take(mem, capacity),
	};
	memset(cache->row_of_neuron, 0xff, neurons * sizeof(uint32_t));
}

static void give(struct wick_cache *cache, uint32_t row, uint32_t neuron)
{
	cache->neuron_of_row[row] = neuron;
	cache->row_of_neuron[neuron] = row;
}

uint32_t wick_cache_append(struct wick_cache *cache, uint32_t neuron)
{
	wick_assert(cache->used < cache->capacity);
	wick_assert(cache->row_of_neuron[neuron] == WICK_NO_ROW);
	give(cache, cache->used, neuron);
	cache->in_flight[cache->used] = 1;
	return cache->used++;
}

void wick_cache_replace(struct wick_cache *cache, uint32_t row, uint32_t neuron)
{
	wick_assert(row < cache->used && !cache->in_flight[row]);
	wick_assert(cache->row_of_neuron[neuron] == WICK_NO_ROW);
	cache->row_of_neuron[cache->neuron_of_row[row]] = WICK_NO_ROW;
	give(cache, row, neuron);
	cache->in_flight[row] = 1;
}

int wick_cache_delete(struct wick_cache *cache, uint32_t row)
{
	uint32_t last = cache->used - 1;

	wick_assert(row < cache->used && !cache->in_flight[row]);
	if (cache->in_flight[last])
		return -EBUSY;
	cache->row_of_neuron[cache->neuron_of_row[row]] = WICK_NO_ROW;
	if (row != last) {
		give(cache, row, cache->neuron_of_row[last]);
		memcpy(wick_cache_at(cache, row), wick_cache_at(cache, last), cache->stride);
	}
	cache->used = last;
	return 0;
}

void wick_cache_clear(struct wick_cache *cache)
{
	for (uint32_t row = 0; row < cache->used; row++) {
		wick_assert(!cache->in_flight[row]);
		cache->row_of_neuron[cache->neuron_of_row[row]] = WICK_NO_ROW;
	}
	cache->used = 0;
}
