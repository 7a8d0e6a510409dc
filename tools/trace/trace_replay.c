/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Simulates reads: the engine's own cache and policies run over a layer's tokens, and beside them two policies that no
 * engine can have. Belady's evicts the neuron that is needed again last, which no policy can beat; the told one evicts
 * the least likely neuron, by chances that it is given. */

#include "bits.h"
#include "cache.h"
#include "extent.h"
#include "mem.h"
#include "select.h"
#include "trace_synth.h"
#include "trace_stats.h"
#include "turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BYTES 8 /* nothing is ever stored in slots */
#define NEVER UINT32_MAX

const char *const stats_method_names[STATS_METHODS] = {
	[STATS_BELADY] = "belady", [STATS_TOLD] = "told", [STATS_DECAY] = "decay", [STATS_LRU] = "lru",
	[STATS_WINDOW] = "window",
};

struct replay {
	const struct stats_layer *layer;
	uint32_t warm_up, rows, window;
	struct wick_mem mem;
	struct wick_cache cache;
	struct wick_wanted *wanted;

	uint32_t *key;             /* (n_ff), the least goes; of the two that no engine can have */
	uint64_t *first_use;       /* (n_ff + 1), into uses */
	uint32_t *uses;            /* (all), tokens, by neuron */
	uint64_t *next;            /* (n_ff), into uses: what comes after now */
	bool *held;                /* (n_ff), active now */
	uint32_t *candidates, *candidate_keys, *victims; /* (n_ff) */
};

/* Where every neuron is used, in order: a counting sort of what the layer has by token. */
static void sort_uses(struct replay *replay)
{
	const struct stats_layer *layer = replay->layer;
	uint64_t *first = replay->first_use;

	memset(first, 0, (layer->n_ff + 1ull) * sizeof(*first));
	for (uint64_t i = 0; i < layer->start[layer->tokens]; i++)
		first[layer->ids[i] + 1]++;
	for (uint32_t id = 0; id < layer->n_ff; id++)
		first[id + 1] += first[id];
	memcpy(replay->next, first, layer->n_ff * sizeof(*first));
	for (uint32_t t = 0; t < layer->tokens; t++)
		for (uint64_t i = layer->start[t]; i < layer->start[t + 1]; i++)
			replay->uses[replay->next[layer->ids[i]]++] = t;
	memcpy(replay->next, first, layer->n_ff * sizeof(*first));
}

/* The chances of the trace's making; of a recorded one, those of its whole length. */
static int tell_chances(struct replay *replay, struct stats *stats)
{
	const struct wick_trace_shape *shape = stats->shape;
	uint32_t n_ff = replay->layer->n_ff, *rank = calloc(n_ff, sizeof(*rank));
	double *chance = calloc(n_ff, sizeof(*chance));

	if (shape->synthetic && !stats->scale)
		stats->scale = wick_synth_solve(&shape->synthesis, n_ff);
	if (rank && chance && shape->synthetic)
		wick_synth_chances(&shape->synthesis, stats->scale, replay->layer->layer, n_ff, chance, rank);
	for (uint32_t id = 0; rank && chance && id < n_ff; id++)
		replay->key[id] = shape->synthetic ? (uint32_t)(chance[id] * (double)NEVER) :
			(uint32_t)(replay->first_use[id + 1] - replay->first_use[id]);
	free(rank);
	free(chance);
	return rank && chance ? 0 : -ENOMEM;
}

static void tell_future(struct replay *replay, uint32_t id)
{
	bool again = replay->next[id] < replay->first_use[id + 1];

	replay->key[id] = again ? NEVER - replay->uses[replay->next[id]] : 0;
}

/* The rows of the `victims` of least key; held rows stay. */
static void choose(struct replay *replay, uint32_t victims)
{
	uint32_t count = 0;

	for (uint32_t row = 0; row < replay->cache.used; row++) {
		uint32_t id = replay->cache.key_of_slot[row];

		replay->candidates[count] = row;
		replay->candidate_keys[count] = replay->key[id];
		count += !replay->held[id];
	}
	wick_select_least(replay->candidate_keys, replay->candidates, count, victims, replay->victims);
}

/* Like wick_policy_admit(), by key. */
static uint32_t admit_by_key(struct replay *replay, const uint32_t *ids, uint32_t n)
{
	struct wick_cache *cache = &replay->cache;
	uint32_t absent = 0, taken = 0, victims;

	for (uint32_t i = 0; i < n; i++) {
		replay->held[ids[i]] = true;
		absent += cache->slot_of_key[ids[i]] == WICK_NO_SLOT;
	}
	victims = absent > cache->capacity - cache->used ? absent - (cache->capacity - cache->used) : 0;
	if (victims)
		choose(replay, victims);
	for (uint32_t i = 0; i < n; i++) {
		replay->held[ids[i]] = false;
		if (cache->slot_of_key[ids[i]] != WICK_NO_SLOT)
			continue;
		if (taken < victims)
			wick_cache_replace(cache, replay->victims[taken++], ids[i]);
		else
			wick_cache_append(cache, ids[i]);
		cache->in_flight[cache->slot_of_key[ids[i]]] = 0;
	}
	return absent;
}

static uint64_t run_by_key(struct replay *replay, bool by_future)
{
	const struct stats_layer *layer = replay->layer;
	uint64_t read = 0;

	wick_cache_init(&replay->cache, layer->n_ff, replay->rows, SLOT_BYTES, &replay->mem);
	if (by_future)
		for (uint32_t id = 0; id < layer->n_ff; id++)
			tell_future(replay, id);
	for (uint32_t t = 0; t < layer->tokens; t++) {
		const uint32_t *ids = layer->ids + layer->start[t];
		uint32_t n = layer->start[t + 1] - layer->start[t], absent = admit_by_key(replay, ids, n);

		read += t < replay->warm_up ? 0 : absent;
		for (uint32_t i = 0; by_future && i < n; i++) {
			replay->next[ids[i]]++;
			tell_future(replay, ids[i]);
		}
	}
	return read;
}

static struct wick_group_shape group_shape(const struct replay *replay, const char *policy)
{
	return (struct wick_group_shape){ .keys = replay->layer->n_ff, .capacity = replay->rows, .slot_bytes = SLOT_BYTES,
		.blocks = 1, .window = replay->window, .policy = wick_policy_find(policy) };
}

static uint64_t run_by_policy(struct replay *replay, const char *name)
{
	const struct stats_layer *layer = replay->layer;
	const struct wick_group_shape shape = group_shape(replay, name);
	struct wick_group group;
	struct wick_member member = { .group = &group, .last = true };
	struct wick_turn turn;
	uint64_t read = 0;

	wick_group_init(&group, &shape, &replay->mem);

	for (uint32_t t = 0; t < layer->tokens; t++) {
		const uint32_t *ids = layer->ids + layer->start[t];
		uint32_t n = layer->start[t + 1] - layer->start[t];

		wick_turn_begin(&turn, &member, ids, n);
		while (wick_turn_next(&turn, n, replay->wanted)) {
			wick_turn_land(&turn, replay->wanted);
			read += t < replay->warm_up ? 0 : turn.absent;
		}
		wick_turn_end(&turn);
	}
	return read;
}

static void replay_end(struct replay *replay)
{
	wick_mem_release(&replay->mem);
	free(replay->wanted);
	free(replay->key);
	free(replay->first_use);
	free(replay->uses);
	free(replay->next);
	free(replay->held);
	free(replay->candidates);
	free(replay->candidate_keys);
	free(replay->victims);
}

static int replay_begin(struct replay *replay, struct wick_diag *diag)
{
	uint64_t n_ff = replay->layer->n_ff, uses = replay->layer->start[replay->layer->tokens];

	replay->wanted = calloc(n_ff, sizeof(*replay->wanted));
	replay->key = calloc(n_ff, sizeof(uint32_t));
	replay->first_use = calloc(n_ff + 1, sizeof(uint64_t));
	replay->uses = calloc(uses + 1, sizeof(uint32_t));
	replay->next = calloc(n_ff, sizeof(uint64_t));
	replay->held = calloc(n_ff, sizeof(bool));
	replay->candidates = calloc(n_ff, sizeof(uint32_t));
	replay->candidate_keys = calloc(n_ff, sizeof(uint32_t));
	replay->victims = calloc(n_ff, sizeof(uint32_t));
	if (!replay->wanted || !replay->key || !replay->first_use || !replay->uses || !replay->next || !replay->held ||
		!replay->candidates || !replay->candidate_keys || !replay->victims)
		return wick_diag_say(diag, -ENOMEM, "no memory to replay the trace");
	return 0;
}

/* One method at one capacity, from an empty matrix. */
static int run_method(struct replay *replay, struct stats *stats, enum stats_method method, uint64_t *read,
	struct wick_diag *diag)
{
	const struct wick_group_shape shape = group_shape(replay, NULL);
	int rc = stats_stopped(stats);

	if (!rc)
		rc = wick_mem_reserve(&replay->mem, wick_group_bytes(&shape), diag);
	if (rc)
		return rc;
	sort_uses(replay);
	if (method == STATS_TOLD)
		rc = tell_chances(replay, stats);
	if (!rc)
		*read += method <= STATS_TOLD ? run_by_key(replay, method == STATS_BELADY) :
			run_by_policy(replay, stats_method_names[method]);
	wick_mem_release(&replay->mem);
	return rc;
}

/* The longest window whose neurons fit on average. */
static uint32_t longest_window(const double *distinct, uint32_t windows, uint32_t rows)
{
	uint32_t k = 1;

	while (k < windows && distinct[k + 1] <= rows)
		k++;
	return k;
}

int stats_replay_add(struct stats *stats, const struct stats_layer *layer, struct wick_diag *diag)
{
	struct replay replay = { .layer = layer, .warm_up = stats->warm_up };
	double distinct[STATS_WINDOW_MAX + 1];
	uint32_t windows = stats_distinct(layer, distinct);
	int rc = windows ? replay_begin(&replay, diag) : -ENOMEM;

	for (unsigned c = 0; !rc && c < stats->capacities; c++) {
		struct stats_replay *into = &stats->replay[c];
		uint32_t rows = (uint32_t)(into->share * layer->n_ff + 0.5);

		into->raised += rows < layer->active_max;
		replay.rows = WICK_MAX(rows, layer->active_max);
		replay.window = longest_window(distinct, windows, replay.rows);
		into->rows += replay.rows;
		into->window += (double)replay.window / stats->shape->layers;
		for (enum stats_method method = 0; !rc && method < STATS_METHODS; method++)
			rc = run_method(&replay, stats, method, &into->read[method], diag);
	}
	replay_end(&replay);
	return rc;
}
