/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The steps of learning (see train_fit.h). One step, b of a batch, tasks in brackets:
 *
 *     hidden = x . in^T                          [tokens]
 *     slope  = d loss / d score of each neuron   [neurons]  and there the step of out and bias, from slope^T . hidden
 *     back   = slope . out                       [tokens]
 *     in's step from back^T . x                  [hidden]
 */

#include "train_fit.h"

#include "bits.h"
#include "pool.h"
#include "range.h"
#include "splitmix.h"
#include "train_start.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH WICK_FIT_BATCH
#define TOKEN_TASK 64
#define NEURON_TASK 128
#define HIDDEN_TASK 32
#define POSITIVE_WEIGHT 12 /* the threshold will be where few fire, and those must not be lost */
#define RATE 2e-3f
#define RATE_END 0.05f /* of it, at the last step */
#define WARM_STEPS 40
#define DECAY 0.01f
#define BETA1 0.9f
#define BETA2 0.98f
#define TIMES_MAX 4     /* through the text: more of it would be learned by heart */

/* Parameters with what AdamW keeps of them. */
struct weights {
	float *value, *rounded, *mean, *square; /* (count); rounded: as used */
	size_t count;
};

struct fit {
	const struct wick_fit_data *data;
	const struct wick_fit_options *options;
	const struct wick_kernels *kernels;
	struct wick_pool *pool;
	struct weights in, out, bias;
	float *x, *hidden, *slope, *back; /* (BATCH, d_model), (BATCH, rank), (BATCH, n_ff), (BATCH, rank) */
	float *gradient;  /* of out, or of in: every task has its own stretch */
	uint8_t *stored;  /* (threads, row_bytes) rows on their way through the type */
	size_t stored_bytes;
	uint64_t *counts; /* (neuron tasks, 2, BINS) */
	uint32_t tokens[BATCH], batch; /* the current tokens */
	uint32_t step;
	float rate;
	bool learning, rounding;
	uint64_t random;
};

static uint32_t tasks_of(uint64_t count, uint32_t each)
{
	return (uint32_t)wick_div_up(count, each);
}

/* Tokens' inputs as floats, and their hidden numbers. */
static void hidden_task(void *arg, uint32_t task, uint32_t thread)
{
	struct fit *fit = arg;
	size_t d_model = fit->data->d_model, rank = fit->options->rank;
	uint32_t first = task * TOKEN_TASK, count = WICK_MIN(TOKEN_TASK, fit->batch - first);

	(void)thread;
	for (uint32_t i = first; i < first + count; i++)
		fit->kernels->to_f32[WICK_F16](
			fit->x + i * d_model, fit->data->x + fit->tokens[i] * d_model, d_model);
	wick_gemm_nt(fit->hidden + first * rank, rank, fit->x + first * d_model, d_model, fit->in.rounded, d_model, count,
		rank, d_model, 0);
}

/* One AdamW step of `count` parameters from `at` on. */
static void adam(const struct fit *fit, struct weights *weights, size_t at, const float *gradient, size_t count, float decay)
{
	float mean_scale = 1 / (1 - powf(BETA1, (float)fit->step + 1));
	float square_scale = 1 / (1 - powf(BETA2, (float)fit->step + 1));

	for (size_t i = 0; i < count; i++) {
		float *mean = weights->mean + at + i, *square = weights->square + at + i, *value = weights->value + at + i;

		*mean = BETA1 * *mean + (1 - BETA1) * gradient[i];
		*square = BETA2 * *square + (1 - BETA2) * gradient[i] * gradient[i];
		*value -= fit->rate * (*mean * mean_scale / (sqrtf(*square * square_scale) + 1e-8f) + decay * *value);
	}
}

static bool fired(const struct wick_fit_data *data, uint32_t token, uint32_t neuron)
{
	return data->fired[token * data->fired_bytes + neuron / 8] >> neuron % 8 & 1;
}

static uint32_t bin_of(float score)
{
	float at = (score + WICK_FIT_REACH) * (WICK_FIT_BINS / (2.0f * WICK_FIT_REACH));

	return at > 0 ? (uint32_t)WICK_MIN(at, WICK_FIT_BINS - 1) : 0;
}

/* Scores of some neurons to slopes. */
static void learn_from(struct fit *fit, uint32_t first, uint32_t count)
{
	size_t n_ff = fit->data->n_ff;
	float each = 1 / (float)fit->batch;

	for (uint32_t b = 0; b < fit->batch; b++) {
		float *slope = fit->slope + b * n_ff;

		for (uint32_t i = first; i < first + count; i++)
			slope[i] = each / (1 + expf(-slope[i] - fit->bias.value[i]));
		for (uint32_t i = first; i < first + count; i++)
			if (fired(fit->data, fit->tokens[b], i))
				slope[i] = POSITIVE_WEIGHT * (slope[i] - each);
	}
}

/* Scores of some neurons to counts. */
static void tally(struct fit *fit, uint32_t task, uint32_t first, uint32_t count)
{
	for (uint32_t b = 0; b < fit->batch; b++)
		for (uint32_t i = first; i < first + count; i++) {
			bool yes = fired(fit->data, fit->tokens[b], i);
			float score = fit->slope[b * (size_t)fit->data->n_ff + i] + fit->bias.value[i];

			fit->counts[(2 * task + yes) * WICK_FIT_BINS + bin_of(score)]++;
		}
}

static void neurons_task(void *arg, uint32_t task, uint32_t thread)
{
	struct fit *fit = arg;
	size_t n_ff = fit->data->n_ff, rank = fit->options->rank;
	uint32_t first = task * NEURON_TASK, count = WICK_MIN(NEURON_TASK, fit->data->n_ff - first);
	float *gradient = fit->gradient + first * rank, bias_gradient[NEURON_TASK] = { 0 };

	(void)thread;
	wick_gemm_nt(fit->slope + first, n_ff, fit->hidden, rank, fit->out.rounded + first * rank, rank, fit->batch, count,
		rank, 0);
	if (!fit->learning) {
		tally(fit, task, first, count);
		return;
	}
	learn_from(fit, first, count);
	wick_gemm_tn(gradient, rank, fit->slope + first, n_ff, fit->hidden, rank, count, rank, fit->batch, 0);
	for (uint32_t b = 0; b < fit->batch; b++)
		for (uint32_t i = 0; i < count; i++)
			bias_gradient[i] += fit->slope[b * n_ff + first + i];
	adam(fit, &fit->out, first * rank, gradient, count * rank, DECAY);
	adam(fit, &fit->bias, first, bias_gradient, count, 0);
}

static void back_task(void *arg, uint32_t task, uint32_t thread)
{
	struct fit *fit = arg;
	size_t n_ff = fit->data->n_ff, rank = fit->options->rank;
	uint32_t first = task * TOKEN_TASK, count = WICK_MIN(TOKEN_TASK, fit->batch - first);

	(void)thread;
	wick_gemm_nn(fit->back + first * rank, rank, fit->slope + first * n_ff, n_ff, fit->out.rounded, rank, count, rank,
		n_ff, 0);
}

static void in_task(void *arg, uint32_t task, uint32_t thread)
{
	struct fit *fit = arg;
	size_t d_model = fit->data->d_model, rank = fit->options->rank;
	uint32_t first = task * HIDDEN_TASK, count = WICK_MIN(HIDDEN_TASK, fit->options->rank - first);
	float *gradient = fit->gradient + first * d_model;

	(void)thread;
	wick_gemm_tn(gradient, d_model, fit->back + first, rank, fit->x, d_model, count, d_model, fit->batch, 0);
	adam(fit, &fit->in, first * d_model, gradient, count * d_model, DECAY);
}

/* A row as it will be used. */
static void round_row(struct fit *fit, struct weights *weights, size_t at, size_t cols, uint32_t thread)
{
	uint8_t *stored = fit->stored + thread * fit->stored_bytes;

	if (!fit->rounding) {
		memcpy(weights->rounded + at, weights->value + at, cols * sizeof(float));
		return;
	}
	fit->kernels->from_f32[fit->options->type](stored, weights->value + at, cols);
	fit->kernels->to_f32[fit->options->type](weights->rounded + at, stored, cols);
}

static void round_task(void *arg, uint32_t task, uint32_t thread)
{
	struct fit *fit = arg;
	size_t d_model = fit->data->d_model, rank = fit->options->rank;
	uint64_t first = (uint64_t)task * NEURON_TASK, end = WICK_MIN(first + NEURON_TASK, rank + fit->data->n_ff);

	for (uint64_t row = first; row < end; row++)
		if (row < rank)
			round_row(fit, &fit->in, row * d_model, d_model, thread);
		else
			round_row(fit, &fit->out, (row - rank) * rank, rank, thread);
}

/* A step by the current tokens. */
static void step(struct fit *fit)
{
	uint32_t token_tasks = tasks_of(fit->batch, TOKEN_TASK), rank = fit->options->rank, n_ff = fit->data->n_ff;

	wick_pool_run(fit->pool, hidden_task, fit, token_tasks);
	wick_pool_run(fit->pool, neurons_task, fit, tasks_of(n_ff, NEURON_TASK));
	wick_pool_run(fit->pool, back_task, fit, token_tasks);
	wick_pool_run(fit->pool, in_task, fit, tasks_of(rank, HIDDEN_TASK));
	wick_pool_run(fit->pool, round_task, fit, tasks_of(rank + (uint64_t)n_ff, NEURON_TASK));
}

/* The held-out tokens, for their scores. */
static void measure(struct fit *fit)
{
	uint32_t held = fit->data->tokens - fit->data->train;

	fit->learning = false;
	for (uint32_t done = 0; done < held; done += fit->batch) {
		fit->batch = WICK_MIN(BATCH, held - done);
		for (uint32_t b = 0; b < fit->batch; b++)
			fit->tokens[b] = fit->data->train + done + b;
		wick_pool_run(fit->pool, hidden_task, fit, tasks_of(fit->batch, TOKEN_TASK));
		wick_pool_run(fit->pool, neurons_task, fit, tasks_of(fit->data->n_ff, NEURON_TASK));
	}
}

static float rate_at(const struct fit *fit, uint32_t steps)
{
	float part = (float)fit->step / (float)steps;
	float warm = fminf(1, ((float)fit->step + 1) / WARM_STEPS);

	return RATE * warm * (RATE_END + (1 - RATE_END) * 0.5f * (1 + cosf((float)M_PI * part)));
}

static int learn(struct fit *fit, uint32_t steps)
{
	int rc = 0;

	fit->learning = true;
	fit->batch = BATCH;
	for (fit->step = 0; rc == 0 && fit->step < steps; fit->step++) {
		fit->rate = rate_at(fit, steps);
		fit->rounding = fit->step >= steps / 2;
		for (uint32_t b = 0; b < BATCH; b++)
			fit->tokens[b] = (uint32_t)(wick_splitmix_draw(&fit->random) % fit->data->train);
		step(fit);
		if (fit->options->progress && fit->options->progress(fit->options->user, fit->step, steps))
			rc = -ECANCELED;
	}
	return rc;
}

/* Inputs that were large beyond measure leave weights that are so, too, or no numbers at all. */
static bool can_be_stored(const struct fit *fit)
{
	size_t d_model = fit->data->d_model, n_ff = fit->data->n_ff, rank = fit->options->rank;
	float limit = wick_limit_of(fit->options->type);

	return wick_all_below(fit->in.value, rank * d_model, limit) && wick_all_below(fit->out.value, n_ff * rank, limit) &&
		wick_all_below(fit->bias.value, n_ff, INFINITY);
}

/* The weights as stored, and how they do on held-out text. */
static void finish(struct fit *fit, struct wick_fitted *fitted)
{
	size_t d_model = fit->data->d_model, n_ff = fit->data->n_ff, rank = fit->options->rank;
	enum wick_type type = fit->options->type;
	uint32_t tasks = tasks_of(n_ff, NEURON_TASK);

	fit->rounding = true;
	wick_pool_run(fit->pool, round_task, fit, tasks_of(rank + n_ff, NEURON_TASK));
	for (size_t r = 0; r < rank; r++)
		fit->kernels->from_f32[type](
			fitted->in + r * wick_type_bytes(type, d_model), fit->in.value + r * d_model, d_model);
	for (size_t i = 0; i < n_ff; i++)
		fit->kernels->from_f32[type](fitted->out + i * wick_type_bytes(type, rank), fit->out.value + i * rank, rank);
	memcpy(fitted->bias, fit->bias.value, n_ff * sizeof(float));
	measure(fit);
	memset(fitted->counts, 0, 2 * sizeof(*fitted->counts));
	for (uint32_t t = 0; t < tasks; t++)
		for (uint32_t i = 0; i < 2 * WICK_FIT_BINS; i++)
			fitted->counts[i / WICK_FIT_BINS][i % WICK_FIT_BINS] += fit->counts[(size_t)t * 2 * WICK_FIT_BINS + i];
	fitted->steps = fit->step;
}

/* Everything is one allocation, carved in this order. */
static uint64_t carve(struct fit *fit, uint8_t *base)
{
	size_t d_model = fit->data->d_model, n_ff = fit->data->n_ff, rank = fit->options->rank;
	uint64_t sizes[] = { rank * d_model, n_ff * rank, n_ff }, at = 0;
	struct weights *all[] = { &fit->in, &fit->out, &fit->bias };
	struct { float **where; uint64_t count; } buffers[] = { { &fit->x, BATCH * d_model }, { &fit->hidden, BATCH * rank },
		{ &fit->slope, BATCH * n_ff }, { &fit->back, BATCH * rank }, { &fit->gradient, rank * WICK_MAX(d_model, n_ff) } };

#define TAKE(where, bytes) ((where) = (void *)((uintptr_t)base + at), at += wick_align_up(bytes, 64))
	for (int i = 0; i < 3; i++) {
		TAKE(all[i]->value, sizes[i] * sizeof(float));
		TAKE(all[i]->rounded, sizes[i] * sizeof(float));
		TAKE(all[i]->mean, sizes[i] * sizeof(float));
		TAKE(all[i]->square, sizes[i] * sizeof(float));
		all[i]->count = sizes[i];
	}
	for (size_t i = 0; i < WICK_COUNT_OF(buffers); i++)
		TAKE(*buffers[i].where, buffers[i].count * sizeof(float));
	fit->stored_bytes = WICK_MAX(d_model, rank) * sizeof(float);
	TAKE(fit->stored, wick_pool_threads(fit->pool) * fit->stored_bytes);
	TAKE(fit->counts, (uint64_t)tasks_of(n_ff, NEURON_TASK) * 2 * WICK_FIT_BINS * sizeof(uint64_t));
#undef TAKE
	return at;
}

int wick_fit(struct wick_fitted *fitted, const struct wick_fit_data *data, const struct wick_fit_options *options,
	const struct wick_kernels *kernels, struct wick_pool *pool, struct wick_diag *diag)
{
	struct fit fit = { .data = data, .options = options, .kernels = kernels, .pool = pool, .random = options->seed };
	uint32_t steps = (uint32_t)WICK_MIN(options->steps, wick_div_up((uint64_t)data->train * TIMES_MAX, BATCH));
	uint8_t *base = calloc(1, carve(&fit, NULL));
	int rc;

	if (!base)
		return wick_diag_say(diag, -ENOMEM, "no memory to learn a predictor");
	carve(&fit, base);
	rc = wick_train_start(data, options->rank, options->seed, kernels, pool, fit.in.value, fit.out.value, fit.bias.value, diag);
	if (rc == 0) {
		wick_pool_run(pool, round_task, &fit, tasks_of(options->rank + (uint64_t)data->n_ff, NEURON_TASK));
		rc = learn(&fit, steps);
	}
	if (rc == 0 && !can_be_stored(&fit))
		rc = wick_diag_say(diag, -ERANGE, "what was learned is too large to be stored: the model's numbers are out of range");
	if (rc == 0)
		finish(&fit, fitted);
	free(base);
	return rc;
}
