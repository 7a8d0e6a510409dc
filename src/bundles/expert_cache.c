/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cache of experts (see expert_cache.h). A slot that is used, or read into, is marked in flight for as long, so that
 * the policy gives it to nobody. */

#include "expert_cache.h"

#include "bits.h"
#include "file.h"
#include "io.h"
#include "mem.h"

#include <string.h>

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

/* Experts of a strip: half of the slots, so that the next strip has the other half; a token's in any case. */
static uint32_t most_of(const struct wick_shape *shape, uint32_t capacity)
{
	return WICK_MAX(WICK_MIN(capacity / 2, (uint32_t)WICK_EXPERTS_AT_ONCE), wick_expert_slots_min(shape));
}

/* Memory of a draw and of the lists of what is computed. */
enum { KEYS, SLOTS, STATE, AHEAD, WANTED, LANDINGS, OF_DRAW };

static void draw_bytes(uint64_t bytes[OF_DRAW], uint32_t most)
{
	bytes[KEYS] = bytes[SLOTS] = most * sizeof(uint32_t);
	bytes[STATE] = bytes[AHEAD] = most;
	bytes[WANTED] = most * sizeof(struct wick_wanted);
	bytes[LANDINGS] = most * WICK_PARTS * sizeof(struct wick_landing);
}

static uint64_t requests_bytes(const struct wick_model *model, uint64_t chunk_bytes, uint32_t part)
{
	return wick_fetch_requests(wick_expert_part_most(model, part), chunk_bytes) * sizeof(struct wick_io_request);
}

uint64_t wick_expert_cache_bytes(const struct wick_model *model, const struct wick_expert_cache_shape *shape)
{
	uint32_t keys = model->shape.layers * wick_experts_most(&model->shape), most = most_of(&model->shape, shape->capacity);
	uint64_t pieces[OF_DRAW], bytes = wick_cache_bytes(keys, shape->capacity, wick_expert_slot_bytes(model)) +
		wick_policy_bytes(keys, shape->capacity) + wick_mem_cost(most * sizeof(uint32_t)) +
		wick_mem_cost(most * WICK_PARTS * sizeof(uint8_t *));

	draw_bytes(pieces, most);
	for (int i = 0; i < OF_DRAW; i++)
		bytes += 2 * wick_mem_cost(pieces[i]);
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		bytes += 2 * wick_mem_cost(most * requests_bytes(model, shape->chunk_bytes, part)) +
			wick_mem_cost(2 * WICK_EXPERTS_AHEAD * requests_bytes(model, shape->chunk_bytes, part));
	return bytes + wick_expert_ahead_bytes(shape->capacity);
}

static void init_requests(const struct wick_expert_cache *cache, struct wick_landing *landing, uint32_t count, uint64_t chunk_bytes,
	struct wick_mem *mem)
{
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		uint64_t each = requests_bytes(cache->model, chunk_bytes, part);
		uint8_t *requests = wick_mem_take(mem, count * each);

		for (uint32_t i = 0; i < count; i++)
			landing[i * WICK_PARTS + part].requests = (struct wick_io_request *)(requests + i * each);
	}
}

static void init_draw(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint64_t chunk_bytes, struct wick_mem *mem)
{
	uint64_t bytes[OF_DRAW];

	draw_bytes(bytes, cache->most);
	*draw = (struct wick_expert_draw){ .keys = wick_mem_take(mem, bytes[KEYS]), .slots = wick_mem_take(mem, bytes[SLOTS]),
		.state = wick_mem_take(mem, bytes[STATE]), .ahead = wick_mem_take(mem, bytes[AHEAD]), .wanted = wick_mem_take(mem, bytes[WANTED]),
		.landing = wick_mem_take(mem, bytes[LANDINGS]) };
	init_requests(cache, draw->landing, cache->most, chunk_bytes, mem);
}

void wick_expert_cache_init(struct wick_expert_cache *cache, const struct wick_expert_cache_shape *shape,
	const struct wick_model *model, struct wick_fetch *fetch, struct wick_mem *mem)
{
	uint32_t keys = model->shape.layers * wick_experts_most(&model->shape);
	uint64_t at = 0;

	*cache = (struct wick_expert_cache){ .model = model, .fetch = fetch, .capacity = shape->capacity, .overlap = true,
		.gate_first = true,
		.most = most_of(&model->shape, shape->capacity) };
	wick_cache_init(&cache->cache, keys, shape->capacity, wick_expert_slot_bytes(model), mem);
	cache->policy = wick_policy_init(shape->policy, keys, shape->capacity, 0, mem);
	wick_policy_set_layers(cache->policy, model->shape.layers);
	cache->which = wick_mem_take(mem, cache->most * sizeof(uint32_t));
	cache->data = wick_mem_take(mem, cache->most * WICK_PARTS * sizeof(uint8_t *));
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		cache->part_at[part] = at;
		at += wick_fetch_buffer_bytes(wick_expert_part_most(model, part));
	}
	for (int i = 0; i < 2; i++)
		init_draw(cache, &cache->draw[i], shape->chunk_bytes, mem);
	wick_expert_ahead_init(&cache->ahead, shape->capacity, mem);
	init_requests(cache, cache->ahead.landing, 2 * WICK_EXPERTS_AHEAD, shape->chunk_bytes, mem);
}

static uint8_t *buffer_of(const struct wick_expert_cache *cache, uint32_t slot, uint32_t part)
{
	return wick_cache_at(&cache->cache, slot) + cache->part_at[part];
}

static uint32_t first_key(const struct wick_expert_cache *cache, uint32_t layer)
{
	return layer * wick_experts_most(&cache->model->shape);
}

static void pin(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, bool pinned)
{
	for (uint32_t i = 0; i < draw->count; i++)
		cache->cache.in_flight[draw->slots[i]] = pinned;
}

/* Reads of an expert into a slot. */
static void send_expert(struct wick_expert_cache *cache, struct wick_landing *landing, uint32_t key, uint32_t slot, uint32_t layer,
	enum wick_io_priority priority)
{
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		const struct wick_tensor *tensor = wick_expert_tensor(cache->model, layer, part);
		uint64_t rows = tensor->rows / tensor->experts;

		landing[part].buffer = buffer_of(cache, slot, part);
		landing[part].priority = priority;
		wick_fetch_start(cache->fetch, &landing[part], tensor, (key - first_key(cache, layer)) * rows, rows);
	}
}

/* Those of all absent experts of a strip, expert by expert: one is computed when all its parts are there, and the others are on
 * their way meanwhile. */
static void send(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint32_t layer)
{
	for (uint32_t i = 0; i < draw->count; i++)
		if (draw->state[i] == COMING && !draw->ahead[i])
			send_expert(cache, &draw->landing[i * WICK_PARTS], draw->keys[i], draw->slots[i], layer, WICK_IO_DEMAND);
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
	struct wick_place place = wick_tensor_place(tensor, (draw->keys[i] - first_key(cache, layer)) * rows);

	return buffer_of(cache, draw->slots[i], part) + place.offset % cache->fetch->file[place.part].offset_align;
}

/* What was read ahead for nothing, and is chosen after all: damaged, or not read, it is read again. */
static void check_late(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint32_t layer)
{
	for (uint32_t i = 0; i < draw->count; i++) {
		uint8_t *unchecked = &cache->ahead.unchecked[draw->slots[i]];

		if (*unchecked == WICK_UNREAD)
			draw->state[i] = COMING;
		for (uint32_t part = 0; draw->state[i] == HERE && *unchecked && part < WICK_PARTS; part++) {
			const struct wick_tensor *tensor = wick_expert_tensor(cache->model, layer, part);
			uint64_t rows = tensor->rows / tensor->experts, first = (draw->keys[i] - first_key(cache, layer)) * rows;

			if (wick_fetch_check(cache->fetch, tensor, data_of(cache, draw, i, layer, part), first, rows) != first + rows)
				draw->state[i] = COMING;
		}
		*unchecked = 0;
	}
}

/* Slots for the experts of a strip, and reads for those that are absent. Returns how many. */
static uint32_t begin(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_expert_room *room,
	uint32_t layer)
{
	uint32_t absent, next = 0;

	draw->count = draw->strip.end_k - draw->strip.first_k;
	for (uint32_t i = 0; i < draw->count; i++)
		draw->keys[i] = first_key(cache, layer) + room->chosen.ids[draw->strip.first_k + i];
	absent = wick_policy_admit(cache->policy, &cache->cache, 0, draw->keys, draw->count, draw->wanted);
	for (uint32_t i = 0; i < draw->count; i++) {
		bool wanted = next < absent && draw->wanted[next].bundle == draw->keys[i];

		draw->slots[i] = cache->cache.slot_of_key[draw->keys[i]];
		draw->state[i] = wanted ? COMING : HERE;
		draw->ahead[i] = 0;
		next += wanted;
		if (wanted)
			cache->ahead.unchecked[draw->slots[i]] = 0;
		else
			take_ahead(cache, draw, i);
	}
	pin(cache, draw, true);
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

static int finish(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_experts *experts,
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
	wick_policy_touch(cache->policy, 0, draw->keys, draw->count);
	return 0;
}

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
	memset(cache->cache.in_flight, 0, cache->capacity);
	wick_expert_ahead_reset(&cache->ahead, cache->capacity);
	wick_cache_clear(&cache->cache);
	wick_policy_reset(cache->policy);
}

/* A batch may want every slot: what single tokens before it guessed has none of its own any more. */
static void settle_ahead(struct wick_expert_cache *cache)
{
	drain_ahead(cache);
	for (uint32_t layer = 0; layer < 2; layer++)
		wick_expert_ahead_settle(&cache->ahead, layer, &cache->cache);
}

static void note_visit(struct wick_expert_cache *cache, uint32_t layer, uint32_t computed, uint32_t absent, uint32_t useful)
{
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		cache->bytes += absent * wick_expert_part_bytes(cache->model, layer, part);
	if (cache->visit)
		cache->visit(cache->visit_user, layer, computed, absent + useful);
}

/* Sends, behind this layer's reads, those of the likeliest of the next. */
static void look_ahead(struct wick_expert_cache *cache, uint32_t layer)
{
	uint32_t keys[2 * WICK_EXPERTS_AHEAD], count, next = layer + 1, room = wick_expert_ahead_room(&cache->ahead);
	const struct wick_expert_guesses *set;

	if (!wick_expert_ahead_settle(&cache->ahead, next, &cache->cache) || !room || next == cache->model->shape.layers)
		return;
	count = cache->guess(cache->guess_user, next, keys, WICK_COUNT_OF(keys));
	for (uint32_t i = 0; i < count; i++)
		keys[i] += first_key(cache, next);
	set = wick_expert_ahead_admit(&cache->ahead, cache->policy, &cache->cache, next, keys, count, room);
	for (uint32_t i = 0; i < set->count; i++)
		send_expert(cache, &cache->ahead.landing[(next % 2 * WICK_EXPERTS_AHEAD + i) * WICK_PARTS], set->keys[i], set->slots[i],
			next, WICK_IO_PREFETCH);
	wick_io_kick(cache->fetch->io);
	cache->read += set->count;
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		cache->bytes += set->count * wick_expert_part_bytes(cache->model, next, part);
}

/* The one strip of a single row. Returns how many of its experts were read ahead. */
static uint32_t begin_single(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, uint32_t layer, uint32_t absent)
{
	uint32_t useful = wick_expert_ahead_score(&cache->ahead, layer, draw->keys, draw->count);

	wick_expert_ahead_note_sent(&cache->ahead, absent, useful, wick_fetch_busy_ns(cache->fetch));
	look_ahead(cache, layer);
	return useful;
}

/* The strip after this one, if there is room for both. */
static bool begin_next(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, struct wick_expert_draw *next,
	const struct wick_expert_room *room, uint32_t layer, uint32_t *absent)
{
	uint32_t count = next->strip.end_k - next->strip.first_k;

	if (draw->count + count > cache->capacity)
		return false;
	*absent += begin(cache, next, room, layer);
	return true;
}

int wick_expert_cache_run(struct wick_expert_cache *cache, const struct wick_experts *experts, uint32_t layer,
	struct wick_diag *diag)
{
	struct wick_expert_draw *draw = &cache->draw[0], *next = &cache->draw[1], *swap;
	const struct wick_expert_room *room = experts->room;
	uint64_t waited_ns = cache->fetch->wait_ns;
	uint32_t absent = 0, useful = 0;
	bool begun = false, more, single = cache->guess && cache->ahead.on;
	int err = 0;

	cache->active += room->chosen.count;
	if (layer <= cache->layer)
		wick_expert_ahead_note_token(&cache->ahead, single);
	cache->layer = layer;
	if (!single)
		settle_ahead(cache);
	cache->draw[0].count = cache->draw[1].count = 0;
	draw->strip = (struct wick_strip){ 0 };
	for (more = wick_strip_next(&draw->strip, room); !err && more;) {
		if (!begun)
			absent += begin(cache, draw, room, layer);
		if (single)
			useful = begin_single(cache, draw, layer, absent);
		next->strip = draw->strip;
		more = wick_strip_next(&next->strip, room);
		begun = more && begin_next(cache, draw, next, room, layer, &absent);
		err = finish(cache, draw, experts, layer, diag);
		pin(cache, draw, false);
		draw->count = 0;
		if (begun)
			pin(cache, next, true);
		swap = draw;
		draw = next;
		next = swap;
	}
	note_visit(cache, layer, room->chosen.count, absent, useful);
	cache->wait_ns += cache->fetch->wait_ns - waited_ns;
	wick_policy_advance(cache->policy, 1); /* a use is worth half as much after so many layers, not tokens: docs/experts.md */
	if (err)
		wick_expert_cache_forget(cache);
	return err;
}
