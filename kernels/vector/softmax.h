/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Softmax, with an exponential good to two units in the last place for what it is given here: nothing above zero. */

#include "vector.h"

typedef uint32_t vec_bits __attribute__((vector_size(LANES * sizeof(float))));

/* e^x = 2^n * e^r, n the nearest whole number to x / ln 2, so |r| <= 0.347; ln 2 is taken off in two parts, the first
 * short enough for n times it to be exact. The polynomial is that of the Cephes library's expf. Adding 1.5 * 2^23
 * rounds to a whole number, and leaves it in the low bits. Below -87.33 the result would be subnormal, and is zero. */
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

/* A row of a whole number of vectors and one that is padded; every step goes over all of it. */
struct softmax_row {
	float *x;
	size_t whole;
	float rest[LANES];
};

INLINE vec row_largest(const struct softmax_row *row)
{
	vec largest = vec_load(row->rest);

	for (size_t i = 0; i < row->whole; i += LANES)
		largest = vec_max(vec_load(row->x + i), largest);
	return vec_set(vec_largest(largest));
}

/* Replaces one vector by its exponentials relative to `largest`, and returns them. */
INLINE vec exp_vec(float *x, vec largest)
{
	vec value = vec_exp(vec_load(x) - largest);

	vec_store(x, value);
	return value;
}

/* The sum of all exponentials: of 8 vectors in float, of those sums in double. */
INLINE double row_exp(struct softmax_row *row, vec largest)
{
	double sum = (double)vec_sum(exp_vec(row->rest, largest));

	for (size_t i = 0; i < row->whole;) {
		size_t end = WICK_MIN(i + 8 * LANES, row->whole);
		vec some = vec_set(0);

		for (; i < end; i += LANES)
			some += exp_vec(row->x + i, largest);
		sum += (double)vec_sum(some);
	}
	return sum;
}

static void softmax(float *x, size_t count)
{
	struct softmax_row row = { .x = x, .whole = count - count % LANES };
	size_t rest = count - row.whole;
	vec inverse;

	for (size_t i = 0; i < LANES; i++)
		row.rest[i] = i < rest ? x[row.whole + i] : -HUGE_VALF;
	inverse = vec_set((float)(1 / row_exp(&row, row_largest(&row))));
	for (size_t i = 0; i < row.whole; i += LANES)
		vec_store(x + i, vec_load(x + i) * inverse);
	for (size_t i = 0; i < rest; i++)
		x[row.whole + i] = row.rest[i] * inverse[0];
}

static void set_softmax(struct wick_kernels *kernels)
{
	kernels->softmax = softmax;
}
