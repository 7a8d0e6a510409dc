/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "check.h"

#include <math.h>
#include <string.h>

enum slots { WANT, GOT };

static const size_t lengths[] = { 0, 2, 4, 6, 8, 14, 16, 18, 32, 64, 80, 128, 256 };
static const uint32_t positions[] = { 0, 1, 2, 31, 2047, 131071 };
static const float bases[] = { 10000, 500000 };

/* Angles are in double: position * base^.. is off by 8 units of it at most, and so are sine and cosine; then the turned
 * pair is rounded once, and the reference is. */
static void check_shape(struct check *check, size_t count, uint32_t position, float base)
{
	float *want = check_buffer(check, WANT, count * sizeof(*want)), *got = check_buffer(check, GOT, count * sizeof(*got));
	double bound[256];

	check_floats(check, want, count, CHECK_PLAIN);
	memcpy(got, want, count * sizeof(*got));
	for (size_t i = 0; i < count; i++)
		bound[i] = (2 * CHECK_U + 8 * 0x1p-52 * (1 + position)) *
			(fabs((double)want[i % (count / 2)]) + fabs((double)want[i % (count / 2) + count / 2]));
	check_now(check, "rope of %zu at %u, base %g", count, position, (double)base);
	check->truth->rope(want, count, position, base);
	check->kernels->rope(got, count, position, base);
	check_near(check, want, got, bound, count);
	check_guards(check);
}

void check_rope(struct check *check)
{
	if (check->kernels->rope == check->below->rope)
		return;
	for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++)
		for (size_t p = 0; p < WICK_COUNT_OF(positions); p++)
			for (size_t b = 0; b < WICK_COUNT_OF(bases); b++)
				check_shape(check, lengths[l], positions[p], bases[b]);
}
