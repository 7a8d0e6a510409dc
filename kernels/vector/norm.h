/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Normalisations, in double as in plain C: four lanes of two accumulators each, whatever the instruction set. */

#include "vector.h"

typedef float quad __attribute__((vector_size(16)));
typedef double wide_quad __attribute__((vector_size(32)));

INLINE wide_quad wide_load(const float *x)
{
	quad four;

	memcpy(&four, x, sizeof(four));
	return __builtin_convertvector(four, wide_quad);
}

INLINE double wide_sum(wide_quad a)
{
	return (a[0] + a[1]) + (a[2] + a[3]);
}

/* sum of (x - centre)^power, power 1 or 2. */
INLINE double sum_powers(const float *x, size_t count, double centre, int power)
{
	wide_quad sums[2] = { 0 };
	size_t i = 0;
	double rest = 0;

	for (; i + 8 <= count; i += 8)
		for (size_t half = 0; half < 2; half++) {
			wide_quad off = wide_load(x + i + 4 * half) - centre;

			sums[half] += power == 2 ? off * off : off;
		}
	for (; i < count; i++) {
		double off = x[i] - centre;

		rest += power == 2 ? off * off : off;
	}
	return wide_sum(sums[0] + sums[1]) + rest;
}

/* y = (x - centre) * scale * weight + bias, four at a time. */
INLINE void rescale(
	float *y, const float *x, double centre, double scale, const float *weight, const float *bias, size_t count)
{
	size_t i = 0;

	for (; i + 4 <= count; i += 4) {
		wide_quad value = (wide_load(x + i) - centre) * scale;
		quad four;

		value = weight ? value * wide_load(weight + i) : value;
		value = bias ? value + wide_load(bias + i) : value;
		four = __builtin_convertvector(value, quad);
		memcpy(y + i, &four, sizeof(four));
	}
	for (; i < count; i++)
		y[i] = (float)((x[i] - centre) * scale * (weight ? weight[i] : 1) + (bias ? bias[i] : 0));
}

static void layer_norm(float *y, const float *x, const float *weight, const float *bias, size_t count, float eps)
{
	double mean = sum_powers(x, count, 0, 1) / (double)count;
	double variance = sum_powers(x, count, mean, 2) / (double)count;

	rescale(y, x, mean, 1 / sqrt(variance + (double)eps), weight, bias, count);
}

static void rms_norm(float *y, const float *x, const float *weight, size_t count, float eps)
{
	double square = sum_powers(x, count, 0, 2) / (double)count;

	rescale(y, x, 0, 1 / sqrt(square + (double)eps), weight, NULL, count);
}

static void set_norm(struct wick_kernels *kernels)
{
	kernels->layer_norm = layer_norm;
	kernels->rms_norm = rms_norm;
}
