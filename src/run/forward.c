/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A batch of tokens through the model: the layers in order, each matrix as resident rows first and swept units after,
 * so that arithmetic on what is here hides the reading of what is not. */

#include "forward.h"

#include "bits.h"
#include "check.h"
#include "mem.h"
#include "watch.h"

#include <errno.h>
#include <string.h>

/* y (m, ldy) = tensor at `place` times x (m, cols), plus a bias. */
static int apply(struct wick_forward *f, uint32_t place, const float *bias, const float *x, float *y, uint32_t m,
	struct wick_diag *diag)
{
	const struct wick_place *at = &f->places[place];
	struct wick_linear linear = { .compute = &f->compute, .type = at->tensor->type, .cols = at->tensor->cols,
		.stride = at->tensor->row_bytes, .x = x, .ldx = at->tensor->cols, .y = y, .ldy = at->tensor->rows, .m = m };
	struct wick_rows rows = { .base = at->base, .count = at->resident_rows };
	int err;

	if (rows.count)
		wick_linear_rows(&linear, &rows);
	for (uint64_t done = rows.count; done < at->rows; done += rows.count) {
		err = wick_sweep_next(&f->sweep, place, &rows, diag);
		if (err)
			return err;
		wick_linear_rows(&linear, &rows);
		wick_sweep_done(&f->sweep);
	}
	for (uint32_t i = 0; bias && i < m; i++)
		f->compute.kernels->add(y + i * linear.ldy, bias, at->rows);
	return 0;
}

/* y (m, d_model) = FFN of x (m, d_model), resident bundles first. */
static int apply_ffn(struct wick_forward *f, uint32_t layer, const float *x, float *y, uint32_t m, uint32_t position,
	struct wick_diag *diag)
{
	uint32_t place = wick_place_layer(layer, WICK_PLACE_FFN);
	const struct wick_place *at = &f->places[place];
	const float *down_bias = wick_vector(&f->vectors, layer, WICK_T_DOWN_BIAS);
	struct wick_ffn ffn = { .compute = &f->compute, .shape = &f->model->shape, .x = x, .y = y, .h = f->h,
		.up_bias = wick_vector(&f->vectors, layer, WICK_T_UP_BIAS), .h_floats = f->h_floats, .m = m,
		.watch = f->watch, .layer = layer, .position = position };
	struct wick_rows rows = { .base = at->base, .count = at->resident_rows };
	size_t d_model = f->model->shape.d_model;
	int err = 0;

	if (f->watch && f->watch->inputs)
		f->watch->inputs(f->watch->user, layer, position, m, x);
	for (uint32_t i = 0; i < m; i++)
		if (down_bias)
			memcpy(y + i * d_model, down_bias, d_model * sizeof(float));
		else
			memset(y + i * d_model, 0, d_model * sizeof(float));
	if (f->sparse.on && m < WICK_GEMM_TOKENS) {
		for (uint32_t i = 0; !err && i < m; i++)
			err = wick_sparse_ffn(&f->sparse, layer, position + i, x + i * d_model, y + i * d_model, diag);
		return err;
	}
	if (f->sparse.on)
		ffn.mask = wick_sparse_mask(&f->sparse, layer, position, m, x, &ffn.mask_words);
	if (rows.count)
		wick_ffn_rows(&ffn, &rows);
	for (uint64_t done = rows.count; done < at->rows; done += rows.count) {
		err = wick_sweep_next(&f->sweep, place, &rows, diag);
		if (err)
			return err;
		wick_ffn_rows(&ffn, &rows);
		if (f->sparse.on)
			wick_sparse_warm(&f->sparse, layer, &rows);
		wick_sweep_done(&f->sweep);
	}
	return 0;
}

static void norm(struct wick_forward *f, float *y, const float *x, const float *weight, const float *bias, uint32_t m)
{
	size_t d_model = f->model->shape.d_model;

	for (uint32_t i = 0; i < m; i++)
		f->compute.kernels->layer_norm(
			y + i * d_model, x + i * d_model, weight, bias, d_model, f->model->shape.norm_eps);
}

static void add_to_residual(struct wick_forward *f, const float *y, uint32_t m)
{
	f->compute.kernels->add(f->x, y, (size_t)m * f->model->shape.d_model);
}

/* forward->y = attention of `in`. */
static int attention(struct wick_forward *f, uint32_t layer, const float *in, uint32_t m, uint32_t position,
	struct wick_diag *diag)
{
	const struct {
		uint32_t place;
		enum wick_tensor_id bias;
		float *out;
	} inputs[] = {
		{ WICK_PLACE_Q, WICK_T_Q_BIAS, f->q },
		{ WICK_PLACE_K, WICK_T_K_BIAS, f->k },
		{ WICK_PLACE_V, WICK_T_V_BIAS, f->v },
	};
	int err;

	for (size_t i = 0; i < WICK_COUNT_OF(inputs); i++) {
		err = apply(f, wick_place_layer(layer, inputs[i].place), wick_vector(&f->vectors, layer, inputs[i].bias), in,
			inputs[i].out, m, diag);
		if (err)
			return err;
	}
	wick_attention(f, layer, m, position);
	return apply(f, wick_place_layer(layer, WICK_PLACE_O), wick_vector(&f->vectors, layer, WICK_T_O_BIAS), f->norm,
		f->y, m, diag);
}

/* One layer. Pre-LN normalises what goes into attention and FFN, post-LN (OPT-350m) the residual after each. */
static int layer_forward(struct wick_forward *f, uint32_t layer, uint32_t m, uint32_t position, struct wick_diag *diag)
{
	const float *attn_norm = wick_vector(&f->vectors, layer, WICK_T_ATTN_NORM);
	const float *attn_norm_bias = wick_vector(&f->vectors, layer, WICK_T_ATTN_NORM_BIAS);
	const float *ffn_norm = wick_vector(&f->vectors, layer, WICK_T_FFN_NORM);
	const float *ffn_norm_bias = wick_vector(&f->vectors, layer, WICK_T_FFN_NORM_BIAS);
	bool first = f->model->shape.norm_first;
	int err;

	if (first)
		norm(f, f->norm, f->x, attn_norm, attn_norm_bias, m);
	err = attention(f, layer, first ? f->norm : f->x, m, position, diag);
	if (err)
		return err;
	add_to_residual(f, f->y, m);
	if (first)
		norm(f, f->norm, f->x, ffn_norm, ffn_norm_bias, m);
	else
		norm(f, f->x, f->x, attn_norm, attn_norm_bias, m);
	err = apply_ffn(f, layer, first ? f->norm : f->x, f->y, m, position, diag);
	if (err)
		return err;
	add_to_residual(f, f->y, m);
	if (!first)
		norm(f, f->x, f->x, ffn_norm, ffn_norm_bias, m);
	return 0;
}

/* forward->x = embeddings of the tokens and their positions. */
static int embed(struct wick_forward *f, const uint32_t *ids, uint32_t m, uint32_t position, struct wick_diag *diag)
{
	const struct wick_shape *shape = &f->model->shape;
	const struct wick_place *table = &f->places[shape->tied ? wick_place_head(shape) : WICK_PLACE_EMBED];
	const struct wick_place *positions = &f->places[WICK_PLACE_POSITION];
	float *into = shape->project ? f->embed : f->x;
	int err = 0;

	for (uint32_t i = 0; !err && i < m; i++)
		err = wick_look_up(f, table, ids[i], into + (size_t)i * shape->d_embed, diag);
	if (!err && shape->project)
		err = apply(f, WICK_PLACE_PROJECT_IN, NULL, f->embed, f->x, m, diag);
	for (uint32_t i = 0; !err && positions->tensor && i < m; i++) {
		err = wick_look_up(f, positions, position + i, f->y, diag);
		if (!err)
			f->compute.kernels->add(f->x + (size_t)i * shape->d_model, f->y, shape->d_model);
	}
	return err;
}

/* Like apply(), but the batch's last token goes through the decode kernels by itself: it decides what is generated, and
 * must be the same whether or not the others' logits are wanted. */
static int apply_last_apart(
	struct wick_forward *f, uint32_t place, const float *x, float *y, uint32_t m, struct wick_diag *diag)
{
	const struct wick_place *at = &f->places[place];
	struct wick_linear others = { .compute = &f->compute, .type = at->tensor->type, .cols = at->tensor->cols,
		.stride = at->tensor->row_bytes, .x = x, .ldx = at->tensor->cols, .y = y, .ldy = at->tensor->rows, .m = m - 1 };
	struct wick_linear last = others;
	struct wick_rows rows = { .base = at->base, .count = at->resident_rows };
	int err;

	last.m = 1;
	last.x = x + (m - 1) * at->tensor->cols;
	last.y = y + (m - 1) * at->tensor->rows;
	for (uint64_t done = 0; done < at->rows; done += rows.count) {
		bool swept = done >= at->resident_rows;

		err = swept ? wick_sweep_next(&f->sweep, place, &rows, diag) : 0;
		if (err)
			return err;
		if (others.m)
			wick_linear_rows(&others, &rows);
		wick_linear_rows(&last, &rows);
		if (swept)
			wick_sweep_done(&f->sweep);
	}
	return 0;
}

/* From the residual to logits: final norm, project_out, head. Without all_logits only the last token goes on. */
static int finish(struct wick_forward *f, uint32_t m, struct wick_diag *diag)
{
	const struct wick_shape *shape = &f->model->shape;
	uint32_t kept = f->all_logits ? m : 1;
	float *x = f->x + (size_t)(m - kept) * shape->d_model;
	int err;

	if (shape->final_norm)
		norm(f, x, x, wick_vector(&f->vectors, 0, WICK_T_OUT_NORM),
			wick_vector(&f->vectors, 0, WICK_T_OUT_NORM_BIAS), kept);
	if (shape->project) {
		err = apply_last_apart(f, wick_place_project_out(shape), x, f->embed, kept, diag);
		if (err)
			return err;
		x = f->embed;
	}
	return apply_last_apart(f, wick_place_head(shape), x, f->logits, kept, diag);
}

const float *wick_forward_last(const struct wick_forward *f, uint32_t m)
{
	return f->logits + (f->all_logits ? (size_t)(m - 1) * f->model->shape.vocab : 0);
}

/* How far it is now. */
static int tell(const struct wick_batch *batch, uint32_t layers, struct wick_diag *diag)
{
	const struct wick_heed *heed = batch->heed;

	if (!heed || !heed->progress(heed->user, heed->done + (uint64_t)batch->m * layers, heed->total))
		return 0;
	return wick_diag_say(diag, -ECANCELED, "the evaluation was stopped");
}

int wick_forward_batch(struct wick_forward *f, const struct wick_batch *batch, struct wick_diag *diag)
{
	uint32_t m = batch->m;
	int err = 0;

	wick_assert(m >= 1 && m <= f->batch_tokens);
	wick_sweep_begin(&f->sweep, m >= WICK_GEMM_TOKENS, batch->m_next >= WICK_GEMM_TOKENS);
	if (f->sparse.on)
		err = wick_choose_begin(&f->sparse.chooser, batch->position, diag);
	if (!err)
		err = embed(f, batch->ids, m, batch->position, diag);
	for (uint32_t layer = 0; !err && layer < f->model->shape.layers; layer++) {
		err = layer_forward(f, layer, m, batch->position, diag);
		if (!err)
			err = tell(batch, layer + 1, diag);
	}
	if (!err && batch->want_head)
		err = finish(f, m, diag);
	return err;
}

int wick_forward_embed(struct wick_forward *f, const uint32_t *ids, uint32_t m, uint32_t position, struct wick_diag *diag)
{
	return embed(f, ids, m, position, diag);
}

int wick_forward_layer(struct wick_forward *f, uint32_t layer, uint32_t m, uint32_t position, struct wick_diag *diag)
{
	return layer_forward(f, layer, m, position, diag);
}

/* Every buffer of the forward pass and its size, in one table for the plan and for init. */
enum { X, Y, NORM, Q, K, V, EMBED, H, SCORES, LOGITS, TILE, BUFFERS };

static void buffer_floats(uint64_t floats[BUFFERS], const struct wick_shape *shape, const struct wick_forward_shape *size)
{
	uint64_t batch = WICK_MIN(wick_batch_tokens(shape), size->ctx);
	uint64_t kv = (uint64_t)shape->kv_heads * shape->head_dim;

	floats[X] = floats[Y] = floats[NORM] = floats[Q] = batch * shape->d_model;
	floats[K] = floats[V] = batch * kv;
	floats[EMBED] = shape->project ? batch * shape->d_embed : 0;
	floats[H] = wick_ffn_scratch_floats(shape, (uint32_t)batch, size->threads);
	floats[SCORES] = size->threads * wick_attention_scores(size->ctx);
	floats[LOGITS] = (size->all_logits ? batch : 1) * (uint64_t)shape->vocab;
	floats[TILE] = size->threads * wick_compute_tile_floats(shape);
}

uint64_t wick_forward_bytes(const struct wick_shape *shape, const struct wick_forward_shape *size)
{
	uint64_t floats[BUFFERS], bytes = 0;

	buffer_floats(floats, shape, size);
	for (int i = 0; i < BUFFERS; i++)
		bytes += wick_mem_cost(floats[i] * sizeof(float));
	return bytes;
}

void wick_forward_init(struct wick_forward *f, const struct wick_forward_shape *size, struct wick_mem *mem)
{
	uint64_t floats[BUFFERS];
	float **buffers[BUFFERS] = { [X] = &f->x, [Y] = &f->y, [NORM] = &f->norm, [Q] = &f->q, [K] = &f->k, [V] = &f->v,
		[EMBED] = &f->embed, [H] = &f->h, [SCORES] = &f->scores, [LOGITS] = &f->logits, [TILE] = &f->compute.tile };

	buffer_floats(floats, &f->model->shape, size);
	for (int i = 0; i < BUFFERS; i++)
		*buffers[i] = wick_mem_take(mem, floats[i] * sizeof(float));
	f->batch_tokens = WICK_MIN(wick_batch_tokens(&f->model->shape), size->ctx);
	f->h_floats = floats[H];
	f->compute.gemm_rows = wick_gemm_rows(&f->model->shape);
	f->compute.tile_floats = wick_compute_tile_floats(&f->model->shape);
	f->all_logits = size->all_logits;
}
