/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rotary embedding (see rope.h). */

#include "rope.h"

#include "bits.h"

#include <math.h>

/* Yarn's own numbers (arXiv 2309.00071, sections 3.2 and 3.4). */
#define YARN_LEAST 0.001
#define YARN_SHARPEN 0.1

/* The pair that turns so often over the original context. */
static double yarn_pair(const struct wick_attn_facts *facts, double turns)
{
	return facts->rope_dim * log(facts->rope_original_ctx / (turns * 2 * M_PI)) / (2 * log((double)facts->rope_base));
}

/* Of pair j, the share of its angle that is not stretched. */
static double yarn_share(const struct wick_attn_facts *facts, uint32_t j)
{
	double fast = yarn_pair(facts, (double)facts->rope_fast), slow = yarn_pair(facts, (double)facts->rope_slow);
	double low = WICK_MAX(facts->rope_between ? fast : floor(fast), 0.0);
	double high = WICK_MIN(facts->rope_between ? slow : ceil(slow), facts->rope_dim - 1.0);
	double ramp = (j - low) / WICK_MAX(high - low, YARN_LEAST);

	return 1 - WICK_MIN(WICK_MAX(ramp, 0.0), 1.0);
}

void wick_rope_frequencies(double *frequencies, const struct wick_attn_facts *facts, const float *divisors)
{
	for (uint32_t j = 0; j < facts->rope_dim / 2; j++) {
		double angle = pow((double)facts->rope_base, -2.0 * j / facts->rope_dim);
		double stretched = angle / (double)facts->rope_factor;

		if (divisors)
			angle /= (double)divisors[j];
		if (facts->rope_scaling == WICK_SCALING_LINEAR)
			angle = stretched;
		if (facts->rope_scaling == WICK_SCALING_YARN)
			angle = stretched + (angle - stretched) * yarn_share(facts, j);
		frequencies[j] = angle;
	}
}

double wick_rope_size(const struct wick_attn_facts *facts)
{
	if (facts->rope_scaling == WICK_SCALING_LONG)
		return (double)facts->rope_attn_factor;
	if (facts->rope_scaling != WICK_SCALING_YARN)
		return 1;
	return (double)facts->rope_attn_factor * (1 + YARN_SHARPEN * log((double)facts->rope_factor));
}
