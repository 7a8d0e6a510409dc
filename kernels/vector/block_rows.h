/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Dot products of rows of the block types with x in steps: x has its bytes in the order of the columns, for all these
 * types alike. A part of 16 or 32 numbers adds
 *
 *     scale * (sum over its fours of step of x * (sum of level * level)) - minimum * (sum of x in steps)
 *
 * What it takes of an instruction set:
 *
 *     vec_fours(a)                               in the first of each four lanes the largest of them
 *     fours_store(to, a)                         the first of each four lanes
 *     fours_spread(from)                         each of LANES / 4 numbers in four lanes
 *     dot_part(sum, levels, x, steps, scale, over)      sum + scale * ((levels - over) . x), 32 bytes of each, in eight
 *                                                steps; over SIGNED_LEVELS: levels have a sign
 *     dot_halves(sum, levels, x, steps, scales, over)   with a scale of its own for each 16 of them
 *     add_eight(sum, a, b)                       sum + a[j] * b[j], j < 8, in any lanes; less_eight takes it off
 *
 * and, where a set is wide enough for another way with whole groups, WIDE_GROUPS, dot_group() and, for the many vectors
 * of a batch, what a group of a row is made ready to be: struct ready_group, make_ready() and dot_ready(). */

#include "fixed.h"
#include "levels.h"

INLINE vec dot_levels(enum wick_type type, vec sum, bytes32 levels, const float *scales, const struct x_group *x, size_t j)
{
	const int8_t *x_levels = x->levels + j * WICK_BLOCK;
	const float *steps = x->steps + j * (WICK_BLOCK / 4);

	return has_halves(type) ? dot_halves(sum, levels, x_levels, steps, scales + 2 * j, too_large(type))
				: dot_part(sum, levels, x_levels, steps, scales[j], too_large(type));
}

/* Straight from the row: no levels wait for others. */
INLINE vec dot_blocks(enum wick_type type, vec sum, const uint8_t *group, const struct x_group *x, size_t count)
{
	struct parts parts;

	find_parts(type, &parts, group, count);
	if (has_minima(type))
		sum = add_eight(sum, parts.minimum, x->sums);
#pragma GCC unroll 8
	for (size_t j = 0; j < count; j++)
		sum = dot_levels(type, sum, levels_of(type, group, j), parts.scale, x, j);
	return sum;
}

#ifndef WIDE_GROUPS
struct ready_group {
	bytes32 levels[GROUP];
	struct parts parts;
};

INLINE void make_ready(enum wick_type type, struct ready_group *ready, const uint8_t *group)
{
	find_parts(type, &ready->parts, group, GROUP);
	for (size_t j = 0; j < GROUP; j++)
		ready->levels[j] = levels_of(type, group, j);
}

INLINE vec dot_ready(enum wick_type type, vec sum, const struct ready_group *ready, const struct x_group *x)
{
	if (has_minima(type))
		sum = add_eight(sum, ready->parts.minimum, x->sums);
#pragma GCC unroll 8
	for (size_t j = 0; j < GROUP; j++)
		sum = dot_levels(type, sum, ready->levels[j], ready->parts.scale, x, j);
	return sum;
}

INLINE vec dot_group(enum wick_type type, vec sum, const uint8_t *group, const struct x_group *x)
{
	return dot_blocks(type, sum, group, x, GROUP);
}
#endif

/* y[r * step] += or = row r . x, for columns that fit into `x`. */
INLINE void block_rows(enum wick_type type, int rows, float *y, size_t step, const uint8_t *const *w,
	const uint8_t *const *next, const struct x_group *x, size_t cols, int add)
{
	size_t left = cols / WICK_BLOCK, at = 0;
	vec sums[ROWS];

	for (int r = 0; r < rows; r++)
		sums[r] = vec_set(0);
	for (; left >= GROUP; left -= GROUP, at += group_bytes(type, GROUP), x++) {
#pragma GCC unroll 4
		for (int r = 0; r < rows; r++) {
			fetch_ahead(1, next + r, at, group_bytes(type, GROUP));
			sums[r] = dot_group(type, sums[r], w[r] + at, x);
		}
	}
	for (int r = 0; r < rows && left; r++)
		sums[r] = dot_blocks(type, sums[r], w[r] + at, x, left);
	for (size_t r = 0; r < (size_t)rows; r++)
		y[r * step] = vec_sum(sums[r]) + (add ? y[r * step] : 0);
}
