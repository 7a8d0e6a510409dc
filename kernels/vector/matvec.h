/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Matrix times vector. Rows are taken four at a time, so that a vector of x is loaded once for all of them; each row has
 * accumulators of its own, which take the same numbers in the same order whether it is one of four or alone. */

#include "fixed.h"

/* Two accumulators a row hide half of the latency of the additions. */
INLINE void dot_tile(enum wick_type type, vec sums[2], const uint8_t *tile, const vec *x)
{
	for (int i = 0; i < TILE_VECS; i++)
		sums[i & 1] = vec_fma(vec_number(type, tile, i), x[i], sums[i & 1]);
}

/* The columns after the last whole tile. */
INLINE void dot_rest(
	enum wick_type type, int rows, vec (*sums)[2], const uint8_t *const *w, size_t at, const float *x, size_t cols)
{
	uint8_t padded[WICK_COLUMN_TILE * sizeof(float)];
	vec x_tile[TILE_VECS];

	pad_tile(WICK_F32, (uint8_t *)x_tile, (const uint8_t *)x, cols);
	for (int r = 0; r < rows; r++) {
		pad_tile(type, padded, w[r] + at, cols);
		dot_tile(type, sums[r], padded, x_tile);
	}
}

/* y[r] = row r . x for `rows` rows, a constant up to ROWS. */
INLINE void dot_rows(enum wick_type type, int rows, float *y, const uint8_t *const *w, const uint8_t *const *next,
	const float *x, size_t cols)
{
	vec sums[ROWS][2], x_tile[TILE_VECS];
	size_t c = 0, at = 0;

	for (int r = 0; r < rows; r++)
		sums[r][0] = sums[r][1] = vec_set(0);
	for (; c + WICK_COLUMN_TILE <= cols; c += WICK_COLUMN_TILE, at += tile_bytes(type)) {
		fetch_ahead(type, rows, next, at);
		for (int i = 0; i < TILE_VECS; i++)
			x_tile[i] = vec_load(x + c + i * LANES);
		for (int r = 0; r < rows; r++)
			dot_tile(type, sums[r], w[r] + at, x_tile);
	}
	if (c < cols)
		dot_rest(type, rows, sums, w, at, x + c, cols - c);
	for (int r = 0; r < rows; r++)
		y[r] = vec_sum(sums[r][0] + sums[r][1]);
}

/* Where rows k and on are; after the last one, the last one again. */
INLINE void find_rows(
	const uint8_t **rows, const uint8_t *w, size_t stride, const uint32_t *index, size_t k, size_t count)
{
	for (size_t r = 0; r < ROWS; r++) {
		size_t row = WICK_MIN(k + r, count - 1);

		rows[r] = w + (index ? index[row] : row) * stride;
	}
}

/* One pass over all rows, for columns that fit into `fixed` where the type has one. index NULL: rows 0..count-1. */
INLINE void dot_pass(enum wick_type type, float *y, const uint8_t *w, size_t stride, const uint32_t *index, size_t count,
	const float *x, const struct fixed *fixed, size_t cols, int add)
{
	const uint8_t *rows[ROWS], *next[ROWS];
	size_t k = 0, ahead = rows_ahead(type, cols);

	for (; k + ROWS <= count; k += ROWS) {
		find_rows(rows, w, stride, index, k, count);
		find_rows(next, w, stride, index, k + ahead, count);
		if (has_scale(type))
			fixed_rows(type, ROWS, y + k, rows, next, fixed, cols, add);
		else
			dot_rows(type, ROWS, y + k, rows, next, x, cols);
	}
	for (; k < count; k++) {
		find_rows(rows, w, stride, index, k, count);
		if (has_scale(type))
			fixed_rows(type, 1, y + k, rows, rows + 1, fixed, cols, add);
		else
			dot_rows(type, 1, y + k, rows, rows + 1, x, cols);
	}
}

/* x in fixed point is as long as the stack may hold: a wider matrix is taken in slices. */
INLINE void dot_slices(enum wick_type type, float *y, const uint8_t *w, size_t stride, const uint32_t *index, size_t count,
	const float *x, size_t cols)
{
	struct fixed fixed;
	size_t c = 0;

	do {
		size_t some = WICK_MIN(cols - c, (size_t)FIXED_COLS);

		if (type == WICK_Q8_0)
			fix_q8_0(&fixed, x + c, some);
		else
			fix_q4_0(&fixed, x + c, some);
		dot_pass(type, y, w + (size_t)wick_type_bytes(type, c), stride, index, count, x, &fixed, some, c > 0);
		c += some;
	} while (c < cols);
}

INLINE void dot_all(enum wick_type type, float *y, const uint8_t *w, size_t stride, const uint32_t *index, size_t count,
	const float *x, size_t cols)
{
	if (!count)
		return;
	if (has_scale(type))
		dot_slices(type, y, w, stride, index, count, x, cols);
	else
		dot_pass(type, y, w, stride, index, count, x, NULL, cols, 0);
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
