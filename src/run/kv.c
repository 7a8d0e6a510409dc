/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Keys and values in blocks (see kv.h). */

#include "kv.h"

#include "bits.h"
#include "check.h"
#include "mem.h"

#include <string.h>

static struct wick_kv_layer layer_of(const struct wick_shape *shape, uint32_t layer, enum wick_type type)
{
	const struct wick_attn_facts *attn = &wick_kind(shape, layer)->attn;

	return (struct wick_kv_layer){ .type = type, .heads = attn->kv_heads, .key_bytes = wick_type_bytes(type, attn->k_dim),
		.value_bytes = wick_type_bytes(type, attn->v_dim) };
}

/* Of a position in all layers, its keys or its values. */
static uint64_t half_bytes(const struct wick_shape *shape, enum wick_type type, bool values)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < shape->layers; i++) {
		struct wick_kv_layer layer = layer_of(shape, i, type);

		bytes += (values ? layer.value_bytes : layer.key_bytes) * layer.heads;
	}
	return bytes;
}

uint64_t wick_kv_position_bytes(const struct wick_shape *shape, enum wick_type type)
{
	return half_bytes(shape, type, false) + half_bytes(shape, type, true);
}

static uint64_t pool_bytes(const struct wick_shape *shape, const struct wick_kv_shape *size, bool values)
{
	return half_bytes(shape, size->type, values) * size->blocks * WICK_KV_BLOCK;
}

static uint64_t table_bytes(const struct wick_kv_shape *size)
{
	return (uint64_t)size->sequences * wick_kv_blocks(size->ctx) * sizeof(uint32_t);
}

uint64_t wick_kv_bytes(const struct wick_shape *shape, const struct wick_kv_shape *size)
{
	return wick_mem_cost(shape->layers * sizeof(struct wick_kv_layer)) +
		wick_mem_cost(size->sequences * sizeof(struct wick_kv_seq)) + wick_mem_cost(table_bytes(size)) +
		2 * wick_mem_cost(size->blocks * sizeof(uint32_t)) + wick_mem_cost(pool_bytes(shape, size, false)) +
		wick_mem_cost(pool_bytes(shape, size, true));
}

static void init_tables(struct wick_kv *kv, const struct wick_kv_shape *size, struct wick_mem *mem)
{
	uint32_t *blocks = wick_mem_take(mem, table_bytes(size));

	for (uint32_t i = 0; i < size->sequences; i++)
		kv->seq[i] = (struct wick_kv_seq){ .block = blocks + (uint64_t)i * wick_kv_blocks(size->ctx) };
	for (uint32_t i = 0; i < size->blocks; i++)
		kv->free[i] = size->blocks - 1 - i;
	kv->free_count = size->blocks;
}

void wick_kv_init(struct wick_kv *kv, const struct wick_shape *shape, const struct wick_kv_shape *size, struct wick_mem *mem)
{
	uint64_t positions = (uint64_t)size->blocks * WICK_KV_BLOCK;
	uint8_t *keys, *values;

	*kv = (struct wick_kv){ .layers = shape->layers, .layer = wick_mem_take(mem, shape->layers * sizeof(*kv->layer)),
		.seq = wick_mem_take(mem, size->sequences * sizeof(*kv->seq)) };
	kv->uses = wick_mem_take(mem, size->blocks * sizeof(*kv->uses));
	kv->free = wick_mem_take(mem, size->blocks * sizeof(*kv->free));
	init_tables(kv, size, mem);
	keys = wick_mem_take(mem, pool_bytes(shape, size, false));
	values = wick_mem_take(mem, pool_bytes(shape, size, true));
	for (uint32_t i = 0; i < shape->layers; i++) {
		struct wick_kv_layer *layer = &kv->layer[i];

		*layer = layer_of(shape, i, size->type);
		layer->keys = keys;
		layer->values = values;
		keys += layer->key_bytes * layer->heads * positions;
		values += layer->value_bytes * layer->heads * positions;
	}
}

/* How many sequences have the block that the next position goes into; 0: it begins one. */
static uint32_t last_uses(const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t from)
{
	return from % WICK_KV_BLOCK ? kv->uses[seq->block[from / WICK_KV_BLOCK]] : 0;
}

uint32_t wick_kv_needed(
	const struct wick_kv *kv, const struct wick_kv_seq *seq, uint32_t from, uint32_t to, uint32_t have_left)
{
	if (from == to)
		return 0;
	return wick_kv_blocks(to) - wick_kv_blocks(from) + (last_uses(kv, seq, from) > 1 + have_left);
}

bool wick_kv_meet(const struct wick_kv_seq *a, uint32_t a_from, const struct wick_kv_seq *b, uint32_t b_from)
{
	return a_from % WICK_KV_BLOCK && b_from % WICK_KV_BLOCK &&
		a->block[a_from / WICK_KV_BLOCK] == b->block[b_from / WICK_KV_BLOCK];
}

static uint32_t take(struct wick_kv *kv)
{
	uint32_t block;

	wick_assert(kv->free_count);
	block = kv->free[--kv->free_count];
	kv->uses[block] = 1;
	return block;
}

static void give_back(struct wick_kv *kv, uint32_t block)
{
	if (!--kv->uses[block])
		kv->free[kv->free_count++] = block;
}

struct wick_kv_part wick_kv_part(const struct wick_kv *kv, uint32_t block, uint32_t i)
{
	const struct wick_kv_layer *layer = &kv->layer[i / 2];
	bool values = i % 2;
	uint64_t bytes = (values ? layer->value_bytes : layer->key_bytes) * layer->heads * WICK_KV_BLOCK;

	return (struct wick_kv_part){ .data = (values ? layer->values : layer->keys) + block * bytes, .bytes = bytes };
}

static void copy(const struct wick_kv *kv, uint32_t to, uint32_t from)
{
	for (uint32_t i = 0; i < wick_kv_parts(kv); i++) {
		struct wick_kv_part part = wick_kv_part(kv, to, i);

		memcpy(part.data, wick_kv_part(kv, from, i).data, part.bytes);
	}
}

void wick_kv_extend(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t from, uint32_t to)
{
	uint32_t *last = &seq->block[from / WICK_KV_BLOCK];

	if (from < to && last_uses(kv, seq, from) > 1) {
		uint32_t own = take(kv);

		copy(kv, own, *last);
		give_back(kv, *last);
		*last = own;
	}
	while (seq->count < wick_kv_blocks(to))
		seq->block[seq->count++] = take(kv);
}

void wick_kv_cut(struct wick_kv *kv, struct wick_kv_seq *seq, uint32_t positions)
{
	while (seq->count > wick_kv_blocks(positions))
		give_back(kv, seq->block[--seq->count]);
}

void wick_kv_share(struct wick_kv *kv, struct wick_kv_seq *seq, const struct wick_kv_seq *from, uint32_t positions)
{
	wick_assert(!seq->count);
	for (; seq->count < wick_kv_blocks(positions); seq->count++) {
		seq->block[seq->count] = from->block[seq->count];
		kv->uses[seq->block[seq->count]]++;
	}
}
