/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The sparse FFN of a layer as rounds, and the prefetch for the next one (see sparse.h). */

#include "sparse.h"

#include "bits.h"
#include "check.h"
#include "clock.h"
#include "mem.h"
#include "watch.h"

#include <errno.h>
#include <string.h>

#define ROUND_MOST 4096 /* neurons computed at once; more take several rounds */

static uint32_t round_most(const struct wick_shape *shape)
{
	return WICK_MIN(shape->n_ff, ROUND_MOST);
}

static uint32_t ahead_most(const struct wick_shape *shape)
{
	return WICK_MIN(shape->n_ff, WICK_AHEAD_MOST);
}

/* Every array and its size, in one table for the plan and for init. */
enum { CHOSEN, LIKELY, SORTED, PROBABILITY, PLACE_OF, ROW, TODO, READY, H, ARRIVAL, SCORES, SCRATCH, FILL, MASK, ARRAYS };

static void array_bytes(uint64_t bytes[ARRAYS], const struct wick_shape *shape, const struct wick_sparse_shape *size)
{
	uint64_t n = (uint64_t)shape->n_ff * sizeof(uint32_t), round = round_most(shape);

	bytes[CHOSEN] = bytes[PLACE_OF] = bytes[SCORES] = n;
	bytes[LIKELY] = bytes[SORTED] = bytes[PROBABILITY] = size->lookahead ? n : 0;
	bytes[ROW] = bytes[TODO] = bytes[H] = round * sizeof(uint32_t);
	bytes[SCRATCH] = size->scratch_floats * sizeof(float);
	bytes[READY] = round;
	bytes[FILL] = shape->n_ff;
	bytes[MASK] = size->batch_tokens < WICK_SWEEP_TOKENS ? 0 : size->batch_tokens * wick_div_up(shape->n_ff, 64) * 8;
	bytes[ARRIVAL] = (round + 3 * ahead_most(shape)) * sizeof(struct wick_arrival);
}

uint64_t wick_sparse_bytes(const struct wick_shape *shape, const struct wick_sparse_shape *size)
{
	uint64_t bytes[ARRAYS], sum = wick_mem_cost(shape->layers * sizeof(struct wick_sparse_layer));

	array_bytes(bytes, shape, size);
	for (int i = 0; i < ARRAYS; i++)
		sum += wick_mem_cost(bytes[i]);
	sum += wick_drawing_bytes(shape->stride) + wick_draw_bytes(round_most(shape), size->halves);
	return size->lookahead ? sum + 2 * wick_draw_bytes(ahead_most(shape), size->halves) : sum;
}

uint64_t wick_sparse_matrix_bytes(const struct wick_shape *shape, uint32_t capacity)
{
	return wick_cache_bytes(shape->n_ff, capacity, shape->stride) + wick_policy_bytes(shape->n_ff, capacity);
}

static void init_arrays(struct wick_sparse *sparse, const struct wick_sparse_shape *size, struct wick_mem *mem)
{
	const struct wick_shape *shape = &sparse->model->shape;
	void **arrays[ARRAYS] = { [CHOSEN] = (void **)&sparse->chosen, [LIKELY] = (void **)&sparse->likely,
		[SORTED] = (void **)&sparse->likely_sorted, [PROBABILITY] = (void **)&sparse->probability,
		[PLACE_OF] = (void **)&sparse->place_of, [ROW] = (void **)&sparse->row, [TODO] = (void **)&sparse->todo,
		[READY] = (void **)&sparse->ready, [H] = (void **)&sparse->h, [ARRIVAL] = (void **)&sparse->arrival,
		[SCORES] = (void **)&sparse->chooser.scores, [SCRATCH] = (void **)&sparse->chooser.scratch, [FILL] = (void **)&sparse->fill,
		[MASK] = (void **)&sparse->mask };
	uint64_t bytes[ARRAYS];

	array_bytes(bytes, shape, size);
	for (int i = 0; i < ARRAYS; i++)
		*arrays[i] = wick_mem_take(mem, bytes[i]);
	memset(sparse->place_of, 0xff, bytes[PLACE_OF]);
}

static bool is_resident(const struct wick_sparse *sparse, uint32_t layer)
{
	const struct wick_matrix *at = wick_matrices_bundles(sparse->matrices, layer);

	return at->resident_rows == at->rows;
}

void wick_sparse_init(struct wick_sparse *sparse, const struct wick_sparse_shape *size, struct wick_mem *mem)
{
	const struct wick_shape *shape = &sparse->model->shape;

	sparse->on = true;
	sparse->round = round_most(shape);
	sparse->lookahead = size->lookahead;
	sparse->layer = wick_mem_take(mem, shape->layers * sizeof(*sparse->layer));
	init_arrays(sparse, size, mem);
	sparse->rates.useful = 1;
	wick_trial_init(&sparse->rates.trial, WICK_TRIAL_AHEAD);
	sparse->drawing.halves = size->halves;
	wick_drawing_init(&sparse->drawing, sparse->fetch, shape->stride, mem);
	wick_draw_init(&sparse->demand, &sparse->drawing, round_most(shape), mem);
	for (unsigned i = 0; size->lookahead && i < WICK_COUNT_OF(sparse->ahead); i++)
		wick_draw_init(&sparse->ahead[i], &sparse->drawing, ahead_most(shape), mem);
	for (uint32_t i = 0; i < shape->layers; i++) {
		if (is_resident(sparse, i))
			continue;
		wick_cache_init(&sparse->layer[i].cache, shape->n_ff, size->capacity, shape->stride, mem);
		sparse->layer[i].policy = wick_policy_init(size->policy, shape->n_ff, size->capacity, size->window, mem);
	}
}

void wick_sparse_drain(struct wick_sparse *sparse, struct wick_draw *draw)
{
	struct wick_draw_read *read;

	while (draw->pending)
		wick_fetch_wait(sparse->fetch);
	while ((read = wick_draw_back(draw)))
		if (read->request.result == -ETIMEDOUT)
			wick_sparse_stop_prefetch(sparse);
}

static void empty(struct wick_sparse_layer *layer)
{
	memset(layer->cache.in_flight, 0, layer->cache.used);
	wick_cache_clear(&layer->cache);
	wick_policy_reset(layer->policy);
	layer->dirty = false;
}

void wick_sparse_reset(struct wick_sparse *sparse)
{
	wick_sparse_drain(sparse, &sparse->demand);
	for (unsigned i = 0; i < WICK_COUNT_OF(sparse->ahead); i++)
		wick_sparse_drain(sparse, &sparse->ahead[i]);
	memset(sparse->place_of, 0xff, sparse->model->shape.n_ff * sizeof(*sparse->place_of));
	memset(sparse->fill, 0, sparse->model->shape.n_ff);
	for (uint32_t i = 0; i < sparse->model->shape.layers; i++)
		if (sparse->layer[i].policy)
			empty(&sparse->layer[i]);
	sparse->prefetch_stopped = false;
}

void wick_sparse_clean(struct wick_sparse *sparse, struct wick_sparse_layer *layer)
{
	if (!layer->dirty)
		return;
	for (unsigned i = 0; i < WICK_COUNT_OF(sparse->ahead); i++)
		if (sparse->ahead[i].cache == &layer->cache)
			wick_sparse_drain(sparse, &sparse->ahead[i]);
	empty(layer);
}

/* Rows in flight for prefetched neurons that may not be wanted: a round cannot have them. */
static uint32_t spoken_for(const struct wick_cache *cache)
{
	uint32_t count = 0;

	for (uint32_t row = 0; row < cache->used; row++)
		count += cache->in_flight[row];
	return count;
}

/* Neurons that a round may have. */
static uint32_t round_size(const struct wick_sparse *sparse, const struct wick_sparse_layer *layer)
{
	uint32_t room = sparse->round;

	if (layer->policy)
		room = WICK_MIN(room, layer->cache.capacity - spoken_for(&layer->cache));
	wick_assert(room);
	return room;
}

uint32_t wick_sparse_choose(struct wick_sparse *sparse, uint32_t layer, uint32_t position, const float *x)
{
	uint64_t begun = wick_now_ns();
	uint32_t count = wick_choose(&sparse->chooser, layer, x, sparse->chosen);

	sparse->counters.predict_ns += wick_now_ns() - begun;
	sparse->chosen_count = count;
	sparse->counters.bundles_active += count;
	if (sparse->watch && sparse->watch->chosen)
		sparse->watch->chosen(sparse->watch->user, layer, position, sparse->chosen, count);
	return count;
}

int wick_sparse_ffn(struct wick_sparse *sparse, uint32_t layer, uint32_t position, const float *x, float *y,
	struct wick_diag *diag)
{
	struct wick_sparse_layer *at = &sparse->layer[layer];
	uint32_t count = wick_sparse_choose(sparse, layer, position, x), n;
	bool look_ahead = sparse->lookahead && layer + 1 < sparse->model->shape.layers;
	uint64_t begun;
	int err = 0;

	if (!layer)
		sparse->rates.layer_back_ns = 0; /* the time since the last token is no layer's */
	for (uint32_t done = 0; !err && done < count; done += n) {
		wick_sparse_clean(sparse, at);
		n = WICK_MIN(round_size(sparse, at), count - done);
		err = wick_sparse_round(sparse, layer, sparse->chosen + done, n, x, y, look_ahead && !done, diag);
	}
	if (err || !at->policy)
		return err;
	begun = wick_now_ns();
	wick_policy_touch(at->policy, &at->cache, sparse->chosen, count);
	sparse->counters.manage_ns += wick_now_ns() - begun;
	return 0;
}
