/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Functions of each number of a vector, in plain C. */

#include "plain.h"
#include "sets.h"

#include <math.h>

static void relu(float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] = x[i] < 0 ? 0 : x[i];
}

/* By the error function, not by one of the formulas that come close to it. */
static void gelu(float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] = 0.5f * x[i] * (1 + erff(x[i] * (float)M_SQRT1_2));
}

static void add(float *restrict y, const float *restrict x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		y[i] += x[i];
}

void wick_kernels_act_c(struct wick_kernels *kernels)
{
	kernels->softmax = wick_softmax;
	kernels->relu = relu;
	kernels->gelu = gelu;
	kernels->add = add;
}
