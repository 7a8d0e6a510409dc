/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One attention head: of one vector against the truth, of a batch against each vector alone. */

#include "check.h"

#include <math.h>
#include <string.h>

#define HEAD_MAX 256
#define POSITIONS_MAX 600
#define M_MAX 33

enum slots { Q, K, V, WANT, GOT, WANT_SCORES, GOT_SCORES, K_ROW, FROM, TO };

static const size_t head_dims[] = { 1, 8, 24, 32, 40, 64, 80, 128, HEAD_MAX };
static const size_t lengths[] = { 0, 1, 2, 3, 4, 5, 8, 17, 33, 100, POSITIONS_MAX };

struct shape {
	size_t positions, head_dim, stride;
	float scale;
	enum odd {
		ORDINARY,
		NAN_QUERY,      /* nothing is a number then */
		NAN_KEY,        /* likewise */
		KEY_ABOVE_ALL,  /* a score of infinity, likewise */
		KEY_BELOW_ALL,  /* a score of -infinity: a position that is left out */
		NAN_VALUE,      /* its column is no number, the others are */
		INFINITE_VALUE, /* its column is infinite, the others are not */
		INFINITE_BOTH,  /* infinities of both signs: their column is no number */
		ODDS
	} odd;
};

enum { HALF_MOST = 0x7bff, HALF_INFINITY = 0x7c00, HALF_NAN = 0x7e00, HALF_MINUS = 0x8000 };

/* The largest error of a score before softmax: a dot product scaled, and two roundings of the reference's. */
static double score_error(struct check *check, const struct shape *shape, const float *q, const uint8_t *k)
{
	float *row = check_buffer(check, K_ROW, shape->head_dim * sizeof(*row));
	double worst = 0;

	for (size_t p = 0; p < shape->positions; p++) {
		double terms = 0;

		check->truth->to_f32[WICK_F16](row, k + p * shape->stride, shape->head_dim);
		for (size_t c = 0; c < shape->head_dim; c++)
			terms += fabs((double)row[c] * q[c]);
		worst = fmax(worst, fabs((double)shape->scale) *
				(check_dot_bound(check, shape->head_dim, terms) + 2 * CHECK_U * terms));
	}
	return worst;
}

/* A share is relatively off by its score's error and by that of all the others in the sum, and by what softmax may add:
 * differences of scores here stay below 2^7. Then each of the terms passes as many roundings as there are positions. */
static void bounds(struct check *check, const struct shape *shape, const float *q, const uint8_t *k, const uint8_t *v,
	const float *shares, double *bound)
{
	double softmax = check->plain ? 2 : 0x1p7 + 0x1p7 + 30;
	double relative = 2 * score_error(check, shape, q, k) + (softmax + (double)shape->positions + 12) * CHECK_U;
	float row[HEAD_MAX];

	for (size_t c = 0; c < shape->head_dim; c++)
		bound[c] = 0x1p-149;
	for (size_t p = 0; p < shape->positions; p++) {
		check->truth->to_f32[WICK_F16](row, v + p * shape->stride, shape->head_dim);
		for (size_t c = 0; c < shape->head_dim; c++)
			bound[c] += relative * fabs((double)shares[p] * row[c]) + 0x1p-126 * fabs((double)row[c]);
	}
}

static void put_half(uint8_t *rows, const struct shape *shape, size_t position, size_t column, uint16_t half)
{
	memcpy(rows + position * shape->stride + 2 * column, &half, sizeof(half));
}

/* Scores of 0 but for one, so that all shares are far from the smallest float. */
static void make_scores(const struct shape *shape, float *q, uint8_t *k, size_t odd, float large)
{
	memset(q, 0, shape->head_dim * sizeof(*q));
	q[0] = large;
	for (size_t p = 0; p < shape->positions; p++)
		put_half(k, shape, p, 0, p == odd ? HALF_MOST : 0);
}

/* Puts what is odd into its place, at one position. */
static void make_odd(struct check *check, const struct shape *shape, float *q, uint8_t *k, uint8_t *v)
{
	size_t p = check_random(check, (uint32_t)shape->positions), c = check_random(check, (uint32_t)shape->head_dim);

	if (shape->odd == KEY_ABOVE_ALL || shape->odd == KEY_BELOW_ALL)
		make_scores(shape, q, k, p, shape->odd == KEY_ABOVE_ALL ? 1e38f : -1e38f);
	else if (shape->odd >= NAN_VALUE)
		make_scores(shape, q, k, p, 0);
	if (shape->odd == NAN_QUERY)
		q[c] = NAN;
	else if (shape->odd == NAN_KEY)
		put_half(k, shape, p, c, HALF_NAN);
	else if (shape->odd >= NAN_VALUE)
		put_half(v, shape, p, c, shape->odd == NAN_VALUE ? HALF_NAN : HALF_INFINITY);
	if (shape->odd == INFINITE_BOTH)
		put_half(v, shape, (p + 1) % shape->positions, c, HALF_INFINITY | HALF_MINUS);
}

static void check_shape(struct check *check, const struct shape *shape)
{
	size_t n = shape->head_dim, span = shape->positions ? (shape->positions - 1) * shape->stride + 2 * n : 0;
	uint8_t *k = check_buffer(check, K, span), *v = check_buffer(check, V, span);
	float *q = check_buffer(check, Q, n * sizeof(*q));
	float *want = check_buffer(check, WANT, n * sizeof(*want)), *got = check_buffer(check, GOT, n * sizeof(*got));
	float *want_scores = check_buffer(check, WANT_SCORES, shape->positions * sizeof(*want_scores));
	float *got_scores = check_buffer(check, GOT_SCORES, shape->positions * sizeof(*got_scores));
	double bound[HEAD_MAX];

	check_floats(check, q, n, CHECK_PLAIN);
	for (size_t p = 0; p < shape->positions; p++) {
		check_numbers(check, WICK_F16, k + p * shape->stride, n, CHECK_PLAIN);
		check_numbers(check, WICK_F16, v + p * shape->stride, n, CHECK_PLAIN);
	}
	if (shape->odd)
		make_odd(check, shape, q, k, v);
	check_now(check, "attend to %zu positions, head of %zu, stride %zu, oddity %d", shape->positions, n, shape->stride,
		shape->odd);
	check->truth->attend(want, q, k, v, shape->stride, shape->positions, n, shape->scale, want_scores);
	check->kernels->attend(got, q, k, v, shape->stride, shape->positions, n, shape->scale, got_scores);
	if (shape->odd == KEY_BELOW_ALL)
		q[0] = 0; /* scores are exact */
	bounds(check, shape, q, k, v, want_scores, bound);
	check_near(check, want, got, bound, n);
	check_guards(check);
}

/* As in a prompt: each vector sees a position more than the last, in a window or not; or as heads that share their keys do,
 * all the same. Two positions beyond what anyone sees, and a half of some others, are no numbers. */
static void fill_batch(struct check *check, const struct shape *shape, size_t m, bool prompt)
{
	uint8_t *k = check_buffer(check, K, (shape->positions + 2) * shape->stride);
	uint8_t *v = check_buffer(check, V, (shape->positions + 2) * shape->stride);
	uint32_t *from = check_buffer(check, FROM, m * sizeof(*from)), *to = check_buffer(check, TO, m * sizeof(*to));
	uint32_t window = check_random(check, 2) ? 1 + check_random(check, 40) : UINT32_MAX;

	check_floats(check, check_buffer(check, Q, m * (shape->head_dim + 1) * sizeof(float)), m * (shape->head_dim + 1),
		CHECK_PLAIN);
	for (size_t p = 0; p < shape->positions + 2; p++) {
		check_numbers(check, WICK_F16, k + p * shape->stride, shape->head_dim, CHECK_PLAIN);
		check_numbers(check, WICK_F16, v + p * shape->stride, shape->head_dim, CHECK_PLAIN);
		if (p >= shape->positions || !check_random(check, 64))
			put_half(check_random(check, 2) ? k : v, shape, p, check_random(check, (uint32_t)shape->head_dim),
				HALF_NAN);
	}
	for (size_t i = 0; i < m; i++) {
		to[i] = (uint32_t)(shape->positions < m - i || !prompt ? shape->positions : shape->positions - (m - 1 - i));
		from[i] = to[i] > window ? to[i] - window : 0;
	}
}

static void check_batch(struct check *check, const struct shape *shape, size_t m, bool prompt)
{
	size_t n = shape->head_dim, ld = n + 1, bytes = m * ld * sizeof(float);
	size_t scratch = wick_attend_scratch_floats(m, shape->positions, n) * sizeof(float);
	float *want = check_buffer(check, WANT, bytes), *got = check_buffer(check, GOT, bytes), *scores;
	struct wick_attend job = { .out = got, .ldo = ld, .ldq = ld, .stride = shape->stride, .m = m, .head_dim = n,
		.scale = shape->scale, .scratch = check_buffer(check, GOT_SCORES, wick_align_up(scratch, 8)) };

	check_now(check, "attend_batch, %zu to %zu positions, head of %zu, %s", m, shape->positions, n,
		prompt ? "a prompt" : "heads that share their keys");
	fill_batch(check, shape, m, prompt);
	job.q = check_held(check, Q);
	job.k = check_held(check, K);
	job.v = check_held(check, V);
	job.from = check_held(check, FROM);
	job.to = check_held(check, TO);
	memset(want, 0, bytes);
	memset(got, 0, bytes);
	for (size_t i = 0; i < m; i++) {
		size_t skipped = job.from[i] * job.stride, count = job.to[i] - job.from[i];

		scores = check_buffer(check, WANT_SCORES, count * sizeof(*scores));
		check->kernels->attend(want + i * ld, job.q + i * ld, (const uint8_t *)job.k + skipped,
			(const uint8_t *)job.v + skipped, job.stride, count, n, job.scale, scores);
	}
	check->kernels->attend_batch(&job);
	check_same(check, "each vector alone", want, got, m * ld);
	check_guards(check);
}

static void check_batches(struct check *check)
{
	static const size_t batches[] = { 0, 1, 2, 4, 5, 7, 8, 12, M_MAX };

	for (size_t d = 0; d < WICK_COUNT_OF(head_dims); d++)
		for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++)
			for (size_t b = (d + l) % 2; b < WICK_COUNT_OF(batches); b += 2)
				if (check_due(check))
					check_batch(check, &(struct shape){ lengths[l], head_dims[d],
							   2 * head_dims[d] + (d + l) % 3 * 2,
							   1 / sqrtf((float)head_dims[d]), ORDINARY },
						batches[b], check_random(check, 2));
}

void check_attend(struct check *check)
{
	if (check->kernels->attend_batch != check->below->attend_batch)
		check_batches(check);
	if (check->kernels->attend == check->below->attend)
		return;
	for (size_t d = 0; d < WICK_COUNT_OF(head_dims); d++)
		for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++)
			if (check_due(check))
				check_shape(check, &(struct shape){ lengths[l], head_dims[d],
							   2 * head_dims[d] + (d + l) % 3 * 2,
							   1 / sqrtf((float)head_dims[d]), ORDINARY });
	for (enum odd odd = ORDINARY + 1; odd < ODDS; odd++)
		for (size_t d = 0; d < WICK_COUNT_OF(head_dims); d++)
			for (size_t l = 2; l < WICK_COUNT_OF(lengths); l++)
				if (check_due(check))
					check_shape(check, &(struct shape){ lengths[l], head_dims[d], 2 * head_dims[d], 1, odd });
}
