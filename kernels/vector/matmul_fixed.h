/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A matrix of q8_0 times a batch, in the order of fixed.h: one accumulator a row and vector, to which block after block is
 * added as there. The batch is brought into steps once, by pack_x, for all rows; weights are read as they lie, and a block
 * unpacked in registers serves all vectors of a panel.
 *
 *     a vector, packed      words, cols of them | steps, cols / 32 | */

#include "matmul.h"

/* One vector of a packed batch. */
struct fixed_x {
	const int16_t *words;
	const float *steps;
};

INLINE struct fixed_x fixed_x_of(const float *packed, size_t cols)
{
	const int16_t *words = (const int16_t *)(const void *)packed;

	return (struct fixed_x){ words, (const float *)(const void *)(words + cols) };
}

/* Columns c and on of a vector, by slices as matvec takes them: each is in steps by itself. */
INLINE void pack_slice(const struct fixed_x *to, const float *x, size_t c, size_t cols)
{
	struct fixed fixed;

	fix_words(&fixed, x + c, cols);
	memcpy((int16_t *)to->words + c, fixed.words, cols * sizeof(*fixed.words));
	memcpy((float *)to->steps + c / WICK_BLOCK, fixed.steps, cols / WICK_BLOCK * sizeof(float));
}

static void pack_x_q8_0(float *packed, const float *x, size_t ldx, size_t m, size_t cols, size_t first, size_t count)
{
	if (m <= FEW) {
		wick_pack_alone(packed, x, ldx, m, cols, first, count);
		return;
	}
	for (size_t i = first; i < first + count; i++) {
		struct fixed_x to = fixed_x_of(packed + i * cols, cols);

		for (size_t c = 0; c < cols; c += FIXED_COLS)
			pack_slice(&to, x + i * ldx, c, WICK_MIN(cols - c, (size_t)FIXED_COLS));
	}
}

/* Scales of the weights times steps, of some blocks of a group. */
INLINE void tile_scales(int batch, float (*scales)[BATCH][GROUP], const uint8_t *const *w, size_t at,
	const struct fixed_x *x, size_t block, size_t count)
{
	static const float ones[GROUP] = { 1, 1, 1, 1, 1, 1, 1, 1 };

	for (int r = 0; r < ROWS; r++) {
		float of_row[GROUP];

		if (count == GROUP)
			group_scales(of_row, w[r] + at, ones);
		else
			for (size_t b = 0; b < count; b++)
				of_row[b] = scale_of(w[r] + at + b * tile_bytes(WICK_Q8_0));
		for (int t = 0; t < batch; t++)
			for (size_t b = 0; b < (count == GROUP ? GROUP : count); b++)
				scales[r][t][b] = of_row[b] * x[t].steps[block + b];
	}
}

INLINE void tile_words(int batch, vec (*sums)[BATCH], float (*scales)[BATCH][GROUP], const uint8_t *const *w, size_t at,
	const struct fixed_x *x, size_t block, size_t count)
{
	for (size_t b = 0; b < count; b++)
#pragma GCC unroll 4
		for (int r = 0; r < ROWS; r++) {
			struct words words = words_q8_0(w[r] + at + b * tile_bytes(WICK_Q8_0));

#pragma GCC unroll 8
			for (int t = 0; t < batch; t++)
				sums[r][t] = dot_words(sums[r][t], words, x[t].words + (block + b) * WICK_BLOCK, scales[r][t][b]);
		}
}

/* Blocks from..to of a tile. */
INLINE void fixed_tile(int batch, vec (*sums)[BATCH], const uint8_t *const *w, const struct fixed_x *x, size_t from, size_t to)
{
	float scales[ROWS][BATCH][GROUP];

	for (size_t block = from, count; block < to; block += count) {
		size_t at = block * tile_bytes(WICK_Q8_0);

		count = WICK_MIN(to - block, (size_t)GROUP);
		tile_scales(batch, scales, w, at, x, block, count);
		tile_words(batch, sums, scales, w, at, x, block, count);
	}
}

/* y[t * ldy + r] of some rows and a panel of vectors, a slice after the other. */
INLINE void fixed_tile_all(int batch, float *y, size_t ldy, size_t rows, const uint8_t *const *w,
	const struct fixed_x *x, size_t cols)
{
	size_t c = 0;

	do {
		size_t some = WICK_MIN(cols - c, (size_t)FIXED_COLS);
		vec sums[ROWS][BATCH];

		for (int r = 0; r < ROWS; r++)
			for (int t = 0; t < batch; t++)
				sums[r][t] = vec_set(0);
		fixed_tile(batch, sums, w, x, c / WICK_BLOCK, (c + some) / WICK_BLOCK);
		for (size_t t = 0; t < (size_t)batch; t++)
			for (size_t r = 0; r < rows; r++)
				y[t * ldy + r] = vec_sum(sums[r][t]) + (c ? y[t * ldy + r] : 0);
		c += some;
	} while (c < cols);
}

INLINE void fixed_tile_of(size_t batch, float *y, size_t ldy, size_t rows, const uint8_t *const *w,
	const struct fixed_x *x, size_t cols)
{
	switch (batch) {
#define CASE(n)                                            \
	case n:                                            \
		fixed_tile_all(n, y, ldy, rows, w, x, cols); \
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

/* Panel after panel of the batch, so that one stays in the nearest cache while all rows pass by. */
INLINE void matmul_fixed(const struct wick_matmul *job)
{
	const uint8_t *w = job->w, *row[ROWS];
	struct fixed_x x[BATCH];

	for (size_t p = 0; p < panel_count(job->m); p++) {
		size_t start = panel_start(job->m, p), batch = panel_start(job->m, p + 1) - start;

		for (size_t t = 0; t < batch; t++)
			x[t] = fixed_x_of(job->packed + (start + t) * job->cols, job->cols);
		for (size_t r = 0; r < job->rows; r += ROWS) {
			for (size_t i = 0; i < ROWS; i++)
				row[i] = w + WICK_MIN(r + i, job->rows - 1) * job->stride;
			fixed_tile_of(batch, job->y + start * job->ldy + r, job->ldy, WICK_MIN(job->rows - r, (size_t)ROWS),
				row, x, job->cols);
		}
	}
}

static void matmul_q8_0(const struct wick_matmul *job)
{
	if (job->m <= FEW)
		wick_matmul_alone(job, matvec_q8_0);
	else
		matmul_fixed(job);
}

static void set_matmul_fixed(struct wick_kernels *kernels)
{
	kernels->pack_x[WICK_Q8_0] = pack_x_q8_0;
	kernels->matmul[WICK_Q8_0] = matmul_q8_0;
}
