/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* States of recurrent layers (see recurrent.h). */

#include "recurrent.h"

#include "bits.h"
#include "check.h"
#include "mem.h"

#define BESIDE_COPIES 2 /* a state and the next one */

uint64_t wick_recurrent_floats(const struct wick_shape *shape, uint32_t layer)
{
	uint64_t floats = 0;

	for (uint32_t i = 0; i < layer; i++)
		floats += wick_kind(shape, i)->attn.state_floats;
	return floats;
}

static uint64_t state_bytes(const struct wick_shape *shape)
{
	return wick_recurrent_floats(shape, shape->layers) * sizeof(float);
}

/* As far apart as makes no more copies of a context than there is room for. */
static uint32_t step_of(uint32_t ctx)
{
	return (uint32_t)wick_div_up(wick_kv_blocks(ctx), WICK_COPIES) * WICK_KV_BLOCK;
}

/* All sequences may have all of theirs, so that slots never run out. */
static uint32_t slots_of(uint32_t ctx, uint32_t sequences)
{
	return sequences * (ctx / step_of(ctx) + BESIDE_COPIES);
}

uint64_t wick_recurrent_bytes(const struct wick_shape *shape, uint32_t ctx, uint32_t sequences)
{
	uint32_t slots = slots_of(ctx, sequences);

	return state_bytes(shape) ? wick_mem_cost(slots * state_bytes(shape)) + wick_kv_pool_bytes(slots) : 0;
}

void wick_recurrent_init(struct wick_recurrent *recurrent, const struct wick_shape *shape, uint32_t ctx, uint32_t sequences,
	struct wick_mem *mem)
{
	*recurrent = (struct wick_recurrent){ .state_bytes = state_bytes(shape), .step = step_of(ctx),
		.pool.blocks = slots_of(ctx, sequences) };
	if (!recurrent->state_bytes)
		return;
	recurrent->slots = wick_mem_take(mem, recurrent->pool.blocks * recurrent->state_bytes);
	wick_kv_pool_init(&recurrent->pool, mem);
}

static void drop(struct wick_recurrent *recurrent, uint32_t *slot)
{
	if (*slot != WICK_NO_STATE)
		wick_kv_give_back(&recurrent->pool, *slot);
	*slot = WICK_NO_STATE;
}

static uint32_t hold(struct wick_recurrent *recurrent, uint32_t slot)
{
	if (slot != WICK_NO_STATE)
		recurrent->pool.uses[slot]++;
	return slot;
}

/* After so many positions, which can be reached. */
static uint32_t slot_after(const struct wick_recurrent *recurrent, const struct wick_recurrent_seq *seq, uint32_t positions)
{
	if (positions == seq->position)
		return seq->now;
	return positions ? seq->copy[positions / recurrent->step - 1] : WICK_NO_STATE;
}

void wick_recurrent_begin(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq)
{
	if (recurrent->state_bytes)
		seq->next = wick_kv_take(&recurrent->pool);
}

void wick_recurrent_advance(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq, uint32_t position)
{
	if (recurrent->state_bytes && (position + 1) % recurrent->step == 0)
		seq->copy[seq->copies++] = wick_kv_take(&recurrent->pool);
}

void wick_recurrent_end(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq, uint32_t positions)
{
	if (!recurrent->state_bytes)
		return;
	drop(recurrent, &seq->now);
	seq->now = seq->next;
	seq->next = WICK_NO_STATE;
	seq->position = positions;
}

uint32_t wick_recurrent_reach(const struct wick_recurrent *recurrent, const struct wick_recurrent_seq *seq, uint32_t positions)
{
	if (!recurrent->state_bytes || positions == seq->position)
		return positions;
	return WICK_MIN(positions / recurrent->step, seq->copies) * recurrent->step;
}

void wick_recurrent_cut(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq, uint32_t positions)
{
	uint32_t now;

	if (!recurrent->state_bytes)
		return;
	now = hold(recurrent, slot_after(recurrent, seq, positions));
	drop(recurrent, &seq->now);
	drop(recurrent, &seq->next);
	while (seq->copies > positions / recurrent->step)
		drop(recurrent, &seq->copy[--seq->copies]);
	seq->now = now;
	seq->position = positions;
}

void wick_recurrent_share(struct wick_recurrent *recurrent, struct wick_recurrent_seq *seq, const struct wick_recurrent_seq *from,
	uint32_t positions)
{
	if (!recurrent->state_bytes)
		return;
	seq->now = hold(recurrent, slot_after(recurrent, from, positions));
	for (; seq->copies < positions / recurrent->step; seq->copies++)
		seq->copy[seq->copies] = hold(recurrent, from->copy[seq->copies]);
	seq->position = positions;
}

static float *numbers(const struct wick_recurrent *recurrent, uint32_t slot, uint64_t floats_before)
{
	if (slot == WICK_NO_STATE)
		return NULL;
	return (float *)(void *)(recurrent->slots + slot * recurrent->state_bytes) + floats_before;
}

struct wick_recurrent_row wick_recurrent_at(const struct wick_recurrent *recurrent, const struct wick_recurrent_seq *seq,
	uint64_t floats_before, uint32_t position)
{
	uint32_t after = position + 1, from = position == seq->position ? seq->now : seq->next;
	bool planned = after % recurrent->step == 0;

	return (struct wick_recurrent_row){ .from = numbers(recurrent, from, floats_before),
		.to = numbers(recurrent, seq->next, floats_before),
		.copy = planned ? numbers(recurrent, seq->copy[after / recurrent->step - 1], floats_before) : NULL };
}
