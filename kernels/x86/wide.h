/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whole groups of the block types with AVX-512: 64 numbers are a vector, and sixteen sums of four products each. Scales
 * of a group are one vector, from which each 64 numbers get theirs:
 *
 *     pairs    scale and minimum of part 0, of part 1, ...
 *     eight    scales of eight parts
 *     sixteen  scales of parts of 16 numbers
 */

#include "wide_grids.h"
#include "wide_levels.h"

#define WIDE_GROUPS

/* Scale and least number of eight blocks, at the start of each: double word j of the 32 bytes that begin 4 * j before
 * block j. */
static inline __m512 wide_pairs(const uint8_t *blocks, size_t stride)
{
	__m256i halves = _mm256_loadu_si256((const void *)blocks);

#define BLEND(j) \
	halves = _mm256_blend_epi32(halves, _mm256_loadu_si256((const void *)(blocks + j * (stride - 4))), 1 << j)
	BLEND(1), BLEND(2), BLEND(3), BLEND(4), BLEND(5), BLEND(6), BLEND(7);
#undef BLEND
	return _mm512_cvtph_ps(halves);
}

/* The scales of a group. */
INLINE __m512 wide_scales(enum wick_type type, const uint8_t *group)
{
	struct parts parts;

	switch (type) {
	case WICK_Q4_1:
	case WICK_Q5_1:
		return wide_pairs(group, wick_types[type].block_bytes);
	case WICK_IQ2_XXS:
	case WICK_IQ2_XS:
	case WICK_IQ2_S:
	case WICK_IQ3_XXS:
	case WICK_IQ3_S:
		return scales_of_grids(type, group);
	default:
		find_parts(type, &parts, group, GROUP);
		if (has_halves(type))
			return _mm512_loadu_ps(parts.scale);
		return _mm512_zextps256_ps512(_mm256_loadu_ps(parts.scale));
	}
}

/* For each of sixteen lanes the place of its scale, for numbers 64 * c and on. */
INLINE __m512i wide_places(enum wick_type type, int c)
{
	const __m512i second = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi32(1), 1);
	const __m512i quarters = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);

	if (has_halves(type))
		return _mm512_add_epi32(quarters, _mm512_set1_epi32(4 * c));
	if (has_minima(type))
		return _mm512_add_epi32(_mm512_slli_epi32(second, 1), _mm512_set1_epi32(4 * c));
	return _mm512_add_epi32(second, _mm512_set1_epi32(2 * c));
}

/* Sixteen sums of four products: as products_of() in levels.h. */
static inline __m512i wide_products(__m512i levels, const int8_t *x, int over)
{
	__m512i x_levels = _mm512_loadu_si512(x), excess = _mm512_set1_epi8((char)over), zero = _mm512_setzero_si512();

#ifdef __AVX512VNNI__
	__m512i start = over ? _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, excess, x_levels)) : zero;

	return _mm512_dpbusd_epi32(start, levels, x_levels);
#else
	__m512i start = zero;

	if (over == SIGNED_LEVELS) {
		x_levels = _mm512_mask_sub_epi8(x_levels, _mm512_movepi8_mask(levels), zero, x_levels);
		levels = _mm512_abs_epi8(levels);
	} else if (over) {
		start = _mm512_sub_epi16(zero, _mm512_maddubs_epi16(excess, x_levels));
	}
	return _mm512_madd_epi16(
		_mm512_add_epi16(start, _mm512_maddubs_epi16(levels, x_levels)), _mm512_set1_epi16(1));
#endif
}

/* Sixteen sums of four products of magnitudes below 128 and numbers with a sign. */
static inline __m512i sums_of_fours(__m512i magnitudes, __m512i x_levels)
{
#ifdef __AVX512VNNI__
	return _mm512_dpbusd_epi32(_mm512_setzero_si512(), magnitudes, x_levels);
#else
	return _mm512_madd_epi16(_mm512_maddubs_epi16(magnitudes, x_levels), _mm512_set1_epi16(1));
#endif
}

struct ready_group {
	__m512i levels[4];
	__m512 scales[4], minima; /* minima of each 16 numbers, of types that have them */
};

INLINE void make_ready(enum wick_type type, struct ready_group *ready, const uint8_t *group)
{
	__m512 scales = wide_scales(type, group);
	struct wide_grid grid;

	ready->minima = has_minima(type) ? _mm512_movehdup_ps(scales) : _mm512_setzero_ps();
	if (is_grid(type))
		find_grid(type, &grid, group);
#pragma GCC unroll 4
	for (size_t c = 0; c < 4; c++) {
		ready->scales[c] = _mm512_permutexvar_ps(wide_places(type, (int)c), scales);
		ready->levels[c] = is_grid(type) ? without_sign(with_signs(wide_magnitudes(type, &grid, group, c), grid.signs[c]))
						 : wide_levels(type, group, c);
	}
}

INLINE __m512 wide_minima(enum wick_type type, __m512 sum, const struct ready_group *ready, const struct x_group *x)
{
	__m512 sums = _mm512_loadu_ps(x->half_sums);

	if (!has_minima(type))
		return sum;
	return _mm512_fmadd_ps(ready->minima, sums, sum);
}

INLINE vec dot_ready(enum wick_type type, vec sum, const struct ready_group *ready, const struct x_group *x)
{
	sum = wide_minima(type, sum, ready, x);
#pragma GCC unroll 4
	for (int c = 0; c < 4; c++) {
		__m512i products = wide_products(ready->levels[c], x->levels + 64 * c, too_large(type));

		sum = vec_fma(ready->scales[c] * _mm512_loadu_ps(x->steps + 16 * c), _mm512_cvtepi32_ps(products), sum);
	}
	return sum;
}

/* Magnitudes with the signs given to x: the same products. */
INLINE vec dot_grid(enum wick_type type, vec sum, const uint8_t *group, const struct x_group *x)
{
	__m512 scales = wide_scales(type, group);
	struct wide_grid grid;

	find_grid(type, &grid, group);
#pragma GCC unroll 4
	for (int c = 0; c < 4; c++) {
		__m512i signed_x = with_signs(_mm512_loadu_si512(x->levels + 64 * c), grid.signs[c]);
		__m512i products = sums_of_fours(wide_magnitudes(type, &grid, group, (size_t)c), signed_x);
		__m512 lanes = _mm512_permutexvar_ps(wide_places(type, c), scales) * _mm512_loadu_ps(x->steps + 16 * c);

		sum = vec_fma(lanes, _mm512_cvtepi32_ps(products), sum);
	}
	return sum;
}

INLINE vec dot_group(enum wick_type type, vec sum, const uint8_t *group, const struct x_group *x)
{
	struct ready_group ready;

	if (is_grid(type))
		return dot_grid(type, sum, group, x);
	make_ready(type, &ready, group);
	return dot_ready(type, sum, &ready, x);
}
