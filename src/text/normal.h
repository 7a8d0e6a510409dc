/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The normal distribution, and random numbers that are the same everywhere for the same seed. */

#include <stdint.h>

double wick_normal_cdf(double x);
double wick_normal_quantile(double p); /* 0 < p < 1 */

struct wick_random {
	uint64_t state[4];
};

void wick_random_seed(struct wick_random *random, uint64_t seed);
uint64_t wick_random_next(struct wick_random *random);
uint32_t wick_random_below(struct wick_random *random, uint32_t limit); /* limit is not 0 */
double wick_random_normal(struct wick_random *random);
