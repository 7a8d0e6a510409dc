/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the steps of a pass have in common (see ops.h). */

#include "ops.h"

#include <errno.h>
#include <string.h>

int wick_fail_row(struct wick_pass *pass, uint32_t row, int err)
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

struct wick_diag *wick_pass_diag(const struct wick_pass *pass)
{
	return pass->failed ? NULL : pass->diag;
}

bool wick_pass_has_said(const struct wick_pass *pass)
{
	return pass->diag && pass->diag->text[0];
}

void wick_pass_take_back(struct wick_pass *pass, bool had_said)
{
	if (pass->diag && !had_said)
		pass->diag->text[0] = 0;
}

int wick_next_rows(struct wick_forward *f, uint32_t matrix, struct wick_rows *rows, struct wick_diag *diag)
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

void wick_begin_ffn(const struct wick_pass *pass, uint32_t m, float *out, const float *bias)
{
	size_t d_model = pass->forward->model->shape.d_model;

	for (uint32_t i = 0; i < m; i++)
		if (bias)
			memcpy(out + i * d_model, bias, d_model * sizeof(float));
		else
			memset(out + i * d_model, 0, d_model * sizeof(float));
}

struct wick_linear wick_pass_linear(const struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const struct wick_tensor *tensor = f->matrices->at[step->matrix].tensor;

	return (struct wick_linear){ .compute = &f->compute, .type = tensor->type, .cols = tensor->cols,
		.stride = tensor->row_bytes, .x = wick_pass_buffer(pass, step->in), .ldx = tensor->cols,
		.y = wick_pass_buffer(pass, step->out), .ldy = tensor->rows, .m = pass->m };
}

int wick_op_linear(struct wick_pass *pass, const struct wick_step *step)
{
	struct wick_forward *f = pass->forward;
	const float *bias = wick_pass_vector(pass, step, step->bias);
	struct wick_linear linear = wick_pass_linear(pass, step);
	struct wick_rows rows = { 0 };
	int more;

	wick_linear_begin(&linear);
	while ((more = wick_next_rows(f, step->matrix, &rows, pass->diag)) > 0)
		wick_linear_rows(&linear, &rows);
	for (uint32_t i = 0; !more && bias && i < pass->m; i++)
		f->compute.kernels->add(linear.y + i * linear.ldy, bias, linear.ldy);
	return more;
}
