/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Dot products of rows of the block types with x in steps (fixed.h): x has its bytes in the order of the columns, for
 * all these types alike. A part of 16 or 32 numbers adds
 *
 *     scale * step of x * (sum of level * level) - minimum * step of x * (sum of levels of x)
 *
 * What it takes of an instruction set:
 *
 *     dot_part(sum, levels, x, scale, over)      sum + scale * ((levels - over) . x), 32 bytes of each;
 *                                                over SIGNED_LEVELS: levels have a sign
 *     dot_halves(sum, levels, x, scales, over)   with a scale of its own for each 16 of them
 *     less_eight(sum, a, b)                      sum - a[j] * b[j], j < 8, in any lanes
 *
 * and dot_group(), where a set is wide enough for another way with whole groups, and then defines WIDE_GROUPS.
 */

#include "fixed.h"
#include "levels.h"

/* The blocks of a group that are left at the end of a row, or all. */
INLINE vec dot_blocks(enum wick_type type, vec sum, const uint8_t *group, const struct x_group *x, size_t count)
{
	struct parts parts;

	find_parts(type, &parts, group, count, x->steps, x->half_steps);
	if (has_minima(type) && has_halves(type)) {
		sum = less_eight(sum, parts.minimum, x->half_sums);
		sum = less_eight(sum, parts.minimum + 8, x->half_sums + 8);
	} else if (has_minima(type)) {
		sum = less_eight(sum, parts.minimum, x->sums);
	}
#pragma GCC unroll 8
	for (size_t j = 0; j < count; j++) {
		bytes32 levels = levels_of(type, group, j);
		const int8_t *x_levels = x->levels + j * WICK_BLOCK;

		sum = has_halves(type) ? dot_halves(sum, levels, x_levels, parts.scale + 2 * j, too_large(type))
				       : dot_part(sum, levels, x_levels, parts.scale[j], too_large(type));
	}
	return sum;
}

#ifndef WIDE_GROUPS
INLINE vec dot_group(enum wick_type type, vec sum, const uint8_t *group, const struct x_group *x)
{
	return dot_blocks(type, sum, group, x, GROUP);
}
#endif

INLINE struct x_group x_group(const struct fixed *x, size_t b)
{
	return (struct x_group){ x->bytes + b * WICK_BLOCK, x->steps + b, x->sums + b, x->pairs + 2 * b,
		x->half_steps + 2 * b, x->half_sums + 2 * b };
}

/* y[r * step] += or = row r . x, for columns that fit into `x`. */
INLINE void block_rows(enum wick_type type, int rows, float *y, size_t step, const uint8_t *const *w,
	const uint8_t *const *next, const struct fixed *x, size_t cols, int add)
{
	size_t blocks = cols / WICK_BLOCK, b = 0, at = 0;
	struct x_group some;
	vec sums[ROWS];

	for (int r = 0; r < rows; r++)
		sums[r] = vec_set(0);
	for (; b + GROUP <= blocks; b += GROUP, at += group_bytes(type, GROUP)) {
		some = x_group(x, b);
#pragma GCC unroll 4
		for (int r = 0; r < rows; r++) {
			fetch_ahead(1, next + r, at, group_bytes(type, GROUP));
			sums[r] = dot_group(type, sums[r], w[r] + at, &some);
		}
	}
	some = x_group(x, b);
	for (int r = 0; r < rows && b < blocks; r++)
		sums[r] = dot_blocks(type, sums[r], w[r] + at, &some, blocks - b);
	for (size_t r = 0; r < (size_t)rows; r++)
		y[r * step] = vec_sum(sums[r]) + (add ? y[r * step] : 0);
}
