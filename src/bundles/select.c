/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Selection by buckets. The keys' range is cut into equal ones; where the running sum of a histogram passes `least`,
 * everything in the buckets before is chosen, and the same is done again among the few keys of that one bucket:
 *
 *     keys      [min ........................... max]
 *     buckets   |  3  |  5  |  9  |  0  | ... |  2  |        least = 12: the 8 of the first two, and 4 of the third's 9
 *
 * Nearly always the second round has a handful of keys. No loop has a branch that depends on a key. */

#include "select.h"

#include "bits.h"
#include "check.h"

#include <string.h>

#define BUCKETS 512

static void find_range(const uint32_t *keys, uint32_t count, uint32_t *least, uint32_t *most)
{
	uint32_t low = keys[0], high = keys[0];

	for (uint32_t i = 1; i < count; i++) {
		low = WICK_MIN(low, keys[i]);
		high = WICK_MAX(high, keys[i]);
	}
	*least = low;
	*most = high;
}

/* Two histograms in turns, since neighbours often fall into the same bucket and would wait for each other. */
static void count_keys(const uint32_t *keys, uint32_t count, uint32_t low, unsigned shift, uint32_t buckets[BUCKETS])
{
	uint32_t odd[BUCKETS] = { 0 }, i;

	memset(buckets, 0, BUCKETS * sizeof(*buckets));
	for (i = 0; i + 1 < count; i += 2) {
		buckets[(keys[i] - low) >> shift]++;
		odd[(keys[i + 1] - low) >> shift]++;
	}
	if (i < count)
		buckets[(keys[i] - low) >> shift]++;
	for (i = 0; i < BUCKETS; i++)
		buckets[i] += odd[i];
}

/* One round: keys below the border are chosen, keys in the border's bucket come to the front. Returns how many those
 * are. */
static uint32_t part(uint32_t *keys, uint32_t *values, uint32_t count, uint32_t low, unsigned shift, uint32_t border,
	uint32_t *chosen)
{
	uint32_t below = 0, there = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t key = keys[i], value = values[i], bucket = (key - low) >> shift;

		chosen[below] = value;
		keys[there] = key;
		values[there] = value;
		below += bucket < border;
		there += bucket == border;
	}
	return there;
}

void wick_select_least(uint32_t *keys, uint32_t *values, uint32_t count, uint32_t least, uint32_t *chosen)
{
	uint32_t buckets[BUCKETS], low, high;

	wick_assert(least >= 1 && least <= count);
	for (find_range(keys, count, &low, &high); low < high; find_range(keys, count, &low, &high)) {
		uint32_t border = 0, below = 0;
		unsigned shift = 0;

		while ((high - low) >> shift >= BUCKETS)
			shift++;
		count_keys(keys, count, low, shift, buckets);
		while (below + buckets[border] < least)
			below += buckets[border++];
		count = part(keys, values, count, low, shift, border, chosen);
		chosen += below;
		least -= below;
		if (count == least)
			break;
	}
	memcpy(chosen, values, least * sizeof(*chosen));
}
