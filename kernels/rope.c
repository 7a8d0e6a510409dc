/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rotary position embedding. Plain C is enough: the costly part is done once a position, and the other runs at the speed of
 * its additions. */

#include "sets.h"

#include <math.h>

/* At position 100,000 a float angle would be wrong by 0.004. */
static void rope_turns(float *turns, const double *frequencies, size_t pairs, uint32_t position, double size)
{
	for (size_t i = 0; i < pairs; i++) {
		double angle = position * frequencies[i];

		turns[i] = (float)(size * cos(angle));
		turns[i + pairs] = (float)(size * sin(angle));
	}
}

static void turn(float *x, float *y, float cosine, float sine)
{
	double a = *x, b = *y, c = cosine, s = sine;

	*x = (float)(a * c - b * s);
	*y = (float)(a * s + b * c);
}

static void rope_halves(float *restrict x, const float *restrict turns, size_t count)
{
	size_t half = count / 2;

	for (size_t i = 0; i < half; i++)
		turn(&x[i], &x[i + half], turns[i], turns[i + half]);
}

static void rope_neighbours(float *restrict x, const float *restrict turns, size_t count)
{
	size_t half = count / 2;

	for (size_t i = 0; i < half; i++)
		turn(&x[2 * i], &x[2 * i + 1], turns[i], turns[i + half]);
}

void wick_kernels_rope_c(struct wick_kernels *kernels)
{
	kernels->rope_turns = rope_turns;
	kernels->rope_halves = rope_halves;
	kernels->rope_neighbours = rope_neighbours;
}
