/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The facts of the block types that an instruction set's file needs before it includes levels.h. */

#include <stdint.h>

#define SIGNED_LEVELS 128 /* in place of what levels are too large by: none, they have a sign */

/* 256 numbers of x in steps, for a group of a block type. */
struct x_group {
	int8_t levels[256]; /* in the order of the columns */
	float steps[8];     /* one for each 32 numbers */
	float sums[8];      /* of those 32 */
	float pairs[16];    /* step and sum of the first, of the second, ... */
	float half_steps[16], half_sums[16]; /* for each 16 numbers */
};
