/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* 256 numbers of x in steps, for a group of a block type (levels.h). */

#include <stdint.h>

struct x_group {
	const int8_t *levels; /* (256), in the order of the columns */
	const float *steps;   /* (8), one for each 32 numbers */
	const float *sums;    /* (8), of those 32 */
	const float *pairs;   /* (8, 2), step and sum */
	const float *half_steps, *half_sums; /* (16), for each 16 numbers */
};
