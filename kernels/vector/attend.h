/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One attention head: a matrix times a vector, softmax, and rows accumulated. Of a batch the first and the last are done
 * by tiles; softmax is of one vector at a time, over its own positions:
 *
 *     scores       positions
 *     vector 0     x x x x x x x 0 0 0
 *     vector 1     x x x x x x x x 0 0      a share of zero is not looked at when rows are accumulated
 *     vector 2     x x x x x x x x x 0
 *
 * Every score is a dot product of its own and every sum of values runs upwards from the first position, one fused
 * multiply-add each. So it does not matter how positions are cut into blocks, and no block is needed for the bits. */

#include "accumulate.h"
#include "matmul.h"
#include "softmax.h"

/* Scores to shares. */
static void share_out(float *scores, size_t positions, float scale)
{
	for (size_t p = 0; p < positions; p++)
		scores[p] *= scale;
	softmax(scores, positions);
}

static void attend(float *out, const float *q, const void *k, const void *v, size_t stride, size_t positions,
	size_t head_dim, float scale, float *scores)
{
	matvec_f16(scores, k, stride, q, positions, head_dim);
	share_out(scores, positions, scale);
	memset(out, 0, head_dim * sizeof(*out));
	accumulate_rows_f16(out, v, stride, NULL, scores, positions, head_dim);
}

/* Nothing is shared out to positions outside of a window. */
static void share_window(float *scores, size_t from, size_t to, size_t positions, float scale)
{
	memset(scores, 0, from * sizeof(*scores));
	share_out(scores + from, to - from, scale);
	memset(scores + to, 0, (positions - to) * sizeof(*scores));
}

static void score_batch(const struct wick_attend *job, float *scores, float *scratch, size_t positions)
{
	struct wick_matmul product = { .y = scores, .ldy = positions, .w = job->k, .stride = job->stride, .rows = positions,
		.cols = job->head_dim, .packed = scratch, .m = job->m,
		.scratch = scratch + wick_packed_floats(job->m, job->head_dim) };

	pack_x_floats(scratch, job->q, job->ldq, job->m, job->head_dim, 0, job->m);
	matmul_f16(&product);
}

static void attend_batch(const struct wick_attend *job)
{
	size_t positions = 0, dim = job->head_dim;
	float *scores = job->scratch, *scratch;

	for (size_t i = 0; i < job->m; i++)
		positions = WICK_MAX(positions, (size_t)job->to[i]);
	scratch = scores + wick_align_up(job->m * positions, 16);
	score_batch(job, scores, scratch, positions);
	for (size_t i = 0; i < job->m; i++) {
		share_window(scores + i * positions, job->from[i], job->to[i], positions, job->scale);
		memset(job->out + i * job->ldo, 0, dim * sizeof(*job->out));
	}
	accumulate_batch_f16(&(struct wick_accumulate){ .y = job->out, .ldy = job->ldo, .w = job->v, .stride = job->stride,
		.h = scores, .ldh = positions, .m = job->m, .count = positions, .cols = dim, .scratch = scratch });
}

static void set_attend(struct wick_kernels *kernels)
{
	kernels->attend = attend;
	kernels->attend_batch = attend_batch;
}
