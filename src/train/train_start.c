/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reduced-rank regression by subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061). The scores of a sample,
 * a = x . up^T with the mean of x taken off, are best approximated by a . Q . Q^T, Q (n_ff, rank) an orthonormal basis of
 * the directions in which they differ most. So in = Q^T . up and out = Q, and Q comes from a random one by
 *
 *     Q <- orthonormal(a^T . (a . Q))      a few times
 */

#include "train_start.h"

#include "bits.h"
#include "pool.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_TOKENS 4096u
#define ITERATIONS 4
#define TASK_ROWS 64
#define LOGITS 3 /* scores begin with this standard deviation: a cross-entropy wants some certainty */

struct start {
	const struct wick_fit_data *data;
	const struct wick_kernels *kernels;
	uint32_t rank, samples;
	float *x;      /* (samples, d_model) less the mean */
	float *mean;   /* (d_model) */
	float *q;      /* (n_ff, rank) */
	float *small;  /* (d_model, rank): up^T . q, or x^T . z */
	float *z;      /* (samples, rank) */
	double *gram;  /* (rank, rank) */
};

/* One product cut by rows of its result: kinds of c = a * b. */
struct product {
	float *c;
	const float *a, *b;
	size_t m, n, k, lda;
	bool a_turned; /* a is (k, m) */
	bool b_turned; /* b is (n, k) */
};

static void product_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct product *p = arg;
	size_t first = (size_t)task * TASK_ROWS, rows = WICK_MIN(TASK_ROWS, p->m - first);

	(void)thread;
	if (p->a_turned)
		wick_gemm_tn(p->c + first * p->n, p->n, p->a + first, p->lda, p->b, p->n, rows, p->n, p->k, 0);
	else if (p->b_turned)
		wick_gemm_nt(p->c + first * p->n, p->n, p->a + first * p->lda, p->lda, p->b, p->k, rows, p->n, p->k, 0);
	else
		wick_gemm_nn(p->c + first * p->n, p->n, p->a + first * p->lda, p->lda, p->b, p->n, rows, p->n, p->k, 0);
}

static void multiply(struct wick_pool *pool, struct product product)
{
	wick_pool_run(pool, product_task, &product, (uint32_t)wick_div_up(product.m, TASK_ROWS));
}

/* gram = q^T . q, by rows */
static void gram_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct start *start = arg;
	size_t rank = start->rank, n_ff = start->data->n_ff;
	double *row = start->gram + task * rank;

	(void)thread;
	memset(row, 0, rank * sizeof(*row));
	for (size_t i = 0; i < n_ff; i++) {
		const float *q = start->q + i * rank;
		double value = q[task];

		for (size_t r = 0; r <= task; r++)
			row[r] += value * q[r];
	}
}

/* gram = l . l^T in place, l in the lower triangle. A direction that has nothing of its own is left out. */
static void factor(double *gram, size_t rank)
{
	for (size_t i = 0; i < rank; i++) {
		double floor = gram[i * rank + i] * 1e-10;

		for (size_t j = 0; j <= i; j++) {
			double sum = gram[i * rank + j];

			for (size_t k = 0; k < j; k++)
				sum -= gram[i * rank + k] * gram[j * rank + k];
			if (j < i)
				gram[i * rank + j] = gram[j * rank + j] > 0 ? sum / gram[j * rank + j] : 0;
			else
				gram[i * rank + i] = sum > floor ? sqrt(sum) : 0;
		}
	}
}

/* Rows of q times l^-T. */
static void solve_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct start *start = arg;
	size_t rank = start->rank, end = WICK_MIN((task + 1) * (size_t)TASK_ROWS, start->data->n_ff);

	(void)thread;
	for (size_t i = task * (size_t)TASK_ROWS; i < end; i++) {
		float *q = start->q + i * rank;

		for (size_t r = 0; r < rank; r++) {
			const double *l = start->gram + r * rank;
			double sum = q[r];

			for (size_t k = 0; k < r; k++)
				sum -= l[k] * q[k];
			q[r] = l[r] > 0 ? (float)(sum / l[r]) : 0;
		}
	}
}

static void orthonormalise(struct start *start, struct wick_pool *pool)
{
	wick_pool_run(pool, gram_task, start, start->rank);
	factor(start->gram, start->rank);
	wick_pool_run(pool, solve_task, start, (uint32_t)wick_div_up(start->data->n_ff, TASK_ROWS));
}

static void take_sample(struct start *start)
{
	size_t d_model = start->data->d_model;

	memset(start->mean, 0, d_model * sizeof(float));
	for (uint32_t s = 0; s < start->samples; s++) {
		uint32_t token = (uint32_t)((uint64_t)s * start->data->train / start->samples);

		start->kernels->to_f32[WICK_F16](start->x + s * d_model, start->data->x + token * d_model, d_model);
		for (size_t c = 0; c < d_model; c++)
			start->mean[c] += start->x[s * d_model + c] / (float)start->samples;
	}
	for (uint32_t s = 0; s < start->samples; s++)
		for (size_t c = 0; c < d_model; c++)
			start->x[s * d_model + c] -= start->mean[c];
}

WICK_WRAPS static void fill_random(float *q, size_t count, uint64_t seed)
{
	for (size_t i = 0; i < count; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		q[i] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
	}
}

static void iterate(struct start *start, struct wick_pool *pool)
{
	size_t d_model = start->data->d_model, n_ff = start->data->n_ff, rank = start->rank, samples = start->samples;
	const float *up = start->data->up;

	multiply(pool, (struct product){ start->small, up, start->q, d_model, rank, n_ff, d_model, .a_turned = true });
	multiply(pool, (struct product){ start->z, start->x, start->small, samples, rank, d_model, d_model, .a_turned = false });
	multiply(pool, (struct product){ start->small, start->x, start->z, d_model, rank, samples, d_model, .a_turned = true });
	multiply(pool, (struct product){ start->q, up, start->small, n_ff, rank, d_model, d_model, .a_turned = false });
	orthonormalise(start, pool);
}

static float deviation(const float *numbers, size_t count)
{
	double square = 0;

	for (size_t i = 0; i < count; i++)
		square += (double)numbers[i] * numbers[i];
	return (float)sqrt(square / (double)WICK_MAX(count, 1u)) + 1e-20f;
}

/* From Q to in, out and bias. Hidden numbers get variance 1, scores one of LOGITS^2. */
static void unfold(struct start *start, struct wick_pool *pool, float *in, float *out, float *bias)
{
	size_t d_model = start->data->d_model, n_ff = start->data->n_ff, rank = start->rank;
	const float *up = start->data->up;
	float hidden, certainty;

	multiply(pool, (struct product){ in, start->q, up, rank, d_model, n_ff, rank, .a_turned = true });
	multiply(pool, (struct product){ start->z, start->x, in, start->samples, rank, d_model, d_model, .b_turned = true });
	hidden = deviation(start->z, start->samples * rank);
	certainty = LOGITS / (hidden * sqrtf((float)rank / (float)n_ff)); /* Q keeps lengths */
	for (size_t i = 0; i < n_ff; i++) {
		double score = start->data->up_bias ? start->data->up_bias[i] : 0;

		for (size_t c = 0; c < d_model; c++)
			score += (double)up[i * d_model + c] * start->mean[c];
		bias[i] = (float)score * certainty;
	}
	for (size_t i = 0; i < rank * d_model; i++)
		in[i] /= hidden;
	for (size_t i = 0; i < n_ff * rank; i++)
		out[i] = start->q[i] * hidden * certainty;
	for (size_t r = 0; r < rank; r++) { /* the mean of x goes through in and out as well */
		double mean = 0;

		for (size_t c = 0; c < d_model; c++)
			mean += (double)in[r * d_model + c] * start->mean[c];
		for (size_t i = 0; i < n_ff; i++)
			bias[i] -= (float)mean * out[i * rank + r];
	}
}

int wick_train_start(const struct wick_fit_data *data, uint32_t rank, uint64_t seed, const struct wick_kernels *kernels,
	struct wick_pool *pool, float *in, float *out, float *bias, struct wick_diag *diag)
{
	struct start start = { .data = data, .kernels = kernels, .rank = rank, .samples = WICK_MIN(SAMPLE_TOKENS, data->train) };
	size_t d_model = data->d_model, n_ff = data->n_ff;
	int rc = 0;

	start.x = malloc(start.samples * d_model * sizeof(float));
	start.mean = malloc(d_model * sizeof(float));
	start.q = malloc(n_ff * rank * sizeof(float));
	start.small = malloc(d_model * rank * sizeof(float));
	start.z = malloc(start.samples * (size_t)rank * sizeof(float));
	start.gram = malloc((size_t)rank * rank * sizeof(double));
	if (start.x && start.mean && start.q && start.small && start.z && start.gram) {
		take_sample(&start);
		fill_random(start.q, n_ff * rank, seed);
		for (int i = 0; i < ITERATIONS; i++)
			iterate(&start, pool);
		unfold(&start, pool, in, out, bias);
	} else {
		rc = wick_diag_say(diag, -ENOMEM, "no memory to begin a predictor of rank %u", rank);
	}
	free(start.x);
	free(start.mean);
	free(start.q);
	free(start.small);
	free(start.z);
	free(start.gram);
	return rc;
}
