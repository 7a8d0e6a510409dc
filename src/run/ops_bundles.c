/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The steps of an FFN that lies in bundles: chosen ones are drawn, or all are swept. */

#include "ops.h"

#include "bits.h"
#include "pool.h"
#include "watch.h"

#include <errno.h>

/* Of a row's neurons, where gates are not in the bundles; else NULL. */
static const float *gate_of(const struct wick_pass *pass, uint32_t row)
{
	const struct wick_shape *shape = &pass->forward->model->shape;

	return wick_gate_is_apart(shape) ? pass->forward->buffer[WICK_GATE] + (size_t)row * shape->n_ff : NULL;
}

/* What predictors are given for all rows: the FFN's input, or what its norm is given, which is the residual until the layer is
 * done. */
static const float *seen_by_predictors(const struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_forward *f = pass->forward;

	return f->buffer[f->sparse.chooser.residual ? WICK_X : step->in];
}

/* Rows from `first` on that are drawn for together: as many as there is room for, up to one that has failed. */
static struct wick_sparse_rows rows_together(const struct wick_pass *pass, const struct wick_step *step, uint32_t first)
{
	struct wick_forward *f = pass->forward;
	size_t skipped = first * f->model->shape.d_model;
	uint32_t most = WICK_MIN(pass->m - first, f->sparse.together);
	struct wick_sparse_rows rows = { .first = first, .x = f->buffer[step->in] + skipped,
		.seen = seen_by_predictors(pass, step) + skipped, .y = f->buffer[step->out] + skipped,
		.gate = gate_of(pass, first) };

	for (; rows.m < most && !f->rows[first + rows.m].err; rows.m++)
		rows.position[rows.m] = f->rows[first + rows.m].position;
	rows.all = rows.m == pass->m;
	return rows;
}

/* After a failure the bundle caches begin anew: some slots of them wait for bytes that will not come. */
static int draw_row(struct wick_pass *pass, const struct wick_step *step, uint32_t row, const struct wick_sparse_rows *rows)
{
	struct wick_sparse *sparse = &pass->forward->sparse;
	int err = wick_sparse_ffn(sparse, step->layer, rows, wick_pass_diag(pass));

	err = err ? wick_fail_row(pass, row, err) : 0;
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
	wick_begin_ffn(pass, rows->m, rows->y, wick_pass_vector(pass, step, step->bias));
	for (uint32_t i = 0; !err && i < rows->m; i++) {
		struct wick_sparse_rows row = { .m = 1, .first = first + i, .x = rows->x + (size_t)i * shape->d_model,
			.seen = rows->seen + (size_t)i * shape->d_model,
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
		bool had_said = wick_pass_has_said(pass);

		some = WICK_MAX(rows.m, 1);
		if (rows.m == 1)
			err = draw_row(pass, step, first, &rows);
		else if (rows.m)
			err = wick_sparse_ffn(&f->sparse, step->layer, &rows, wick_pass_diag(pass));
		if (err && err != -ETIMEDOUT && rows.m > 1) {
			wick_pass_take_back(pass, had_said);
			err = draw_apart(pass, step, first, &rows);
		}
	}
	return err;
}

/* All bundles, resident ones first. */
static int sweep_bundles(struct wick_pass *pass, const struct wick_step *step, const float *x, float *y)
{
	struct wick_forward *f = pass->forward;
	struct wick_ffn ffn = { .compute = &f->compute, .kind = f->model->steps.set[step->set].kind,
		.facts = &wick_pass_facts(pass, step)->ffn, .d_model = f->model->shape.d_model, .x = x, .y = y, .h = f->h,
		.up_bias = wick_vector(&f->vectors, step->layer, WICK_T_UP_BIAS),
		.gate_bias = wick_vector(&f->vectors, step->layer, WICK_T_GATE_BIAS), .gate = gate_of(pass, 0),
		.n_ff = f->model->shape.n_ff, .h_floats = f->h_floats, .m = pass->m,
		.watch = f->watch, .layer = step->layer, .position = f->rows->position };
	struct wick_rows rows = { 0 };
	int more;

	if (f->sparse.on)
		ffn.mask = wick_sparse_mask(&f->sparse, step->layer, f->rows->position, pass->m, seen_by_predictors(pass, step),
			ffn.gate, &ffn.mask_words);
	wick_ffn_begin(&ffn);
	while ((more = wick_next_rows(f, step->matrix, &rows, pass->diag)) > 0) {
		wick_ffn_rows(&ffn, &rows);
		if (f->sparse.on && rows.first + rows.count > f->matrices->at[step->matrix].resident_rows)
			wick_sparse_warm(&f->sparse, step->layer, &rows);
	}
	return more;
}

/* Whether what gates let through is sent for while others are computed: of one row, whose gates are in memory and say by
 * themselves what is 0. */
static bool goes_early(const struct wick_pass *pass, const struct wick_step *step)
{
	const struct wick_forward *f = pass->forward;
	const struct wick_matrix *gates = &f->matrices->at[step->matrix];

	return f->sparse.on && f->sparse.overlap && pass->m == 1 && !f->rows->err && gates->resident_rows == gates->rows &&
		wick_is_relu(&f->model->shape);
}

/* Gates piece by piece: while the others compute one, this thread sends for what those before it let through. */
int wick_op_gates(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_matrix *gates = &f->matrices->at[step->matrix];
	const struct wick_linear linear = wick_pass_linear(pass, step);
	const float *bias = wick_pass_vector(pass, step, step->bias);
	uint64_t most = wick_div_up(gates->rows, WICK_GATE_PIECES);

	if (!goes_early(pass, step))
		return wick_op_linear(pass, step);
	for (uint64_t first = 0; first < gates->rows; first += most) {
		const struct wick_sparse_rows rows = rows_together(pass, step, 0);
		const struct wick_rows piece = { .base = gates->base + first * linear.stride, .first = first,
			.count = WICK_MIN(most, gates->rows - first) };
		struct wick_linear_job job;

		wick_linear_rows_begin(&job, &linear, &piece);
		if (first)
			wick_sparse_send_early(&f->sparse, step->layer, &rows, (uint32_t)first);
		wick_pool_finish(f->compute.pool);
		if (bias)
			f->compute.kernels->add(linear.y + first, bias + first, piece.count);
	}
	return 0;
}

/* Gates that are never 0 by themselves are activated here, and those below the layer's threshold are taken for 0. */
static void activate_gates(const struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	size_t count = (size_t)pass->m * f->model->shape.n_ff;
	float threshold = wick_cut_of(f, step->layer);

	if (wick_gate_is_soft(&f->model->shape))
		wick_activate_gates(&f->compute, wick_pass_facts(pass, step)->ffn.act, threshold, f->buffer[WICK_GATE], count);
}

/* Rows choose by themselves; the first ones can do so now. Where nothing comes before their FFN that hides reading, reads
 * go out with the arithmetic on what is here. */
int wick_op_choose(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	struct wick_sparse_rows rows;

	if (f->watch && f->watch->inputs)
		f->watch->inputs(f->watch->user, step->layer, f->rows->position, pass->m, f->buffer[step->in]);
	if (f->watch && f->watch->gates && wick_gate_is_apart(&f->model->shape))
		f->watch->gates(f->watch->user, step->layer, f->rows->position, pass->m, f->buffer[WICK_GATE]);
	activate_gates(pass, step);
	if (!f->sparse.on || pass->m >= WICK_SWEEP_TOKENS || !wick_pass_facts(pass, step)->parallel)
		return 0;
	rows = rows_together(pass, step, 0);
	if (rows.m)
		wick_sparse_send(&f->sparse, step->layer, &rows);
	return 0;
}

int wick_op_bundles(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const float *x = f->buffer[step->in];
	float *y = f->buffer[step->out];

	wick_begin_ffn(pass, pass->m, y, wick_pass_vector(pass, step, step->bias));
	if (f->sparse.on && pass->m < WICK_SWEEP_TOKENS)
		return draw_bundles(pass, step);
	return sweep_bundles(pass, step, x, y);
}
