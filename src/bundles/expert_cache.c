/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cache of experts (see expert_cache.h). A slot that is used, or read into, is marked in flight for as long, so that
 * the policy gives it to nobody. */

#include "expert_cache.h"

#include "bits.h"
#include "expert_draw.h"
#include "io.h"

static void drain_ahead(struct wick_expert_cache *cache)
{
	for (uint32_t i = 0; i < 2 * WICK_EXPERTS_AHEAD * WICK_PARTS; i++)
		wick_fetch_drain(cache->fetch, &cache->ahead.landing[i]);
}

void wick_expert_cache_forget(struct wick_expert_cache *cache)
{
	if (!cache->capacity)
		return;
	for (int d = 0; d < 2; d++)
		for (uint32_t i = 0; i < cache->most * WICK_PARTS; i++)
			wick_fetch_drain(cache->fetch, &cache->draw[d].landing[i]);
	drain_ahead(cache);
	wick_expert_ahead_reset(&cache->ahead);
	for (uint32_t i = 0; i < cache->classes.count; i++)
		wick_expert_store_forget(&cache->store[i]);
}

/* What was guessed has no slot of its own any more. */
static void settle_ahead(struct wick_expert_cache *cache)
{
	drain_ahead(cache);
	for (uint32_t layer = 0; layer < 2; layer++)
		wick_expert_ahead_settle(&cache->ahead, layer);
}

static void note_visit(struct wick_expert_cache *cache, uint32_t layer, uint32_t computed, uint32_t absent, uint32_t useful)
{
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		cache->bytes += absent * wick_expert_part_bytes(cache->model, layer, part);
	if (cache->visit)
		cache->visit(cache->visit_user, layer, computed, absent + useful);
}

static struct wick_expert_store *store_of(struct wick_expert_cache *cache, uint32_t layer)
{
	return &cache->store[wick_expert_class_of(&cache->classes, cache->model, layer)];
}

static void advance(struct wick_expert_cache *cache, uint32_t steps)
{
	for (uint32_t i = 0; i < cache->classes.count; i++)
		wick_policy_advance(cache->store[i].policy, steps);
}

/* Sends, behind this layer's reads, those of the likeliest of the next. */
static void look_ahead(struct wick_expert_cache *cache, uint32_t layer)
{
	uint32_t keys[WICK_GUESSES], count, next = layer + 1, room = wick_expert_ahead_room(&cache->ahead);
	const struct wick_expert_guesses *set;

	if (!wick_expert_ahead_settle(&cache->ahead, next) || !room || next == cache->model->shape.layers)
		return;
	count = cache->guess(cache->guess_user, next, keys, WICK_COUNT_OF(keys));
	for (uint32_t i = 0; i < count; i++)
		keys[i] += wick_expert_first_key(cache, next);
	set = wick_expert_ahead_admit(&cache->ahead, store_of(cache, next), next, keys, count, room);
	for (uint32_t i = 0; i < set->count; i++)
		wick_expert_send(cache, &cache->ahead.landing[(next % 2 * WICK_EXPERTS_AHEAD + i) * WICK_PARTS], set->store, set->keys[i],
			set->slots[i], next, WICK_IO_PREFETCH);
	wick_io_kick(cache->fetch->io);
	cache->read += set->count;
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		cache->bytes += set->count * wick_expert_part_bytes(cache->model, next, part);
}

/* A layer begins that guesses were made for. Returns how many of its experts were read ahead. The others keep their slots, unless all
 * are wanted. */
static uint32_t meet_guesses(struct wick_expert_cache *cache, const struct wick_chosen *chosen, uint32_t layer)
{
	uint32_t useful = wick_expert_ahead_score(&cache->ahead, layer, wick_expert_first_key(cache, layer), chosen->ids, chosen->count);

	if (chosen->count + wick_expert_ahead_unclaimed(&cache->ahead) - useful > store_of(cache, layer)->cache.capacity)
		settle_ahead(cache);
	return useful;
}

/* All reads of a layer have been sent. */
static void begin_ahead(struct wick_expert_cache *cache, uint32_t layer, uint32_t absent, uint32_t useful)
{
	wick_expert_ahead_note_sent(&cache->ahead, absent, useful, wick_fetch_busy_ns(cache->fetch));
	look_ahead(cache, layer);
}

/* The strip after this one, if there is room for both. */
static bool begin_next(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, struct wick_expert_draw *next,
	const struct wick_expert_room *room, uint32_t layer, uint32_t *absent)
{
	uint32_t count = next->strip.end_k - next->strip.first_k;

	next->store = draw->store;
	if (draw->count + count > next->store->cache.capacity)
		return false;
	*absent += wick_expert_draw_begin(cache, next, room, layer);
	return true;
}

/* For the policy its rows come one by one: now is the last one's time, and what the others use counts as used before that
 * (wick_expert_draw_finish()). */
static void begin_batch(struct wick_expert_cache *cache, bool ahead)
{
	wick_expert_ahead_note_token(&cache->ahead, ahead ? cache->rows : 0);
	advance(cache, (cache->rows - 1) * cache->row_steps);
}

int wick_expert_cache_run(struct wick_expert_cache *cache, const struct wick_experts *experts, uint32_t layer,
	struct wick_diag *diag)
{
	struct wick_expert_draw *draw = &cache->draw[0], *next = &cache->draw[1], *swap;
	const struct wick_expert_room *room = experts->room;
	uint64_t waited_ns = cache->fetch->wait_ns;
	uint32_t absent = 0, useful = 0;
	bool begun = false, more, ahead = cache->guess && cache->ahead.on;
	int err = 0;

	cache->active += room->chosen.count;
	if (layer <= cache->layer)
		begin_batch(cache, ahead);
	cache->layer = layer;
	if (ahead)
		useful = meet_guesses(cache, &room->chosen, layer);
	else
		settle_ahead(cache);
	cache->draw[0].count = cache->draw[1].count = 0;
	draw->store = store_of(cache, layer);
	draw->strip = (struct wick_strip){ 0 };
	for (more = wick_strip_next(&draw->strip, room); !err && more;) {
		if (!begun)
			absent += wick_expert_draw_begin(cache, draw, room, layer);
		next->strip = draw->strip;
		more = wick_strip_next(&next->strip, room);
		begun = more && begin_next(cache, draw, next, room, layer, &absent);
		if (ahead && !more)
			begin_ahead(cache, layer, absent, useful);
		err = wick_expert_draw_finish(cache, draw, experts, layer, diag);
		wick_expert_draw_pin(draw, false);
		draw->count = 0;
		if (begun)
			wick_expert_draw_pin(next, true);
		swap = draw;
		draw = next;
		next = swap;
	}
	note_visit(cache, layer, room->chosen.count, absent, useful);
	cache->wait_ns += cache->fetch->wait_ns - waited_ns;
	advance(cache, 1); /* a use is worth half as much after so many layers, not tokens: docs/experts.md */
	if (err)
		wick_expert_cache_forget(cache);
	return err;
}
