/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Normalisations in plain C. */

#include "sets.h"

#include <math.h>

static void layer_norm(float *y, const float *x, const float *weight, const float *bias, size_t count, float eps)
{
	double mean = 0, variance = 0, scale;

	for (size_t i = 0; i < count; i++)
		mean += x[i];
	mean /= (double)count;
	for (size_t i = 0; i < count; i++)
		variance += (x[i] - mean) * (x[i] - mean);
	scale = 1 / sqrt(variance / (double)count + (double)eps);
	for (size_t i = 0; i < count; i++)
		y[i] = (float)((x[i] - mean) * scale * (weight ? weight[i] : 1) + (bias ? bias[i] : 0));
}

static void rms_norm(float *y, const float *x, const float *weight, size_t count, float eps)
{
	double squares = 0, scale;

	for (size_t i = 0; i < count; i++)
		squares += (double)x[i] * x[i];
	scale = 1 / sqrt(squares / (double)count + (double)eps);
	for (size_t i = 0; i < count; i++)
		y[i] = (float)(x[i] * scale * (weight ? weight[i] : 1));
}

void wick_kernels_norm_c(struct wick_kernels *kernels)
{
	kernels->layer_norm = layer_norm;
	kernels->rms_norm = rms_norm;
}
