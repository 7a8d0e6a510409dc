/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A matrix of a block type times a batch: each pair of a row and a vector takes its groups in the order of matvec, so it
 * has the bits of matvec. What is saved is the unpacking: a group of a row is made ready once for a panel of the batch.
 *
 * The batch lies in panels of vectors, group by group, so that the group of all vectors of a panel is one stretch of
 * memory that fits into the nearest cache and stays there while some rows pass by:
 *
 *     panel of 3 vectors    group 0 of a, b, c | group 1 of a, b, c | ...
 */

#include "matvec.h"

#define BLOCK_PANEL 32     /* vectors of the batch: their group is 19 KiB */
#define BLOCK_ROWS_ONCE 8  /* rows that pass by: with the panel's, their sums are as much again */
#define SLICE_GROUPS (FIXED_COLS / GROUP_COLS) /* whose sum is one number in matvec */

INLINE size_t groups_of(size_t cols)
{
	return (cols + GROUP_COLS - 1) / GROUP_COLS;
}

/* A vector alone is left to matvec, and so are rows that end soon after the begin of a group, which has no room then. */
INLINE bool packs_blocks(size_t m, size_t cols)
{
	return m > 1 && cols >= GROUP_COLS && groups_of(cols) * sizeof(struct x_group) <= cols * sizeof(float);
}

/* Which of all groups in their panels group g of vector i is. */
INLINE size_t packed_at(size_t m, size_t cols, size_t i, size_t g)
{
	size_t panel = i / BLOCK_PANEL * BLOCK_PANEL, width = WICK_MIN(m - panel, (size_t)BLOCK_PANEL);

	return panel * groups_of(cols) + g * width + (i - panel);
}

static void pack_x_blocks(float *packed, const float *x, size_t ldx, size_t m, size_t cols, size_t first, size_t count)
{
	struct x_group groups[SLICE_GROUPS];

	if (!packs_blocks(m, cols)) {
		wick_pack_alone(packed, x, ldx, m, cols, first, count);
		return;
	}
	for (size_t i = first; i < first + count; i++)
		for (size_t c = 0, some; c < cols; c += some) {
			some = WICK_MIN(cols - c, (size_t)FIXED_COLS);
			fix_x_groups(groups, x + i * ldx + c, some);
			for (size_t g = 0; g < groups_of(some); g++)
				((struct x_group *)(void *)packed)[packed_at(m, cols, i, c / GROUP_COLS + g)] = groups[g];
		}
}

/* Rows of a matmul with a panel of its batch. */
struct block_tile {
	const uint8_t *w[BLOCK_ROWS_ONCE], *next[BLOCK_ROWS_ONCE]; /* and the rows after them, fetched meanwhile */
	size_t rows, width;
	const struct x_group *x; /* (groups, width) */
	vec sums[BLOCK_ROWS_ONCE][BLOCK_PANEL];
};

INLINE void tile_group_of_blocks(enum wick_type type, struct block_tile *tile, size_t at, const struct x_group *x)
{
	struct ready_group ready;

	for (size_t r = 0; r < tile->rows; r++) {
		fetch_ahead(1, tile->next + r, at, group_bytes(type, GROUP));
		make_ready(type, &ready, tile->w[r] + at);
		for (size_t t = 0; t < tile->width; t++)
			tile->sums[r][t] = dot_ready(type, tile->sums[r][t], &ready, x + t);
	}
}

INLINE void tile_blocks_left(enum wick_type type, struct block_tile *tile, size_t at, const struct x_group *x, size_t blocks)
{
	for (size_t r = 0; r < tile->rows; r++)
		for (size_t t = 0; t < tile->width; t++)
			tile->sums[r][t] = dot_blocks(type, tile->sums[r][t], tile->w[r] + at, x + t, blocks);
}

/* Groups from `first` on, `cols` columns of them, into y[t * ldy + r]. */
INLINE void tile_slice_of_blocks(enum wick_type type, struct block_tile *tile, size_t first, size_t cols, float *y, size_t ldy)
{
	size_t at = first * group_bytes(type, GROUP), whole = cols / GROUP_COLS;
	const struct x_group *x = tile->x + first * tile->width;

	for (size_t r = 0; r < tile->rows; r++)
		for (size_t t = 0; t < tile->width; t++)
			tile->sums[r][t] = vec_set(0);
	for (size_t g = 0; g < whole; g++, at += group_bytes(type, GROUP), x += tile->width)
		tile_group_of_blocks(type, tile, at, x);
	if (cols % GROUP_COLS)
		tile_blocks_left(type, tile, at, x, cols % GROUP_COLS / WICK_BLOCK);
	for (size_t r = 0; r < tile->rows; r++)
		for (size_t t = 0; t < tile->width; t++)
			y[t * ldy + r] = vec_sum(tile->sums[r][t]) + (first ? y[t * ldy + r] : 0);
}

INLINE void matmul_blocks(enum wick_type type, const struct wick_matmul *job)
{
	struct block_tile tile;
	size_t groups = groups_of(job->cols);

	for (size_t start = 0; start < job->m; start += BLOCK_PANEL) {
		tile.width = WICK_MIN(job->m - start, (size_t)BLOCK_PANEL);
		tile.x = (const struct x_group *)(const void *)job->packed + start * groups;
		for (size_t row = 0; row < job->rows; row += BLOCK_ROWS_ONCE) {
			tile.rows = WICK_MIN(job->rows - row, (size_t)BLOCK_ROWS_ONCE);
			for (size_t r = 0; r < tile.rows; r++) {
				tile.w[r] = (const uint8_t *)job->w + (row + r) * job->stride;
				tile.next[r] = start || row + r + BLOCK_ROWS_ONCE >= job->rows
					? tile.w[r] : tile.w[r] + BLOCK_ROWS_ONCE * job->stride;
			}
			for (size_t g = 0; g < groups; g += SLICE_GROUPS)
				tile_slice_of_blocks(type, &tile, g, WICK_MIN(job->cols - g * GROUP_COLS, (size_t)FIXED_COLS),
					job->y + start * job->ldy + row, job->ldy);
		}
	}
}

#define MATMUL(TYPE, type)                                                \
	static void matmul_##type(const struct wick_matmul *job)          \
	{                                                                 \
		if (packs_blocks(job->m, job->cols))                      \
			matmul_blocks(WICK_##TYPE, job);                  \
		else                                                      \
			wick_matmul_alone(job, matvec_##type);            \
	}

WICK_EACH_SMALL_TYPE(MATMUL)
WICK_EACH_GRID_TYPE(MATMUL)
MATMUL(Q4_0, q4_0)
#undef MATMUL

static void set_matmul_blocks(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type)                                  \
	kernels->pack_x[WICK_##TYPE] = pack_x_blocks;      \
	kernels->matmul[WICK_##TYPE] = matmul_##type;
	WICK_EACH_SMALL_TYPE(ENTRY)
	WICK_EACH_GRID_TYPE(ENTRY)
	ENTRY(Q4_0, q4_0)
#undef ENTRY
}
