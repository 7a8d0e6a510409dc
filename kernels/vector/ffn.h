/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rows accumulated. The rows whose h is not zero are taken four at a time, so that y is loaded and stored once for all of
 * them; every y still gets one fused multiply-add after the other in the order of k. */

#include "vector.h"

#define FFN_ROWS 4

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
	uint8_t padded[FFN_ROWS][WICK_COLUMN_TILE * sizeof(float)];
	const uint8_t *tiles[FFN_ROWS];
	float padded_y[WICK_COLUMN_TILE] = { 0 };

	for (int r = 0; r < rows; r++) {
		pad_tile(type, padded[r], w[r] + at, cols);
		tiles[r] = padded[r];
	}
	memcpy(padded_y, y, cols * sizeof(*y));
	accumulate_tile(type, rows, padded_y, tiles, 0, h);
	memcpy(y, padded_y, cols * sizeof(*y));
}

/* `rows` rows, a constant up to FFN_ROWS. */
INLINE void accumulate_some(
	enum wick_type type, int rows, float *y, const uint8_t *const *w, const float *h, size_t cols)
{
	vec all_h[FFN_ROWS];
	size_t c = 0, at = 0;

	for (int r = 0; r < rows; r++)
		all_h[r] = vec_set(h[r]);
	for (; c + WICK_COLUMN_TILE <= cols; c += WICK_COLUMN_TILE, at += tile_bytes(type))
		accumulate_tile(type, rows, y + c, w, at, all_h);
	if (c < cols)
		accumulate_rest(type, rows, y + c, w, at, all_h, cols - c);
}

INLINE void accumulate_all(enum wick_type type, float *y, const uint8_t *w, size_t stride, const uint32_t *index,
	const float *h, size_t count, size_t cols)
{
	const uint8_t *rows[FFN_ROWS];
	float rows_h[FFN_ROWS];
	int filled = 0;

	for (size_t k = 0; k < count; k++) {
		if (h[k] == 0)
			continue;
		rows[filled] = w + (index ? index[k] : k) * stride;
		rows_h[filled++] = h[k];
		if (filled == FFN_ROWS) {
			accumulate_some(type, FFN_ROWS, y, rows, rows_h, cols);
			filled = 0;
		}
	}
	for (int r = 0; r < filled; r++)
		accumulate_some(type, 1, y, rows + r, rows_h + r, cols);
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
