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
 *     block_sum                           some lanes of floats
 *     block_sum_total(sum)                their sum, always in the same order
 *     dot_part(sum, levels, x, scale, over)      sum + scale * ((levels - over) . x), 32 bytes of each
 *     dot_halves(sum, levels, x, scales, over)   with a scale of its own for each 16 of them
 *     less_eight(sum, a, b)               sum - a[j] * b[j], j < 8, in any lanes */

#include "fixed.h"
#include "levels.h"

/* A group of one row, whose blocks of x begin at b. */
INLINE block_sum dot_group(
	enum wick_type type, block_sum sum, const uint8_t *group, const struct fixed *x, size_t b, size_t count)
{
	struct parts parts;

	find_parts(type, &parts, group, count, x->steps + b, x->half_steps + 2 * b);
	if (has_minima(type))
		sum = less_eight(sum, parts.minimum, x->sums + b);
#pragma GCC unroll 8
	for (size_t j = 0; j < count; j++) {
		bytes32 levels = levels_of(type, group, j);
		const int8_t *x_levels = x->bytes + (b + j) * WICK_BLOCK;

		sum = has_halves(type) ? dot_halves(sum, levels, x_levels, parts.scale + 2 * j, too_large(type))
				       : dot_part(sum, levels, x_levels, parts.scale[j], too_large(type));
	}
	return sum;
}

/* y[r * step] += or = row r . x, for columns that fit into `x`. */
INLINE void block_rows(enum wick_type type, int rows, float *y, size_t step, const uint8_t *const *w,
	const uint8_t *const *next, const struct fixed *x, size_t cols, int add)
{
	size_t blocks = cols / WICK_BLOCK, b = 0, at = 0;
	block_sum sums[ROWS] = { 0 };

	for (; b + GROUP <= blocks; b += GROUP, at += group_bytes(type, GROUP)) {
#pragma GCC unroll 4
		for (int r = 0; r < rows; r++) {
			fetch_ahead(1, next + r, at, group_bytes(type, GROUP));
			sums[r] = dot_group(type, sums[r], w[r] + at, x, b, GROUP);
		}
	}
	for (int r = 0; r < rows && b < blocks; r++)
		sums[r] = dot_group(type, sums[r], w[r] + at, x, b, blocks - b);
	for (size_t r = 0; r < (size_t)rows; r++)
		y[r * step] = block_sum_total(sums[r]) + (add ? y[r * step] : 0);
}
