/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Dot products of quantised rows, in whole numbers. The weights of a block are small whole numbers times one scale; x
 * is brought into the same form first, once for all rows: each block of 32 in steps of its own, so that its largest
 * number is that many steps. The products and sums of a block are then exact, and it adds
 *
 *     scale of the weights * step of x * (sum of level * level)
 *
 * q8_0 meets x in 15 bits, which costs nothing that could be seen beside the 8 of the weights. q2 meets it in 8: half of
 * the work, and still far finer than the weights. It is taken a group of blocks at a time, so that each block has a lane
 * or two in which its step is applied; the rest of a row, block by block. The other types meet it in 8 bits, too, with a
 * step for each four numbers (x_group.h). */

#include "vector.h"
#include "x_group.h"

#define FIXED_COLS 8192 /* columns at a time; a whole number of groups */
#define GROUP_COLS (GROUP * WICK_BLOCK)

struct fixed {
	union {
		_Alignas(64) int16_t words[FIXED_COLS]; /* q8_0 */
		struct {
			struct x_q2 q2[FIXED_COLS / GROUP_COLS];
			int8_t rest[GROUP][WICK_BLOCK]; /* the blocks after the last whole group */
		};
		struct x_group groups[FIXED_COLS / GROUP_COLS]; /* block types */
		struct x_halves blocks[FIXED_COLS / K_COLS];    /* of them, K types */
	};
	float steps[FIXED_COLS / WICK_BLOCK];
};

/* The largest magnitude in a block, 2^-100 at least. `spoilt` stays zero while there are only numbers. */
INLINE float block_reach(const float *x, vec *spoilt)
{
	vec largest = vec_set(0x1p-100f), zero = vec_set(0);

	for (int i = 0; i < TILE_VECS; i++) {
		vec value = vec_load(x + i * LANES);

		largest = vec_max((vec)((vec_whole)value & INT32_MAX), largest);
		zero = vec_fma(value, vec_set(0), zero);
	}
	*spoilt += zero;
	return vec_largest(largest);
}

/* The step of each block, `most` of which are its largest number, and how many steps are one. With an infinity or no
 * number anywhere in x all steps are no number. */
INLINE void find_steps(float *steps, float *steps_of_one, const float *x, size_t cols, float most)
{
	vec spoilt = vec_set(0);
	float no_number;

	for (size_t b = 0; b < cols / WICK_BLOCK; b++)
		steps[b] = block_reach(x + b * WICK_BLOCK, &spoilt);
	no_number = vec_sum(spoilt);
	for (size_t b = 0; b < cols / WICK_BLOCK; b++) {
		steps_of_one[b] = most / steps[b];
		steps[b] = steps[b] / most + no_number;
	}
}

/* x in steps, the nearest whole number of them: adding 1.5 * 2^23 leaves it in the low bits. */
INLINE void block_levels(vec *levels, const float *x, float steps_of_one)
{
	for (int i = 0; i < TILE_VECS; i++)
		levels[i] = vec_fma(vec_load(x + i * LANES), vec_set(steps_of_one), vec_set(0x1.8p23f));
}

INLINE void fix_words(struct fixed *fixed, const float *x, size_t cols)
{
	float steps_of_one[FIXED_COLS / WICK_BLOCK];
	vec levels[TILE_VECS];

	find_steps(fixed->steps, steps_of_one, x, cols, 16383);
	for (size_t b = 0; b < cols / WICK_BLOCK; b++) {
		block_levels(levels, x + b * WICK_BLOCK, steps_of_one[b]);
		pack_q8_0(fixed->words + b * WICK_BLOCK, levels);
	}
}

INLINE void fix_groups(struct fixed *fixed, const float *x, size_t cols)
{
	size_t blocks = cols / WICK_BLOCK, whole = blocks - blocks % GROUP;
	float steps_of_one[FIXED_COLS / WICK_BLOCK];
	vec levels[TILE_VECS];

	find_steps(fixed->steps, steps_of_one, x, cols, 127);
	for (size_t b = 0; b < blocks; b++) {
		block_levels(levels, x + b * WICK_BLOCK, steps_of_one[b]);
		if (b >= whole)
			pack_block(fixed->rest[b - whole], levels);
		else
			pack_q2(&fixed->q2[b / GROUP], b % GROUP, levels);
	}
}

/* Zero, or no number where x has an infinity or none. */
INLINE float spoilt_by(const float *x, size_t cols)
{
	vec zero = vec_set(0);

	for (size_t c = 0; c < cols; c += LANES)
		zero = vec_fma(vec_load(x + c), vec_set(0), zero);
	return vec_sum(zero);
}

/* Of up to a group of numbers, the step of each four, whose largest magnitude is 127 of them, and how many steps are one. */
INLINE void find_fours(float *steps, float *steps_of_one, const float *x, size_t cols, float no_number)
{
	for (size_t c = 0; c < cols; c += LANES)
		fours_store(steps + c / 4, vec_fours(vec_max((vec)((vec_whole)vec_load(x + c) & INT32_MAX), vec_set(0x1p-100f))));
	for (size_t c = cols / 4; c < GROUP_COLS / 4; c++)
		steps[c] = 0x1p-100f;
	for (size_t i = 0; i < GROUP_COLS / 4; i += LANES) {
		vec reach = vec_load(steps + i);

		vec_store(steps_of_one + i, vec_set(127) / reach);
		vec_store(steps + i, vec_fma(reach, vec_set(1 / 127.f), vec_set(no_number)));
	}
}

/* Block j of a group; the lanes of both its halves' sums. */
INLINE void fix_part(struct x_group *group, vec *sums, size_t j, const float *x, const float *steps_of_one)
{
	const vec high = vec_set(0x1.8p23f);
	vec levels[TILE_VECS];

	for (int i = 0; i < TILE_VECS; i++) {
		size_t four = j * (WICK_BLOCK / 4) + (size_t)i * (LANES / 4);

		levels[i] = vec_fma(vec_load(x + i * LANES), fours_spread(steps_of_one + four), high);
		sums[i / (TILE_VECS / 2)] = vec_fma(levels[i] - high, fours_spread(group->steps + four), sums[i / (TILE_VECS / 2)]);
	}
	pack_block(group->levels + j * WICK_BLOCK, levels);
}

/* Up to a group of numbers; what is missing of it is zero. */
INLINE void fix_x_group(struct x_group *group, const float *x, size_t cols, float no_number)
{
	float steps_of_one[GROUP_COLS / 4];
	vec sums[2 * GROUP];

	if (cols < GROUP_COLS)
		memset(group->levels, 0, sizeof(group->levels));
	for (size_t h = 0; h < 2 * GROUP; h++)
		sums[h] = vec_set(0);
	find_fours(group->steps, steps_of_one, x, cols, no_number);
	for (size_t j = 0; j < cols / WICK_BLOCK; j++)
		fix_part(group, sums + 2 * j, j, x + j * WICK_BLOCK, steps_of_one);
	for (size_t h = 0; h < 2 * GROUP; h += ROWS)
		vec_sums(group->half_sums + h, sums + h);
	for (size_t j = 0; j < GROUP; j++)
		group->sums[j] = group->half_sums[2 * j] + group->half_sums[2 * j + 1];
}

/* Up to FIXED_COLS numbers. */
INLINE void fix_x_groups(struct x_group *groups, const float *x, size_t cols)
{
	float no_number = spoilt_by(x, cols);

	for (size_t c = 0; c < cols; c += GROUP_COLS)
		fix_x_group(groups++, x + c, WICK_MIN(cols - c, (size_t)GROUP_COLS), no_number);
}

/* A group of q8_0, or the blocks at the end that are fewer. */
INLINE void fixed_group_q8_0(int rows, size_t count, vec *sums, const uint8_t *const *w, const uint8_t *const *next,
	size_t at, const struct fixed *x, size_t first)
{
	float scales[ROWS][GROUP];

	for (int r = 0; r < rows; r++)
		if (count == GROUP)
			group_scales(scales[r], w[r] + at, x->steps + first);
		else
			for (size_t b = 0; b < count; b++)
				scales[r][b] = scale_of(w[r] + at + b * 34) * x->steps[first + b];
	for (size_t b = 0; b < count; b++, at += 34) {
		fetch_ahead(rows, next, at, 34);
#pragma GCC unroll 4
		for (int r = 0; r < rows; r++)
			sums[r] = dot_words(sums[r], words_q8_0(w[r] + at), x->words + (first + b) * WICK_BLOCK,
				scales[r][b]);
	}
}

INLINE void fixed_rows_q8_0(int rows, vec *sums, const uint8_t *const *w, const uint8_t *const *next,
	const struct fixed *x, size_t cols)
{
	size_t b = 0;

	for (; b + GROUP <= cols / WICK_BLOCK; b += GROUP)
		fixed_group_q8_0(rows, GROUP, sums, w, next, b * 34, x, b);
	if (b < cols / WICK_BLOCK)
		fixed_group_q8_0(rows, cols / WICK_BLOCK - b, sums, w, next, b * 34, x, b);
}

/* The blocks of q2 from `first` on, which are fewer than a group. */
INLINE void fixed_rest_q2(int rows, size_t first, size_t blocks, vec *sums, const uint8_t *const *w,
	const uint8_t *const *next, const struct fixed *x)
{
	size_t bytes = tile_bytes(WICK_Q2);

	for (size_t b = first; b < blocks; b++) {
		fetch_ahead(rows, next, b * bytes, bytes);
#pragma GCC unroll 4
		for (int r = 0; r < rows; r++)
			sums[r] = dot_block_q2(sums[r], w[r] + b * bytes, x->rest[b - first], x->steps[b]);
	}
}

INLINE void fixed_rows_q2(int rows, vec *sums, const uint8_t *const *w, const uint8_t *const *next, const struct fixed *x,
	size_t cols)
{
	size_t g = 0, at = 0;

	for (; (g + 1) * GROUP_COLS <= cols; g++, at += GROUP * tile_bytes(WICK_Q2)) {
#pragma GCC unroll 4
		for (int r = 0; r < rows; r++) {
			fetch_ahead(1, next + r, at, GROUP * tile_bytes(WICK_Q2));
			sums[r] = dot_q2(sums[r], w[r] + at, &x->q2[g], x->steps + g * GROUP);
		}
	}
	fixed_rest_q2(rows, g * GROUP, cols / WICK_BLOCK, sums, w, next, x);
}

/* y[r * step] += or = row r . x, for columns that fit into `x`. */
INLINE void fixed_rows(enum wick_type type, int rows, float *y, size_t step, const uint8_t *const *w,
	const uint8_t *const *next, const struct fixed *x, size_t cols, int add)
{
	vec sums[ROWS];

	for (int r = 0; r < rows; r++)
		sums[r] = vec_set(0);
	if (type == WICK_Q8_0)
		fixed_rows_q8_0(rows, sums, w, next, x, cols);
	else
		fixed_rows_q2(rows, sums, w, next, x, cols);
	for (size_t r = 0; r < (size_t)rows; r++)
		y[r * step] = vec_sum(sums[r]) + (add ? y[r * step] : 0);
}
