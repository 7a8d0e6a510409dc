/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "check.h"

#include <math.h>
#include <string.h>

enum slots { X, TURNS, FREQUENCIES, WANT, GOT };

static const size_t lengths[] = { 0, 2, 4, 6, 8, 14, 16, 18, 32, 64, 80, 128, 256 };
static const uint32_t positions[] = { 0, 1, 2, 31, 2047, 131071 };
static const double bases[] = { 10000, 500000 }, sizes[] = { 1, 1.2079441541679836 };

/* An angle is off by 8 units of double at most, and so are its sine and cosine; then they are rounded to float. */
static void check_turns(struct check *check, size_t count, uint32_t position, double base, double size)
{
	float *want = check_buffer(check, WANT, count * sizeof(*want)), *got = check_buffer(check, GOT, count * sizeof(*got));
	double *frequencies = check_buffer(check, FREQUENCIES, count / 2 * sizeof(*frequencies)), bound[256];

	for (size_t i = 0; i < count / 2; i++)
		frequencies[i] = pow(base, -2.0 * (double)i / (double)count);
	for (size_t i = 0; i < count; i++)
		bound[i] = size * (2 * CHECK_U + 8 * 0x1p-52 * (1 + position));
	check_now(check, "rope_turns of %zu at %u, base %g, size %g", count, position, base, size);
	check->truth->rope_turns(want, frequencies, count / 2, position, size);
	check->kernels->rope_turns(got, frequencies, count / 2, position, size);
	check_near(check, want, got, bound, count);
	check_guards(check);
}

typedef void (*rope_fn)(float *x, const float *turns, size_t count);

/* Any turns will do, also such as are no sine and cosine. The sum is in double, and rounded once. */
static void check_turned(struct check *check, rope_fn truth, rope_fn kernel, size_t step, size_t count)
{
	float *x = check_buffer(check, X, count * sizeof(*x)), *turns = check_buffer(check, TURNS, count * sizeof(*turns));
	float *want = check_buffer(check, WANT, count * sizeof(*want)), *got = check_buffer(check, GOT, count * sizeof(*got));
	double bound[256];

	check_floats(check, x, count, CHECK_PLAIN);
	check_floats(check, turns, count, CHECK_PLAIN);
	for (size_t i = 0; i < count; i++) { /* a step of 1: halves; of 2: neighbours */
		size_t pair = step == 1 ? i % (count / 2) : i / 2 * 2, other = pair + (step == 1 ? count / 2 : 1);

		bound[i] = 2 * CHECK_U * (fabs((double)x[pair]) + fabs((double)x[other])) * 2;
	}
	memcpy(want, x, count * sizeof(*x));
	memcpy(got, x, count * sizeof(*x));
	check_now(check, "rope of %zu, step %zu", count, step);
	truth(want, turns, count);
	kernel(got, turns, count);
	check_near(check, want, got, bound, count);
	check_guards(check);
}

static void check_length(struct check *check, size_t count)
{
	for (size_t p = 0; p < WICK_COUNT_OF(positions); p++)
		for (size_t b = 0; b < WICK_COUNT_OF(bases); b++)
			check_turns(check, count, positions[p], bases[b], sizes[b]);
	check_turned(check, check->truth->rope_halves, check->kernels->rope_halves, 1, count);
	check_turned(check, check->truth->rope_neighbours, check->kernels->rope_neighbours, 2, count);
}

void check_rope(struct check *check)
{
	const struct wick_kernels *kernels = check->kernels, *below = check->below;

	if (kernels->rope_halves == below->rope_halves && kernels->rope_neighbours == below->rope_neighbours &&
		kernels->rope_turns == below->rope_turns)
		return;
	for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++)
		check_length(check, lengths[l]);
}
