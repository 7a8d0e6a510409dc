/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The facts of the block types that an instruction set's file needs before it includes levels.h. */

#include <stdint.h>

#define SIGNED_LEVELS 128 /* in place of what levels are too large by: none, they have a sign */

/* 256 numbers of x in steps, for a group of a block type. Four numbers, which are one product of bytes, share a step:
 * with one for 32 of them, what is lost by rounding them is 7 times as much (divergence of SmolLM2-135M, measurements.md). */
struct x_group {
	int8_t levels[256]; /* in the order of the columns */
	float steps[64];    /* one for each four numbers */
	float sums[8], half_sums[16]; /* of each 32 numbers, and of each 16 */
};

#define K_COLS 256

/* What two forms of x for a block of a K type share (k_types.h). */
struct x_sums {
	float each_32[8], each_16[16]; /* sums of so many numbers */
	float step, padding[7];        /* to whole lines of the cache */
};

/* For one vector: number = 128 * high + low. What levels are too large by has its products with them beforehand. */
struct x_halves {
	int8_t halves[2][K_COLS]; /* high, low */
	uint8_t excess[2][K_COLS];
	struct x_sums sums;
};
