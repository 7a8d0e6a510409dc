/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "check.h"

#include <math.h>
#include <string.h>

enum slots { X, TURNS, WANT, GOT };

static const size_t lengths[] = { 0, 2, 4, 6, 8, 14, 16, 18, 32, 64, 80, 128, 256 };
static const uint32_t positions[] = { 0, 1, 2, 31, 2047, 131071 };
static const float bases[] = { 10000, 500000 };

/* An angle is off by 8 units of double at most, and so are its sine and cosine; then they are rounded to float. */
static void check_turns(struct check *check, size_t count, uint32_t position, float base)
{
	float *want = check_buffer(check, WANT, count * sizeof(*want)), *got = check_buffer(check, GOT, count * sizeof(*got));
	double bound[256];

	for (size_t i = 0; i < count; i++)
		bound[i] = 2 * CHECK_U + 8 * 0x1p-52 * (1 + position);
	check_now(check, "rope_turns of %zu at %u, base %g", count, position, (double)base);
	check->truth->rope_turns(want, count, position, base);
	check->kernels->rope_turns(got, count, position, base);
	check_near(check, want, got, bound, count);
	check_guards(check);
}

/* Any turns will do, also such as are no sine and cosine. The sum is in double, and rounded once. */
static void check_turned(struct check *check, size_t count)
{
	float *x = check_buffer(check, X, count * sizeof(*x)), *turns = check_buffer(check, TURNS, count * sizeof(*turns));
	float *want = check_buffer(check, WANT, count * sizeof(*want)), *got = check_buffer(check, GOT, count * sizeof(*got));
	double bound[256];

	check_floats(check, x, count, CHECK_PLAIN);
	check_floats(check, turns, count, CHECK_PLAIN);
	for (size_t i = 0; i < count; i++) {
		size_t pair = i % (count / 2);

		bound[i] = 2 * CHECK_U * (fabs((double)x[pair]) + fabs((double)x[pair + count / 2])) * 2;
	}
	memcpy(want, x, count * sizeof(*x));
	memcpy(got, x, count * sizeof(*x));
	check_now(check, "rope of %zu", count);
	check->truth->rope(want, turns, count);
	check->kernels->rope(got, turns, count);
	check_near(check, want, got, bound, count);
	check_guards(check);
}

void check_rope(struct check *check)
{
	if (check->kernels->rope == check->below->rope && check->kernels->rope_turns == check->below->rope_turns)
		return;
	for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++) {
		for (size_t p = 0; p < WICK_COUNT_OF(positions); p++)
			for (size_t b = 0; b < WICK_COUNT_OF(bases); b++)
				check_turns(check, lengths[l], positions[p], bases[b]);
		check_turned(check, lengths[l]);
	}
}
