/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Long batches in sparse mode: every bundle is swept and computed for all tokens at once, and the predictor is a mask
 * on what comes out. On the way the bundle cache is filled as if the tokens had come one by one, so that the first
 * token after a prompt finds what the last ones of it used. */

#include "sparse.h"

#include "bits.h"

#include <string.h>

/* The bundles that were prefetched for this layer come with the sweep now. */
static void take_over(struct wick_sparse *sparse, struct wick_member *member)
{
	struct wick_cache *cache = &member->group->cache;

	wick_sparse_clean(sparse, member);
	for (uint32_t i = 0; i < WICK_COUNT_OF(sparse->ahead); i++)
		if (sparse->ahead[i].member == member)
			wick_sparse_drain(sparse, &sparse->ahead[i]);
	for (uint32_t slot = 0; slot < cache->used; slot++) {
		sparse->fill[cache->key_of_slot[slot]] |= cache->in_flight[slot];
		cache->in_flight[slot] = 0;
	}
}

/* Slots for what one token of the batch uses; the bytes follow. Neurons for which there is no room are left out. */
static void admit(struct wick_sparse *sparse, struct wick_member *member, uint32_t count)
{
	const struct wick_wanted *wanted = sparse->demand.wanted;
	struct wick_turn turn;

	wick_turn_begin(&turn, member, sparse->chosen, count);
	if (wick_turn_next(&turn, sparse->round, sparse->demand.wanted))
		wick_turn_land(&turn, wanted);
	for (uint32_t i = 0; i < turn.absent; i++)
		sparse->fill[wanted[i].bundle] = 1;
	wick_turn_end(&turn);
}

const uint64_t *wick_sparse_mask(struct wick_sparse *sparse, uint32_t layer, uint32_t position, uint32_t m, const float *seen,
	const float *gates, size_t *words)
{
	const struct wick_shape *shape = &sparse->model->shape;
	struct wick_member *member = &sparse->member[layer];

	*words = wick_sparse_mask_words(sparse);
	if (member->group)
		take_over(sparse, member);
	for (uint32_t i = 0; i < m; i++) {
		uint32_t count = wick_sparse_choose_row(sparse, layer, i, position + i, i, seen + (size_t)i * shape->d_model,
			gates ? gates + (size_t)i * shape->n_ff : NULL);

		if (member->group)
			admit(sparse, member, count);
	}
	return sparse->mask;
}

void wick_sparse_warm(struct wick_sparse *sparse, uint32_t layer, const struct wick_rows *rows)
{
	struct wick_cache *cache = &sparse->member[layer].group->cache;

	for (uint64_t i = 0; i < rows->count; i++) {
		uint64_t neuron = rows->first + i;
		uint32_t slot = cache->slot_of_key[neuron];

		if (sparse->fill[neuron] && slot != WICK_NO_SLOT)
			memcpy(wick_cache_at(cache, slot), rows->base + i * cache->slot_bytes, cache->slot_bytes);
		sparse->fill[neuron] = 0;
	}
}
