/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One attention head: a matrix times a vector, softmax, and rows accumulated. */

#include "ffn.h"
#include "matvec.h"
#include "softmax.h"

static void attend(float *out, const float *q, const void *k, const void *v, size_t stride, size_t positions,
	size_t head_dim, float scale, float *scores)
{
	matvec_f16(scores, k, stride, q, positions, head_dim);
	for (size_t p = 0; p < positions; p++)
		scores[p] *= scale;
	softmax(scores, positions);
	memset(out, 0, head_dim * sizeof(*out));
	accumulate_rows_f16(out, v, stride, NULL, scores, positions, head_dim);
}

static void set_attend(struct wick_kernels *kernels)
{
	kernels->attend = attend;
}
