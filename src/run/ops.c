/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The arithmetic of each step (see ops.h): each matrix as resident rows first and swept units after, so that arithmetic on
 * what is here hides the reading of what is not. */

#include "ops.h"

#include "attn.h"

#include <string.h>

/* out = the tokens' rows of the embedding. */
static int do_embed(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	size_t width = f->matrices->at[step->matrix].tensor->cols;
	float *out = wick_pass_buffer(pass, step->out);
	int err = 0;

	for (uint32_t i = 0; !err && i < pass->m; i++) {
		memset(out + i * width, 0, width * sizeof(*out));
		if (!f->rows[i].err)
			err = wick_look_up(f, &f->matrices->at[step->matrix], f->rows[i].id, out + i * width, wick_pass_diag(pass));
		err = err ? wick_fail_row(pass, i, err) : 0;
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
		err = wick_look_up(f, table, f->rows[i].position, f->buffer[WICK_Y], wick_pass_diag(pass));
		if (err)
			err = wick_fail_row(pass, i, err);
		else
			f->compute.kernels->add(wick_pass_buffer(pass, step->out) + i * width, f->buffer[WICK_Y], width);
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
	const float *weight = wick_pass_vector(pass, step, step->tensor), *bias = wick_pass_vector(pass, step, step->bias);
	size_t d_model = pass->forward->model->shape.d_model;
	const float *in = wick_pass_buffer(pass, step->in);
	float *out = wick_pass_buffer(pass, step->out);

	for (uint32_t i = 0; i < pass->m; i++)
		norm_row(pass, out + i * d_model, in + i * d_model, weight, bias, d_model);
	return 0;
}

/* Each head of queries or keys by itself, or all heads as one. */
static int do_head_norm(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_attn_facts *attn = &wick_pass_facts(pass, step)->attn;
	uint32_t heads = step->out == WICK_Q ? attn->heads : attn->kv_heads;
	const float *weight = wick_pass_vector(pass, step, step->tensor), *bias = wick_pass_vector(pass, step, step->bias);
	float *out = wick_pass_buffer(pass, step->out);
	size_t width = (size_t)(attn->whole_norm ? heads : 1) * attn->k_dim, count = (size_t)pass->m * heads * attn->k_dim / width;

	for (size_t i = 0; i < count; i++)
		norm_row(pass, out + i * width, out + i * width, weight, bias, width);
	return 0;
}

/* All heads of a row, by the row's position. */
static int do_rope(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_layer_facts *kind = wick_pass_facts(pass, step);
	const struct wick_forward *f = pass->forward;
	const struct wick_attn_facts *attn = &kind->attn;
	uint32_t heads = step->out == WICK_Q ? attn->heads : attn->kv_heads;
	void (*turn)(float *x, const float *turns, size_t count) =
		attn->rope == WICK_ROPE_HALVES ? f->compute.kernels->rope_halves : f->compute.kernels->rope_neighbours;
	float *out = wick_pass_buffer(pass, step->out);
	const float *turns = wick_turns_of(f, (uint32_t)(kind - f->model->shape.kind));

	for (uint32_t i = 0; i < pass->m; i++, turns += f->rope_dim_most)
		for (uint32_t head = 0; head < heads; head++, out += attn->k_dim)
			turn(out, turns, attn->rope_dim);
	return 0;
}

static int do_attend(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_attn_facts *facts = &wick_pass_facts(pass, step)->attn;
	struct wick_attention attention = { .compute = &f->compute, .facts = facts, .layer = step->layer,
		.rows = f->rows, .q = f->buffer[WICK_Q], .k = f->buffer[WICK_K], .v = f->buffer[WICK_V],
		.out = f->buffer[step->out], .sinks = wick_pass_vector(pass, step, step->tensor), .scores = f->scores, .scores_floats = f->scores_floats,
		.spans = f->spans, .m = pass->m };

	wick_attend(&attention);
	return 0;
}

static int do_act(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_ffn_facts *ffn = &wick_pass_facts(pass, step)->ffn;

	wick_gate(&pass->forward->compute, ffn, wick_pass_buffer(pass, step->out), NULL, (size_t)pass->m * step->width);
	return 0;
}

static int do_glu(struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_ffn_facts *ffn = &wick_pass_facts(pass, step)->ffn;

	wick_gate(&pass->forward->compute, ffn, wick_pass_buffer(pass, step->out), wick_pass_buffer(pass, step->in),
		(size_t)pass->m * step->width);
	return 0;
}

static int do_add(struct wick_pass *pass, const struct wick_step *step)
{
	size_t d_model = pass->forward->model->shape.d_model;

	pass->forward->compute.kernels->add(
		wick_pass_buffer(pass, step->out), wick_pass_buffer(pass, step->in), pass->m * d_model);
	return 0;
}

static int do_scale(struct wick_pass *pass, const struct wick_step *step)
{
	size_t width = pass->forward->model->steps.width[step->out];
	float *out = wick_pass_buffer(pass, step->out);

	for (size_t i = 0; i < pass->m * width; i++)
		out[i] *= step->factor;
	return 0;
}

static int do_cap(struct wick_pass *pass, const struct wick_step *step)
{
	size_t width = pass->forward->model->steps.width[step->out];

	wick_cap(&pass->forward->compute, step->factor, wick_pass_buffer(pass, step->out), pass->m * width);
	return 0;
}

static int do_clip(struct wick_pass *pass, const struct wick_step *step)
{
	size_t count = pass->m * (size_t)pass->forward->model->steps.width[step->out];
	float *out = wick_pass_buffer(pass, step->out), most = step->factor;

	for (size_t i = 0; i < count; i++)
		out[i] = out[i] > most ? most : out[i] < -most ? -most : out[i];
	return 0;
}

int (*const wick_ops[WICK_OP_COUNT])(struct wick_pass *pass, const struct wick_step *step) = {
	[WICK_OP_EMBED] = do_embed, [WICK_OP_POSITION] = do_position, [WICK_OP_NORM] = do_norm,
	[WICK_OP_HEAD_NORM] = do_head_norm, [WICK_OP_LINEAR] = wick_op_linear, [WICK_OP_GATES] = wick_op_gates,
	[WICK_OP_ROPE] = do_rope,
	[WICK_OP_ATTEND] = do_attend, [WICK_OP_CHOOSE] = wick_op_choose, [WICK_OP_BUNDLES] = wick_op_bundles, [WICK_OP_ACT] = do_act, [WICK_OP_GLU] = do_glu,
	[WICK_OP_ADD] = do_add, [WICK_OP_ROUTE] = wick_op_route, [WICK_OP_EXPERTS] = wick_op_experts, [WICK_OP_SHARE] = wick_op_share,
	[WICK_OP_SCALE] = do_scale, [WICK_OP_CAP] = do_cap, [WICK_OP_CLIP] = do_clip,
};
