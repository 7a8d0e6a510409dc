/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What happens to each number of a vector, in plain C. */

#include "plain.h"
#include "sets.h"

static void relu(float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		x[i] = x[i] < 0 ? 0 : x[i];
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
	kernels->add = add;
}
