/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys and values in blocks (see kv.h). */

#include "kv.h"

#include "bits.h"
#include "check.h"
#include "compute.h"
#include "mem.h"

#include <string.h>

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
		kv->pool[kv->pools++] = (struct wick_kv_pool){ .state = WICK_STATE_WINDOW, .window = window, .most = most,
			.blocks = (uint32_t)WICK_MIN((uint64_t)most * size->sequences, (uint64_t)size->blocks) };
	return i;
}

/* The pools, and what of them can be known of a kind's layers without memory. */
static void make_pools(struct wick_kv *kv, struct wick_kv_layer kinds[WICK_KINDS_MAX], const struct wick_shape *shape,
	const struct wick_kv_shape *size)
{
	*kv = (struct wick_kv){ .layers = shape->layers, .pools = 1 };
	kv->pool[0] = (struct wick_kv_pool){ .blocks = size->blocks, .most = wick_kv_blocks(size->ctx) };
	for (uint32_t i = 0; i < shape->kinds; i++) {
		const struct wick_attn_facts *attn = &shape->kind[i].attn;

		kinds[i] = (struct wick_kv_layer){ .type = size->type, .heads = attn->kv_heads,
			.key_bytes = wick_type_bytes(size->type, attn->k_dim), .value_bytes = wick_type_bytes(size->type, attn->v_dim),
			.pool = find_pool(kv, shape, size, attn->window) };
	}
}

static uint64_t position_bytes(const struct wick_kv_layer *layer, bool values)
{
	return (values ? layer->value_bytes : layer->key_bytes) * layer->heads;
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
		bytes += 2 * wick_mem_cost(kv.pool[i].blocks * sizeof(uint32_t));
	return bytes;
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

		if (kv.pool[layer->pool].state != WICK_STATE_WINDOW)
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
		kv->seq[i] = (struct wick_kv_seq){ .in = tables + (uint64_t)i * kv->pools, .layer = kv->layer };
	for (uint64_t i = 0; i < (uint64_t)size->sequences * kv->pools; i++)
		tables[i] = (struct wick_kv_table){ .block = entries + i * wick_kv_blocks(size->ctx) };
}

static void init_pool(struct wick_kv_pool *pool, struct wick_mem *mem)
{
	pool->uses = wick_mem_take(mem, pool->blocks * sizeof(*pool->uses));
	pool->free = wick_mem_take(mem, pool->blocks * sizeof(*pool->free));
	for (uint32_t i = 0; i < pool->blocks; i++)
		pool->free[i] = pool->blocks - 1 - i;
	pool->free_count = pool->blocks;
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
		init_pool(&kv->pool[i], mem);
	keys = wick_mem_take(mem, data_bytes(kv, kinds, shape, false));
	values = wick_mem_take(mem, data_bytes(kv, kinds, shape, true));
	for (uint32_t i = 0; i < shape->layers; i++) {
		struct wick_kv_layer *layer = &kv->layer[i];
		uint64_t positions;

		*layer = *kind_of(kinds, shape, i);
		layer->keys = keys;
		layer->values = values;
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

static uint32_t take(struct wick_kv_pool *pool)
{
	uint32_t block;

	wick_assert(pool->free_count);
	block = pool->free[--pool->free_count];
	pool->uses[block] = 1;
	return block;
}

static void give_back(struct wick_kv_pool *pool, uint32_t block)
{
	if (!--pool->uses[block])
		pool->free[pool->free_count++] = block;
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
	own = take(&kv->pool[pool]);
	for (uint32_t i = 0; i < wick_kv_parts(kv); i++) {
		struct wick_kv_part part = wick_kv_part(kv, pool, own, i);

		if (part.bytes)
			memcpy(part.data, wick_kv_part(kv, pool, *last, i).data, part.bytes);
	}
	give_back(&kv->pool[pool], *last);
	*last = own;
}

void wick_kv_extend(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t from, uint32_t to)
{
	struct wick_kv_table *table = seq->in;

	if (from < to)
		leave_shared(kv, seq, 0, from);
	while (table->count < wick_kv_blocks(to))
		table->block[table->count++] = take(&kv->pool[0]);
}

void wick_kv_advance(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t position)
{
	uint32_t block = position / WICK_KV_BLOCK;

	for (uint32_t i = 1; i < kv->pools; i++) {
		struct wick_kv_table *table = &seq->in[i];
		struct wick_kv_pool *pool = &kv->pool[i];

		leave_shared(kv, seq, i, position);
		while (table->first + pool->most <= block)
			give_back(pool, table->block[table->first++]);
		if (table->count <= block)
			table->block[table->count++] = take(pool);
	}
}

uint32_t wick_kv_reach(const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t positions)
{
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
			give_back(&kv->pool[i], table->block[--table->count]);
		if (!positions)
			table->first = table->count = 0;
	}
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
			table->block[table->count++] = take(&kv->pool[i]);
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
}
