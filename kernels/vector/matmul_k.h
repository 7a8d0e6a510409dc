/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A matrix of a K type times a batch. Blocks of some rows are made ready once for a panel of the batch, which lies block by
 * block as in matmul_blocks.h, and register tiles of ROWS rows by up to K_TILE vectors go over them. */

#include "matmul_blocks.h"

/* One or two vectors are left to matvec: making blocks ready costs as much as meeting them twice. */
INLINE bool packs_k(size_t m, size_t cols)
{
	return m > 2 && cols;
}

/* Up to FIXED_COLS numbers of vector i, from column c on. */
INLINE void pack_slice_k(enum wick_type type, struct x_batch *packed, const float *x, size_t m, size_t cols, size_t i, size_t c)
{
	size_t end = WICK_MIN(cols, c + FIXED_COLS);
	float no_number = spoilt_by(x + c, end - c);
	vec levels[K_COLS / LANES];

	for (; c < end; c += K_COLS) {
		struct x_batch *block = packed + packed_at(m, cols, i, c / K_COLS);

		k_levels(type, levels, &block->sums.step, x + c, no_number);
		find_x_sums(type, &block->sums, levels);
		pack_batch(block, levels);
	}
}

INLINE void pack_x_k(enum wick_type type, float *packed, const float *x, size_t ldx, size_t m, size_t cols, size_t first, size_t count)
{
	if (!packs_k(m, cols)) {
		wick_pack_alone(packed, x, ldx, m, cols, first, count);
		return;
	}
	for (size_t i = first; i < first + count; i++)
		for (size_t c = 0; c < cols; c += FIXED_COLS)
			pack_slice_k(type, (struct x_batch *)(void *)packed, x + i * ldx, m, cols, i, c);
}

struct k_tile {
	const uint8_t *w[K_ROWS_ONCE]; /* the last row fills up what is missing to a multiple of ROWS */
	const uint8_t *next[K_ROWS_ONCE]; /* the rows after them, fetched meanwhile */
	size_t rows, width;
	vec sums[BLOCK_PANEL * K_ROWS_ONCE]; /* of vector t and row r at t * K_ROWS_ONCE + r */
};

INLINE void tile_width_k(enum wick_type type, size_t width, vec *sums, const struct ready_k *ready,
	const struct x_batch *x)
{
	switch (width) {
#define CASE(n)                                            \
	case n:                                            \
		dot_tile_k(type, n, sums, ready, x);       \
		break
		CASE(1);
#if K_TILE > 1
		CASE(2);
#endif
#if K_TILE > 2
		CASE(3);
		CASE(4);
		CASE(5);
		CASE(6);
#endif
#undef CASE
	}
}

INLINE void tile_block_k(enum wick_type type, struct k_tile *tile, size_t at, const struct x_batch *x)
{
	struct ready_k ready[K_ROWS_ONCE];

	for (size_t r = 0; r < tile->rows; r++) {
		fetch_ahead(1, tile->next + r, at, wick_types[type].block_bytes);
		make_ready_k(type, ready + r, tile->w[r] + at);
	}
	for (size_t t = 0; t < tile->width; t += K_TILE)
		for (size_t r = 0; r < tile->rows; r += ROWS)
			tile_width_k(type, WICK_MIN(tile->width - t, (size_t)K_TILE), tile->sums + t * K_ROWS_ONCE + r, ready + r,
				x + t);
}

/* Blocks from `first` on, `count` of them, into y[t * ldy + r]. */
INLINE void tile_slice_k(enum wick_type type, struct k_tile *tile, size_t first, size_t count, const struct x_batch *x,
	float *y, size_t ldy, size_t rows)
{
	size_t bytes = wick_types[type].block_bytes;

	for (size_t t = 0; t < tile->width; t++)
		for (size_t r = 0; r < tile->rows; r++)
			tile->sums[t * K_ROWS_ONCE + r] = vec_set(0);
	for (size_t b = first; b < first + count; b++)
		tile_block_k(type, tile, b * bytes, x + b * tile->width);
	for (size_t t = 0; t < tile->width; t++)
		for (size_t r = 0; r < rows; r++)
			y[t * ldy + r] = vec_sum(tile->sums[t * K_ROWS_ONCE + r]) + (first ? y[t * ldy + r] : 0);
}

/* Of a batch with many panels only the first meets rows that are not near yet. */
INLINE void find_rows_k(struct k_tile *tile, const struct wick_matmul *job, size_t row, size_t rows, bool near)
{
	tile->rows = (rows + ROWS - 1) / ROWS * ROWS;
	for (size_t r = 0; r < tile->rows; r++) {
		size_t this = row + WICK_MIN(r, rows - 1), next = WICK_MIN(this + K_ROWS_ONCE, job->rows - 1);

		tile->w[r] = (const uint8_t *)job->w + this * job->stride;
		tile->next[r] = near ? tile->w[r] : (const uint8_t *)job->w + next * job->stride;
	}
}

INLINE void matmul_k(enum wick_type type, const struct wick_matmul *job)
{
	size_t blocks = job->cols / K_COLS;
	struct k_tile tile;

	for (size_t start = 0; start < job->m; start += BLOCK_PANEL) {
		const struct x_batch *x = (const struct x_batch *)(const void *)job->packed + start * blocks;

		tile.width = WICK_MIN(job->m - start, (size_t)BLOCK_PANEL);
		for (size_t row = 0; row < job->rows; row += K_ROWS_ONCE) {
			size_t rows = WICK_MIN(job->rows - row, (size_t)K_ROWS_ONCE);

			find_rows_k(&tile, job, row, rows, start > 0);
			for (size_t b = 0; b < blocks; b += SLICE_GROUPS)
				tile_slice_k(type, &tile, b, WICK_MIN(blocks - b, (size_t)SLICE_GROUPS), x,
					job->y + start * job->ldy + row, job->ldy, rows);
		}
	}
}

#define MATMUL(TYPE, type)                                                \
	static void pack_x_##type(                                        \
		float *packed, const float *x, size_t ldx, size_t m, size_t cols, size_t first, size_t count) \
	{                                                                 \
		pack_x_k(WICK_##TYPE, packed, x, ldx, m, cols, first, count); \
	}                                                                 \
	static void matmul_##type(const struct wick_matmul *job)          \
	{                                                                 \
		if (packs_k(job->m, job->cols))                           \
			matmul_k(WICK_##TYPE, job);                       \
		else                                                      \
			wick_matmul_alone(job, matvec_##type);            \
	}

WICK_EACH_K_TYPE(MATMUL)
#undef MATMUL

static void set_matmul_k(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type)                           \
	kernels->pack_x[WICK_##TYPE] = pack_x_##type; \
	kernels->matmul[WICK_##TYPE] = matmul_##type;
	WICK_EACH_K_TYPE(ENTRY)
#undef ENTRY
}
