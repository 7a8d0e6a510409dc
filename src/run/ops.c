/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The arithmetic of each step (see ops.h): each matrix as resident rows first and swept units after, so that arithmetic on
 * what is here hides the reading of what is not. */

#include "ops.h"

#include "attn.h"
#include "bits.h"
#include "experts.h"
#include "routing.h"
#include "watch.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static float *buffer_of(const struct wick_pass *pass, uint8_t buffer)
{
	return pass->forward->buffer[buffer];
}

static const float *vector_of(const struct wick_pass *pass, const struct wick_step *step, uint8_t id)
{
	return id == WICK_NO_VECTOR ? NULL : wick_vector(&pass->forward->vectors, step->layer, id);
}

static const struct wick_layer_facts *facts_of(const struct wick_pass *pass, const struct wick_step *step)
{
	return wick_kind(&pass->forward->model->shape, step->layer);
}

/* What a row alone needs could not be read: its sequence is given up, and the others go on. The error where there is none
 * left, and of a drive that does not answer. */
static int fail_row(struct wick_pass *pass, uint32_t row, int err)
{
	struct wick_batch_row *rows = pass->forward->rows;

	for (uint32_t i = 0; i < pass->m; i++)
		if (rows[i].seq == rows[row].seq && !rows[i].err) {
			rows[i].err = err;
			rows[i].want = false;
			pass->failed++;
		}
	return pass->failed == pass->m || err == -ETIMEDOUT ? err : 0;
}

/* The first failure is told of. */
static struct wick_diag *diag_of(const struct wick_pass *pass)
{
	return pass->failed ? NULL : pass->diag;
}

/* out = the tokens' rows of the embedding. */
static int do_embed(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	size_t width = f->matrices->at[step->matrix].tensor->cols;
	float *out = buffer_of(pass, step->out);
	int err = 0;

	for (uint32_t i = 0; !err && i < pass->m; i++) {
		memset(out + i * width, 0, width * sizeof(*out));
		if (!f->rows[i].err)
			err = wick_look_up(f, &f->matrices->at[step->matrix], f->rows[i].id, out + i * width, diag_of(pass));
		err = err ? fail_row(pass, i, err) : 0;
	}
	return err;
}

/* out += the positions' rows of their table; Y is free at that time. */
static int do_position(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_matrix *table = &f->matrices->at[step->matrix];
	size_t width = table->tensor->cols;
	int err = 0;

	for (uint32_t i = 0; !err && i < pass->m; i++) {
		if (f->rows[i].err)
			continue;
		err = wick_look_up(f, table, f->rows[i].position, f->buffer[WICK_Y], diag_of(pass));
		if (err)
			err = fail_row(pass, i, err);
		else
			f->compute.kernels->add(buffer_of(pass, step->out) + i * width, f->buffer[WICK_Y], width);
	}
	return err;
}

static void norm_row(const struct wick_pass *pass, float *out, const float *in, const float *weight, const float *bias, size_t n)
{
	const struct wick_kernels *kernels = pass->forward->compute.kernels;
	const struct wick_shape *shape = &pass->forward->model->shape;

	if (shape->norm == WICK_NORM_RMS)
		kernels->rms_norm(out, in, weight, n, shape->norm_eps);
	else
		kernels->layer_norm(out, in, weight, bias, n, shape->norm_eps);
}

static int do_norm(struct wick_pass *pass, const struct wick_step *step)
{
	const float *weight = vector_of(pass, step, step->tensor), *bias = vector_of(pass, step, step->bias);
	size_t d_model = pass->forward->model->shape.d_model;
	const float *in = buffer_of(pass, step->in);
	float *out = buffer_of(pass, step->out);

	for (uint32_t i = 0; i < pass->m; i++)
		norm_row(pass, out + i * d_model, in + i * d_model, weight, bias, d_model);
	return 0;
}

/* Each head of queries or keys by itself, or all heads as one. */
static int do_head_norm(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_attn_facts *attn = &facts_of(pass, step)->attn;
	uint32_t heads = step->out == WICK_Q ? attn->heads : attn->kv_heads;
	const float *weight = vector_of(pass, step, step->tensor), *bias = vector_of(pass, step, step->bias);
	float *out = buffer_of(pass, step->out);
	size_t width = (size_t)(attn->whole_norm ? heads : 1) * attn->k_dim, count = (size_t)pass->m * heads * attn->k_dim / width;

	for (size_t i = 0; i < count; i++)
		norm_row(pass, out + i * width, out + i * width, weight, bias, width);
	return 0;
}

/* The rows of a matrix that are here next: what is resident, then unit after unit. 1: there are some; 0: none is
 * left. */
static int next_rows(struct wick_forward *f, uint32_t matrix, struct wick_rows *rows, struct wick_diag *diag)
{
	const struct wick_matrix *at = &f->matrices->at[matrix];
	uint64_t done = rows->first + rows->count;
	int err;

	if (done > at->resident_rows)
		wick_sweep_done(&f->sweep);
	if (done == at->rows)
		return 0;
	if (!done && at->resident_rows) {
		*rows = (struct wick_rows){ .base = at->base, .count = at->resident_rows };
		return 1;
	}
	err = wick_sweep_next(&f->sweep, matrix, rows, diag);
	return err ? err : 1;
}

static int do_linear(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_tensor *tensor = f->matrices->at[step->matrix].tensor;
	const float *bias = vector_of(pass, step, step->bias);
	struct wick_linear linear = { .compute = &f->compute, .type = tensor->type, .cols = tensor->cols,
		.stride = tensor->row_bytes, .x = buffer_of(pass, step->in), .ldx = tensor->cols,
		.y = buffer_of(pass, step->out), .ldy = tensor->rows, .m = pass->m };
	struct wick_rows rows = { 0 };
	int more;

	wick_linear_begin(&linear);
	while ((more = next_rows(f, step->matrix, &rows, pass->diag)) > 0)
		wick_linear_rows(&linear, &rows);
	for (uint32_t i = 0; !more && bias && i < pass->m; i++)
		f->compute.kernels->add(linear.y + i * linear.ldy, bias, tensor->rows);
	return more;
}

/* All heads of a row, by the row's position. */
static int do_rope(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_layer_facts *kind = facts_of(pass, step);
	const struct wick_forward *f = pass->forward;
	const struct wick_attn_facts *attn = &kind->attn;
	uint32_t heads = step->out == WICK_Q ? attn->heads : attn->kv_heads;
	void (*turn)(float *x, const float *turns, size_t count) =
		attn->rope == WICK_ROPE_HALVES ? f->compute.kernels->rope_halves : f->compute.kernels->rope_neighbours;
	float *out = buffer_of(pass, step->out);
	const float *turns = wick_turns_of(f, (uint32_t)(kind - f->model->shape.kind));

	for (uint32_t i = 0; i < pass->m; i++, turns += f->rope_dim_most)
		for (uint32_t head = 0; head < heads; head++, out += attn->k_dim)
			turn(out, turns, attn->rope_dim);
	return 0;
}

static int do_attend(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_attn_facts *facts = &facts_of(pass, step)->attn;
	struct wick_attention attention = { .compute = &f->compute, .facts = facts, .kv = &f->kv.layer[step->layer],
		.rows = f->rows, .q = f->buffer[WICK_Q], .k = f->buffer[WICK_K], .v = f->buffer[WICK_V],
		.out = f->buffer[step->out], .sinks = vector_of(pass, step, step->tensor), .scores = f->scores, .scores_floats = f->scores_floats,
		.spans = f->spans, .m = pass->m };

	wick_attend(&attention);
	return 0;
}

/* out = what the down-projections of some rows are added to. */
static void begin_ffn(const struct wick_pass *pass, uint32_t m, float *out, const float *bias)
{
	size_t d_model = pass->forward->model->shape.d_model;

	for (uint32_t i = 0; i < m; i++)
		if (bias)
			memcpy(out + i * d_model, bias, d_model * sizeof(float));
		else
			memset(out + i * d_model, 0, d_model * sizeof(float));
}

/* Of a row's neurons, where gates are not in the bundles; else NULL. */
static const float *gate_of(const struct wick_pass *pass, uint32_t row)
{
	const struct wick_shape *shape = &pass->forward->model->shape;

	return wick_gate_is_apart(shape) ? pass->forward->buffer[WICK_GATE] + (size_t)row * shape->n_ff : NULL;
}

/* Rows from `first` on that are drawn for together: as many as there is room for, up to one that has failed. */
static struct wick_sparse_rows rows_together(const struct wick_pass *pass, const struct wick_step *step, uint32_t first)
{
	struct wick_forward *f = pass->forward;
	size_t skipped = first * f->model->shape.d_model;
	uint32_t most = WICK_MIN(pass->m - first, f->sparse.together);
	struct wick_sparse_rows rows = { .x = f->buffer[step->in] + skipped, .y = f->buffer[step->out] + skipped,
		.gate = gate_of(pass, first) };

	for (; rows.m < most && !f->rows[first + rows.m].err; rows.m++)
		rows.position[rows.m] = f->rows[first + rows.m].position;
	return rows;
}

/* After a failure the bundle caches begin anew: some slots of them wait for bytes that will not come. */
static int draw_row(struct wick_pass *pass, const struct wick_step *step, uint32_t row, const struct wick_sparse_rows *rows)
{
	struct wick_sparse *sparse = &pass->forward->sparse;
	int err = wick_sparse_ffn(sparse, step->layer, rows, diag_of(pass));

	err = err ? fail_row(pass, row, err) : 0;
	if (pass->forward->rows[row].err && !err)
		wick_sparse_reset(sparse);
	return err;
}

/* Rows that failed together: each by itself, so that only those fail that need what cannot be read. */
static int draw_apart(struct wick_pass *pass, const struct wick_step *step, uint32_t first, const struct wick_sparse_rows *rows)
{
	const struct wick_shape *shape = &pass->forward->model->shape;
	int err = 0;

	wick_sparse_reset(&pass->forward->sparse);
	begin_ffn(pass, rows->m, rows->y, vector_of(pass, step, step->bias));
	for (uint32_t i = 0; !err && i < rows->m; i++) {
		struct wick_sparse_rows row = { .m = 1, .x = rows->x + (size_t)i * shape->d_model,
			.gate = rows->gate ? rows->gate + (size_t)i * shape->n_ff : NULL, .y = rows->y + (size_t)i * shape->d_model,
			.position = { rows->position[i] } };

		if (!pass->forward->rows[first + i].err)
			err = draw_row(pass, step, first + i, &row);
	}
	return err;
}

/* Chosen bundles only. */
static int draw_bundles(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	int err = 0;

	for (uint32_t first = 0, some; !err && first < pass->m; first += some) {
		struct wick_sparse_rows rows = rows_together(pass, step, first);

		some = WICK_MAX(rows.m, 1);
		if (rows.m == 1)
			err = draw_row(pass, step, first, &rows);
		else if (rows.m)
			err = wick_sparse_ffn(&f->sparse, step->layer, &rows, diag_of(pass));
		if (err && err != -ETIMEDOUT && rows.m > 1)
			err = draw_apart(pass, step, first, &rows);
	}
	return err;
}

/* All bundles, resident ones first. */
static int sweep_bundles(struct wick_pass *pass, const struct wick_step *step, const float *x, float *y)
{
	struct wick_forward *f = pass->forward;
	struct wick_ffn ffn = { .compute = &f->compute, .kind = f->model->steps.set[step->set].kind,
		.facts = &facts_of(pass, step)->ffn, .d_model = f->model->shape.d_model, .x = x, .y = y, .h = f->h,
		.up_bias = wick_vector(&f->vectors, step->layer, WICK_T_UP_BIAS),
		.gate_bias = wick_vector(&f->vectors, step->layer, WICK_T_GATE_BIAS), .gate = gate_of(pass, 0),
		.n_ff = f->model->shape.n_ff, .h_floats = f->h_floats, .m = pass->m,
		.watch = f->watch, .layer = step->layer, .position = f->rows->position };
	struct wick_rows rows = { 0 };
	int more;

	if (f->sparse.on)
		ffn.mask = wick_sparse_mask(&f->sparse, step->layer, f->rows->position, pass->m, x, ffn.gate, &ffn.mask_words);
	wick_ffn_begin(&ffn);
	while ((more = next_rows(f, step->matrix, &rows, pass->diag)) > 0) {
		wick_ffn_rows(&ffn, &rows);
		if (f->sparse.on && rows.first + rows.count > f->matrices->at[step->matrix].resident_rows)
			wick_sparse_warm(&f->sparse, step->layer, &rows);
	}
	return more;
}

/* Rows choose by themselves; the first ones can do so now. Where nothing comes before their FFN that hides reading, reads
 * go out with the arithmetic on what is here. */
static int do_choose(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	struct wick_sparse_rows rows;

	if (f->watch && f->watch->inputs)
		f->watch->inputs(f->watch->user, step->layer, f->rows->position, pass->m, f->buffer[step->in]);
	if (!f->sparse.on || pass->m >= WICK_SWEEP_TOKENS || !facts_of(pass, step)->parallel)
		return 0;
	rows = rows_together(pass, step, 0);
	if (rows.m)
		wick_sparse_send(&f->sparse, step->layer, &rows);
	return 0;
}

static int do_bundles(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const float *x = f->buffer[step->in];
	float *y = f->buffer[step->out];

	begin_ffn(pass, pass->m, y, vector_of(pass, step, step->bias));
	if (f->sparse.on && pass->m < WICK_SWEEP_TOKENS)
		return draw_bundles(pass, step);
	return sweep_bundles(pass, step, x, y);
}

static int do_act(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_ffn_facts *ffn = &facts_of(pass, step)->ffn;

	wick_gate(&pass->forward->compute, ffn, buffer_of(pass, step->out), NULL, (size_t)pass->m * step->width);
	return 0;
}

static int do_glu(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_ffn_facts *ffn = &facts_of(pass, step)->ffn;

	wick_gate(&pass->forward->compute, ffn, buffer_of(pass, step->out), buffer_of(pass, step->in),
		(size_t)pass->m * step->width);
	return 0;
}

static int do_add(struct wick_pass *pass, const struct wick_step *step)
{
	size_t d_model = pass->forward->model->shape.d_model;

	pass->forward->compute.kernels->add(
		buffer_of(pass, step->out), buffer_of(pass, step->in), pass->m * d_model);
	return 0;
}

/* Of a guess at the next layer's experts. */
struct guessing {
	const struct wick_pass *pass;
	const float *x; /* (d_model), this layer's input */
};

/* The experts that a trace has for a row; NULL: the router chooses. */
static const uint16_t *given(const struct wick_pass *pass, const struct wick_step *step, uint32_t row)
{
	const struct wick_forward *f = pass->forward;

	return f->routing ? wick_routing_at(f->routing, f->rows[row].position, step->layer) : NULL;
}

/* The experts of each row; which rows want an expert. */
static int do_route(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_expert_facts *facts = &facts_of(pass, step)->ffn.experts;
	struct wick_expert_room *room = &pass->forward->experts;
	float *z = buffer_of(pass, step->in);

	for (uint32_t i = 0; i < pass->m; i++)
		if (!wick_route(facts, z + (size_t)i * facts->count, vector_of(pass, step, step->tensor), given(pass, step, i),
			    room->ids + i * facts->chosen, room->weights + i * facts->chosen))
			return wick_diag_say(pass->diag, -ERANGE,
				"layer %u: what its router makes of the token at position %u is not finite", step->layer, pass->forward->rows[i].position);
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
		.cols = tensor->cols, .stride = tensor->row_bytes, .bias = vector_of(pass, step, biases[part]) };
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

/* y = a resident matrix times one row. */
static void multiply(struct wick_forward *f, const struct wick_matrix *matrix, const float *x, float *y)
{
	struct wick_linear linear = { .compute = &f->compute, .type = matrix->tensor->type, .cols = matrix->tensor->cols,
		.stride = matrix->tensor->row_bytes, .x = x, .ldx = matrix->tensor->cols, .y = y, .ldy = matrix->rows, .m = 1 };
	struct wick_rows rows = { .base = matrix->base, .count = matrix->rows };

	wick_linear_begin(&linear);
	wick_linear_rows(&linear, &rows);
}

/* The largest first. */
static uint32_t pick_largest(const float *z, uint32_t count, uint32_t *ids, uint32_t most)
{
	uint32_t held = 0;

	for (uint32_t id = 0; id < count; id++) {
		uint32_t at = held < most ? held++ : most;

		for (; at && z[id] > z[ids[at - 1]]; at--)
			if (at < most)
				ids[at] = ids[at - 1];
		if (at < most)
			ids[at] = id;
	}
	return held;
}

/* A layer that follows: by its router on this layer's input, whose outputs take the place of those that have been used; a replay has
 * guesses of its own. */
static uint32_t guess(void *user, uint32_t layer, uint32_t *ids, uint32_t most)
{
	const struct guessing *guessing = user;
	struct wick_forward *f = guessing->pass->forward;
	uint32_t chosen = wick_kind(&f->model->shape, layer)->ffn.experts.chosen;
	const struct wick_step *step = router_of(f, layer);
	const struct wick_matrix *matrix = step ? &f->matrices->at[step->matrix] : NULL;
	uint32_t count = 0;

	most = WICK_MIN(most, chosen);
	if (f->routing) {
		const uint16_t *guessed = wick_routing_guessed(f->routing, f->rows->position, layer, &count);

		for (uint32_t i = 0; i < WICK_MIN(count, most); i++)
			ids[i] = guessed[i];
		return WICK_MIN(count, most);
	}
	if (!step)
		return 0;
	multiply(f, matrix, guessing->x, f->buffer[step->out]);
	return pick_largest(f->buffer[step->out], (uint32_t)matrix->rows, ids, most);
}

static int do_experts(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	struct wick_experts experts = { .compute = &f->compute, .room = &f->experts, .act = facts_of(pass, step)->ffn.act,
		.x = f->buffer[step->in], .y = f->buffer[step->out] };
	struct guessing guessing = { pass, experts.x };
	struct wick_strip strip = { 0 };

	for (uint32_t part = 0; part < WICK_PARTS; part++)
		experts.matrix[part] = part_of(pass, step, part);
	begin_ffn(pass, pass->m, experts.y, NULL);
	if (f->expert_cache.capacity) {
		f->expert_cache.guess = pass->m == 1 ? guess : NULL;
		f->expert_cache.guess_user = &guessing;
		return wick_expert_cache_run(&f->expert_cache, &experts, step->layer, pass->diag);
	}
	while (wick_strip_next(&strip, experts.room))
		compute_strip(pass, step, &experts, &strip);
	f->expert_cache.active += experts.room->chosen.count;
	return 0;
}

/* Each row of out times the sigmoid of a dot product of in. */
static int do_share(struct wick_pass *pass, const struct wick_step *step)
{
	size_t d_model = pass->forward->model->shape.d_model;
	const float *weight = vector_of(pass, step, step->tensor), *in = buffer_of(pass, step->in);
	float *out = buffer_of(pass, step->out);

	for (uint32_t i = 0; i < pass->m; i++) {
		float z, share;

		pass->forward->compute.kernels->matvec[WICK_F32](&z, weight, d_model * sizeof(float), in + i * d_model, 1, d_model);
		share = 1 / (1 + expf(-z));
		for (size_t c = 0; c < d_model; c++)
			out[i * d_model + c] *= share;
	}
	return 0;
}

static int do_scale(struct wick_pass *pass, const struct wick_step *step)
{
	size_t width = pass->forward->model->steps.width[step->out];
	float *out = buffer_of(pass, step->out);

	for (size_t i = 0; i < pass->m * width; i++)
		out[i] *= step->factor;
	return 0;
}

static int do_cap(struct wick_pass *pass, const struct wick_step *step)
{
	size_t width = pass->forward->model->steps.width[step->out];

	wick_cap(&pass->forward->compute, step->factor, buffer_of(pass, step->out), pass->m * width);
	return 0;
}

int (*const wick_ops[WICK_OP_COUNT])(struct wick_pass *pass, const struct wick_step *step) = {
	[WICK_OP_EMBED] = do_embed, [WICK_OP_POSITION] = do_position, [WICK_OP_NORM] = do_norm,
	[WICK_OP_HEAD_NORM] = do_head_norm, [WICK_OP_LINEAR] = do_linear, [WICK_OP_ROPE] = do_rope,
	[WICK_OP_ATTEND] = do_attend, [WICK_OP_CHOOSE] = do_choose, [WICK_OP_BUNDLES] = do_bundles, [WICK_OP_ACT] = do_act, [WICK_OP_GLU] = do_glu,
	[WICK_OP_ADD] = do_add, [WICK_OP_ROUTE] = do_route, [WICK_OP_EXPERTS] = do_experts, [WICK_OP_SHARE] = do_share,
	[WICK_OP_SCALE] = do_scale, [WICK_OP_CAP] = do_cap,
};
