/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Matrix times vector. Rows are taken four at a time, so that a vector of x is loaded once for all of them; each row has
 * accumulators of its own, which take the same numbers in the same order whether it is one of four or alone. */

#include "vector.h"

#define DOT_ROWS 4

/* Two accumulators hide half of the latency of the additions; a block's levels are added up before they are scaled. */
INLINE void dot_tile(enum wick_type type, vec sums[2], const uint8_t *tile, const vec *x)
{
	if (has_scale(type)) {
		vec sum = vec_number(type, tile, 0) * x[0];

		for (int i = 1; i < TILE_VECS; i++)
			sum = vec_fma(vec_number(type, tile, i), x[i], sum);
		sums[0] = vec_fma(vec_set(tile_scale(type, tile)), sum, sums[0]);
		return;
	}
	for (int i = 0; i < TILE_VECS; i++)
		sums[i & 1] = vec_fma(vec_number(type, tile, i), x[i], sums[i & 1]);
}

/* y[r] = row r . x for `rows` rows, a constant up to DOT_ROWS. */
INLINE void dot_rows(enum wick_type type, int rows, float *y, const uint8_t *const *w, const float *x, size_t cols)
{
	vec sums[DOT_ROWS][2] = { 0 }, tile_x[TILE_VECS];
	float padded_x[WICK_COLUMN_TILE] = { 0 };
	uint8_t padded[WICK_COLUMN_TILE * sizeof(float)];
	size_t c = 0, at = 0;

	for (; c + WICK_COLUMN_TILE <= cols; c += WICK_COLUMN_TILE, at += tile_bytes(type)) {
		for (int i = 0; i < TILE_VECS; i++)
			tile_x[i] = vec_load(x + c + i * LANES);
		for (int r = 0; r < rows; r++)
			dot_tile(type, sums[r], w[r] + at, tile_x);
	}
	if (c < cols) {
		memcpy(padded_x, x + c, (cols - c) * sizeof(*x));
		for (int i = 0; i < TILE_VECS; i++)
			tile_x[i] = vec_load(padded_x + i * LANES);
		for (int r = 0; r < rows; r++) {
			pad_tile(type, padded, w[r] + at, cols - c);
			dot_tile(type, sums[r], padded, tile_x);
		}
	}
	for (int r = 0; r < rows; r++)
		y[r] = vec_sum(sums[r][0] + sums[r][1]);
}

/* index NULL: rows 0..count-1. */
INLINE void dot_all(enum wick_type type, float *y, const uint8_t *w, size_t stride, const uint32_t *index, size_t count,
	const float *x, size_t cols)
{
	const uint8_t *rows[DOT_ROWS];
	size_t k = 0;

	for (; k + DOT_ROWS <= count; k += DOT_ROWS) {
		for (int r = 0; r < DOT_ROWS; r++)
			rows[r] = w + (index ? index[k + r] : k + r) * stride;
		dot_rows(type, DOT_ROWS, y + k, rows, x, cols);
	}
	for (; k < count; k++) {
		rows[0] = w + (index ? index[k] : k) * stride;
		dot_rows(type, 1, y + k, rows, x, cols);
	}
}

#define MATVEC(TYPE, type)                                                                                          \
	static void matvec_##type(                                                                                  \
		float *y, const void *w, size_t stride, const float *x, size_t rows, size_t cols)                   \
	{                                                                                                           \
		dot_all(WICK_##TYPE, y, w, stride, NULL, rows, x, cols);                                            \
	}                                                                                                           \
	static void matvec_rows_##type(float *y, const void *w, size_t stride, const uint32_t *index, size_t count, \
		const float *x, size_t cols)                                                                        \
	{                                                                                                           \
		dot_all(WICK_##TYPE, y, w, stride, index, count, x, cols);                                          \
	}

WICK_EACH_TYPE(MATVEC)
#undef MATVEC

static void set_matvec(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type)                             \
	kernels->matvec[WICK_##TYPE] = matvec_##type; \
	kernels->matvec_rows[WICK_##TYPE] = matvec_rows_##type;
	WICK_EACH_TYPE(ENTRY)
#undef ENTRY
}
