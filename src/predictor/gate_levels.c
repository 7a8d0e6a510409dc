/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "gate_levels.h"

#include "check.h"

#include <math.h>

bool wick_gate_levels_rise(const float *level)
{
	bool rise = level[0] == 0;

	for (uint32_t i = 1; rise && i < WICK_GATE_LEVELS; i++)
		rise = level[i] >= level[i - 1] && level[i] < INFINITY;
	return rise;
}

float wick_gate_threshold(const struct wick_gate_levels *levels, float percent)
{
	uint32_t below = (uint32_t)percent;
	float rest = percent - (float)below;

	wick_assert(percent >= 0 && percent <= WICK_GATE_PERCENT_MAX);
	return levels->level[below] + rest * (levels->level[below + 1] - levels->level[below]);
}
