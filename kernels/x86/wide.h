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

/* Of q4_k and q5_k. What vectors have no time for, other units do: their bits are taken apart eight bytes a word. */
static inline __m512 wide_pairs_q4_k(const uint8_t *block)
{
	__m128d halves = _mm_castps_pd(_mm_cvtph_ps(_mm_cvtsi32_si128((int)load_u32(block))));
	uint64_t scales, minima;
	__m128i pairs;

	unpack_scales(&scales, &minima, block + 4);
	pairs = _mm_unpacklo_epi8(_mm_cvtsi64_si128((long long)scales), _mm_cvtsi64_si128((long long)minima));
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(pairs)) * _mm512_castpd_ps(_mm512_broadcastsd_pd(halves));
}

/* Sixteen signed bytes times a half. */
static inline __m512 wide_sixteen(__m128i bytes, const uint8_t *unit)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)) * _mm512_set1_ps(scale_of(unit));
}

static inline __m512 wide_sixteen_q3_k(const uint8_t *block)
{
	uint64_t first, second;

	unpack_scales_q3_k(&first, &second, block + 96);
	return wide_sixteen(_mm_set_epi64x((long long)second, (long long)first), block + 108);
}

/* Scales of q2_k, or its minima: low or high nibbles of 16 bytes times the first or the second of two halves. */
INLINE __m512 wide_sixteen_q2_k(const uint8_t *block, int which)
{
	__m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)block));
	__m128 halves = _mm_cvtph_ps(_mm_cvtsi32_si128((int)load_u32(block + 80)));

	if (which)
		return _mm512_cvtepi32_ps(_mm512_srli_epi32(bytes, 4)) * _mm512_broadcastss_ps(_mm_movehdup_ps(halves));
	return _mm512_cvtepi32_ps(_mm512_and_si512(bytes, _mm512_set1_epi32(15))) * _mm512_broadcastss_ps(halves);
}

/* What levels that stay where they lie are too large by: of q4_k, whose minima lie between its scales, and of q2_k. */
static inline __m512 high_nibbles_less(void)
{
	const float f = LEVELS_STAY ? 1 / 16.f : 1;

	return _mm512_setr_ps(1, 1, f, 1, 1, 1, f, 1, 1, 1, f, 1, 1, 1, f, 1);
}

static inline __m512 pairs_of_bits_less(void)
{
	const float a = LEVELS_STAY ? 1 / 4.f : 1, b = a * a, c = b * a;

	return _mm512_setr_ps(1, 1, a, a, b, b, c, c, 1, 1, a, a, b, b, c, c);
}

/* The scales of a group. */
INLINE __m512 wide_scales(enum wick_type type, const uint8_t *group)
{
	struct parts parts;

	switch (type) {
	case WICK_Q4_1:
	case WICK_Q5_1:
		return wide_pairs(group, wick_types[type].block_bytes);
	case WICK_Q4_K:
		return wide_pairs_q4_k(group) * high_nibbles_less();
	case WICK_Q5_K:
		return wide_pairs_q4_k(group);
	case WICK_Q2_K:
		return wide_sixteen_q2_k(group, 0) * pairs_of_bits_less();
	case WICK_Q3_K:
		return wide_sixteen_q3_k(group);
	case WICK_Q6_K:
		return wide_sixteen(_mm_loadu_si128((const void *)(group + 192)), group + 208);
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

INLINE __m512 wide_minima_of(enum wick_type type, const uint8_t *group, __m512 scales)
{
	if (!has_minima(type))
		return _mm512_setzero_ps();
	return has_halves(type) ? wide_sixteen_q2_k(group, 1) : _mm512_movehdup_ps(scales);
}

INLINE void make_ready(enum wick_type type, struct ready_group *ready, const uint8_t *group)
{
	__m512 scales = wide_scales(type, group);
	struct wide_grid grid;

	ready->minima = wide_minima_of(type, group, scales);
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
	return has_least(type) ? _mm512_fmadd_ps(ready->minima, sums, sum) : _mm512_fnmadd_ps(ready->minima, sums, sum);
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
