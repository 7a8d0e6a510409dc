/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the steps of steps.h do to the rows of a batch. forward.c walks the list. */

#include "forward.h"

/* Rows of a batch on their way through some steps. */
struct wick_pass {
	struct wick_forward *forward;
	uint32_t m;      /* the first ones of the buffers */
	uint32_t failed; /* rows of them */
	struct wick_diag *diag;
};

/* By enum wick_op. */
extern int (*const wick_ops[WICK_OP_COUNT])(struct wick_pass *pass, const struct wick_step *step);

/* Where the turns of a kind of layer are: (batch_tokens, rope_dim_most) of each. */
static inline float *wick_turns_of(const struct wick_forward *f, uint32_t kind)
{
	return f->turns + (size_t)kind * f->batch_tokens * f->rope_dim_most;
}

static inline double *wick_frequencies_of(const struct wick_forward *f, uint32_t kind)
{
	return f->frequencies + (size_t)kind * f->rope_dim_most / 2;
}

static inline float *wick_pass_buffer(const struct wick_pass *pass, uint8_t buffer)
{
	return pass->forward->buffer[buffer];
}

static inline const float *wick_pass_vector(const struct wick_pass *pass, const struct wick_step *step, uint8_t id)
{
	return id == WICK_NO_VECTOR ? NULL : wick_vector(&pass->forward->vectors, step->layer, id);
}

/* Below it a layer's gates are taken for 0; 0: none is. */
static inline float wick_cut_of(const struct wick_forward *f, uint32_t layer)
{
	return f->gate_percent > 0 ? wick_gate_threshold(&f->gate_levels[layer], f->gate_percent) : 0;
}

static inline const struct wick_layer_facts *wick_pass_facts(const struct wick_pass *pass, const struct wick_step *step)
{
	return wick_kind(&pass->forward->model->shape, step->layer);
}

/* What a row alone needs could not be read: its sequence is given up, and the others go on. The error where there is none
 * left, and of a drive that does not answer. */
int wick_fail_row(struct wick_pass *pass, uint32_t row, int err);
/* The first failure is told of. */
struct wick_diag *wick_pass_diag(const struct wick_pass *pass);
/* Before rows are tried together, and when each of them is tried by itself after that failed: what the first attempt said is
 * taken back, for the others may succeed. */
bool wick_pass_has_said(const struct wick_pass *pass);
void wick_pass_take_back(struct wick_pass *pass, bool had_said);
/* The rows of a matrix that are here next: what is resident, then unit after unit. 1: there are some; 0: none is
 * left. */
int wick_next_rows(struct wick_forward *f, uint32_t matrix, struct wick_rows *rows, struct wick_diag *diag);
/* out = what the down-projections of some rows are added to. */
void wick_begin_ffn(const struct wick_pass *pass, uint32_t m, float *out, const float *bias);
/* A step that is a product with all rows. */
struct wick_linear wick_pass_linear(const struct wick_pass *pass, const struct wick_step *step);
int wick_op_linear(struct wick_pass *pass, const struct wick_step *step);

/* ops_bundles.c */
int wick_op_gates(struct wick_pass *pass, const struct wick_step *step);
int wick_op_choose(struct wick_pass *pass, const struct wick_step *step);
int wick_op_bundles(struct wick_pass *pass, const struct wick_step *step);
/* ops_experts.c */
int wick_op_route(struct wick_pass *pass, const struct wick_step *step);
int wick_op_experts(struct wick_pass *pass, const struct wick_step *step);
int wick_op_share(struct wick_pass *pass, const struct wick_step *step);
