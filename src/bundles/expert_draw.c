/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The experts of one strip (see expert_draw.h). */

#include "expert_draw.h"

#include "bits.h"
#include "file.h"
#include "io.h"

/* What becomes of an expert of a strip. HALF: its gate and up have been computed. */
enum { HERE, COMING, HALF, DONE };

/* From one of these to another, by the parts [first, end). */
struct stage {
	uint8_t from;
	enum wick_part_id first, end;
	uint8_t to;
};

static const struct stage stages[] = {
	{ COMING, WICK_PART_GATE, WICK_PARTS, DONE },
	{ HALF, WICK_PART_DOWN, WICK_PARTS, DONE },
	{ COMING, WICK_PART_GATE, WICK_PART_DOWN, HALF }, /* the last: gates first */
};

uint32_t wick_expert_first_key(const struct wick_expert_cache *cache, uint32_t layer)
{
	return layer * wick_experts_most(&cache->model->shape);
}

void wick_expert_draw_pin(const struct wick_expert_draw *draw, bool pinned)
{
	for (uint32_t i = 0; i < draw->count; i++)
		draw->store->cache.in_flight[draw->slots[i]] = pinned;
}

void wick_expert_send(struct wick_expert_cache *cache, struct wick_landing *landing, const struct wick_expert_store *store,
	uint32_t key, uint32_t slot, uint32_t layer, enum wick_io_priority priority)
{
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		const struct wick_tensor *tensor = wick_expert_tensor(cache->model, layer, part);
		uint64_t rows = tensor->rows / tensor->experts;

		landing[part].buffer = wick_expert_store_at(store, slot, part);
		landing[part].priority = priority;
		wick_fetch_start(cache->fetch, &landing[part], tensor, (key - wick_expert_first_key(cache, layer)) * rows, rows);
	}
}

/* Those of all absent experts of a strip, expert by expert: one is computed when all its parts are there, and the others are on
 * their way meanwhile. */
static void send(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint32_t layer)
{
	for (uint32_t i = 0; i < draw->count; i++)
		if (draw->state[i] == COMING && !draw->ahead[i])
			wick_expert_send(cache, &draw->landing[i * WICK_PARTS], draw->store, draw->keys[i],
				draw->slots[i], layer, WICK_IO_DEMAND);
	wick_io_kick(cache->fetch->io);
}

/* Where an expert of a strip lands, or has landed. */
static struct wick_landing *landing_of(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, uint32_t i)
{
	return draw->ahead[i] ? &cache->ahead.landing[(draw->ahead[i] - 1) * WICK_PARTS] : &draw->landing[i * WICK_PARTS];
}

static void take_ahead(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint32_t i)
{
	uint32_t place = wick_expert_ahead_claim(&cache->ahead, draw->keys[i]);

	if (place == WICK_NOT_AHEAD)
		return;
	draw->state[i] = COMING;
	draw->ahead[i] = (uint8_t)(place + 1);
}

/* Where a part of an expert lies: as far behind its slot's beginning as in the file behind a block of the drive. */
static const uint8_t *data_of(const struct wick_expert_cache *cache, const struct wick_expert_draw *draw, uint32_t i,
	uint32_t layer, uint32_t part)
{
	const struct wick_tensor *tensor = wick_expert_tensor(cache->model, layer, part);
	uint64_t rows = tensor->rows / tensor->experts;
	struct wick_place place = wick_tensor_place(tensor, (draw->keys[i] - wick_expert_first_key(cache, layer)) * rows);

	return wick_expert_store_at(draw->store, draw->slots[i], part) + place.offset % cache->fetch->file[place.part].offset_align;
}

/* What was read ahead for nothing, and is chosen after all: damaged, or not read, it is read again. */
static void check_late(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint32_t layer)
{
	for (uint32_t i = 0; i < draw->count; i++) {
		uint8_t *unchecked = &draw->store->unchecked[draw->slots[i]];

		if (*unchecked == WICK_UNREAD)
			draw->state[i] = COMING;
		for (uint32_t part = 0; draw->state[i] == HERE && *unchecked && part < WICK_PARTS; part++) {
			const struct wick_tensor *tensor = wick_expert_tensor(cache->model, layer, part);
			uint64_t rows = tensor->rows / tensor->experts, first = (draw->keys[i] - wick_expert_first_key(cache, layer)) * rows;

			if (wick_fetch_check(cache->fetch, tensor, data_of(cache, draw, i, layer, part), first, rows) != first + rows)
				draw->state[i] = COMING;
		}
		*unchecked = 0;
	}
}

uint32_t wick_expert_draw_begin(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_expert_room *room,
	uint32_t layer)
{
	uint32_t absent, next = 0;

	draw->count = draw->strip.end_k - draw->strip.first_k;
	for (uint32_t i = 0; i < draw->count; i++)
		draw->keys[i] = wick_expert_first_key(cache, layer) + room->chosen.ids[draw->strip.first_k + i];
	absent = wick_policy_admit(draw->store->policy, &draw->store->cache, 0, draw->keys, draw->count, draw->wanted);
	for (uint32_t i = 0; i < draw->count; i++) {
		bool wanted = next < absent && draw->wanted[next].bundle == draw->keys[i];

		draw->slots[i] = draw->store->cache.slot_of_key[draw->keys[i]];
		draw->state[i] = wanted ? COMING : HERE;
		draw->ahead[i] = 0;
		next += wanted;
		if (wanted)
			draw->store->unchecked[draw->slots[i]] = 0;
		else
			take_ahead(cache, draw, i);
	}
	wick_expert_draw_pin(draw, true);
	check_late(cache, draw, layer);
	send(cache, draw, layer);
	cache->read += absent;
	return absent;
}

static bool has_landed(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, uint32_t i, const struct stage *stage)
{
	const struct wick_landing *landing = landing_of(cache, draw, i);

	for (uint32_t part = stage->first; part < stage->end; part++)
		if (landing[part].pending)
			return false;
	return true;
}

/* A guess that failed is read again, now that it is wanted. */
static int check_part(struct wick_expert_cache *cache, struct wick_landing *landing, bool ahead, struct wick_diag *diag)
{
	if (!ahead || !landing->err)
		return wick_fetch_finish(cache->fetch, landing, diag);
	landing->priority = WICK_IO_DEMAND;
	return wick_fetch_repair(cache->fetch, landing, landing->tensor, landing->first_row, landing->rows, diag);
}

static int check(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint32_t i, const struct stage *stage,
	struct wick_diag *diag)
{
	int err = 0;

	for (uint32_t part = stage->first; !err && part < stage->end; part++)
		err = check_part(cache, &landing_of(cache, draw, i)[part], draw->ahead[i], diag);
	return err;
}

/* Takes the experts that are at a stage, and of which the parts have landed, through it. Their number, or an error. */
static int compute(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_experts *experts,
	uint32_t layer, const struct stage *stage, struct wick_diag *diag)
{
	uint32_t count = 0;
	int err = 0;

	for (uint32_t i = 0; !err && i < draw->count; i++) {
		if (draw->state[i] != stage->from || (stage->from != HERE && !has_landed(cache, draw, i, stage)))
			continue;
		err = stage->from != HERE ? check(cache, draw, i, stage, diag) : 0;
		draw->state[i] = stage->to;
		for (uint32_t part = 0; part < WICK_PARTS; part++)
			cache->data[count * WICK_PARTS + part] = data_of(cache, draw, i, layer, part);
		cache->which[count++] = draw->strip.first_k + i;
	}
	if (!err && count)
		wick_experts_compute(experts, &draw->strip, cache->which, count, cache->data, stage->first, stage->end);
	return err ? err : (int)count;
}

static bool is_left(const struct wick_expert_draw *draw)
{
	for (uint32_t i = 0; i < draw->count; i++)
		if (draw->state[i] != DONE)
			return true;
	return false;
}

/* What has come, as far as it can be computed: experts of which nothing is missing before gates and ups whose down-projection is
 * still on its way. */
static int compute_next(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_experts *experts,
	uint32_t layer, struct wick_diag *diag)
{
	int count = 0;

	for (size_t s = 0; !count && s < WICK_COUNT_OF(stages) - !cache->gate_first; s++)
		count = compute(cache, draw, experts, layer, &stages[s], diag);
	return count;
}

/* Without overlap: nothing is computed before all has come. */
static void wait_for_all(struct wick_expert_cache *cache, struct wick_expert_draw *draw)
{
	for (uint32_t i = 0; i < draw->count; i++)
		for (uint32_t part = 0; draw->state[i] == COMING && part < WICK_PARTS; part++)
			wick_fetch_drain(cache->fetch, &landing_of(cache, draw, i)[part]);
}

/* Each row's uses count at its own time: as many layers before the last row's as the rows in between have. */
static void note_uses(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, const struct wick_chosen *chosen, uint32_t layer)
{
	const struct wick_strip *strip = &draw->strip;
	uint32_t first_key = wick_expert_first_key(cache, layer);

	for (uint32_t pair = strip->first, k = strip->first_k; pair < strip->end; pair++) {
		k += pair == chosen->first[k + 1];
		wick_policy_touch_ago(draw->store->policy, first_key + chosen->ids[k],
			(cache->rows - 1 - chosen->rows[pair]) * cache->row_steps);
	}
}

int wick_expert_draw_finish(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_experts *experts,
	uint32_t layer, struct wick_diag *diag)
{
	static const struct stage here = { HERE, WICK_PART_GATE, WICK_PARTS, DONE };
	int count;

	if (!cache->overlap)
		wait_for_all(cache, draw);
	count = compute(cache, draw, experts, layer, &here, diag);
	while (count >= 0 && is_left(draw)) {
		wick_fetch_poll(cache->fetch);
		count = compute_next(cache, draw, experts, layer, diag);
		if (!count)
			wick_fetch_wait(cache->fetch);
	}
	if (count < 0)
		return count;
	wick_experts_sum(experts, &draw->strip);
	note_uses(cache, draw, &experts->room->chosen, layer);
	return 0;
}
