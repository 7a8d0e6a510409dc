/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What an instruction set's file knows of the block types before it includes levels.h. */

#include <stdint.h>

#define SIGNED_LEVELS 128 /* in place of what levels are too large by: none, they have a sign */

/* 256 numbers of x in steps, for a group of a block type. */

struct x_group {
	const int8_t *levels; /* (256), in the order of the columns */
	const float *steps;   /* (8), one for each 32 numbers */
	const float *sums;    /* (8), of those 32 */
	const float *pairs;   /* (8, 2), step and sum */
	const float *half_steps, *half_sums; /* (16), for each 16 numbers */
};
