/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Softmax, with an exponential good to two units in the last place for what it is given here: nothing above zero. */

#include "vector.h"

typedef int32_t vec_bits __attribute__((vector_size(LANES * sizeof(float))));

/* e^x = 2^n * e^r, n the nearest whole number to x / ln 2, so |r| <= 0.347; ln 2 is taken off in two parts, the first
 * short enough for n times it to be exact. The polynomial is that of the Cephes library's expf. Adding 1.5 * 2^23 rounds
 * to a whole number, and leaves it in the low bits. Below -87.33 the result would be subnormal, and is zero. */
INLINE vec vec_exp(vec x)
{
	vec magic = vec_set(0x1.8p23f), clamped = vec_max(vec_set(-87.5f), x);
	vec shifted = vec_fma(clamped, vec_set(0x1.715476p0f), magic), n = shifted - magic;
	vec r = vec_fma(n, vec_set(2.12194440e-4f), vec_fma(n, vec_set(-0.693359375f), clamped));
	vec p = vec_set(1.9875691500e-4f);
	vec power = (vec)(((vec_bits)shifted << 23) + 0x3f800000);
	vec_bits vanished = (vec_bits)(x < vec_set(-87.33f));

	p = vec_fma(p, r, vec_set(1.3981999507e-3f));
	p = vec_fma(p, r, vec_set(8.3334519073e-3f));
	p = vec_fma(p, r, vec_set(4.1665795894e-2f));
	p = vec_fma(p, r, vec_set(1.6666665459e-1f));
	p = vec_fma(p, r, vec_set(5.0000001201e-1f));
	p = vec_fma(p * r, r, r) + vec_set(1);
	return (vec)((vec_bits)(p * power) & ~vanished);
}

/* Replaces one vector by its exponentials relative to `largest`, and returns their sum. */
INLINE float exp_vec(float *x, vec largest)
{
	vec value = vec_exp(vec_load(x) - largest);

	vec_store(x, value);
	return vec_sum(value);
}

static void softmax(float *x, size_t count)
{
	size_t whole = count - count % LANES, rest = count - whole;
	float padded[LANES];
	vec largest_vec, inverse;
	double sum = 0;

	for (size_t i = 0; i < LANES; i++)
		padded[i] = i < rest ? x[whole + i] : -HUGE_VALF;
	largest_vec = vec_load(padded);
	for (size_t i = 0; i < whole; i += LANES)
		largest_vec = vec_max(vec_load(x + i), largest_vec);

	largest_vec = vec_set(vec_largest(largest_vec));
	for (size_t i = 0; i < whole; i += LANES)
		sum += exp_vec(x + i, largest_vec);
	sum += exp_vec(padded, largest_vec);

	inverse = vec_set((float)(1 / sum));
	for (size_t i = 0; i < whole; i += LANES)
		vec_store(x + i, vec_load(x + i) * inverse);
	vec_store(padded, vec_load(padded) * inverse);
	if (rest)
		memcpy(x + whole, padded, rest * sizeof(*x));
}

static void set_softmax(struct wick_kernels *kernels)
{
	kernels->softmax = softmax;
}
