/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Long batches in sparse mode: every bundle is swept and computed for all tokens at once, and the predictor is a mask
 * on what comes out. On the way the bundle cache is filled as if the tokens had come one by one, so that the first
 * token after a prompt finds what the last ones of it used. */

#include "sparse.h"

#include "bits.h"

#include <string.h>

/* The bundles that were prefetched for this layer come with the sweep now. */
static void take_over(struct wick_sparse *sparse, struct wick_sparse_layer *layer)
{
	struct wick_cache *cache = &layer->cache;

	wick_sparse_clean(sparse, layer);
	for (uint32_t i = 0; i < WICK_COUNT_OF(sparse->ahead); i++)
		if (sparse->ahead[i].cache == cache)
			wick_sparse_drain(sparse, &sparse->ahead[i]);
	for (uint32_t row = 0; row < cache->used; row++) {
		sparse->fill[cache->neuron_of_row[row]] |= cache->in_flight[row];
		cache->in_flight[row] = 0;
	}
}

/* Rows for what one token of the batch uses; the bytes follow. Neurons for which there is no room are left out. */
static void admit(struct wick_sparse *sparse, struct wick_sparse_layer *layer, uint32_t count)
{
	struct wick_cache *cache = &layer->cache;
	uint32_t n = WICK_MIN(WICK_MIN(count, cache->capacity), sparse->round);
	uint32_t admitted = wick_policy_admit(layer->policy, cache, sparse->chosen, n, sparse->demand.wanted);

	for (uint32_t i = 0; i < admitted; i++) {
		sparse->fill[sparse->demand.wanted[i].bundle] = 1;
		cache->in_flight[sparse->demand.wanted[i].row] = 0;
	}
	wick_policy_touch(layer->policy, cache, sparse->chosen, count);
}

const uint64_t *wick_sparse_mask(struct wick_sparse *sparse, uint32_t layer, uint32_t position, uint32_t m, const float *x,
	size_t *words)
{
	const struct wick_shape *shape = &sparse->model->shape;
	struct wick_sparse_layer *at = &sparse->layer[layer];

	*words = wick_div_up(shape->n_ff, 64);
	memset(sparse->mask, 0, m * *words * sizeof(*sparse->mask));
	if (at->policy)
		take_over(sparse, at);
	for (uint32_t i = 0; i < m; i++) {
		uint32_t count = wick_sparse_choose(sparse, layer, position + i, x + (size_t)i * shape->d_model);

		for (uint32_t k = 0; k < count; k++)
			sparse->mask[i * *words + sparse->chosen[k] / 64] |= 1ull << sparse->chosen[k] % 64;
		if (at->policy)
			admit(sparse, at, count);
	}
	return sparse->mask;
}

void wick_sparse_warm(struct wick_sparse *sparse, uint32_t layer, const struct wick_rows *rows)
{
	struct wick_cache *cache = &sparse->layer[layer].cache;

	for (uint64_t i = 0; i < rows->count; i++) {
		uint64_t neuron = rows->first + i;
		uint32_t row = cache->row_of_neuron[neuron];

		if (sparse->fill[neuron] && row != WICK_NO_ROW)
			memcpy(wick_cache_at(cache, row), rows->base + i * cache->stride, cache->stride);
		sparse->fill[neuron] = 0;
	}
}
