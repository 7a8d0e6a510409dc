/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Dot products of quantised rows, in whole numbers. The weights of a block are small whole numbers times one scale; x is
 * brought into the same form first, once for all rows: each block of 32 in steps of its own, so that its largest number
 * is that many steps. The products and sums of a block are then exact, and what it adds is
 *
 *     scale of the weights * step of x * (sum of level * level)
 *
 * q8_0 meets x in 15 bits, which costs nothing that could be seen beside the 8 of the weights. q4_0 meets it in 8: half
 * of the work, and still 16 times finer than the weights. */

#include "vector.h"

#define FIXED_COLS 8192 /* columns at a time; a whole number of pairs of blocks */
#define PAIR_COLS (2 * WICK_BLOCK)

struct fixed {
	union {
		int16_t words[FIXED_COLS]; /* q8_0 */
		int8_t bytes[FIXED_COLS];  /* q4_0 */
	};
	float steps[FIXED_COLS / WICK_BLOCK + 1]; /* one more for the second half of the last pair */
};

/* The largest magnitude in a block, 2^-100 at least; no number if there is an infinity or no number in it. */
INLINE float block_reach(const float *x)
{
	vec largest = vec_set(0x1p-100f), spoilt = vec_set(0);

	for (int i = 0; i < TILE_VECS; i++) {
		vec value = vec_load(x + i * LANES);

		largest = vec_max(vec_max(value, -value), largest);
		spoilt += value * vec_set(0);
	}
	return vec_largest(largest) + vec_sum(spoilt);
}

/* x in steps, the nearest whole number of them: adding 1.5 * 2^23 leaves it in the low bits. */
INLINE void block_levels(vec *levels, const float *x, float steps_of_one)
{
	for (int i = 0; i < TILE_VECS; i++)
		levels[i] = vec_fma(vec_load(x + i * LANES), vec_set(steps_of_one), vec_set(0x1.8p23f));
}

INLINE void fix_q8_0(struct fixed *fixed, const float *x, size_t cols)
{
	vec levels[TILE_VECS];

	for (size_t c = 0; c < cols; c += WICK_BLOCK) {
		float reach = block_reach(x + c);

		block_levels(levels, x + c, 16383 / reach);
		pack_q8_0(fixed->words + c, levels);
		fixed->steps[c / WICK_BLOCK] = reach / 16383;
	}
}

INLINE void fix_q4_0(struct fixed *fixed, const float *x, size_t cols)
{
	vec levels[TILE_VECS];

	for (size_t c = 0; c < cols; c += WICK_BLOCK) {
		float reach = block_reach(x + c);

		block_levels(levels, x + c, 127 / reach);
		pack_q4_0(fixed->bytes + c / PAIR_COLS * PAIR_COLS, c % PAIR_COLS != 0, levels);
		fixed->steps[c / WICK_BLOCK] = reach / 127;
	}
	if (cols % PAIR_COLS) {
		memset(levels, 0, sizeof(levels));
		pack_q4_0(fixed->bytes + cols / PAIR_COLS * PAIR_COLS, 1, levels);
		fixed->steps[cols / WICK_BLOCK] = 0;
	}
}

INLINE void fixed_rows_q8_0(int rows, vec *sums, const uint8_t *const *w, const uint8_t *const *next,
	const struct fixed *x, size_t cols)
{
	for (size_t c = 0, at = 0; c < cols; c += WICK_BLOCK, at += 34) {
		fetch_ahead(WICK_Q8_0, rows, next, at);
		for (int r = 0; r < rows; r++)
			sums[r] = dot_q8_0(sums[r], w[r] + at, x->words + c, x->steps[c / WICK_BLOCK]);
	}
}

/* A single block at the end becomes a pair with one of zeros. */
INLINE void fixed_rows_q4_0(int rows, vec *sums, const uint8_t *const *w, const uint8_t *const *next,
	const struct fixed *x, size_t cols)
{
	uint8_t pair[2 * 18] = { 0 };
	size_t c = 0, at = 0;

	for (; c + PAIR_COLS <= cols; c += PAIR_COLS, at += sizeof(pair)) {
		fetch_ahead(WICK_Q4_0, rows, next, at);
		for (int r = 0; r < rows; r++)
			sums[r] = dot_q4_0(sums[r], w[r] + at, x->bytes + c, x->steps + c / WICK_BLOCK);
	}
	for (int r = 0; c < cols && r < rows; r++) {
		memcpy(pair, w[r] + at, 18);
		sums[r] = dot_q4_0(sums[r], pair, x->bytes + c, x->steps + c / WICK_BLOCK);
	}
}

/* y[r] += or = row r . x, for columns that fit into `x`. */
INLINE void fixed_rows(enum wick_type type, int rows, float *y, const uint8_t *const *w, const uint8_t *const *next,
	const struct fixed *x, size_t cols, int add)
{
	vec sums[ROWS];

	for (int r = 0; r < rows; r++)
		sums[r] = vec_set(0);
	if (type == WICK_Q8_0)
		fixed_rows_q8_0(rows, sums, w, next, x, cols);
	else
		fixed_rows_q4_0(rows, sums, w, next, x, cols);
	for (int r = 0; r < rows; r++)
		y[r] = vec_sum(sums[r]) + (add ? y[r] : 0);
}
