/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The K types with NEON: sixteen numbers are a vector of bytes. Bytes have a sign here, so levels are made less by what they
 * are too large by, and a batch meets the same bytes as one vector. */

#include "levels.h"

#include "../vector/k_types.h"

#define K_TILE 1

INLINE size_t part_at(enum wick_type type, size_t place)
{
	(void)type;
	return place;
}

INLINE void k_excess(struct x_halves *x, int over)
{
	(void)x;
	(void)over;
}

struct x_batch {
	int8_t halves[2][K_COLS];
	struct x_sums sums;
};

INLINE void pack_halves(int8_t (*halves)[K_COLS], const vec *levels);

INLINE void pack_batch(struct x_batch *x, const vec *levels)
{
	pack_halves(x->halves, levels);
}

struct ready_k {
	int8_t levels[K_COLS];
	int32_t scales[16];
	float minima[16], unit;
};

/* Scales of each 16 numbers. */
INLINE void ready_scales(enum wick_type type, int32_t *scales, const struct k_parts *parts)
{
	for (size_t h = 0; h < 16; h++) {
		size_t part = has_halves(type) ? h : h / 2;

		scales[h] = (int8_t)(parts->scales[part / 8] >> part % 8 * 8);
	}
}

INLINE void make_ready_k(enum wick_type type, struct ready_k *ready, const uint8_t *block)
{
	const int8x16_t excess = vdupq_n_s8((int8_t)too_large(type));
	struct k_parts parts;

	find_k_parts(type, &parts, block);
	ready_scales(type, ready->scales, &parts);
	for (size_t j = 0; j < GROUP; j++) {
		bytes32 levels = levels_of(type, block, j);

		for (size_t i = 0; i < 2; i++)
			vst1q_s8(ready->levels + j * WICK_BLOCK + 16 * i,
				vsubq_s8(vreinterpretq_s8_u8(levels.val[i]), excess));
	}
	ready->unit = k_unit(type, block);
	k_minima_of(type, ready->minima, &parts, block);
}

/* Half a block: in four lanes all of it would be more than 32 products. */
INLINE int32x4_t whole_half(const struct ready_k *ready, const int8_t (*halves)[K_COLS], size_t first)
{
	int32x4_t high = vdupq_n_s32(0), low = high;

	for (size_t h = first; h < first + 8; h++) {
		uint8x16_t levels = vreinterpretq_u8_s8(vld1q_s8(ready->levels + 16 * h));

		high = vmlaq_n_s32(high, products_of(levels, halves[0] + 16 * h, 0), ready->scales[h]);
		low = vmlaq_n_s32(low, products_of(levels, halves[1] + 16 * h, 0), ready->scales[h]);
	}
	return vaddq_s32(vshlq_n_s32(high, 7), low);
}

INLINE vec dot_ready_k(enum wick_type type, vec sum, const struct ready_k *ready, const int8_t (*halves)[K_COLS],
	const struct x_sums *x)
{
	vec unit = vec_set(ready->unit * x->step);

	sum = vec_fma(unit, vcvtq_f32_s32(whole_half(ready, halves, 0)), sum);
	sum = vec_fma(unit, vcvtq_f32_s32(whole_half(ready, halves, 8)), sum);
	return less_minima(type, sum, ready->minima, x);
}

INLINE vec dot_block_k(enum wick_type type, vec sum, const uint8_t *block, const struct x_halves *x)
{
	struct ready_k ready;

	make_ready_k(type, &ready, block);
	return dot_ready_k(type, sum, &ready, x->halves, &x->sums);
}

INLINE void dot_tile_k(enum wick_type type, size_t width, vec *sums, const struct ready_k *ready, const struct x_batch *x)
{
	for (size_t t = 0; t < width; t++)
		for (size_t r = 0; r < ROWS; r++)
			sums[t * K_ROWS_ONCE + r] = dot_ready_k(type, sums[t * K_ROWS_ONCE + r], ready + r, x[t].halves, &x[t].sums);
}
