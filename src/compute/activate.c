/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Activations, and gates times what they let through (see compute.h). */

#include "compute.h"

#include "bits.h"
#include "pool.h"

#include <math.h>
#include <string.h>

#define TASK_NUMBERS 2048 /* some microseconds of exponentials */

static void silu(float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] = x[i] / (1 + expf(-x[i]));
}

static void gelu_tanh(float *x, size_t count)
{
	const float scale = 0.7978845608f; /* sqrt(2 / pi) */

	for (size_t i = 0; i < count; i++)
		x[i] = 0.5f * x[i] * (1 + tanhf(scale * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
}

/* NaN stays. */
static void relu2(float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] = x[i] < 0 ? 0 : x[i] * x[i];
}

static void cut_below(float *x, float threshold, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] = x[i] <= threshold ? 0 : x[i];
}

void wick_activate(const struct wick_kernels *kernels, enum wick_act act, float *x, size_t count)
{
	void (*const acts[WICK_ACT_COUNT])(float *x, size_t count) = {
		[WICK_ACT_RELU] = kernels->relu,
		[WICK_ACT_GELU] = kernels->gelu,
		[WICK_ACT_GELU_TANH] = gelu_tanh,
		[WICK_ACT_SILU] = silu,
		[WICK_ACT_RELU2] = relu2,
	};

	acts[act](x, count);
}

/* As gpt-oss has it (arXiv 2508.10925): what goes into it is bounded, and up is never 0 where it is 0. */
#define OAI_LIMIT 7
#define OAI_ALPHA 1.702f

static void gate_oai(float *x, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		float g = x[i] > OAI_LIMIT ? OAI_LIMIT : x[i];

		x[i] = g / (1 + expf(-OAI_ALPHA * g));
	}
}

static float up_oai(float up)
{
	return (up > OAI_LIMIT ? OAI_LIMIT : up < -OAI_LIMIT ? -OAI_LIMIT : up) + 1;
}

void wick_activate_gate(const struct wick_kernels *kernels, enum wick_act act, float *gate, size_t count)
{
	if (act == WICK_ACT_SWIGLU_OAI)
		gate_oai(gate, count);
	else
		wick_activate(kernels, act, gate, count);
}

void wick_let_open_through(enum wick_act act, float *gate, const float *up, size_t count)
{
	for (size_t i = 0; i < count; i++)
		gate[i] = gate[i] == 0 ? 0 : gate[i] * (act == WICK_ACT_SWIGLU_OAI ? up_oai(up[i]) : up[i]);
}

void wick_activate_gated(const struct wick_kernels *kernels, enum wick_act act, float *x, const float *up, size_t count)
{
	wick_activate_gate(kernels, act, x, count);
	for (size_t i = 0; i < count; i++)
		x[i] *= act == WICK_ACT_SWIGLU_OAI ? up_oai(up[i]) : up[i];
}

void wick_let_through(const struct wick_ffn_facts *facts, float *x, const float *up, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] *= facts->relu_up && up[i] < 0 ? 0 : up[i];
}

void wick_activate_ffn(const struct wick_kernels *kernels, const struct wick_ffn_facts *facts, float *x, const float *up,
	size_t count)
{
	if (facts->threshold > 0)
		cut_below(x, facts->threshold, count);
	else
		wick_activate(kernels, facts->act, x, count);
	if (up)
		wick_let_through(facts, x, up, count);
}

struct job {
	const struct wick_compute *compute;
	const struct wick_ffn_facts *facts;
	float *x;
	const float *up;
	size_t count;
};

static void gate_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	size_t first = (size_t)task * TASK_NUMBERS, end = WICK_MIN(first + TASK_NUMBERS, job->count);

	(void)thread;
	wick_activate_ffn(job->compute->kernels, job->facts, job->x + first, job->up ? job->up + first : NULL, end - first);
}

void wick_gate(const struct wick_compute *compute, const struct wick_ffn_facts *facts, float *x, const float *up, size_t count)
{
	struct job job = { compute, facts, x, up, count };

	wick_pool_run(compute->pool, gate_task, &job, (uint32_t)wick_div_up(count, TASK_NUMBERS));
}

struct cut_job {
	const struct wick_kernels *kernels;
	enum wick_act act;
	float threshold;
	float *gate;
	size_t count;
};

static void cut_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct cut_job *job = arg;
	size_t first = (size_t)task * TASK_NUMBERS, count = WICK_MIN(TASK_NUMBERS, job->count - first);
	float *gate = job->gate + first;

	(void)thread;
	wick_activate(job->kernels, job->act, gate, count);
	for (size_t i = 0; i < count; i++)
		gate[i] = fabsf(gate[i]) < job->threshold ? 0 : gate[i];
}

void wick_activate_gates(const struct wick_compute *compute, enum wick_act act, float threshold, float *gate, size_t count)
{
	struct cut_job job = { compute->kernels, act, threshold, gate, count };

	wick_pool_run(compute->pool, cut_task, &job, (uint32_t)wick_div_up(count, TASK_NUMBERS));
}

struct cap_job {
	float cap;
	float *x;
	size_t count;
};

static void cap_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct cap_job *job = arg;
	size_t first = (size_t)task * TASK_NUMBERS, end = WICK_MIN(first + TASK_NUMBERS, job->count);

	(void)thread;
	for (size_t i = first; i < end; i++)
		job->x[i] = job->cap * tanhf(job->x[i] / job->cap);
}

void wick_cap(const struct wick_compute *compute, float cap, float *x, size_t count)
{
	struct cap_job job = { cap, x, count };

	wick_pool_run(compute->pool, cap_task, &job, (uint32_t)wick_div_up(count, TASK_NUMBERS));
}
