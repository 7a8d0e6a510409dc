/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which weights stay in memory (see plan_keep.h), and why in this order: plan.c. */

#include "plan_keep.h"

#include "bits.h"
#include "cache_slots.h"
#include "mem.h"

uint64_t wick_keep_rows_cost(const struct wick_matrix *matrix, uint64_t rows)
{
	return wick_mem_cost(wick_matrix_bytes(matrix, rows));
}

uint64_t wick_keep_all_cost(const struct wick_planner *planner)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < planner->matrices->count; i++)
		bytes += wick_keep_rows_cost(&planner->matrices->at[i], planner->matrices->at[i].rows);
	return bytes;
}

void wick_keep_all(struct wick_planner *planner)
{
	for (uint32_t i = 0; i < planner->matrices->count; i++)
		planner->matrices->at[i].resident_rows = planner->matrices->at[i].rows;
}

/* Keeps as many leading rows of a matrix as fit, in whole tiles; a table only whole. */
static void keep(struct wick_matrix *matrix, uint64_t rows, uint64_t *left_bytes)
{
	uint64_t fit = WICK_MIN(WICK_MIN(rows, matrix->rows), *left_bytes / matrix->tensor->row_bytes);

	if (fit < matrix->rows)
		fit = matrix->lookup ? 0 : fit / matrix->tile_rows * matrix->tile_rows;
	while (fit && wick_keep_rows_cost(matrix, fit) > *left_bytes)
		fit -= WICK_MIN(fit, fit % matrix->tile_rows ? fit % matrix->tile_rows : matrix->tile_rows);
	if (matrix->lookup && fit < matrix->rows)
		fit = 0;
	matrix->resident_rows = fit;
	*left_bytes -= wick_keep_rows_cost(matrix, fit);
}

/* All of one rank, in the order of use. */
static void keep_rank(struct wick_planner *planner, enum wick_keep rank, uint64_t *left_bytes)
{
	for (uint32_t i = 0; i < planner->matrices->count; i++)
		if (planner->matrices->at[i].keep == rank)
			keep(&planner->matrices->at[i], UINT64_MAX, left_bytes);
}

static uint64_t rank_cost(const struct wick_planner *planner, enum wick_keep rank)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < planner->matrices->count; i++)
		if (planner->matrices->at[i].keep == rank)
			bytes += wick_keep_rows_cost(&planner->matrices->at[i], planner->matrices->at[i].rows);
	return bytes;
}

/* The same share of every layer's FFN in whole tiles, and one tile more for the first ones while room is left. */
static void keep_evenly(struct wick_planner *planner, uint64_t *left_bytes)
{
	uint64_t whole = rank_cost(planner, WICK_KEEP_FFN);
	double share = whole > *left_bytes ? (double)*left_bytes / (double)whole : 1;

	for (uint32_t i = 0; i < planner->matrices->count; i++) {
		struct wick_matrix *matrix = &planner->matrices->at[i];

		if (matrix->keep == WICK_KEEP_FFN)
			keep(matrix, (uint64_t)(share * (double)matrix->rows), left_bytes);
	}
	for (uint32_t i = 0; i < planner->matrices->count; i++) {
		struct wick_matrix *matrix = &planner->matrices->at[i];

		if (matrix->keep != WICK_KEEP_FFN)
			continue;
		*left_bytes += wick_keep_rows_cost(matrix, matrix->resident_rows);
		keep(matrix, matrix->resident_rows + matrix->tile_rows, left_bytes);
	}
}

/* The largest bundle cache that fits `bytes` in each layer; n_ff: all bundles may be resident instead. */
static uint32_t cache_slots(const struct wick_model *model, const struct wick_matrix *bundles, uint64_t bytes)
{
	const struct wick_shape *shape = &model->shape;
	uint32_t least = 0, most = shape->n_ff; /* of what fits, below what does not */

	if (wick_keep_rows_cost(bundles, bundles->rows) <= bytes)
		return shape->n_ff;
	while (most - least > 1) {
		uint32_t middle = least + (most - least) / 2;

		if (wick_sparse_group_bytes(model, middle) <= bytes)
			least = middle;
		else
			most = middle;
	}
	return least;
}

static uint32_t cache_slots_min(const struct wick_shape *shape)
{
	return WICK_MIN(shape->n_ff, WICK_SPARSE_ROWS_MIN);
}

uint64_t wick_keep_caches_min_bytes(const struct wick_planner *planner)
{
	const struct wick_shape *shape = &planner->input->model->shape;

	return shape->layers * wick_sparse_group_bytes(planner->input->model, cache_slots_min(shape));
}

static uint64_t caches_bytes(const struct wick_planner *planner)
{
	const struct wick_model *model = planner->input->model;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < model->shape.layers; i++)
		bytes += wick_sparse_group_bytes(model, planner->matrices->slots[i]);
	return bytes;
}

void wick_keep_slots(struct wick_planner *planner, uint32_t slots)
{
	for (uint32_t i = 0; i < planner->input->model->shape.layers; i++)
		planner->matrices->slots[i] = slots;
}

/* As many slots together as if each layer had `each`, as it has by now. Caches take whole pages, so unequal ones may be a
 * little too large together: then there are fewer. */
static void divide_slots(struct wick_planner *planner, uint32_t each, uint64_t room_bytes)
{
	const struct wick_plan_input *input = planner->input;
	const struct wick_shape *shape = &input->model->shape;
	uint64_t slot_bytes = wick_steps_set(&input->model->steps, 0)->kind->slot_bytes;
	uint64_t least = (uint64_t)shape->layers * cache_slots_min(shape), total = (uint64_t)shape->layers * each, fewer = 0;

	while (input->firing) {
		total -= WICK_MIN(fewer, total - least);
		wick_cache_slots_divide(
			input->firing, shape->layers, shape->n_ff, cache_slots_min(shape), total, planner->matrices->slots);
		if (caches_bytes(planner) <= room_bytes)
			return;
		fewer = wick_div_up(caches_bytes(planner) - room_bytes, slot_bytes);
	}
}

/* Bundle caches as large as what is left of room that already had the smallest ones taken off; or all bundles resident. */
static void keep_neurons(struct wick_planner *planner, uint64_t *left_bytes)
{
	const struct wick_shape *shape = &planner->input->model->shape;
	struct wick_matrix *first = wick_matrices_bundles(planner->matrices, 0);
	uint64_t room = *left_bytes + wick_keep_caches_min_bytes(planner);
	uint32_t each = cache_slots(planner->input->model, first, room / shape->layers);

	for (uint32_t i = 0; i < shape->layers; i++) {
		struct wick_matrix *bundles = wick_matrices_bundles(planner->matrices, i);

		bundles->drawn = each < shape->n_ff;
		bundles->resident_rows = bundles->drawn ? 0 : bundles->rows;
	}
	wick_keep_slots(planner, each);
	if (first->drawn) {
		divide_slots(planner, each, room);
		planner->cache_bytes = caches_bytes(planner);
	}
	*left_bytes = room - (first->drawn ? planner->cache_bytes : wick_keep_rows_cost(first, first->rows) * shape->layers);
}

static uint64_t experts_cost(const struct wick_planner *planner, uint64_t slots)
{
	struct wick_expert_cache_shape shape = { .capacity = (uint32_t)slots, .chunk_bytes = planner->input->chunk_bytes };

	return wick_expert_cache_bytes(planner->input->model, &shape);
}

uint64_t wick_keep_experts_min_bytes(const struct wick_planner *planner)
{
	uint32_t least = wick_expert_slots_min(&planner->input->model->shape);

	return least ? experts_cost(planner, least) : 0;
}

/* A cache of experts as large as what is left of room that already had the smallest one taken off. */
static void keep_experts(struct wick_planner *planner, uint64_t *left_bytes)
{
	uint64_t room = *left_bytes + wick_keep_experts_min_bytes(planner);
	uint64_t least = wick_expert_slots_min(&planner->input->model->shape); /* of what fits, below what does not */
	uint64_t most = wick_expert_slots_all(planner->input->model) + 1;

	while (most - least > 1) {
		uint64_t middle = least + (most - least) / 2;

		if (experts_cost(planner, middle) <= room)
			least = middle;
		else
			most = middle;
	}
	planner->expert_slots = (uint32_t)least;
	planner->cache_bytes = experts_cost(planner, least);
	*left_bytes = room - planner->cache_bytes;
}

/* Everything that a token needs but experts, and rows of tables. */
uint64_t wick_keep_common_cost(const struct wick_planner *planner)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < planner->matrices->count; i++)
		if (wick_matrix_is_swept(&planner->matrices->at[i]))
			bytes += wick_keep_rows_cost(&planner->matrices->at[i], planner->matrices->at[i].rows);
	return bytes;
}

void wick_keep_what_fits(struct wick_planner *planner, uint64_t left_bytes)
{
	for (enum wick_keep rank = WICK_KEEP_TABLE; rank < WICK_KEEP_FFN; rank++)
		keep_rank(planner, rank, &left_bytes);
	if (planner->input->mode == WICK_MODE_SPARSE)
		keep_neurons(planner, &left_bytes);
	else
		keep_evenly(planner, &left_bytes);
	if (wick_has_experts(&planner->input->model->shape))
		keep_experts(planner, &left_bytes);
	keep_rank(planner, WICK_KEEP_EMBEDDING, &left_bytes);
}
