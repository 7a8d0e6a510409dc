/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows accumulated. The rows whose h is not zero are taken four at a time, so that y is loaded and stored once for all
 * of them; every y still gets one fused multiply-add after the other in the order of k. */

#include "levels.h"

/* y += h * number, vector i of a tile with its scale. */
INLINE vec accumulate_vec(enum wick_type type, vec y, vec h, vec scale, const uint8_t *tile, int i)
{
	vec number = vec_number(type, tile, i);

	return vec_fma(h, has_scale(type) ? number * scale : number, y);
}

INLINE void accumulate_tile(
	enum wick_type type, int rows, float *y, const uint8_t *const *w, size_t at, const vec *h)
{
	vec sums[TILE_VECS];

	for (int i = 0; i < TILE_VECS; i++)
		sums[i] = vec_load(y + i * LANES);
	for (int r = 0; r < rows; r++) {
		vec scale = vec_set(tile_scale(type, w[r] + at));

		for (int i = 0; i < TILE_VECS; i++)
			sums[i] = accumulate_vec(type, sums[i], h[r], scale, w[r] + at, i);
	}
	for (int i = 0; i < TILE_VECS; i++)
		vec_store(y + i * LANES, sums[i]);
}

/* The columns after the last whole tile. */
INLINE void accumulate_rest(
	enum wick_type type, int rows, float *y, const uint8_t *const *w, size_t at, const vec *h, size_t cols)
{
	uint8_t padded[ROWS][WICK_COLUMN_TILE * sizeof(float)];
	const uint8_t *tiles[ROWS];
	float padded_y[WICK_COLUMN_TILE] = { 0 };

	for (int r = 0; r < rows; r++) {
		pad_tile(type, padded[r], w[r] + at, cols);
		tiles[r] = padded[r];
	}
	memcpy(padded_y, y, cols * sizeof(*y));
	accumulate_tile(type, rows, padded_y, tiles, 0, h);
	memcpy(y, padded_y, cols * sizeof(*y));
}

/* Up to 256 columns of the block types. */
INLINE void accumulate_blocks(
	enum wick_type type, int rows, float *y, const uint8_t *const *w, size_t at, const vec *h, size_t count)
{
	struct parts parts[ROWS];
	vec numbers[TILE_VECS], sums[TILE_VECS];

	for (int r = 0; r < rows; r++)
		find_parts(type, &parts[r], w[r] + at, count);
	for (size_t j = 0; j < count; j++, y += WICK_BLOCK) {
		memcpy(sums, y, sizeof(sums));
		for (int r = 0; r < rows; r++) {
			group_numbers(type, numbers, w[r] + at, j, &parts[r]);
			for (int i = 0; i < TILE_VECS; i++)
				sums[i] = vec_fma(h[r], numbers[i], sums[i]);
		}
		memcpy(y, sums, sizeof(sums));
	}
}

INLINE void accumulate_groups(enum wick_type type, int rows, float *y, const uint8_t *const *w,
	const uint8_t *const *next, const vec *h, size_t cols)
{
	for (size_t blocks = cols / WICK_BLOCK, at = 0, some; blocks; blocks -= some, y += some * WICK_BLOCK) {
		some = WICK_MIN(blocks, (size_t)GROUP);
		fetch_ahead(rows, next, at, group_bytes(type, some));
		accumulate_blocks(type, rows, y, w, at, h, some);
		at += group_bytes(type, some);
	}
}

/* Some rows and their factors. */
struct ffn_group {
	const uint8_t *w[ROWS];
	float h[ROWS];
	int filled;
};

/* The first rows of a group, a constant number of them. */
INLINE void accumulate_group(enum wick_type type, int rows, float *y, const struct ffn_group *group,
	const uint8_t *const *next, size_t cols)
{
	vec h[ROWS];
	size_t c = 0, at = 0;

	for (int r = 0; r < rows; r++)
		h[r] = vec_set(group->h[r]);
	if (is_block_type(type)) {
		accumulate_groups(type, rows, y, group->w, next, h, cols);
		return;
	}
	for (; c + WICK_COLUMN_TILE <= cols; c += WICK_COLUMN_TILE, at += tile_bytes(type)) {
		fetch_ahead(rows, next, at, tile_bytes(type));
		accumulate_tile(type, rows, y + c, group->w, at, h);
	}
	if (c < cols)
		accumulate_rest(type, rows, y + c, group->w, at, h, cols - c);
}

/* Fills a group with the next rows from k on whose h is not zero; returns where it stopped. */
INLINE size_t fill_group(struct ffn_group *group, const uint8_t *w, size_t stride, const uint32_t *index,
	const float *h, size_t k, size_t count)
{
	group->filled = 0;
	for (; k < count && group->filled < ROWS; k++) {
		if (h[k] == 0)
			continue;
		group->w[group->filled] = w + (index ? index[k] : k) * stride;
		group->h[group->filled++] = h[k];
	}
	return k;
}

INLINE void accumulate_all(enum wick_type type, float *y, const uint8_t *w, size_t stride, const uint32_t *index,
	const float *h, size_t count, size_t cols)
{
	struct ffn_group now, next = { .filled = 0 };
	size_t k = 0, k_next = 0;

	for (size_t ahead = rows_ahead(type, cols); ahead; ahead -= ROWS)
		k_next = fill_group(&next, w, stride, index, h, k_next, count);
	for (;;) {
		k = fill_group(&now, w, stride, index, h, k, count);
		if (now.filled < ROWS)
			break;
		k_next = fill_group(&next, w, stride, index, h, k_next, count);
		for (int r = next.filled; r < ROWS; r++)
			next.w[r] = now.w[r];
		accumulate_group(type, ROWS, y, &now, next.w, cols);
	}
	for (int r = 0; r < now.filled; r++) {
		struct ffn_group one = { { now.w[r] }, { now.h[r] }, 1 };

		accumulate_group(type, 1, y, &one, one.w, cols);
	}
}

#define ACCUMULATE(TYPE, type)                                                                              \
	static void accumulate_rows_##type(float *y, const void *w, size_t stride, const uint32_t *index,   \
		const float *h, size_t count, size_t cols)                                                  \
	{                                                                                                   \
		accumulate_all(WICK_##TYPE, y, w, stride, index, h, count, cols);                           \
	}

WICK_EACH_TYPE(ACCUMULATE)
#undef ACCUMULATE

static void set_ffn(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type) kernels->accumulate_rows[WICK_##TYPE] = accumulate_rows_##type;
	WICK_EACH_TYPE(ENTRY)
#undef ENTRY
}
