/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One attention head over an f16 cache, in plain C. */

#include "plain.h"
#include "sets.h"

/* out = sum_p scores[p] * v[p] over at most a tile of columns. */
static void mix(float *out, const uint8_t *v, size_t stride, const float *scores, size_t positions, size_t cols)
{
	double sum[WICK_COLUMN_TILE] = { 0 };
	float tile[WICK_COLUMN_TILE];

	for (size_t p = 0; p < positions; p++) {
		wick_decode_f16(tile, v + p * stride, cols);
		for (size_t c = 0; c < cols; c++)
			sum[c] += (double)scores[p] * tile[c];
	}
	for (size_t c = 0; c < cols; c++)
		out[c] = (float)sum[c];
}

static void attend(float *out, const float *q, const void *k, const void *v, size_t stride, size_t positions,
	size_t head_dim, float scale, float *scores)
{
	for (size_t p = 0; p < positions; p++)
		scores[p] = (float)(scale *
				wick_dot(wick_decode_f16, WICK_F16, (const uint8_t *)k + p * stride, q, head_dim));
	wick_softmax(scores, positions);
	for (size_t c = 0; c < head_dim; c += WICK_COLUMN_TILE)
		mix(out + c, (const uint8_t *)v + 2 * c, stride, scores, positions,
			WICK_MIN(head_dim - c, (size_t)WICK_COLUMN_TILE));
}

static void attend_batch(const struct wick_attend *job)
{
	for (size_t i = 0; i < job->m; i++) {
		size_t skipped = job->from[i] * job->stride;

		attend(job->out + i * job->ldo, job->q + i * job->ldq, (const uint8_t *)job->k + skipped,
			(const uint8_t *)job->v + skipped, job->stride, job->to[i] - job->from[i], job->head_dim, job->scale,
			job->scratch);
	}
}

void wick_kernels_attend_c(struct wick_kernels *kernels)
{
	kernels->attend = attend;
	kernels->attend_batch = attend_batch;
}
