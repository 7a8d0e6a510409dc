/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys and values in blocks (see kv.h). */

#include "kv.h"

#include "bits.h"
#include "check.h"
#include "compute.h"
#include "mem.h"

#include <string.h>

/* What a layer has of each position. */
static const struct {
	bool keys, values;
} kept[WICK_STATES] = {
	[WICK_STATE_KV] = { true, true },
	[WICK_STATE_WINDOW] = { true, true },
	[WICK_STATE_LATENT] = { true, false },
};

/* Blocks that a sequence keeps for layers with a window: what the first row of a batch looks at and the last one writes, wherever that
 * begins in a block. */
static uint32_t blocks_most(const struct wick_shape *shape, const struct wick_kv_shape *size, uint32_t window)
{
	uint32_t all = wick_kv_blocks(size->ctx);
	uint64_t batch = wick_batch_rows(shape, size->ctx, size->sequences);

	return window && !size->whole_windows ? (uint32_t)WICK_MIN((uint64_t)wick_kv_blocks(window + batch) + 1, (uint64_t)all) : all;
}

/* The pool of a window, which is there or is added; pool 0, where all of a context's blocks would be kept. */
static uint32_t find_pool(struct wick_kv *kv, const struct wick_shape *shape, const struct wick_kv_shape *size, uint32_t window)
{
	uint32_t most = blocks_most(shape, size, window), i = 1;

	if (most == wick_kv_blocks(size->ctx))
		return 0;
	while (i < kv->pools && kv->pool[i].window != window)
		i++;
	if (i == kv->pools)
		kv->pool[kv->pools++] = (struct wick_kv_pool){ .window = window, .most = most,
			.blocks = (uint32_t)WICK_MIN((uint64_t)most * size->sequences, (uint64_t)size->blocks) };
	return i;
}

static enum wick_state state_of(const struct wick_attn_facts *attn, uint32_t pool)
{
	if (attn->state_floats)
		return WICK_STATE_RECURRENT;
	if (attn->latent)
		return WICK_STATE_LATENT;
	return pool ? WICK_STATE_WINDOW : WICK_STATE_KV;
}

static struct wick_kv_layer make_layer(const struct wick_attn_facts *attn, enum wick_type type, uint32_t pool)
{
	struct wick_kv_layer layer = { .state = state_of(attn, pool), .type = type, .pool = pool, .heads = attn->kv_heads,
		.key_bytes = wick_type_bytes(type, attn->k_dim), .value_bytes = wick_type_bytes(type, attn->v_dim) };

	if (layer.state == WICK_STATE_LATENT)
		layer.value_bytes = layer.key_bytes;
	return layer;
}

/* The pools, and what of them can be known of a kind's layers without memory. */
static void make_pools(struct wick_kv *kv, struct wick_kv_layer kinds[WICK_KINDS_MAX], const struct wick_shape *shape,
	const struct wick_kv_shape *size)
{
	*kv = (struct wick_kv){ .layers = shape->layers, .pools = 1 };
	kv->pool[0] = (struct wick_kv_pool){ .blocks = size->blocks, .most = wick_kv_blocks(size->ctx) };
	for (uint32_t i = 0; i < shape->kinds; i++) {
		const struct wick_attn_facts *attn = &shape->kind[i].attn;

		kinds[i] = make_layer(attn, size->type, find_pool(kv, shape, size, attn->window));
	}
}

static uint64_t position_bytes(const struct wick_kv_layer *layer, bool values)
{
	if (values)
		return kept[layer->state].values ? layer->value_bytes * layer->heads : 0;
	return kept[layer->state].keys ? layer->key_bytes * layer->heads : 0;
}

static const struct wick_kv_layer *kind_of(
	const struct wick_kv_layer *kinds, const struct wick_shape *shape, uint32_t layer)
{
	return &kinds[wick_kind(shape, layer) - shape->kind];
}

/* Of the keys or the values of all layers. */
static uint64_t data_bytes(
	const struct wick_kv *kv, const struct wick_kv_layer *kinds, const struct wick_shape *shape, bool values)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < shape->layers; i++) {
		const struct wick_kv_layer *layer = kind_of(kinds, shape, i);

		bytes += position_bytes(layer, values) * kv->pool[layer->pool].blocks * WICK_KV_BLOCK;
	}
	return bytes;
}

/* A sequence has a table in each pool. */
static uint64_t tables_bytes(const struct wick_kv *kv, const struct wick_kv_shape *size)
{
	return (uint64_t)size->sequences * kv->pools * sizeof(struct wick_kv_table);
}

static uint64_t entries_bytes(const struct wick_kv *kv, const struct wick_kv_shape *size)
{
	return (uint64_t)size->sequences * kv->pools * wick_kv_blocks(size->ctx) * sizeof(uint32_t);
}

uint64_t wick_kv_position_bytes(const struct wick_shape *shape, enum wick_type type)
{
	const struct wick_kv_shape size = { .blocks = 1, .sequences = 1, .ctx = 1, .type = type };
	struct wick_kv_layer kinds[WICK_KINDS_MAX];
	struct wick_kv kv;

	make_pools(&kv, kinds, shape, &size);
	return (data_bytes(&kv, kinds, shape, false) + data_bytes(&kv, kinds, shape, true)) / WICK_KV_BLOCK;
}

uint64_t wick_kv_bytes(const struct wick_shape *shape, const struct wick_kv_shape *size)
{
	struct wick_kv_layer kinds[WICK_KINDS_MAX];
	struct wick_kv kv;
	uint64_t bytes;

	make_pools(&kv, kinds, shape, size);
	bytes = wick_mem_cost(shape->layers * sizeof(struct wick_kv_layer)) +
		wick_mem_cost(size->sequences * sizeof(struct wick_kv_seq)) + wick_mem_cost(tables_bytes(&kv, size)) +
		wick_mem_cost(entries_bytes(&kv, size)) + wick_mem_cost(data_bytes(&kv, kinds, shape, false)) +
		wick_mem_cost(data_bytes(&kv, kinds, shape, true));
	for (uint32_t i = 0; i < kv.pools; i++)
		bytes += wick_kv_pool_bytes(kv.pool[i].blocks);
	return bytes + wick_recurrent_bytes(shape, size->ctx, size->sequences);
}

uint64_t wick_kv_window_bytes(const struct wick_shape *shape, const struct wick_kv_shape *size, uint32_t *layers)
{
	struct wick_kv_layer kinds[WICK_KINDS_MAX];
	uint64_t bytes = 0;
	struct wick_kv kv;

	make_pools(&kv, kinds, shape, size);
	*layers = 0;
	for (uint32_t i = 0; i < shape->layers; i++) {
		const struct wick_kv_layer *layer = kind_of(kinds, shape, i);

		if (!layer->pool)
			continue;
		++*layers;
		bytes += (position_bytes(layer, false) + position_bytes(layer, true)) * kv.pool[layer->pool].blocks * WICK_KV_BLOCK;
	}
	return bytes;
}

static void init_tables(struct wick_kv *kv, const struct wick_kv_shape *size, struct wick_mem *mem)
{
	struct wick_kv_table *tables = wick_mem_take(mem, tables_bytes(kv, size));
	uint32_t *entries = wick_mem_take(mem, entries_bytes(kv, size));

	for (uint32_t i = 0; i < size->sequences; i++)
		kv->seq[i] = (struct wick_kv_seq){ .in = tables + (uint64_t)i * kv->pools, .layer = kv->layer,
			.recurrent = { .now = WICK_NO_STATE, .next = WICK_NO_STATE } };
	for (uint64_t i = 0; i < (uint64_t)size->sequences * kv->pools; i++)
		tables[i] = (struct wick_kv_table){ .block = entries + i * wick_kv_blocks(size->ctx) };
}

void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, const struct wick_kv_shape *size, struct wick_mem *mem)
{
	struct wick_kv_layer kinds[WICK_KINDS_MAX];
	uint8_t *keys, *values;

	make_pools(kv, kinds, shape, size);
	kv->layer = wick_mem_take(mem, shape->layers * sizeof(*kv->layer));
	kv->seq = wick_mem_take(mem, size->sequences * sizeof(*kv->seq));
	init_tables(kv, size, mem);
	for (uint32_t i = 0; i < kv->pools; i++)
		wick_kv_pool_init(&kv->pool[i], mem);
	wick_recurrent_init(&kv->recurrent, shape, size->ctx, size->sequences, mem);
	keys = wick_mem_take(mem, data_bytes(kv, kinds, shape, false));
	values = wick_mem_take(mem, data_bytes(kv, kinds, shape, true));
	for (uint32_t i = 0; i < shape->layers; i++) {
		struct wick_kv_layer *layer = &kv->layer[i];
		uint64_t positions;

		*layer = *kind_of(kinds, shape, i);
		layer->keys = keys;
		layer->values = kept[layer->state].values ? values : keys;
		layer->floats_before = wick_recurrent_floats(shape, i);
		positions = (uint64_t)kv->pool[layer->pool].blocks * WICK_KV_BLOCK;
		keys += position_bytes(layer, false) * positions;
		values += position_bytes(layer, true) * positions;
	}
}

/* How many sequences have the block that the next position goes into; 0: it begins one. */
static uint32_t last_uses(const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t pool, uint32_t from)
{
	return from % WICK_KV_BLOCK ? kv->pool[pool].uses[seq->in[pool].block[from / WICK_KV_BLOCK]] : 0;
}

uint32_t wick_kv_needed(
	const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t from, uint32_t to, uint32_t have_left)
{
	if (from == to)
		return 0;
	return wick_kv_blocks(to) - wick_kv_blocks(from) + (last_uses(kv, seq, 0, from) > 1 + have_left);
}

bool wick_kv_meet(const struct wick_kv_seq *a, uint32_t a_from, const struct wick_kv_seq *b, uint32_t b_from)
{
	return a_from % WICK_KV_BLOCK && b_from % WICK_KV_BLOCK &&
		a->in[0].block[a_from / WICK_KV_BLOCK] == b->in[0].block[b_from / WICK_KV_BLOCK];
}

struct wick_kv_part wick_kv_part(const struct wick_kv *kv, uint32_t pool, uint32_t block, uint32_t i)
{
	const struct wick_kv_layer *layer = &kv->layer[i / 2];
	bool values = i % 2;
	uint64_t bytes = position_bytes(layer, values) * WICK_KV_BLOCK;

	if (layer->pool != pool)
		return (struct wick_kv_part){ 0 };
	return (struct wick_kv_part){ .data = (values ? layer->values : layer->keys) + block * bytes, .bytes = bytes };
}

uint64_t wick_kv_block_bytes(const struct wick_kv *kv, uint32_t pool)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < wick_kv_parts(kv); i++)
		bytes += wick_kv_part(kv, pool, 0, i).bytes;
	return bytes;
}

/* A sequence that shares the block of its next position with others gets a copy. */
static void leave_shared(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t pool, uint32_t from)
{
	uint32_t *last = &seq->in[pool].block[from / WICK_KV_BLOCK], own;

	if (last_uses(kv, seq, pool, from) <= 1)
		return;
	own = wick_kv_take(&kv->pool[pool]);
	for (uint32_t i = 0; i < wick_kv_parts(kv); i++) {
		struct wick_kv_part part = wick_kv_part(kv, pool, own, i);

		if (part.bytes)
			memcpy(part.data, wick_kv_part(kv, pool, *last, i).data, part.bytes);
	}
	wick_kv_give_back(&kv->pool[pool], *last);
	*last = own;
}

void wick_kv_extend(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t from, uint32_t to)
{
	struct wick_kv_table *table = seq->in;

	if (from < to) {
		leave_shared(kv, seq, 0, from);
		wick_recurrent_begin(&kv->recurrent, &seq->recurrent);
	}
	while (table->count < wick_kv_blocks(to))
		table->block[table->count++] = wick_kv_take(&kv->pool[0]);
}

void wick_kv_advance(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t position)
{
	uint32_t block = position / WICK_KV_BLOCK;

	wick_recurrent_advance(&kv->recurrent, &seq->recurrent, position);
	for (uint32_t i = 1; i < kv->pools; i++) {
		struct wick_kv_table *table = &seq->in[i];
		struct wick_kv_pool *pool = &kv->pool[i];

		leave_shared(kv, seq, i, position);
		while (table->first + pool->most <= block)
			wick_kv_give_back(pool, table->block[table->first++]);
		if (table->count <= block)
			table->block[table->count++] = wick_kv_take(pool);
	}
}

void wick_kv_end(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t positions)
{
	wick_recurrent_end(&kv->recurrent, &seq->recurrent, positions);
}

struct wick_recurrent_row wick_kv_state(
	const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t layer, uint32_t position)
{
	return wick_recurrent_at(&kv->recurrent, &seq->recurrent, kv->layer[layer].floats_before, position);
}

uint32_t wick_kv_reach(const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t positions)
{
	positions = wick_recurrent_reach(&kv->recurrent, &seq->recurrent, positions);
	for (uint32_t i = 1; i < kv->pools; i++)
		if (!wick_kv_goes_on(&kv->pool[i], seq->in[i].first, positions))
			return 0;
	return positions;
}

/* An empty one begins at the first position again. */
void wick_kv_cut(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t positions)
{
	for (uint32_t i = 0; i < kv->pools; i++) {
		struct wick_kv_table *table = &seq->in[i];

		while (table->count > WICK_MAX(wick_kv_blocks(positions), table->first))
			wick_kv_give_back(&kv->pool[i], table->block[--table->count]);
		if (!positions)
			table->first = table->count = 0;
	}
	wick_recurrent_cut(&kv->recurrent, &seq->recurrent, positions);
}

void wick_kv_restore(struct wick_kv *kv, struct wick_kv_seq *seq, const uint32_t *first, uint32_t positions)
{
	uint32_t end = wick_kv_blocks(positions);

	for (uint32_t i = 0; i < kv->pools; i++) {
		struct wick_kv_table *table = &seq->in[i];
		uint32_t least = end > kv->pool[i].most ? end - kv->pool[i].most : 0;

		wick_assert(!table->count);
		table->first = table->count = WICK_MIN(WICK_MAX(first[i], least), end);
		while (table->count < end)
			table->block[table->count++] = wick_kv_take(&kv->pool[i]);
	}
}

void wick_kv_share(struct wick_kv *kv, struct wick_kv_seq *seq, const struct wick_kv_seq *from, uint32_t positions)
{
	for (uint32_t i = 0; i < kv->pools; i++) {
		struct wick_kv_table *table = &seq->in[i];

		wick_assert(!table->count);
		table->first = table->count = WICK_MIN(from->in[i].first, wick_kv_blocks(positions));
		for (; table->count < wick_kv_blocks(positions); table->count++) {
			table->block[table->count] = from->in[i].block[table->count];
			kv->pool[i].uses[table->block[table->count]]++;
		}
	}
	wick_recurrent_share(&kv->recurrent, &seq->recurrent, &from->recurrent, positions);
}
