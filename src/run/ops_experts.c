/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The steps of an FFN of experts. */

#include "ops.h"

#include "bits.h"
#include "experts.h"
#include "routing.h"
#include "watch.h"

#include <errno.h>
#include <math.h>

/* Of a guess at the next layer's experts. */
struct guessing {
	const struct wick_pass *pass;
	const float *x; /* (m, d_model), this layer's input */
};

/* The experts that a trace has for a row; NULL: the router chooses. */
static const uint16_t *given(const struct wick_pass *pass, const struct wick_step *step, uint32_t row)
{
	const struct wick_forward *f = pass->forward;

	return f->routing ? wick_routing_at(f->routing, f->rows[row].token, step->layer) : NULL;
}

/* The experts of one row, which is given up where its router's outputs are no numbers: others do not depend on it. */
static int route_row(struct wick_pass *pass, const struct wick_step *step, uint32_t row)
{
	const struct wick_expert_facts *facts = &wick_pass_facts(pass, step)->ffn.experts;
	struct wick_expert_room *room = &pass->forward->experts;
	float *z = wick_pass_buffer(pass, step->in) + (size_t)row * facts->count;

	if (wick_route(facts, z, wick_pass_vector(pass, step, step->tensor), given(pass, step, row), room->ids + row * facts->chosen,
		    room->weights + row * facts->chosen))
		return 0;
	wick_diag_say(wick_pass_diag(pass), -ERANGE, "layer %u: what its router makes of the token at position %u is not finite",
		step->layer, pass->forward->rows[row].position);
	return wick_fail_row(pass, row, -ERANGE);
}

/* Rows that are given up, now or before, want no expert. */
static void route_no_failed(const struct wick_pass *pass, uint32_t chosen)
{
	uint32_t *ids = pass->forward->experts.ids;

	for (uint32_t i = 0; i < pass->m * chosen; i++)
		if (pass->forward->rows[i / chosen].err)
			ids[i] = WICK_UNROUTED;
}

/* The experts of each row; which rows want an expert. */
int wick_op_route(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_expert_facts *facts = &wick_pass_facts(pass, step)->ffn.experts;
	struct wick_expert_room *room = &pass->forward->experts;
	int err = 0;

	for (uint32_t i = 0; !err && i < pass->m; i++)
		err = pass->forward->rows[i].err ? 0 : route_row(pass, step, i);
	if (err)
		return err;
	route_no_failed(pass, facts->chosen);
	if (pass->forward->watch && pass->forward->watch->routed)
		pass->forward->watch->routed(pass->forward->watch->user, step->layer, pass->forward->rows->position, pass->m, room->ids,
			facts->chosen);
	wick_chosen_make(&room->chosen, facts->count, room->ids, room->weights, pass->m, facts->chosen, room->at);
	return 0;
}

static struct wick_expert_matrix part_of(const struct wick_pass *pass, const struct wick_step *step, uint32_t part)
{
	static const enum wick_tensor_id biases[WICK_PARTS] = { [WICK_PART_GATE] = WICK_T_GATE_EXPERTS_BIAS,
		[WICK_PART_UP] = WICK_T_UP_EXPERTS_BIAS, [WICK_PART_DOWN] = WICK_T_DOWN_EXPERTS_BIAS };
	const struct wick_tensor *tensor = pass->forward->matrices->at[step->matrix + part].tensor;

	return (struct wick_expert_matrix){ .type = tensor->type, .rows = tensor->rows / tensor->experts,
		.cols = tensor->cols, .stride = tensor->row_bytes, .bias = wick_pass_vector(pass, step, biases[part]) };
}

/* All experts of a strip, which are in memory. */
static void compute_strip(struct wick_pass *pass, const struct wick_step *step, const struct wick_experts *experts,
	const struct wick_strip *strip)
{
	struct wick_expert_room *room = experts->room;
	uint32_t count = 0;

	for (uint32_t k = strip->first_k; k < strip->end_k; k++, count++) {
		room->which[count] = k;
		for (uint32_t part = 0; part < WICK_PARTS; part++)
			room->data[count * WICK_PARTS + part] = wick_matrix_expert(&pass->forward->matrices->at[step->matrix + part],
				room->chosen.ids[k], pass->forward->fetch->file);
	}
	wick_experts_compute(experts, strip, room->which, count, room->data, WICK_PART_GATE, WICK_PARTS);
	wick_experts_sum(experts, strip);
}

/* The router of a layer, if it has one that is in memory. */
static const struct wick_step *router_of(const struct wick_forward *f, uint32_t layer)
{
	const struct wick_steps *steps = &f->model->steps;

	for (uint32_t s = steps->first[layer]; s < steps->first[layer + 1]; s++) {
		const struct wick_step *step = &steps->step[s];

		if (step->op == WICK_OP_LINEAR && steps->matrix[step->matrix].tensor == WICK_T_ROUTER)
			return f->matrices->at[step->matrix].resident_rows == f->matrices->at[step->matrix].rows ? step : NULL;
	}
	return NULL;
}

/* y (m, rows) = a resident matrix times the m rows of x. */
static void multiply(struct wick_forward *f, const struct wick_matrix *matrix, const float *x, float *y, uint32_t m)
{
	struct wick_linear linear = { .compute = &f->compute, .type = matrix->tensor->type, .cols = matrix->tensor->cols,
		.stride = matrix->tensor->row_bytes, .x = x, .ldx = matrix->tensor->cols, .y = y, .ldy = matrix->rows, .m = m };
	struct wick_rows rows = { .base = matrix->base, .count = matrix->rows };

	wick_linear_begin(&linear);
	wick_linear_rows(&linear, &rows);
}

/* What a trace guesses at a layer of a row. */
static uint32_t guess_given(const struct wick_forward *f, uint32_t row, uint32_t layer, uint32_t *ids, uint32_t most)
{
	uint32_t count = 0;
	const uint16_t *guessed = wick_routing_guessed(f->routing, f->rows[row].token, layer, &count);

	count = WICK_MIN(count, most);
	for (uint32_t i = 0; i < count; i++)
		ids[i] = guessed[i];
	return count;
}

/* What a layer's router, biases and all, gives for a row by outputs that are there. */
static uint32_t guess_routed(const struct wick_pass *pass, const struct wick_step *step, uint32_t row, uint32_t *ids, uint32_t most)
{
	const struct wick_forward *f = pass->forward;
	const struct wick_expert_facts *facts = &wick_pass_facts(pass, step)->ffn.experts;
	const float *bias = wick_pass_vector(pass, step, step->bias);
	const float *choice = wick_pass_vector(pass, &step[1], step[1].tensor); /* of the step that routes */
	float *z = f->buffer[step->out] + (size_t)row * facts->count;

	if (bias)
		f->compute.kernels->add(z, bias, facts->count);
	return wick_route_best(facts, z, choice, ids, most) ? most : 0;
}

/* The likeliest of each row, then the next of each, and so on, none of them twice. best: (rows, most). */
static uint32_t merge(uint32_t (*best)[WICK_GUESSES], const uint32_t *counts, uint32_t rows, uint32_t *ids, uint32_t most)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < WICK_GUESSES * rows && count < most; i++) {
		uint32_t row = i % rows, rank = i / rows, same = 0;

		if (rank >= counts[row])
			continue;
		while (same < count && ids[same] != best[row][rank])
			same++;
		ids[same] = best[row][rank];
		count += same == count;
	}
	return count;
}

/* A layer that follows: of each row by its router, on this layer's input, or by the trace. The router's outputs take the place of
 * those that have been used. */
static uint32_t guess(void *user, uint32_t layer, uint32_t *ids, uint32_t most)
{
	const struct guessing *guessing = user;
	const struct wick_pass *pass = guessing->pass;
	struct wick_forward *f = pass->forward;
	const struct wick_step *step = router_of(f, layer);
	uint32_t best[WICK_GUESSING_ROWS][WICK_GUESSES], counts[WICK_GUESSING_ROWS] = { 0 };
	uint32_t each = WICK_MIN(WICK_MIN(most, WICK_GUESSES), wick_kind(&f->model->shape, layer)->ffn.experts.chosen);

	if (!f->routing && !step)
		return 0;
	if (!f->routing)
		multiply(f, &f->matrices->at[step->matrix], guessing->x, f->buffer[step->out], pass->m);
	for (uint32_t row = 0; row < pass->m; row++)
		if (!f->rows[row].err)
			counts[row] = f->routing ? guess_given(f, row, layer, best[row], each) : guess_routed(pass, step, row, best[row], each);
	return merge(best, counts, pass->m, ids, most);
}

/* How many rows from `first` on are of its sequence. */
static uint32_t rows_of_sequence(const struct wick_pass *pass, uint32_t first)
{
	const struct wick_batch_row *rows = pass->forward->rows;
	uint32_t end = first + 1;

	while (end < pass->m && rows[end].seq == rows[first].seq)
		end++;
	return end - first;
}

/* Some rows of a sequence by themselves. */
static int draw_rows(struct wick_pass *pass, const struct wick_step *step, const struct wick_experts *all, uint32_t first, uint32_t m)
{
	const struct wick_expert_facts *facts = &wick_pass_facts(pass, step)->ffn.experts;
	size_t before = (size_t)first * pass->forward->model->shape.d_model, pair = (size_t)first * facts->chosen;
	struct wick_expert_room *room = all->room;
	struct wick_experts experts = *all;
	int err;

	experts.x += before;
	experts.y += before;
	wick_chosen_make(&room->chosen, facts->count, room->ids + pair, room->weights + pair, m, facts->chosen, room->at);
	pass->forward->expert_cache.rows = m;
	err = wick_expert_cache_run(&pass->forward->expert_cache, &experts, step->layer, wick_pass_diag(pass));
	return err ? wick_fail_row(pass, first, err) : 0;
}

/* Rows that failed together: each sequence by itself, so that only those fail that need what cannot be read. */
static int draw_apart(struct wick_pass *pass, const struct wick_step *step, const struct wick_experts *experts)
{
	int err = 0;

	pass->forward->expert_cache.guess = NULL;
	wick_begin_ffn(pass, pass->m, experts->y, NULL);
	for (uint32_t first = 0, some; !err && first < pass->m; first += some) {
		some = rows_of_sequence(pass, first);
		if (!pass->forward->rows[first].err)
			err = draw_rows(pass, step, experts, first, some);
	}
	return err;
}

static int draw_experts(struct wick_pass *pass, const struct wick_step *step, const struct wick_experts *experts)
{
	bool had_said = wick_pass_has_said(pass);
	int err = wick_expert_cache_run(&pass->forward->expert_cache, experts, step->layer, wick_pass_diag(pass));

	if (!err || err == -ETIMEDOUT || rows_of_sequence(pass, 0) == pass->m)
		return err;
	wick_pass_take_back(pass, had_said);
	return draw_apart(pass, step, experts);
}

int wick_op_experts(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	struct wick_experts experts = { .compute = &f->compute, .room = &f->experts, .act = wick_pass_facts(pass, step)->ffn.act,
		.cut = wick_cut_of(f, step->layer), .x = f->buffer[step->in], .y = f->buffer[step->out], .watch = f->watch,
		.layer = step->layer };
	struct guessing guessing = { pass, experts.x };
	struct wick_strip strip = { 0 };

	for (uint32_t part = 0; part < WICK_PARTS; part++)
		experts.matrix[part] = part_of(pass, step, part);
	wick_begin_ffn(pass, pass->m, experts.y, NULL);
	if (f->expert_cache.capacity) {
		f->expert_cache.guess = pass->m <= WICK_GUESSING_ROWS ? guess : NULL;
		f->expert_cache.rows = pass->m;
		f->expert_cache.guess_user = &guessing;
		return draw_experts(pass, step, &experts);
	}
	while (wick_strip_next(&strip, experts.room))
		compute_strip(pass, step, &experts, &strip);
	f->expert_cache.active += experts.room->chosen.count;
	return 0;
}

/* Each row of out times the sigmoid of a dot product of in. */
int wick_op_share(struct wick_pass *pass, const struct wick_step *step)
{
	size_t d_model = pass->forward->model->shape.d_model;
	const float *weight = wick_pass_vector(pass, step, step->tensor), *in = wick_pass_buffer(pass, step->in);
	float *out = wick_pass_buffer(pass, step->out);

	for (uint32_t i = 0; i < pass->m; i++) {
		float z, share;

		pass->forward->compute.kernels->matvec[WICK_F32](&z, weight, d_model * sizeof(float), in + i * d_model, 1, d_model);
		share = 1 / (1 + expf(-z));
		for (size_t c = 0; c < d_model; c++)
			out[i * d_model + c] *= share;
	}
	return 0;
}
