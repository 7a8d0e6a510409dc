/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The bundle cache of one layer (the paper's neuron matrix, section 3.3): which bundles are in memory, and where. Ids and rows, no files.
 *
 *     rows            [ bundle 7 | bundle 2 | bundle 9 | ........ free ........ ]
 *     neuron_of_row       7          2          9
 *     row_of_neuron   [ - - 1 - - - - 0 - 2 - ... ]            the inverse; WICK_NO_ROW: absent
 *
 * Rows 0..used-1 are always taken, so a matrix is used by walking them or by index. A bundle that is on its way has a
 * row already, where it is read to without a copy; it is marked in flight, and such a row neither moves nor is
 * replaced. Taking one away copies the last row into the hole; giving its row to another neuron copies nothing. */

#include <stdbool.h>
#include <stdint.h>

struct wick_mem;

#define WICK_NO_ROW UINT32_MAX

struct wick_cache {
	uint32_t neurons, capacity, used;
	uint64_t stride;
	uint8_t *rows;           /* (capacity, stride), aligned for direct reads */
	uint32_t *neuron_of_row; /* (capacity) */
	uint32_t *row_of_neuron; /* (neurons) */
	uint8_t *in_flight;      /* (capacity); not 0: its bytes are not here yet */
};

/* Memory that wick_cache_init() takes from mem. */
uint64_t wick_cache_bytes(uint32_t neurons, uint32_t capacity, uint64_t stride);
void wick_cache_init(struct wick_cache *cache, uint32_t neurons, uint32_t capacity, uint64_t stride,
	struct wick_mem *mem);

static inline uint8_t *wick_cache_at(const struct wick_cache *cache, uint32_t row)
{
	return cache->rows + row * cache->stride;
}

/* A row for a neuron that has none: a free one, which must be there, or that of a neuron that goes. Marked in
 * flight. */
uint32_t wick_cache_append(struct wick_cache *cache, uint32_t neuron);
void wick_cache_replace(struct wick_cache *cache, uint32_t row, uint32_t neuron);
/* Takes a row away; the last one moves into the hole (unless it is in flight: then -EBUSY, and nothing is done). */
int wick_cache_delete(struct wick_cache *cache, uint32_t row);
void wick_cache_clear(struct wick_cache *cache); /* nothing may be in flight */
