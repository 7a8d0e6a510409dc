/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A batch of tokens through the model: its steps in order, each matrix as resident rows first and swept units after, so
 * that arithmetic on what is here hides the reading of what is not. */

#include "forward.h"

#include "attn.h"
#include "bits.h"
#include "check.h"
#include "mem.h"
#include "rope.h"
#include "watch.h"

#include <errno.h>
#include <string.h>

/* Rows of a batch on their way through some steps. */
struct pass {
	struct wick_forward *forward;
	const uint32_t *ids; /* of an embedding */
	uint32_t first, m;   /* rows [first, first + m) of the buffers */
	uint32_t position;   /* of the first */
	bool tail;
	struct wick_diag *diag;
};

/* A buffer's first row of the pass. The tail's results stand at the front: there may be one row of them. */
static float *rows_of(const struct pass *pass, uint8_t buffer, size_t width)
{
	bool packed = pass->tail && (buffer == WICK_LOGITS || buffer == WICK_EMBEDDED);

	return pass->forward->buffer[buffer] + (packed ? 0 : pass->first) * width;
}

static const float *vector_of(const struct pass *pass, const struct wick_step *step, uint8_t id)
{
	return id == WICK_NO_VECTOR ? NULL : wick_vector(&pass->forward->vectors, step->layer, id);
}

static const struct wick_layer_facts *facts_of(const struct pass *pass, const struct wick_step *step)
{
	return wick_kind(&pass->forward->model->shape, step->layer);
}

/* out = the tokens' rows of the embedding. */
static int do_embed(struct pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	size_t width = f->matrices->at[step->matrix].tensor->cols;
	float *out = rows_of(pass, step->out, width);
	int err = 0;

	for (uint32_t i = 0; !err && i < pass->m; i++)
		err = wick_look_up(f, &f->matrices->at[step->matrix], pass->ids[i], out + i * width, pass->diag);
	return err;
}

/* out += the positions' rows of their table; Y is free at that time. */
static int do_position(struct pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_matrix *table = &f->matrices->at[step->matrix];
	size_t width = table->tensor->cols;
	int err = 0;

	for (uint32_t i = 0; !err && i < pass->m; i++) {
		err = wick_look_up(f, table, pass->position + i, f->buffer[WICK_Y], pass->diag);
		if (!err)
			f->compute.kernels->add(rows_of(pass, step->out, width) + i * width, f->buffer[WICK_Y], width);
	}
	return err;
}

static void norm_row(const struct pass *pass, float *out, const float *in, const float *weight, const float *bias, size_t n)
{
	const struct wick_kernels *kernels = pass->forward->compute.kernels;
	const struct wick_shape *shape = &pass->forward->model->shape;

	if (shape->norm == WICK_NORM_RMS)
		kernels->rms_norm(out, in, weight, n, shape->norm_eps);
	else
		kernels->layer_norm(out, in, weight, bias, n, shape->norm_eps);
}

static int do_norm(struct pass *pass, const struct wick_step *step)
{
	const float *weight = vector_of(pass, step, step->tensor), *bias = vector_of(pass, step, step->bias);
	size_t d_model = pass->forward->model->shape.d_model;
	const float *in = rows_of(pass, step->in, d_model);
	float *out = rows_of(pass, step->out, d_model);

	for (uint32_t i = 0; i < pass->m; i++)
		norm_row(pass, out + i * d_model, in + i * d_model, weight, bias, d_model);
	return 0;
}

/* Each head of queries or keys by itself. */
static int do_head_norm(struct pass *pass, const struct wick_step *step)
{
	const struct wick_attn_facts *attn = &facts_of(pass, step)->attn;
	uint32_t heads = step->out == WICK_Q ? attn->heads : attn->kv_heads;
	const float *weight = vector_of(pass, step, step->tensor);
	float *out = rows_of(pass, step->out, (size_t)heads * attn->k_dim);

	for (size_t i = 0; i < (size_t)pass->m * heads; i++)
		norm_row(pass, out + i * attn->k_dim, out + i * attn->k_dim, weight, NULL, attn->k_dim);
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

static int do_linear(struct pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_tensor *tensor = f->matrices->at[step->matrix].tensor;
	const float *bias = vector_of(pass, step, step->bias);
	struct wick_linear linear = { .compute = &f->compute, .type = tensor->type, .cols = tensor->cols,
		.stride = tensor->row_bytes, .x = rows_of(pass, step->in, tensor->cols), .ldx = tensor->cols,
		.y = rows_of(pass, step->out, tensor->rows), .ldy = tensor->rows, .m = pass->m };
	struct wick_rows rows = { 0 };
	int more;

	wick_linear_begin(&linear);
	while ((more = next_rows(f, step->matrix, &rows, pass->diag)) > 0)
		wick_linear_rows(&linear, &rows);
	for (uint32_t i = 0; !more && bias && i < pass->m; i++)
		f->compute.kernels->add(linear.y + i * linear.ldy, bias, tensor->rows);
	return more;
}

/* Where the turns of a kind of layer are: (batch_tokens, rope_dim_most) of each. */
static float *turns_of(const struct wick_forward *f, uint32_t kind)
{
	return f->turns + (size_t)kind * f->batch_tokens * f->rope_dim_most;
}

static double *frequencies_of(const struct wick_forward *f, uint32_t kind)
{
	return f->frequencies + (size_t)kind * f->rope_dim_most / 2;
}

/* All heads of a row, by the row's position. */
static int do_rope(struct pass *pass, const struct wick_step *step)
{
	const struct wick_layer_facts *kind = facts_of(pass, step);
	const struct wick_forward *f = pass->forward;
	const struct wick_attn_facts *attn = &kind->attn;
	uint32_t heads = step->out == WICK_Q ? attn->heads : attn->kv_heads;
	void (*turn)(float *x, const float *turns, size_t count) =
		attn->rope == WICK_ROPE_HALVES ? f->compute.kernels->rope_halves : f->compute.kernels->rope_neighbours;
	float *out = rows_of(pass, step->out, (size_t)heads * attn->k_dim);
	const float *turns = turns_of(f, (uint32_t)(kind - f->model->shape.kind));

	for (uint32_t i = 0; i < pass->m; i++, turns += f->rope_dim_most)
		for (uint32_t head = 0; head < heads; head++, out += attn->k_dim)
			turn(out, turns, attn->rope_dim);
	return 0;
}

/* The turns of a batch's positions, for all layers of a kind. */
static void make_turns(struct wick_forward *f, uint32_t position, uint32_t m)
{
	const struct wick_shape *shape = &f->model->shape;

	for (uint32_t kind = 0; kind < shape->kinds; kind++) {
		const struct wick_attn_facts *attn = &shape->kind[kind].attn;
		double size = wick_rope_size(attn);

		for (uint32_t i = 0; attn->rope != WICK_ROPE_NONE && i < m; i++)
			f->compute.kernels->rope_turns(turns_of(f, kind) + i * f->rope_dim_most, frequencies_of(f, kind),
				attn->rope_dim / 2, position + i, size);
	}
}

void wick_forward_ready(struct wick_forward *f)
{
	const struct wick_shape *shape = &f->model->shape;

	for (uint32_t kind = 0; kind < shape->kinds; kind++)
		if (shape->kind[kind].attn.rope != WICK_ROPE_NONE)
			wick_rope_frequencies(frequencies_of(f, kind), &shape->kind[kind].attn,
				wick_vector(&f->vectors, 0, WICK_T_ROPE_FREQS));
}

static int do_attend(struct pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_attn_facts *facts = &facts_of(pass, step)->attn;
	struct wick_attention attention = { .compute = &f->compute, .facts = facts, .kv = &f->kv.layer[step->layer],
		.ctx = f->kv.ctx, .q = f->buffer[WICK_Q], .k = f->buffer[WICK_K], .v = f->buffer[WICK_V],
		.out = f->buffer[step->out], .scores = f->scores, .scores_floats = f->scores_floats, .m = pass->m, .position = pass->position };

	wick_attend(&attention);
	return 0;
}

/* out = what the down-projections are added to. */
static void begin_ffn(const struct pass *pass, float *out, const float *bias)
{
	size_t d_model = pass->forward->model->shape.d_model;

	for (uint32_t i = 0; i < pass->m; i++)
		if (bias)
			memcpy(out + i * d_model, bias, d_model * sizeof(float));
		else
			memset(out + i * d_model, 0, d_model * sizeof(float));
}

/* Every row by itself, its chosen bundles only. */
static int draw_bundles(struct pass *pass, const struct wick_step *step, const float *x, float *y)
{
	size_t d_model = pass->forward->model->shape.d_model;
	int err = 0;

	for (uint32_t i = 0; !err && i < pass->m; i++)
		err = wick_sparse_ffn(&pass->forward->sparse, step->layer, pass->position + i, x + i * d_model, y + i * d_model,
			pass->diag);
	return err;
}

/* All bundles, resident ones first. */
static int sweep_bundles(struct pass *pass, const struct wick_step *step, const float *x, float *y)
{
	struct wick_forward *f = pass->forward;
	struct wick_ffn ffn = { .compute = &f->compute, .shape = &f->model->shape, .x = x, .y = y, .h = f->h,
		.up_bias = wick_vector(&f->vectors, step->layer, WICK_T_UP_BIAS), .h_floats = f->h_floats, .m = pass->m,
		.watch = f->watch, .layer = step->layer, .position = pass->position };
	struct wick_rows rows = { 0 };
	int more;

	if (f->sparse.on)
		ffn.mask = wick_sparse_mask(&f->sparse, step->layer, pass->position, pass->m, x, &ffn.mask_words);
	wick_ffn_begin(&ffn);
	while ((more = next_rows(f, step->matrix, &rows, pass->diag)) > 0) {
		wick_ffn_rows(&ffn, &rows);
		if (f->sparse.on && rows.first + rows.count > f->matrices->at[step->matrix].resident_rows)
			wick_sparse_warm(&f->sparse, step->layer, &rows);
	}
	return more;
}

static int do_bundles(struct pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const float *x = f->buffer[step->in];
	float *y = f->buffer[step->out];

	if (f->watch && f->watch->inputs)
		f->watch->inputs(f->watch->user, step->layer, pass->position, pass->m, x);
	begin_ffn(pass, y, vector_of(pass, step, step->bias));
	if (f->sparse.on && pass->m < WICK_SWEEP_TOKENS)
		return draw_bundles(pass, step, x, y);
	return sweep_bundles(pass, step, x, y);
}

static int do_act(struct pass *pass, const struct wick_step *step)
{
	const struct wick_ffn_facts *ffn = &facts_of(pass, step)->ffn;

	wick_gate(&pass->forward->compute, ffn->act, rows_of(pass, step->out, ffn->n_ff), NULL, (size_t)pass->m * ffn->n_ff);
	return 0;
}

static int do_glu(struct pass *pass, const struct wick_step *step)
{
	const struct wick_ffn_facts *ffn = &facts_of(pass, step)->ffn;

	wick_gate(&pass->forward->compute, ffn->act, rows_of(pass, step->out, ffn->n_ff), rows_of(pass, step->in, ffn->n_ff),
		(size_t)pass->m * ffn->n_ff);
	return 0;
}

static int do_add(struct pass *pass, const struct wick_step *step)
{
	size_t d_model = pass->forward->model->shape.d_model;

	pass->forward->compute.kernels->add(
		rows_of(pass, step->out, d_model), rows_of(pass, step->in, d_model), pass->m * d_model);
	return 0;
}

static int (*const ops[WICK_OP_COUNT])(struct pass *pass, const struct wick_step *step) = {
	[WICK_OP_EMBED] = do_embed, [WICK_OP_POSITION] = do_position, [WICK_OP_NORM] = do_norm,
	[WICK_OP_HEAD_NORM] = do_head_norm, [WICK_OP_LINEAR] = do_linear, [WICK_OP_ROPE] = do_rope,
	[WICK_OP_ATTEND] = do_attend, [WICK_OP_BUNDLES] = do_bundles, [WICK_OP_ACT] = do_act, [WICK_OP_GLU] = do_glu,
	[WICK_OP_ADD] = do_add,
};

static int run(struct pass *pass, uint32_t first, uint32_t end)
{
	const struct wick_step *steps = pass->forward->model->steps.step;
	int err = 0;

	for (uint32_t i = first; !err && i < end; i++)
		err = ops[steps[i].op](pass, &steps[i]);
	return err;
}

/* From the residual to logits. Without all_logits only the last row goes on. */
static int run_tail(struct pass *pass)
{
	const struct wick_steps *steps = &pass->forward->model->steps;
	uint32_t kept = pass->forward->all_logits ? pass->m : 1;

	pass->tail = true;
	pass->first = pass->m - kept;
	pass->m = kept;
	return run(pass, steps->first[steps->layers], steps->count);
}

const float *wick_forward_last(const struct wick_forward *f, uint32_t m)
{
	return f->buffer[WICK_LOGITS] + (f->all_logits ? (size_t)(m - 1) * f->model->shape.vocab : 0);
}

/* How far it is now. */
static int tell(const struct wick_batch *batch, uint32_t layers, struct wick_diag *diag)
{
	const struct wick_eval_progress *progress = batch->progress;

	if (!progress || !progress->tell(progress->user, progress->done + (uint64_t)batch->m * layers, progress->total))
		return 0;
	return wick_diag_say(diag, -ECANCELED, "the evaluation was stopped");
}

static int run_layer(struct pass *pass, uint32_t layer)
{
	const struct wick_steps *steps = &pass->forward->model->steps;

	return run(pass, steps->first[layer], steps->first[layer + 1]);
}

int wick_forward_batch(struct wick_forward *f, const struct wick_batch *batch, struct wick_diag *diag)
{
	struct pass pass = { .forward = f, .ids = batch->ids, .m = batch->m, .position = batch->position, .diag = diag };
	int err = 0;

	wick_assert(batch->m >= 1 && batch->m <= f->batch_tokens);
	wick_sweep_begin(&f->sweep, batch->m >= WICK_SWEEP_TOKENS, batch->m_next >= WICK_SWEEP_TOKENS);
	if (f->sparse.on)
		err = wick_choose_begin(&f->sparse.chooser, batch->position, diag);
	make_turns(f, batch->position, batch->m);
	if (!err)
		err = run(&pass, 0, f->model->steps.first[0]);
	for (uint32_t layer = 0; !err && layer < f->model->shape.layers; layer++) {
		err = run_layer(&pass, layer);
		if (!err)
			err = tell(batch, layer + 1, diag);
	}
	return err || !batch->want_head ? err : run_tail(&pass);
}

int wick_forward_embed(struct wick_forward *f, const uint32_t *ids, uint32_t m, uint32_t position, struct wick_diag *diag)
{
	struct pass pass = { .forward = f, .ids = ids, .m = m, .position = position, .diag = diag };

	return run(&pass, 0, f->model->steps.first[0]);
}

int wick_forward_layer(struct wick_forward *f, uint32_t layer, uint32_t m, uint32_t position, struct wick_diag *diag)
{
	struct pass pass = { .forward = f, .m = m, .position = position, .diag = diag };

	make_turns(f, position, m);
	return run_layer(&pass, layer);
}

/* Memory of the steps beside their buffers, with sizes, in one table for the plan and for init. */
enum { H, SCORES, PACKED, SCRATCH, TURNS, FREQUENCIES, SCRATCHES };

static uint32_t batch_of(const struct wick_model *model, const struct wick_forward_shape *size)
{
	return WICK_MIN(wick_batch_tokens(&model->shape), size->ctx);
}

static uint32_t rope_dim_most(const struct wick_shape *shape)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < shape->kinds; i++)
		most = WICK_MAX(most, shape->kind[i].attn.rope_dim);
	return most;
}

/* Scratch of attention for each thread, the most of any layer. */
static size_t attention_floats(const struct wick_shape *shape, uint32_t ctx)
{
	size_t most = 0;

	for (uint32_t i = 0; i < shape->kinds; i++)
		most = WICK_MAX(most, wick_attention_scratch_floats(&shape->kind[i].attn, ctx));
	return most;
}

static void scratch_floats(uint64_t floats[SCRATCHES], const struct wick_model *model, const struct wick_forward_shape *size)
{
	uint64_t rope_dim = rope_dim_most(&model->shape);

	floats[H] = wick_ffn_scratch_floats(&model->shape, batch_of(model, size), size->threads);
	floats[SCORES] = size->threads * attention_floats(&model->shape, size->ctx);
	floats[PACKED] = wick_compute_packed_floats(model, batch_of(model, size));
	floats[SCRATCH] = size->threads * wick_compute_scratch_floats(model, batch_of(model, size));
	floats[TURNS] = model->shape.kinds * batch_of(model, size) * rope_dim;
	floats[FREQUENCIES] = model->shape.kinds * rope_dim; /* half as many doubles */
}

static uint64_t buffer_floats(const struct wick_model *model, const struct wick_forward_shape *size, enum wick_buffer buffer)
{
	bool one = buffer == WICK_LOGITS && !size->all_logits;

	return (uint64_t)(one ? 1 : batch_of(model, size)) * model->steps.width[buffer];
}

uint64_t wick_forward_bytes(const struct wick_model *model, const struct wick_forward_shape *size)
{
	uint64_t floats[SCRATCHES], bytes = 0;

	scratch_floats(floats, model, size);
	for (int i = 0; i < SCRATCHES; i++)
		bytes += wick_mem_cost(floats[i] * sizeof(float));
	for (int i = 0; i < WICK_BUFFERS; i++)
		bytes += wick_mem_cost(buffer_floats(model, size, i) * sizeof(float));
	return bytes;
}

void wick_forward_init(struct wick_forward *f, const struct wick_forward_shape *size, struct wick_mem *mem)
{
	float **scratches[SCRATCHES] = { [H] = &f->h, [SCORES] = &f->scores, [PACKED] = &f->compute.packed,
		[SCRATCH] = &f->compute.scratch, [TURNS] = &f->turns,
		[FREQUENCIES] = (float **)&f->frequencies };
	uint64_t floats[SCRATCHES];

	scratch_floats(floats, f->model, size);
	for (int i = 0; i < WICK_BUFFERS; i++)
		f->buffer[i] = wick_mem_take(mem, buffer_floats(f->model, size, i) * sizeof(float));
	for (int i = 0; i < SCRATCHES; i++)
		*scratches[i] = wick_mem_take(mem, floats[i] * sizeof(float));
	f->batch_tokens = batch_of(f->model, size);
	f->rope_dim_most = rope_dim_most(&f->model->shape);
	f->h_floats = floats[H];
	f->scores_floats = attention_floats(&f->model->shape, size->ctx);
	f->compute.scratch_floats = wick_compute_scratch_floats(f->model, f->batch_tokens);
	f->all_logits = size->all_logits;
}
