/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Normalisations: every set computes in double, so that only the order of its sums differs. */

#include "check.h"

#include <math.h>
#include <string.h>

enum slots { X, WEIGHT, BIAS, WANT, GOT };

static const size_t lengths[] = { 0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 31, 33, 64, 100, 320, 768, 1023, 4096 };

/* Weight, bias or neither, by the bits of `given`; offset makes the mean large beside the spread. */
struct shape {
	size_t count;
	unsigned given;
	float offset, eps;
};

/* With e = count * 2^-52 for a sum's rounding: the mean is off by e * mean|x|, the scale relatively by
 * e * (1 + 2 mean|x| / deviation) at most; both are doubled for the reference's own, and one float rounding is added. */
static double bound_of(const struct shape *shape, double magnitude, double mean, double scale, double x, double weight,
	double bias)
{
	double e = (double)shape->count * 0x1p-52;
	double term = fabs((x - mean) * scale * weight);

	return (2 * CHECK_U + 2 * e * (1 + 2 * magnitude * scale)) * (term + fabs(bias)) +
		2 * e * magnitude * scale * fabs(weight) + 0x1p-149;
}

static void bounds(struct check *check, const struct shape *shape, bool centred, const float *weight, const float *bias,
	double *bound)
{
	const float *x = check_held(check, X);
	double magnitude = 0, mean = 0, variance = 0;

	for (size_t i = 0; i < shape->count; i++) {
		magnitude += fabs((double)x[i]) / (double)shape->count;
		mean += centred ? x[i] / (double)shape->count : 0;
	}
	for (size_t i = 0; i < shape->count; i++)
		variance += (x[i] - mean) * (x[i] - mean) / (double)shape->count;
	for (size_t i = 0; i < shape->count; i++)
		bound[i] = bound_of(shape, magnitude, mean, 1 / sqrt(variance + (double)shape->eps), x[i],
			weight ? weight[i] : 1, bias ? bias[i] : 0);
}

static void check_shape(struct check *check, const struct shape *shape)
{
	size_t n = shape->count;
	float *x = check_buffer(check, X, n * sizeof(*x)), *got = check_buffer(check, GOT, n * sizeof(*got));
	float *weight = check_buffer(check, WEIGHT, n * sizeof(*weight)), *want = check_buffer(check, WANT, n * sizeof(*want));
	float *bias = check_buffer(check, BIAS, n * sizeof(*bias));
	double bound[4096];

	check_floats(check, x, n, CHECK_PLAIN);
	check_floats(check, weight, n, CHECK_PLAIN);
	check_floats(check, bias, n, CHECK_PLAIN);
	for (size_t i = 0; i < n; i++)
		x[i] += shape->offset;
	weight = shape->given & 1 ? weight : NULL;
	bias = shape->given & 2 ? bias : NULL;

	check_now(check, "layer_norm of %zu, given %u, offset %g", n, shape->given, (double)shape->offset);
	bounds(check, shape, true, weight, bias, bound);
	check->truth->layer_norm(want, x, weight, bias, n, shape->eps);
	check->kernels->layer_norm(got, x, weight, bias, n, shape->eps);
	check_near(check, want, got, bound, n);

	check_now(check, "rms_norm of %zu, given %u, offset %g", n, shape->given, (double)shape->offset);
	bounds(check, shape, false, weight, NULL, bound);
	check->truth->rms_norm(want, x, weight, n, shape->eps);
	check->kernels->rms_norm(got, x, weight, n, shape->eps);
	check_near(check, want, got, bound, n);

	/* In place, last, because it changes x. */
	memcpy(want, got, n * sizeof(*want));
	check->kernels->rms_norm(x, x, weight, n, shape->eps);
	check_same(check, "in place", want, x, n);
	memcpy(x, want, n * sizeof(*x));
	check->kernels->layer_norm(got, x, weight, bias, n, shape->eps);
	check->kernels->layer_norm(x, x, weight, bias, n, shape->eps);
	check_same(check, "layer_norm in place", got, x, n);
	check_guards(check);
}

void check_norm(struct check *check)
{
	static const float offsets[] = { 0, 1, 1000 };

	if (check->kernels->layer_norm == check->below->layer_norm && check->kernels->rms_norm == check->below->rms_norm)
		return;
	for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++)
		for (unsigned given = 0; given < 4; given++)
			for (size_t o = 0; o < WICK_COUNT_OF(offsets); o++)
				check_shape(check, &(struct shape){ lengths[l], given, offsets[o], 1e-5f });
}
