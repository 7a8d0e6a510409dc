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

/* What becomes of an expert of a strip. */
enum { HERE, COMING, DONE };

static const enum wick_tensor_id parts[WICK_PARTS] = {
	[WICK_PART_GATE] = WICK_T_GATE_EXPERTS, [WICK_PART_UP] = WICK_T_UP_EXPERTS, [WICK_PART_DOWN] = WICK_T_DOWN_EXPERTS,
};

static const struct wick_tensor *tensor_of(const struct wick_model *model, uint32_t layer, uint32_t part)
{
	return wick_tensor_at(model, layer, parts[part]);
}

/* Bytes of a part of each expert of a layer; 0: the layer has none. */
static uint64_t part_bytes(const struct wick_model *model, uint32_t layer, uint32_t part)
{
	const struct wick_tensor *tensor = tensor_of(model, layer, part);

	return tensor->rows ? wick_tensor_bytes(tensor) / tensor->experts : 0;
}

/* The most of any layer. */
static uint64_t part_most(const struct wick_model *model, uint32_t part)
{
	uint64_t most = 0;

	for (uint32_t layer = 0; layer < model->shape.layers; layer++)
		most = WICK_MAX(most, part_bytes(model, layer, part));
	return most;
}

static uint32_t experts_of(const struct wick_shape *shape)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < shape->kinds; i++)
		most = WICK_MAX(most, shape->kind[i].ffn.experts.count);
	return most;
}

uint32_t wick_expert_slots_min(const struct wick_shape *shape)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < shape->kinds; i++)
		most = WICK_MAX(most, shape->kind[i].ffn.experts.chosen);
	return most;
}

uint64_t wick_expert_slots_all(const struct wick_model *model)
{
	uint64_t sum = 0;

	for (uint32_t layer = 0; layer < model->shape.layers; layer++)
		sum += wick_kind(&model->shape, layer)->ffn.experts.count;
	return sum;
}

uint64_t wick_expert_cycle_bytes(const struct wick_model *model)
{
	uint64_t sum = 0;

	for (uint32_t layer = 0; layer < model->shape.layers; layer++)
		for (uint32_t part = 0; part < WICK_PARTS; part++)
			sum += wick_kind(&model->shape, layer)->ffn.experts.chosen * part_bytes(model, layer, part);
	return sum;
}

static uint64_t slot_bytes(const struct wick_model *model)
{
	uint64_t sum = 0;

	for (uint32_t part = 0; part < WICK_PARTS; part++)
		sum += wick_fetch_buffer_bytes(part_most(model, part));
	return sum;
}

/* Experts of a strip: half of the slots, so that the next strip has the other half; a token's in any case. */
static uint32_t most_of(const struct wick_shape *shape, uint32_t capacity)
{
	return WICK_MAX(WICK_MIN(capacity / 2, (uint32_t)WICK_EXPERTS_AT_ONCE), wick_expert_slots_min(shape));
}

/* Memory of a draw and of the lists of what is computed. */
enum { KEYS, SLOTS, STATE, WANTED, LANDINGS, OF_DRAW };

static void draw_bytes(uint64_t bytes[OF_DRAW], uint32_t most)
{
	bytes[KEYS] = bytes[SLOTS] = most * sizeof(uint32_t);
	bytes[STATE] = most;
	bytes[WANTED] = most * sizeof(struct wick_wanted);
	bytes[LANDINGS] = most * WICK_PARTS * sizeof(struct wick_landing);
}

static uint64_t requests_bytes(const struct wick_model *model, uint64_t chunk_bytes, uint32_t part)
{
	return wick_fetch_requests(part_most(model, part), chunk_bytes) * sizeof(struct wick_io_request);
}

uint64_t wick_expert_cache_bytes(const struct wick_model *model, const struct wick_expert_cache_shape *shape)
{
	uint32_t keys = model->shape.layers * experts_of(&model->shape), most = most_of(&model->shape, shape->capacity);
	uint64_t pieces[OF_DRAW], bytes = wick_cache_bytes(keys, shape->capacity, slot_bytes(model)) +
		wick_policy_bytes(keys, shape->capacity) + wick_mem_cost(most * sizeof(uint32_t)) +
		wick_mem_cost(most * WICK_PARTS * sizeof(uint8_t *));

	draw_bytes(pieces, most);
	for (int i = 0; i < OF_DRAW; i++)
		bytes += 2 * wick_mem_cost(pieces[i]);
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		bytes += 2 * wick_mem_cost(most * requests_bytes(model, shape->chunk_bytes, part));
	return bytes;
}

static void init_draw(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint64_t chunk_bytes, struct wick_mem *mem)
{
	uint64_t bytes[OF_DRAW];

	draw_bytes(bytes, cache->most);
	*draw = (struct wick_expert_draw){ .keys = wick_mem_take(mem, bytes[KEYS]), .slots = wick_mem_take(mem, bytes[SLOTS]),
		.state = wick_mem_take(mem, bytes[STATE]), .wanted = wick_mem_take(mem, bytes[WANTED]),
		.landing = wick_mem_take(mem, bytes[LANDINGS]) };
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		uint64_t each = requests_bytes(cache->model, chunk_bytes, part);
		uint8_t *requests = wick_mem_take(mem, cache->most * each);

		for (uint32_t i = 0; i < cache->most; i++)
			draw->landing[i * WICK_PARTS + part].requests = (struct wick_io_request *)(requests + i * each);
	}
}

void wick_expert_cache_init(struct wick_expert_cache *cache, const struct wick_expert_cache_shape *shape,
	const struct wick_model *model, struct wick_fetch *fetch, struct wick_mem *mem)
{
	uint32_t keys = model->shape.layers * experts_of(&model->shape);
	uint64_t at = 0;

	*cache = (struct wick_expert_cache){ .model = model, .fetch = fetch, .capacity = shape->capacity,
		.most = most_of(&model->shape, shape->capacity) };
	wick_cache_init(&cache->cache, keys, shape->capacity, slot_bytes(model), mem);
	cache->policy = wick_policy_init(shape->policy, keys, shape->capacity, 0, mem);
	wick_policy_set_layers(cache->policy, model->shape.layers);
	cache->which = wick_mem_take(mem, cache->most * sizeof(uint32_t));
	cache->data = wick_mem_take(mem, cache->most * WICK_PARTS * sizeof(uint8_t *));
	for (uint32_t part = 0; part < WICK_PARTS; part++) {
		cache->part_at[part] = at;
		at += wick_fetch_buffer_bytes(part_most(model, part));
	}
	for (int i = 0; i < 2; i++)
		init_draw(cache, &cache->draw[i], shape->chunk_bytes, mem);
}

static uint8_t *buffer_of(const struct wick_expert_cache *cache, uint32_t slot, uint32_t part)
{
	return wick_cache_at(&cache->cache, slot) + cache->part_at[part];
}

static uint32_t first_key(const struct wick_expert_cache *cache, uint32_t layer)
{
	return layer * experts_of(&cache->model->shape);
}

static void pin(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, bool pinned)
{
	for (uint32_t i = 0; i < draw->count; i++)
		cache->cache.in_flight[draw->slots[i]] = pinned;
}

/* Reads of all absent experts of a strip, expert by expert: one is computed when all its parts are there, and the others are on
 * their way meanwhile. */
static void send(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint32_t layer)
{
	for (uint32_t i = 0; i < draw->count; i++)
		for (uint32_t part = 0; draw->state[i] == COMING && part < WICK_PARTS; part++) {
			struct wick_landing *landing = &draw->landing[i * WICK_PARTS + part];
			const struct wick_tensor *tensor = tensor_of(cache->model, layer, part);
			uint64_t rows = tensor->rows / tensor->experts;

			landing->buffer = buffer_of(cache, draw->slots[i], part);
			wick_fetch_start(cache->fetch, landing, tensor, (draw->keys[i] - first_key(cache, layer)) * rows, rows);
		}
	wick_io_kick(cache->fetch->io);
}

/* Slots for the experts of a strip, and reads for those that are absent. */
static void begin(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_expert_room *room,
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
		next += wanted;
	}
	pin(cache, draw, true);
	send(cache, draw, layer);
	cache->read += absent;
}

/* Where a part of an expert lies: as far behind its slot's beginning as in the file behind a block of the drive. */
static const uint8_t *data_of(const struct wick_expert_cache *cache, const struct wick_expert_draw *draw, uint32_t i,
	uint32_t layer, uint32_t part)
{
	const struct wick_tensor *tensor = tensor_of(cache->model, layer, part);
	uint64_t rows = tensor->rows / tensor->experts;
	struct wick_place place = wick_tensor_place(tensor, (draw->keys[i] - first_key(cache, layer)) * rows);

	return buffer_of(cache, draw->slots[i], part) + place.offset % cache->fetch->file[place.part].offset_align;
}

static bool has_landed(const struct wick_expert_draw *draw, uint32_t i)
{
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		if (draw->landing[i * WICK_PARTS + part].pending)
			return false;
	return true;
}

static int check(struct wick_expert_cache *cache, struct wick_expert_draw *draw, uint32_t i, struct wick_diag *diag)
{
	int err = 0;

	for (uint32_t part = 0; !err && part < WICK_PARTS; part++)
		err = wick_fetch_finish(cache->fetch, &draw->landing[i * WICK_PARTS + part], diag);
	return err;
}

/* Computes the experts of a state: those that are here, or those of which all parts have landed. Their number, or an
 * error. */
static int compute(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_experts *experts,
	uint32_t layer, uint8_t state, struct wick_diag *diag)
{
	uint32_t count = 0;
	int err = 0;

	for (uint32_t i = 0; !err && i < draw->count; i++) {
		if (draw->state[i] != state || (state == COMING && !has_landed(draw, i)))
			continue;
		err = state == COMING ? check(cache, draw, i, diag) : 0;
		draw->state[i] = DONE;
		for (uint32_t part = 0; part < WICK_PARTS; part++)
			cache->data[count * WICK_PARTS + part] = data_of(cache, draw, i, layer, part);
		cache->which[count++] = draw->strip.first_k + i;
	}
	if (!err && count)
		wick_experts_compute(experts, &draw->strip, cache->which, count, cache->data);
	return err ? err : (int)count;
}

static bool is_left(const struct wick_expert_draw *draw)
{
	for (uint32_t i = 0; i < draw->count; i++)
		if (draw->state[i] != DONE)
			return true;
	return false;
}

static int finish(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_experts *experts,
	uint32_t layer, struct wick_diag *diag)
{
	int count = compute(cache, draw, experts, layer, HERE, diag);

	while (count >= 0 && is_left(draw)) {
		wick_fetch_poll(cache->fetch);
		count = compute(cache, draw, experts, layer, COMING, diag);
		if (!count)
			wick_fetch_wait(cache->fetch);
	}
	if (count < 0)
		return count;
	wick_experts_sum(experts, &draw->strip);
	wick_policy_touch(cache->policy, 0, draw->keys, draw->count);
	return 0;
}

/* Nothing is on its way any more, and nothing is here. */
static void give_up(struct wick_expert_cache *cache)
{
	for (int d = 0; d < 2; d++)
		for (uint32_t i = 0; i < cache->most * WICK_PARTS; i++)
			if (cache->draw[d].landing[i].pending)
				wick_fetch_drain(cache->fetch, &cache->draw[d].landing[i]);
	memset(cache->cache.in_flight, 0, cache->capacity);
	wick_cache_clear(&cache->cache);
	wick_policy_reset(cache->policy);
}

/* The strip after this one, if there is room for both. */
static bool begin_next(struct wick_expert_cache *cache, const struct wick_expert_draw *draw, struct wick_expert_draw *next,
	const struct wick_expert_room *room, uint32_t layer)
{
	uint32_t count = next->strip.end_k - next->strip.first_k;

	if (draw->count + count > cache->capacity)
		return false;
	begin(cache, next, room, layer);
	return true;
}

int wick_expert_cache_run(struct wick_expert_cache *cache, const struct wick_experts *experts, uint32_t layer,
	struct wick_diag *diag)
{
	struct wick_expert_draw *draw = &cache->draw[0], *next = &cache->draw[1], *swap;
	const struct wick_expert_room *room = experts->room;
	bool begun = false, more;
	int err = 0;

	cache->active += room->chosen.count;
	cache->draw[0].count = cache->draw[1].count = 0;
	draw->strip = (struct wick_strip){ 0 };
	for (more = wick_strip_next(&draw->strip, room); !err && more;) {
		if (!begun)
			begin(cache, draw, room, layer);
		next->strip = draw->strip;
		more = wick_strip_next(&next->strip, room);
		begun = more && begin_next(cache, draw, next, room, layer);
		err = finish(cache, draw, experts, layer, diag);
		pin(cache, draw, false);
		draw->count = 0;
		if (begun)
			pin(cache, next, true);
		swap = draw;
		draw = next;
		next = swap;
	}
	wick_policy_advance(cache->policy, 1); /* a use is worth half as much after so many layers, not tokens: docs/experts.md */
	if (err)
		give_up(cache);
	return err;
}
