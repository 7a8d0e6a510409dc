/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rotary position embedding. Plain C is enough: the costly part is done once a position, and the other runs at the speed of
 * its additions. */

#include "sets.h"

#include <math.h>

/* At position 100,000 a float angle would be wrong by 0.004. */
static void rope_turns(float *turns, size_t count, uint32_t position, float base)
{
	size_t half = count / 2;

	for (size_t i = 0; i < half; i++) {
		double angle = position * pow((double)base, -2.0 * (double)i / (double)count);

		turns[i] = (float)cos(angle);
		turns[i + half] = (float)sin(angle);
	}
}

static void rope(float *restrict x, const float *restrict turns, size_t count)
{
	size_t half = count / 2;

	for (size_t i = 0; i < half; i++) {
		double a = x[i], b = x[i + half], cosine = turns[i], sine = turns[i + half];

		x[i] = (float)(a * cosine - b * sine);
		x[i + half] = (float)(a * sine + b * cosine);
	}
}

void wick_kernels_rope_c(struct wick_kernels *kernels)
{
	kernels->rope_turns = rope_turns;
	kernels->rope = rope;
}
