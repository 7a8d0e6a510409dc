/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Dot products of rows of the K types with one vector: see k_types.h. */

#include "fixed.h"
#include "k_types.h"

/* The largest magnitude of a block, 2^-100 at least. */
INLINE float reach_of_block(const float *x)
{
	vec largest = vec_set(0x1p-100f);

	for (size_t c = 0; c < K_COLS; c += LANES)
		largest = vec_max((vec)((vec_whole)vec_load(x + c) & INT32_MAX), largest);
	return vec_largest(largest);
}

/* A block in steps, each part at its place: in each lane a number of them, above the bits of 1.5 * 2^23. */
INLINE void k_levels(enum wick_type type, vec *levels, float *step, const float *x, float no_number)
{
	float reach = reach_of_block(x);

	for (size_t i = 0; i < K_COLS / LANES; i++) {
		const float *part = x + part_at(type, i / TILE_VECS) * WICK_BLOCK;

		levels[i] = vec_fma(vec_load(part + i % TILE_VECS * LANES), vec_set(K_REACH / reach), vec_set(0x1.8p23f));
	}
	*step = reach / K_REACH + no_number;
}

/* Of each 16 numbers: up to 2^18 steps, which is exact, times the step. */
INLINE void find_x_sums(enum wick_type type, struct x_sums *to, const vec *levels)
{
	vec sums[2 * GROUP];

	for (size_t h = 0; h < 2 * GROUP; h++)
		sums[h] = vec_set(0);
	for (size_t i = 0; i < K_COLS / LANES; i++)
		sums[2 * part_at(type, i / TILE_VECS) + i % TILE_VECS * LANES / 16] += levels[i] - vec_set(0x1.8p23f);
	for (size_t h = 0; h < 2 * GROUP; h += ROWS)
		vec_sums(to->each_16 + h, sums + h);
	for (size_t h = 0; h < 2 * GROUP; h += LANES)
		vec_store(to->each_16 + h, vec_load(to->each_16 + h) * vec_set(to->step));
	for (size_t j = 0; j < GROUP; j++)
		to->each_32[j] = to->each_16[2 * j] + to->each_16[2 * j + 1];
}

/* Two bytes of each of 32 levels. */
INLINE void halve_part(int8_t (*halves)[K_COLS], size_t at, const vec *levels)
{
	vec high[TILE_VECS], low[TILE_VECS];

	for (int i = 0; i < TILE_VECS; i++) {
		vec_whole level = (vec_whole)levels[i] - (vec_whole)vec_set(0x1.8p23f), upper = (level + 64) >> 7;

		high[i] = (vec)upper;
		low[i] = (vec)(level - (upper << 7));
	}
	pack_block(halves[0] + at, high);
	pack_block(halves[1] + at, low);
}

INLINE void pack_halves(int8_t (*halves)[K_COLS], const vec *levels)
{
	for (size_t i = 0; i < K_COLS / LANES; i += TILE_VECS)
		halve_part(halves, i * LANES, levels + i);
}

/* Up to FIXED_COLS numbers, whole blocks. */
INLINE void fix_x_halves(enum wick_type type, struct x_halves *blocks, const float *x, size_t cols)
{
	float no_number = spoilt_by(x, cols);
	vec levels[K_COLS / LANES];

	for (size_t c = 0; c < cols; c += K_COLS, blocks++) {
		k_levels(type, levels, &blocks->sums.step, x + c, no_number);
		find_x_sums(type, &blocks->sums, levels);
		pack_halves(blocks->halves, levels);
		if (too_large(type))
			k_excess(blocks, too_large(type));
	}
}

/* y[r * step] += or = row r . x, for columns that fit into `x`. */
INLINE void k_rows(enum wick_type type, int rows, float *y, size_t step, const uint8_t *const *w, const uint8_t *const *next,
	const struct x_halves *x, size_t cols, int add)
{
	vec sums[ROWS];

	for (int r = 0; r < rows; r++)
		sums[r] = vec_set(0);
	for (size_t at = 0, c = 0; c < cols; c += K_COLS, at += wick_types[type].block_bytes, x++) {
#pragma GCC unroll 4
		for (int r = 0; r < rows; r++) {
			fetch_ahead(1, next + r, at, wick_types[type].block_bytes);
			sums[r] = dot_block_k(type, sums[r], w[r] + at, x);
		}
	}
	for (size_t r = 0; r < (size_t)rows; r++)
		y[r * step] = vec_sum(sums[r]) + (add ? y[r * step] : 0);
}
