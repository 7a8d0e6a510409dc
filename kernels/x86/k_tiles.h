/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Register tiles of the K types, for vectors of either width (vector/k_types.h). Of that width they take
 *
 *     pack_words(words, levels)   the low 16 bits of four vectors, in the order of ready_k's words
 *     dot_pairs(sums, a, b)       sums + a . b, the products of a pair of words in each lane
 *     whole_add(type, sum, sums, unit, minima, x)    sum + unit * x->step * sums - minima * (sums of x), `unit` in all lanes;
 *                                 struct k_floats has the minima */

struct x_batch {
	int16_t words[K_COLS];
	struct x_sums sums;
};

#define WORD_VECS (K_COLS / (2 * LANES)) /* vectors of words in a block */

struct ready_k {
	_Alignas(64) int16_t words[K_COLS]; /* scale * level */
	struct k_floats minima;
	vec unit;
};

INLINE void dot_tile_k(enum wick_type type, size_t width, vec *sums, const struct ready_k *ready, const struct x_batch *x)
{
	vec_whole at[ROWS][K_TILE];

#pragma GCC unroll 4
	for (size_t r = 0; r < ROWS; r++)
#pragma GCC unroll 8
		for (size_t t = 0; t < width; t++)
			at[r][t] = (vec_whole){ 0 };
#pragma GCC unroll 2
	for (size_t v = 0; v < WORD_VECS; v++) {
		vec_whole words[ROWS];

#pragma GCC unroll 4
		for (size_t r = 0; r < ROWS; r++)
			words[r] = (vec_whole)vec_load(ready[r].words + v * 2 * LANES);
#pragma GCC unroll 8
		for (size_t t = 0; t < width; t++) {
			vec_whole some = (vec_whole)vec_load(x[t].words + v * 2 * LANES);

#pragma GCC unroll 4
			for (size_t r = 0; r < ROWS; r++)
				at[r][t] = dot_pairs(at[r][t], words[r], some);
		}
	}
#pragma GCC unroll 8
	for (size_t t = 0; t < width; t++)
#pragma GCC unroll 4
		for (size_t r = 0; r < ROWS; r++)
			sums[t * K_ROWS_ONCE + r] = whole_add(
				type, sums[t * K_ROWS_ONCE + r], at[r][t], ready[r].unit, &ready[r].minima, &x[t].sums);
}

INLINE void pack_batch(struct x_batch *x, const vec *levels)
{
	for (size_t i = 0; i < K_COLS / LANES; i += 4)
		pack_words(x->words + i * LANES, levels + i);
}
