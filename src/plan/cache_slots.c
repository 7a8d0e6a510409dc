/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Slots to layers by marginal gain (see cache_slots.h). Gains never rise, so that what is best for each slot is best for all. */

#include "cache_slots.h"

/* The layer that gains most by one slot more. */
static uint32_t best_layer(const float *firing, uint32_t layers, uint32_t n_ff, const uint32_t *slots)
{
	uint32_t best = 0;
	float most = -1;

	for (uint32_t i = 0; i < layers; i++) {
		float gain = slots[i] < n_ff ? firing[(uint64_t)i * n_ff + slots[i]] : -1;

		if (gain > most) {
			most = gain;
			best = i;
		}
	}
	return best;
}

void wick_cache_slots_divide(
	const float *firing, uint32_t layers, uint32_t n_ff, uint32_t least, uint64_t total, uint32_t *slots)
{
	for (uint32_t i = 0; i < layers; i++)
		slots[i] = least;
	for (uint64_t given = (uint64_t)layers * least; given < total; given++)
		slots[best_layer(firing, layers, n_ff, slots)]++;
}
