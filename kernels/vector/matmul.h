/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A matrix times a batch, in the order of matvec: of each sum, even vectors of columns go into one accumulator and odd
 * ones into another, and both are added in the end.
 *
 * A register tile is ROWS rows by up to BATCH vectors of x, one accumulator each. With two there would be room for half
 * of it only; so a tile goes over all even vectors first and then over all odd ones. Both matrices are laid out as it
 * reads them, the weights as floats, each in panels of what a tile takes:
 *
 *     panel of 4 rows     0 0' 0'' 0''' 2 2' 2'' 2''' ... | 1 1' 1'' 1''' 3 ...      number: vector of the row
 *
 * The batch's panels are as even as can be: 8 vectors are two panels of 4, not one of 6 and one of 2. */

#include "matvec.h"

#define FEW 4             /* vectors of a batch that matvec takes one by one: laying out the weights costs more */
#define MANY 32           /* vectors of a batch that is worth laying out more than ROWS rows at a time */
#define LAID_OUT_ROWS WICK_MATMUL_ROWS_MAX
#define STRETCH_COLS 2048 /* columns at a time: half of BATCH vectors of them fill half of a nearest cache */

/* How a batch is cut into panels. */
INLINE size_t panel_count(size_t m)
{
	return (m + BATCH - 1) / BATCH;
}

INLINE size_t panel_start(size_t m, size_t panel)
{
	return m * panel / panel_count(m);
}

/* Numbers of a row or vector with its padding. */
INLINE size_t padded_cols(size_t cols)
{
	return wick_packed_floats(1, cols);
}

/* One tile of a row, or of a vector of the batch, as vectors that stand `count` apart; odd ones in their own half. */
INLINE void lay_out_tile(enum wick_type type, float *even, float *odd, size_t count, const uint8_t *tile)
{
	for (int i = 0; i < TILE_VECS; i++)
		vec_store((i & 1 ? odd : even) + (size_t)(i / 2) * count * LANES, vec_number(type, tile, i));
}

/* Rows of weights, or vectors of the batch, into their places among `count` of a panel. */
INLINE void lay_out(enum wick_type type, int rows, float *panel, size_t count, const uint8_t *const *row, size_t cols)
{
	float *even = panel, *odd = panel + count * (padded_cols(cols) / 2);
	size_t step = TILE_VECS / 2 * count * LANES, c = 0, at = 0;
	uint8_t padded[WICK_COLUMN_TILE * sizeof(float)];

	for (; c + WICK_COLUMN_TILE <= cols; c += WICK_COLUMN_TILE, at += tile_bytes(type), even += step, odd += step)
		for (int r = 0; r < rows; r++)
			lay_out_tile(type, even + r * LANES, odd + r * LANES, count, row[r] + at);
	for (int r = 0; c < cols && r < rows; r++) {
		pad_tile(type, padded, row[r] + at, cols - c);
		lay_out_tile(type, even + r * LANES, odd + r * LANES, count, padded);
	}
}

static void pack_x_floats(float *packed, const float *x, size_t ldx, size_t m, size_t cols, size_t first, size_t count)
{
	if (m <= FEW) {
		wick_pack_alone(packed, x, ldx, m, cols, first, count);
		return;
	}
	for (size_t i = first; i < first + count; i++) {
		size_t panel = ((i + 1) * panel_count(m) - 1) / m, start = panel_start(m, panel);
		const uint8_t *row = (const uint8_t *)(x + i * ldx);

		lay_out(WICK_F32, 1, packed + start * padded_cols(cols) + (i - start) * LANES,
			panel_start(m, panel + 1) - start, &row, cols);
	}
}

/* The accumulators of a tile, kept here between two stretches of its columns. */
struct dot_sums {
	vec of[ROWS][BATCH];
};

/* sums + `vecs` vectors of each row times those of each x; `more` unless they are the first. */
INLINE void dot_half(int batch, struct dot_sums *sums, const float *w, const float *x, size_t vecs, bool more)
{
	vec at[ROWS][BATCH];

#pragma GCC unroll 4
	for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
		for (int t = 0; t < batch; t++)
			at[r][t] = more ? sums->of[r][t] : vec_set(0);
	for (size_t v = 0; v < vecs; v++, w += ROWS * LANES, x += batch * LANES) {
		vec some[BATCH];

#pragma GCC unroll 8
		for (int t = 0; t < batch; t++)
			some[t] = vec_load(x + t * LANES);
#pragma GCC unroll 4
		for (int r = 0; r < ROWS; r++) {
			vec row = vec_load(w + r * LANES);

#pragma GCC unroll 8
			for (int t = 0; t < batch; t++)
				at[r][t] = vec_fma(row, some[t], at[r][t]);
		}
	}
#pragma GCC unroll 4
	for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
		for (int t = 0; t < batch; t++)
			sums->of[r][t] = at[r][t];
}

static void dot_half_of(size_t batch, struct dot_sums *sums, const float *w, const float *x, size_t vecs, bool more)
{
	switch (batch) {
#define CASE(n)                                            \
	case n:                                            \
		dot_half(n, sums, w, x, vecs, more);       \
		break
		CASE(1);
		CASE(2);
		CASE(3);
#if BATCH > 3
		CASE(4);
		CASE(5);
		CASE(6);
#endif
#undef CASE
	}
}

/* y[t * ldy + r] of a tile whose columns are all in. */
INLINE void store_tile(float *y, size_t ldy, size_t rows, size_t batch, const struct dot_sums *even,
	const struct dot_sums *odd)
{
	for (size_t t = 0; t < batch; t++) {
		vec whole[ROWS];
		float sums[ROWS];

		for (size_t r = 0; r < ROWS; r++)
			whole[r] = even->of[r][t] + odd->of[r][t];
		vec_sums(sums, whole);
		memcpy(y + t * ldy, sums, rows * sizeof(*y));
	}
}

/* One panel of the batch with `rows` rows that are laid out in w, a stretch of columns after the other, so that the
 * panel's part of x stays in the nearest cache while all rows pass by. */
static void dot_panel(float *y, size_t ldy, size_t rows, size_t batch, const float *w, const float *x, size_t cols)
{
	struct dot_sums sums[2][LAID_OUT_ROWS / ROWS];
	size_t size = padded_cols(cols), vecs = size / 2 / LANES, v = 0;

	do {
		size_t some = WICK_MIN(vecs - v, (size_t)STRETCH_COLS / 2 / LANES);

		for (size_t half = 0; half < 2; half++)
			for (size_t r = 0; r < rows; r += ROWS)
				dot_half_of(batch, &sums[half][r / ROWS], w + r * size + (half * vecs + v) * ROWS * LANES,
					x + (half * vecs + v) * batch * LANES, some, v > 0);
		v += some;
	} while (v < vecs);
	for (size_t r = 0; r < rows; r += ROWS)
		store_tile(y + r, ldy, WICK_MIN(rows - r, (size_t)ROWS), batch, &sums[0][r / ROWS], &sums[1][r / ROWS]);
}

/* Rows that are laid out at a time, a multiple of ROWS: a long batch pays for fetching them from the second cache. */
INLINE size_t rows_laid_out(const struct wick_matmul *job)
{
	size_t size = padded_cols(job->cols), room = size ? wick_matmul_scratch_floats(job->cols) / size : ROWS;

	return job->m < MANY ? ROWS : WICK_MIN(room, (size_t)LAID_OUT_ROWS) / ROWS * ROWS;
}

/* Rows from `first` on as panels; where the last has too few, its last row fills it up. */
INLINE void lay_out_weights(enum wick_type type, const struct wick_matmul *job, size_t first, size_t rows)
{
	const uint8_t *w = job->w, *row[ROWS];

	for (size_t r = 0; r < rows; r += ROWS) {
		for (size_t i = 0; i < ROWS; i++)
			row[i] = w + WICK_MIN(first + r + i, job->rows - 1) * job->stride;
		lay_out(type, ROWS, job->scratch + r * padded_cols(job->cols), ROWS, row, job->cols);
	}
}

INLINE void matmul_floats(enum wick_type type, const struct wick_matmul *job)
{
	size_t most = rows_laid_out(job), size = padded_cols(job->cols), panels = panel_count(job->m);

	for (size_t first = 0, rows; first < job->rows; first += rows) {
		rows = WICK_MIN(job->rows - first, most);
		lay_out_weights(type, job, first, rows);
		for (size_t p = 0; p < panels; p++) {
			size_t start = panel_start(job->m, p);

			dot_panel(job->y + start * job->ldy + first, job->ldy, rows, panel_start(job->m, p + 1) - start,
				job->scratch, job->packed + start * size, job->cols);
		}
	}
}

#define MATMUL(TYPE, type)                                                \
	static void matmul_##type(const struct wick_matmul *job)          \
	{                                                                 \
		if (job->m <= FEW)                                        \
			wick_matmul_alone(job, matvec_##type);            \
		else                                                      \
			matmul_floats(WICK_##TYPE, job);                  \
	}

MATMUL(F32, f32)
MATMUL(F16, f16)
MATMUL(BF16, bf16)
#undef MATMUL

static void set_matmul(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type)                                  \
	kernels->pack_x[WICK_##TYPE] = pack_x_floats;      \
	kernels->matmul[WICK_##TYPE] = matmul_##type;
	ENTRY(F32, f32)
	ENTRY(F16, f16)
	ENTRY(BF16, bf16)
#undef ENTRY
}
