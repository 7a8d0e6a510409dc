/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A batch of tokens through the model: its steps in order, layer by layer, then the tail (see forward.h). */

#include "ops.h"

#include "attn.h"
#include "bits.h"
#include "check.h"
#include "mem.h"
#include "rope.h"

#include <errno.h>
#include <string.h>

/* The turns of the rows' positions, for all layers of a kind. */
static void make_turns(struct wick_forward *f, uint32_t m)
{
	const struct wick_shape *shape = &f->model->shape;

	for (uint32_t kind = 0; kind < shape->kinds; kind++) {
		const struct wick_attn_facts *attn = &shape->kind[kind].attn;
		double size = wick_rope_size(attn);

		for (uint32_t i = 0; attn->rope != WICK_ROPE_NONE && i < m; i++)
			f->compute.kernels->rope_turns(wick_turns_of(f, kind) + i * f->rope_dim_most, wick_frequencies_of(f, kind),
				attn->rope_dim / 2, f->rows[i].position, size);
	}
}

/* What a kind's angles are divided by; NULL: nothing. Long rope has one list for contexts up to the original one, and one for
 * those beyond: the run's whole context decides. */
static const float *divisors_of(const struct wick_forward *f, const struct wick_attn_facts *attn)
{
	enum wick_tensor_id id = WICK_T_ROPE_FREQS;

	if (attn->rope_scaling == WICK_SCALING_LONG)
		id = f->ctx > attn->rope_original_ctx ? WICK_T_ROPE_LONG : WICK_T_ROPE_SHORT;
	return wick_vector(&f->vectors, 0, id);
}

void wick_forward_ready(struct wick_forward *f)
{
	const struct wick_shape *shape = &f->model->shape;

	for (uint32_t kind = 0; kind < shape->kinds; kind++)
		if (shape->kind[kind].attn.rope != WICK_ROPE_NONE)
			wick_rope_frequencies(wick_frequencies_of(f, kind), &shape->kind[kind].attn,
				divisors_of(f, &shape->kind[kind].attn));
}

static int run(struct wick_pass *pass, uint32_t first, uint32_t end)
{
	const struct wick_step *steps = pass->forward->model->steps.step;
	int err = 0;

	for (uint32_t i = first; !err && i < end; i++)
		err = wick_ops[steps[i].op](pass, &steps[i]);
	return err;
}

/* From the residual to logits, of the rows that want theirs: they come to the front. */
static int run_tail(struct wick_pass *pass)
{
	struct wick_forward *f = pass->forward;
	const struct wick_steps *steps = &f->model->steps;
	size_t d_model = f->model->shape.d_model;
	float *x = f->buffer[WICK_X];
	uint32_t wanted = 0;

	for (uint32_t i = 0; i < pass->m; i++)
		if (f->rows[i].want && wanted++ != i)
			memcpy(x + (wanted - 1) * d_model, x + i * d_model, d_model * sizeof(*x));
	wick_assert(wanted <= f->logits_rows);
	pass->m = wanted;
	return wanted ? run(pass, steps->first[steps->layers], steps->count) : 0;
}

/* How far it is now. */
static int tell(const struct wick_batch *batch, uint32_t layers, struct wick_diag *diag)
{
	const struct wick_eval_progress *progress = batch->progress;

	if (!progress || !progress->tell(progress->user, progress->done + (uint64_t)batch->m * layers, progress->total))
		return 0;
	return wick_diag_say(diag, -ECANCELED, "the evaluation was stopped");
}

static int run_layer(struct wick_pass *pass, uint32_t layer)
{
	const struct wick_steps *steps = &pass->forward->model->steps;

	return run(pass, steps->first[layer], steps->first[layer + 1]);
}

int wick_forward_batch(struct wick_forward *f, const struct wick_batch *batch, struct wick_diag *diag)
{
	struct wick_pass pass = { .forward = f, .m = batch->m, .diag = diag };
	int err = 0;

	wick_assert(batch->m >= 1 && batch->m <= f->batch_tokens);
	wick_sweep_begin(&f->sweep, batch->m >= WICK_SWEEP_TOKENS, batch->m_next >= WICK_SWEEP_TOKENS);
	for (uint32_t i = 0; !err && f->sparse.on && f->sparse.chooser.trace[0] && i < batch->m; i++)
		err = wick_choose_begin(&f->sparse.chooser, i, f->rows[i].token, diag);
	make_turns(f, batch->m);
	if (!err)
		err = run(&pass, 0, f->model->steps.first[0]);
	for (uint32_t layer = 0; !err && layer < f->model->shape.layers; layer++) {
		err = run_layer(&pass, layer);
		if (!err)
			err = tell(batch, layer + 1, diag);
	}
	return err ? err : run_tail(&pass);
}

/* Rows of sequence 0. */
static void take_rows(struct wick_forward *f, const uint32_t *ids, uint32_t m, uint32_t position)
{
	for (uint32_t i = 0; i < m; i++)
		f->rows[i] = (struct wick_batch_row){ .seq = f->kv.seq, .id = ids ? ids[i] : 0, .position = position + i, .token = position + i };
}

int wick_forward_embed(struct wick_forward *f, const uint32_t *ids, uint32_t m, uint32_t position, struct wick_diag *diag)
{
	struct wick_pass pass = { .forward = f, .m = m, .diag = diag };

	take_rows(f, ids, m, position);
	return run(&pass, 0, f->model->steps.first[0]);
}

int wick_forward_layer(struct wick_forward *f, uint32_t layer, uint32_t m, uint32_t position, struct wick_diag *diag)
{
	struct wick_pass pass = { .forward = f, .m = m, .diag = diag };

	wick_kv_cut(&f->kv, f->kv.seq, position);
	wick_kv_extend(&f->kv, f->kv.seq, position, position + m);
	for (uint32_t i = 0; i < m; i++)
		wick_kv_advance(&f->kv, f->kv.seq, position + i);
	take_rows(f, NULL, m, position);
	make_turns(f, m);
	return run_layer(&pass, layer);
}

/* Memory of the steps beside their buffers, with sizes, in one table for the plan and for init. */
enum { H, SCORES, PACKED, SCRATCH, TURNS, FREQUENCIES, EXPERTS, ROWS, SPANS, SCRATCHES };

static uint32_t batch_of(const struct wick_model *model, const struct wick_forward_shape *size)
{
	return wick_batch_rows(&model->shape, size->ctx, size->sequences);
}

static uint32_t logits_rows_of(const struct wick_model *model, const struct wick_forward_shape *size)
{
	uint32_t batch = batch_of(model, size);

	return size->all_logits ? batch : WICK_MIN(batch, size->sequences);
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
	floats[EXPERTS] = wick_expert_room_floats(&model->shape, batch_of(model, size));
	floats[ROWS] = batch_of(model, size) * sizeof(struct wick_batch_row) / sizeof(float);
	floats[SPANS] = batch_of(model, size) + 1;
}

static uint64_t buffer_floats(const struct wick_model *model, const struct wick_forward_shape *size, enum wick_buffer buffer)
{
	uint64_t rows = buffer == WICK_LOGITS ? logits_rows_of(model, size) : batch_of(model, size);

	return rows * model->steps.width[buffer];
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
		[FREQUENCIES] = (float **)&f->frequencies, [ROWS] = (float **)&f->rows, [SPANS] = (float **)&f->spans };
	uint64_t floats[SCRATCHES];
	float *experts;

	scratches[EXPERTS] = &experts;
	scratch_floats(floats, f->model, size);
	for (int i = 0; i < WICK_BUFFERS; i++)
		f->buffer[i] = wick_mem_take(mem, buffer_floats(f->model, size, i) * sizeof(float));
	for (int i = 0; i < SCRATCHES; i++)
		*scratches[i] = wick_mem_take(mem, floats[i] * sizeof(float));
	f->batch_tokens = batch_of(f->model, size);
	wick_expert_room_init(&f->experts, &f->model->shape, f->batch_tokens, experts);
	f->rope_dim_most = rope_dim_most(&f->model->shape);
	f->h_floats = floats[H];
	f->ctx = size->ctx;
	f->scores_floats = attention_floats(&f->model->shape, size->ctx);
	f->compute.scratch_floats = wick_compute_scratch_floats(f->model, f->batch_tokens);
	f->logits_rows = logits_rows_of(f->model, size);
}
