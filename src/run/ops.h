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
