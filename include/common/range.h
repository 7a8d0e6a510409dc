/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What numbers can be stored, and used. */

#include "types.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* From here on a number rounds to infinity. Of blocks it is the scale, or the least number, that must not. */
static inline float wick_limit_of(enum wick_type type)
{
	static const float limits[WICK_TYPE_COUNT] = {
		[WICK_F32] = INFINITY, [WICK_F16] = 65520.0f,          [WICK_BF16] = 0x1.ffp127f,
		[WICK_Q8_0] = 65520.0f * 127, [WICK_Q4_0] = 65520.0f * 8,
		[WICK_Q4_1] = 65520.0f,       [WICK_Q5_0] = 65520.0f * 16,     [WICK_Q5_1] = 65520.0f,
		[WICK_Q4_K] = 65520.0f * 63,  [WICK_Q5_K] = 65520.0f * 63,     [WICK_Q6_K] = 65520.0f * 32,
		[WICK_Q2_K] = 65520.0f * 15,  [WICK_Q3_K] = 65520.0f * 32,     [WICK_IQ4_NL] = 65520.0f * 113,
		[WICK_IQ4_XS] = 65520.0f * 113, [WICK_MXFP4] = INFINITY,
	};

	return limits[type];
}

/* Whether the magnitudes of all are. A NaN is not below anything, infinity included. */
static inline bool wick_all_below(const float *numbers, uint64_t count, float limit)
{
	int beyond = 0;

	for (uint64_t i = 0; i < count; i++)
		beyond |= !(fabsf(numbers[i]) < limit);
	return !beyond;
}
