/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The sparse FFN of a layer as rounds, and the prefetch for the next one (see sparse.h). */

#include "sparse.h"

#include "bits.h"
#include "clock.h"
#include "mem.h"
#include "watch.h"

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

static uint32_t together(const struct wick_sparse_shape *size)
{
	return WICK_MIN(size->batch_tokens, WICK_SPARSE_TOGETHER);
}

/* Rows of a swept batch, or of those that are drawn for together. */
static uint64_t mask_rows(const struct wick_sparse_shape *size)
{
	return size->batch_tokens < WICK_SWEEP_TOKENS ? together(size) : size->batch_tokens;
}

/* Every array and its size, in one table for the plan and for init. */
enum { CHOSEN, LIKELY, SORTED, PROBABILITY, PLACE_OF, SLOT, TODO, READY, H, ARRIVAL, SCORES, SCRATCH, FILL, MASK, ARRAYS };

static void array_bytes(uint64_t bytes[ARRAYS], const struct wick_shape *shape, const struct wick_sparse_shape *size)
{
	uint64_t n = (uint64_t)shape->n_ff * sizeof(uint32_t), round = round_most(shape);

	bytes[CHOSEN] = bytes[PLACE_OF] = bytes[SCORES] = n;
	bytes[LIKELY] = bytes[SORTED] = bytes[PROBABILITY] = size->lookahead ? n : 0;
	bytes[SLOT] = bytes[TODO] = round * sizeof(uint32_t);
	bytes[H] = together(size) * round * sizeof(float);
	bytes[SCRATCH] = size->scratch_floats * sizeof(float);
	bytes[READY] = round;
	bytes[FILL] = shape->n_ff;
	bytes[MASK] = mask_rows(size) * wick_div_up(shape->n_ff, 64) * 8;
	bytes[ARRIVAL] = (round + 3 * ahead_most(shape)) * sizeof(struct wick_arrival);
}

/* All of a model's neurons are of one kind. */
static const struct wick_bundle_kind *kind_of(const struct wick_model *model)
{
	return model->steps.set[0].kind;
}

uint64_t wick_sparse_bytes(const struct wick_model *model, const struct wick_sparse_shape *size)
{
	const struct wick_shape *shape = &model->shape;
	const struct wick_bundle_kind *kind = kind_of(model);
	uint64_t bytes[ARRAYS], sum = wick_mem_cost(shape->layers * sizeof(struct wick_group)) +
		wick_mem_cost(shape->layers * sizeof(struct wick_member));

	array_bytes(bytes, shape, size);
	for (int i = 0; i < ARRAYS; i++)
		sum += wick_mem_cost(bytes[i]);
	sum += wick_drawing_bytes(kind) + wick_draw_bytes(kind, size->piece_bytes, round_most(shape));
	return size->lookahead ? sum + 2 * wick_draw_bytes(kind, size->piece_bytes, ahead_most(shape)) : sum;
}

static struct wick_group_shape group_shape(const struct wick_model *model, uint32_t capacity)
{
	const struct wick_bundle_kind *kind = kind_of(model);

	return (struct wick_group_shape){ .keys = model->shape.n_ff, .capacity = capacity, .blocks = kind->blocks,
		.slot_bytes = kind->slot_bytes };
}

uint64_t wick_sparse_group_bytes(const struct wick_model *model, uint32_t capacity)
{
	struct wick_group_shape shape = group_shape(model, capacity);

	return wick_group_bytes(&shape);
}

static void init_arrays(struct wick_sparse *sparse, const struct wick_sparse_shape *size, struct wick_mem *mem)
{
	const struct wick_shape *shape = &sparse->model->shape;
	void **arrays[ARRAYS] = { [CHOSEN] = (void **)&sparse->chosen, [LIKELY] = (void **)&sparse->likely,
		[SORTED] = (void **)&sparse->likely_sorted, [PROBABILITY] = (void **)&sparse->probability,
		[PLACE_OF] = (void **)&sparse->place_of, [SLOT] = (void **)&sparse->slot, [TODO] = (void **)&sparse->todo,
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

/* The bundles of each layer, with a cache of their own, as large as the plan has it, where they are not resident. */
static void init_members(struct wick_sparse *sparse, const struct wick_sparse_shape *size, struct wick_mem *mem)
{
	const struct wick_model *model = sparse->model;
	struct wick_group_shape shape = group_shape(model, 0);

	shape.policy = size->policy;
	shape.window = size->window;
	for (uint32_t i = 0; i < model->shape.layers; i++) {
		sparse->member[i] = (struct wick_member){ .set = wick_steps_set(&model->steps, i), .last = true };
		if (is_resident(sparse, i))
			continue;
		sparse->member[i].group = &sparse->group[i];
		shape.capacity = sparse->matrices->slots[i];
		wick_group_init(&sparse->group[i], &shape, mem);
	}
}

void wick_sparse_init(struct wick_sparse *sparse, const struct wick_sparse_shape *size, struct wick_mem *mem)
{
	const struct wick_shape *shape = &sparse->model->shape;

	sparse->on = true;
	sparse->round = round_most(shape);
	sparse->together = together(size);
	sparse->lookahead = size->lookahead;
	sparse->group = wick_mem_take(mem, shape->layers * sizeof(*sparse->group));
	sparse->member = wick_mem_take(mem, shape->layers * sizeof(*sparse->member));
	init_arrays(sparse, size, mem);
	sparse->rates.useful = 1;
	wick_trial_init(&sparse->rates.trial, WICK_TRIAL_AHEAD);
	wick_drawing_init(&sparse->drawing, kind_of(sparse->model), sparse->fetch, size->piece_bytes, mem);
	wick_draw_init(&sparse->demand, &sparse->drawing, round_most(shape), mem);
	for (unsigned i = 0; size->lookahead && i < WICK_COUNT_OF(sparse->ahead); i++)
		wick_draw_init(&sparse->ahead[i], &sparse->drawing, ahead_most(shape), mem);
	init_members(sparse, size, mem);
}

void wick_sparse_drain(struct wick_sparse *sparse, struct wick_draw *draw)
{
	struct wick_draw_block block;

	while (draw->pending)
		wick_fetch_wait(sparse->fetch);
	while (wick_draw_next(draw, &block))
		if (block.unanswered)
			wick_sparse_stop_prefetch(sparse);
}

void wick_sparse_reset(struct wick_sparse *sparse)
{
	wick_sparse_drain(sparse, &sparse->demand);
	for (unsigned i = 0; i < WICK_COUNT_OF(sparse->ahead); i++)
		wick_sparse_drain(sparse, &sparse->ahead[i]);
	memset(sparse->place_of, 0xff, sparse->model->shape.n_ff * sizeof(*sparse->place_of));
	memset(sparse->fill, 0, sparse->model->shape.n_ff);
	for (uint32_t i = 0; i < sparse->model->shape.layers; i++)
		if (sparse->member[i].group)
			wick_group_empty(sparse->member[i].group);
	sparse->prefetch_stopped = sparse->begun = sparse->sent = sparse->early = false;
}

void wick_sparse_clean(struct wick_sparse *sparse, struct wick_member *member)
{
	struct wick_group *group = member->group;

	if (!group || !group->dirty)
		return;
	for (unsigned i = 0; i < WICK_COUNT_OF(sparse->ahead); i++)
		if (sparse->ahead[i].member && sparse->ahead[i].member->group == group)
			wick_sparse_drain(sparse, &sparse->ahead[i]);
	wick_group_empty(group);
}

uint32_t wick_sparse_choose(struct wick_sparse *sparse, uint32_t layer, uint32_t row, uint32_t position, const float *x,
	const float *gate)
{
	uint64_t begun = wick_now_ns();
	uint32_t count = wick_choose(&sparse->chooser, layer, row, x, gate, sparse->chosen);

	sparse->counters.predict_ns += wick_now_ns() - begun;
	sparse->chosen_count = count;
	sparse->counters.bundles_active += count;
	if (sparse->watch && sparse->watch->chosen)
		sparse->watch->chosen(sparse->watch->user, layer, position, sparse->chosen, count);
	return count;
}

uint32_t wick_sparse_choose_row(struct wick_sparse *sparse, uint32_t layer, uint32_t row, uint32_t position, uint32_t i, const float *x,
	const float *gate)
{
	uint32_t count = wick_sparse_choose(sparse, layer, row, position, x, gate);
	uint64_t *mask = sparse->mask + i * wick_sparse_mask_words(sparse);

	memset(mask, 0, wick_sparse_mask_words(sparse) * sizeof(*mask));
	for (uint32_t k = 0; k < count; k++)
		mask[sparse->chosen[k] / 64] |= 1ull << sparse->chosen[k] % 64;
	return count;
}

/* The neurons that any of some rows of the mask has, from row `first` on -> chosen. */
static uint32_t list_mask(struct wick_sparse *sparse, uint32_t first, uint32_t m)
{
	size_t words = wick_sparse_mask_words(sparse);
	uint32_t count = 0;

	for (size_t w = 0; w < words; w++) {
		uint64_t any = 0;

		for (uint32_t i = first; i < first + m; i++)
			any |= sparse->mask[i * words + w];
		for (; any; any &= any - 1)
			sparse->chosen[count++] = (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(any);
	}
	return count;
}

/* What any of the rows chooses; of several the mask says which one does. */
static uint32_t choose_all(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows)
{
	const struct wick_shape *shape = &sparse->model->shape;

	if (rows->m == 1)
		return wick_sparse_choose(sparse, layer, rows->first, rows->position[0], rows->seen, rows->gate);
	for (uint32_t i = 0; i < rows->m; i++)
		wick_sparse_choose_row(sparse, layer, rows->first + i, rows->position[i], i, rows->seen + (size_t)i * shape->d_model,
			rows->gate ? rows->gate + (size_t)i * shape->n_ff : NULL);
	return sparse->chosen_count = list_mask(sparse, 0, rows->m);
}

static void begin_turn(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows)
{
	uint32_t count = choose_all(sparse, layer, rows);

	if (!layer || !rows->all || rows->m != sparse->rates.rows)
		sparse->rates.layer_back_ns = 0; /* the time since then is not that of one layer and such a batch */
	sparse->rates.rows = rows->m;
	if (sparse->early)
		wick_turn_complete(&sparse->turn, count);
	else
		wick_turn_begin(&sparse->turn, &sparse->member[layer], sparse->chosen, count);
	sparse->begun = true;
}

/* The policy learns of several rows as if they had come one by one. */
static void end_turn(struct wick_sparse *sparse, uint32_t m)
{
	uint64_t begun = wick_now_ns();

	for (uint32_t i = 0; i < m; i++) {
		if (m > 1)
			sparse->turn.count = list_mask(sparse, i, 1);
		wick_turn_end(&sparse->turn);
	}
	sparse->counters.manage_ns += wick_now_ns() - begun;
}

void wick_sparse_send_early(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows, uint32_t end)
{
	struct wick_member *member = &sparse->member[layer];
	struct wick_draw *demand = &sparse->demand;
	uint64_t begun = wick_now_ns(), chosen;
	uint32_t count, absent;

	if (!member->group)
		return;
	count = wick_choose_early(&sparse->chooser, layer, rows->first, rows->gate, end, sparse->chosen);
	chosen = wick_now_ns();
	if (!sparse->early) {
		wick_sparse_clean(sparse, member);
		wick_turn_begin(&sparse->turn, member, sparse->chosen, 0);
		wick_draw_start(demand, member, 0, WICK_IO_DEMAND);
	}
	sparse->early = true;
	absent = wick_turn_early(&sparse->turn, count, end, sparse->round, demand->wanted + demand->count);
	sparse->counters.predict_ns += chosen - begun;
	sparse->counters.manage_ns += wick_now_ns() - chosen;
	wick_draw_more(demand, absent, WICK_IO_DEMAND);
}

void wick_sparse_send(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows)
{
	begin_turn(sparse, layer, rows);
	if (!wick_turn_left(&sparse->turn))
		return;
	if (!sparse->early)
		wick_sparse_clean(sparse, sparse->turn.member);
	wick_sparse_admit(sparse);
	wick_sparse_draw(sparse);
	sparse->sent = true;
}

int wick_sparse_ffn(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows, struct wick_diag *diag)
{
	bool look_ahead = sparse->lookahead && rows->all && layer + 1 < sparse->model->shape.layers;
	int err = 0;

	if (!sparse->begun)
		begin_turn(sparse, layer, rows);
	sparse->begun = false;
	for (; !err && (sparse->sent || wick_turn_left(&sparse->turn)); look_ahead = false) {
		if (!sparse->sent && !sparse->early)
			wick_sparse_clean(sparse, sparse->turn.member);
		err = wick_sparse_round(sparse, rows, look_ahead, diag);
	}
	sparse->early = false;
	if (!err)
		end_turn(sparse, rows->m);
	return err;
}
