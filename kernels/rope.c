/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rotary position embedding in plain C, angles in double: at position 100,000 a float angle is wrong by 0.004. */

#include "sets.h"

#include <math.h>

static void rope(float *x, size_t count, uint32_t position, float base)
{
	size_t half = count / 2;

	for (size_t i = 0; i < half; i++) {
		double angle = position * pow((double)base, -2.0 * (double)i / (double)count);
		double a = x[i], b = x[i + half];

		x[i] = (float)(a * cos(angle) - b * sin(angle));
		x[i + half] = (float)(a * sin(angle) + b * cos(angle));
	}
}

void wick_kernels_rope_c(struct wick_kernels *kernels)
{
	kernels->rope = rope;
}
