/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Matrix times vector. Rows are taken four at a time, so that a vector of x is loaded once for all of them; each row
 * has accumulators of its own, which take the same numbers in the same order whether it is one of four or alone.
 *
 * Which four, memory decides. Rows by index are taken as they come, and the next ones fetched meanwhile. Of a whole
 * matrix it is one row of each quarter: so there are four long streams, which the processor sees coming by itself,
 * better than if it were told, and which need not be found again at the end of each row.
 *
 *     rows   0 1 2 3 | 4 5 6 7 | 8 9 10 11 | 12 13 14 15 | 16
 *            a b c d | a b c d | a b  c  d |  a  b  c  d |  e
 */

#include "block_rows.h"
#include "k_rows.h"
#include "fixed.h"

#include <stdbool.h>

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

/* y[r * step] = row r . x for `rows` rows, a constant up to ROWS. */
INLINE void dot_rows(enum wick_type type, int rows, float *y, size_t step, const uint8_t *const *w,
	const uint8_t *const *next, const float *x, size_t cols)
{
	vec sums[ROWS][2], x_tile[TILE_VECS];
	size_t c = 0, at = 0;

	for (int r = 0; r < rows; r++)
		sums[r][0] = sums[r][1] = vec_set(0);
	for (; c + WICK_COLUMN_TILE <= cols; c += WICK_COLUMN_TILE, at += tile_bytes(type)) {
		fetch_ahead(rows, next, at, tile_bytes(type));
		for (int i = 0; i < TILE_VECS; i++)
			x_tile[i] = vec_load(x + c + i * LANES);
		for (int r = 0; r < rows; r++)
			dot_tile(type, sums[r], w[r] + at, x_tile);
	}
	if (c < cols)
		dot_rest(type, rows, sums, w, at, x + c, cols - c);
	for (size_t r = 0; r < (size_t)rows; r++)
		y[r * step] = vec_sum(sums[r][0] + sums[r][1]);
}

/* A matrix, or a slice of its columns, and how its rows are taken: row r of group g is g * group_step + r *
 * row_step. */
struct rows {
	const uint8_t *w;
	size_t stride;
	const uint32_t *index; /* NULL: rows are themselves */
	size_t count, groups;
	size_t group_step, row_step;
	bool stream; /* no gap from row to row */
};

INLINE struct rows rows_of(
	enum wick_type type, const uint8_t *w, size_t stride, const uint32_t *index, size_t count, size_t cols)
{
	size_t groups = count / ROWS;

	return (struct rows){ w, stride, index, count, groups, index ? ROWS : 1, index ? 1 : groups,
		!index && stride == (size_t)wick_type_bytes(type, cols) };
}

INLINE const uint8_t *row_at(const struct rows *rows, size_t k)
{
	return rows->w + (rows->index ? rows->index[k] : k) * rows->stride;
}

INLINE void find_group(const uint8_t **at, const struct rows *rows, size_t group)
{
	for (size_t r = 0; r < ROWS; r++)
		at[r] = row_at(rows, group * rows->group_step + r * rows->row_step);
}

/* The address to prefetch while a group is computed: some groups further down, or the last one. */
INLINE void find_next(const uint8_t **next, const uint8_t *const *now, const struct rows *rows, size_t group)
{
	if (!rows->stream)
		find_group(next, rows, WICK_MIN(group, rows->groups - 1));
	else
		for (size_t r = 0; r < ROWS; r++)
			next[r] = now[r] + STREAM_AHEAD_BYTES;
}

/* x of one type or the other. */
INLINE void dot_some(enum wick_type type, int some, float *y, size_t step, const uint8_t *const *w,
	const uint8_t *const *next, const float *x, const struct fixed *fixed, size_t cols, int add)
{
	if (dots_groups(type))
		block_rows(type, some, y, step, w, next, fixed->groups, cols, add);
	else if (is_k_type(type))
		k_rows(type, some, y, step, w, next, fixed->blocks, cols, add);
	else if (in_steps(type))
		fixed_rows(type, some, y, step, w, next, fixed, cols, add);
	else
		dot_rows(type, some, y, step, w, next, x, cols);
}

/* One pass over all rows, for columns that fit into `fixed` where the type has one. */
INLINE void dot_pass(enum wick_type type, float *y, const struct rows *rows, const float *x, const struct fixed *fixed,
	size_t cols, int add)
{
	const uint8_t *now[ROWS], *next[ROWS];
	size_t ahead = rows_ahead(type, cols) / ROWS;

	for (size_t g = 0; g < rows->groups; g++) {
		find_group(now, rows, g);
		find_next(next, now, rows, g + ahead);
		dot_some(type, ROWS, y + g * rows->group_step, rows->row_step, now, next, x, fixed, cols, add);
	}
	for (size_t k = rows->groups * ROWS; k < rows->count; k++) {
		now[0] = row_at(rows, k);
		dot_some(type, 1, y + k, 1, now, now, x, fixed, cols, add);
	}
}

/* x in fixed point is as long as the stack may hold: a wider matrix is taken in slices. */
INLINE void dot_slices(enum wick_type type, float *y, struct rows rows, const float *x, size_t cols)
{
	const uint8_t *w = rows.w;
	struct fixed fixed;
	size_t c = 0;

	do {
		size_t some = WICK_MIN(cols - c, (size_t)FIXED_COLS);

		if (dots_groups(type))
			fix_x_groups(fixed.groups, x + c, some);
		else if (is_k_type(type))
			fix_x_halves(type, fixed.blocks, x + c, some);
		else if (type == WICK_Q8_0)
			fix_words(&fixed, x + c, some);
		else
			fix_groups(&fixed, x + c, some);
		rows.w = w + (size_t)wick_type_bytes(type, c);
		dot_pass(type, y, &rows, x, &fixed, some, c > 0);
		c += some;
	} while (c < cols);
}

INLINE void dot_all(enum wick_type type, float *y, const uint8_t *w, size_t stride, const uint32_t *index, size_t count,
	const float *x, size_t cols)
{
	struct rows rows = rows_of(type, w, stride, index, count, cols);

	if (!count)
		return;
	if (in_steps(type))
		dot_slices(type, y, rows, x, cols);
	else
		dot_pass(type, y, &rows, x, NULL, cols, 0);
}

#define MATVEC(TYPE, type)                                                                                          \
	static void dot_all_##type(float *y, const void *w, size_t stride, const uint32_t *index, size_t count,     \
		const float *x, size_t cols)                                                                        \
	{                                                                                                           \
		dot_all(WICK_##TYPE, y, w, stride, index, count, x, cols);                                          \
	}                                                                                                           \
	static void matvec_##type(                                                                                  \
		float *y, const void *w, size_t stride, const float *x, size_t rows, size_t cols)                   \
	{                                                                                                           \
		dot_all_##type(y, w, stride, NULL, rows, x, cols);                                                  \
	}                                                                                                           \
	static void matvec_rows_##type(float *y, const void *w, size_t stride, const uint32_t *index, size_t count, \
		const float *x, size_t cols)                                                                        \
	{                                                                                                           \
		dot_all_##type(y, w, stride, index, count, x, cols);                                                \
	}                                                                                                           \
	static void matmul_alone_##type(const struct wick_matmul *job)                                              \
	{                                                                                                           \
		wick_matmul_alone(job, matvec_##type);                                                              \
	}

WICK_EACH_TYPE(MATVEC)
#undef MATVEC

static void set_matvec(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type)                                       \
	kernels->matvec[WICK_##TYPE] = matvec_##type;           \
	kernels->matvec_rows[WICK_##TYPE] = matvec_rows_##type; \
	kernels->pack_x[WICK_##TYPE] = wick_pack_alone;         \
	kernels->matmul[WICK_##TYPE] = matmul_alone_##type;
	WICK_EACH_TYPE(ENTRY)
#undef ENTRY
}
