/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A binary heap, and sorting with it: in place, and never slower than n log n. qsort() may allocate, and the token loop
 * may not.
 *
 * Entries are known by their numbers, so that they can lie in one array or in several. The highest is entry 0; none of
 * entries 2 i + 1 and 2 i + 2 is higher than entry i. */

#include <stdbool.h>
#include <stdint.h>

struct wick_heap {
	void *of; /* the caller's */
	bool (*is_below)(const void *of, uint32_t i, uint32_t j); /* strictly */
	void (*swap)(void *of, uint32_t i, uint32_t j);
};

/* Lets an entry sink to its place among the first `count`, which are a heap but for it. */
static inline void wick_heap_sink(const struct wick_heap *heap, uint32_t entry, uint32_t count)
{
	uint64_t child;

	while ((child = 2ull * entry + 1) < count) {
		if (child + 1 < count && heap->is_below(heap->of, (uint32_t)child, (uint32_t)child + 1))
			child++;
		if (!heap->is_below(heap->of, entry, (uint32_t)child))
			return;
		heap->swap(heap->of, entry, (uint32_t)child);
		entry = (uint32_t)child;
	}
}

static inline void wick_heap_build(const struct wick_heap *heap, uint32_t count)
{
	for (uint32_t entry = count / 2; entry > 0; entry--)
		wick_heap_sink(heap, entry - 1, count);
}

/* Moves the highest of `count` entries behind the others, which stay a heap. */
static inline void wick_heap_pop(const struct wick_heap *heap, uint32_t count)
{
	heap->swap(heap->of, 0, count - 1);
	wick_heap_sink(heap, 0, count - 1);
}

/* The lowest first. */
static inline void wick_heap_sort(const struct wick_heap *heap, uint32_t count)
{
	wick_heap_build(heap, count);
	for (; count > 1; count--)
		wick_heap_pop(heap, count);
}
