/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The K types with AVX-512: 64 numbers are a vector of bytes and two of words. */

#include "../vector/k_types.h"
#include "wide_levels.h"

#define K_TILE 6

static inline vec_whole dot_pairs(vec_whole sums, vec_whole a, vec_whole b)
{
#ifdef __AVX512VNNI__
	return (vec_whole)_mm512_dpwssd_epi32((__m512i)sums, (__m512i)a, (__m512i)b);
#else
	return sums + (vec_whole)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#endif
}

/* Minima of each 16 numbers. */
struct k_floats {
	vec each;
};

INLINE vec whole_add(enum wick_type type, vec sum, vec_whole sums, vec unit, const struct k_floats *minima, const struct x_sums *x)
{
	sum = vec_fma(unit * vec_set(x->step), _mm512_cvtepi32_ps((__m512i)sums), sum);
	if (has_minima(type))
		sum = _mm512_fnmadd_ps(minima->each, _mm512_loadu_ps(x->each_16), sum);
	return sum;
}

/* Sixteen scales; or, of types with eight parts, the scale of each and its minimum. */
INLINE __m512i k_wide_scales(enum wick_type type, const struct k_parts *parts)
{
	__m128i first = _mm_cvtsi64_si128((long long)parts->scales[0]);
	__m128i second = _mm_cvtsi64_si128((long long)(has_halves(type) ? parts->scales[1] : parts->minima[0]));

	return _mm512_cvtepi8_epi32(has_halves(type) ? _mm_unpacklo_epi64(first, second) : _mm_unpacklo_epi8(first, second));
}

/* Of types with eight parts both halves are met at once: unit of the scales, unit of the minima. */
static inline vec both_units(const uint8_t *block)
{
	return (vec)_mm512_broadcastsd_pd(_mm_castps_pd(_mm_cvtph_ps(_mm_cvtsi32_si128((int)load_u32(block)))));
}

INLINE void k_minima(
	enum wick_type type, struct k_floats *minima, const struct k_parts *parts, __m512i scales, const uint8_t *block)
{
	__m128i bytes = _mm_set_epi64x((long long)parts->minima[1], (long long)parts->minima[0]);

	if (has_minima(type) && has_halves(type))
		minima->each = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)) * vec_set(k_minimum_unit(type, block));
	else if (has_minima(type))
		minima->each = _mm512_movehdup_ps(_mm512_cvtepi32_ps(scales) * both_units(block));
}

/* For each lane the scale of its four numbers, of 64 * c and on. */
INLINE __m512i scales_of_64(enum wick_type type, __m512i scales, int c)
{
	const __m512i quarters = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
	const __m512i halves = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2);

	return _mm512_permutexvar_epi32(_mm512_add_epi32(has_halves(type) ? quarters : halves, _mm512_set1_epi32(4 * c)), scales);
}

/* Each scale in both words of its lane. */
static inline __m512i in_both_words(__m512i scales)
{
	return _mm512_or_si512(_mm512_and_si512(scales, _mm512_set1_epi32(0xffff)), _mm512_slli_epi32(scales, 16));
}

/* And as the sums of products of bytes want them: the low word alone where those are of four, less than 2^15. */
INLINE __m512i for_bytes(enum wick_type type, __m512i scales)
{
#ifdef __AVX512VNNI__
	return too_large(type) ? _mm512_and_si512(scales, _mm512_set1_epi32(0xffff)) : scales;
#else
	(void)type;
	return in_both_words(scales);
#endif
}

/* Sums of four products of bytes in lanes, or of two in words. */
static inline __m512i byte_products(__m512i start, __m512i levels, const void *x)
{
#ifdef __AVX512VNNI__
	return _mm512_dpbusd_epi32(start, levels, _mm512_loadu_si512(x));
#else
	return _mm512_add_epi16(start, _mm512_maddubs_epi16(levels, _mm512_loadu_si512(x)));
#endif
}

static inline __m512i less(__m512i products)
{
#ifdef __AVX512VNNI__
	return _mm512_sub_epi32(_mm512_setzero_si512(), products);
#else
	return _mm512_sub_epi16(_mm512_setzero_si512(), products);
#endif
}

/* With the other sign: where the sums begin. */
INLINE void k_excess(struct x_halves *x, int over)
{
	for (size_t at = 0; at < sizeof(x->halves); at += 64)
		_mm512_storeu_si512(x->excess[0] + at,
			less(byte_products(_mm512_setzero_si512(), _mm512_set1_epi8((char)over), x->halves[0] + at)));
}

INLINE vec_whole add_products(
	enum wick_type type, vec_whole sums, __m512i levels, const struct x_halves *x, int half, size_t at, vec_whole scale)
{
	__m512i start = too_large(type) ? _mm512_loadu_si512(x->excess[half] + at) : _mm512_setzero_si512();

	return dot_pairs(sums, (vec_whole)byte_products(start, levels, x->halves[half] + at), scale);
}

INLINE vec dot_block_k(enum wick_type type, vec sum, const uint8_t *block, const struct x_halves *x)
{
	vec_whole high = { 0 }, low = high;
	struct k_floats minima;
	struct k_parts parts;
	__m512i scales;

	find_k_parts(type, &parts, block);
	scales = k_wide_scales(type, &parts);
	k_minima(type, &minima, &parts, scales, block);
	scales = for_bytes(type, scales);
#pragma GCC unroll 4
	for (size_t c = 0; c < 4; c++) {
		__m512i levels = wide_levels(type, block, c);
		vec_whole scale = (vec_whole)scales_of_64(type, scales, (int)c);

		high = add_products(type, high, levels, x, 0, 64 * c, scale);
		low = add_products(type, low, levels, x, 1, 64 * c, scale);
	}
	return whole_add(type, sum, (high << 7) + low, vec_set(k_unit(type, block)), &minima, &x->sums);
}

/* Numbers 4 * i and on of 64 are in lane i, as dot_block_k() has them: two in a first vector, two in a second. */
static inline void pack_words(int16_t *words, const vec *levels)
{
	const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
	__m512i two[2];

	for (int i = 0; i < 2; i++)
		two[i] = _mm512_inserti64x4(
			_mm512_castsi256_si512(_mm512_cvtepi32_epi16(_mm512_castps_si512(levels[2 * i]))),
			_mm512_cvtepi32_epi16(_mm512_castps_si512(levels[2 * i + 1])), 1);
	_mm512_storeu_si512(words, _mm512_permutex2var_epi32(two[0], even, two[1]));
	_mm512_storeu_si512(words + 32,
		_mm512_permutex2var_epi32(two[0], _mm512_add_epi32(even, _mm512_set1_epi32(1)), two[1]));
}

INLINE void words_of_64(int16_t *words, __m512i levels, __m512i scales, int over)
{
	const __m512i two = _mm512_broadcast_i32x4(
		_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
	__m512i excess = _mm512_set1_epi16((short)over), next = _mm512_srli_epi32(levels, 16);
	__m512i first = _mm512_sub_epi16(_mm512_shuffle_epi8(levels, two), excess);
	__m512i second = _mm512_sub_epi16(_mm512_shuffle_epi8(next, two), excess);

	_mm512_store_si512(words, _mm512_mullo_epi16(first, scales));
	_mm512_store_si512(words + 32, _mm512_mullo_epi16(second, scales));
}

#include "k_tiles.h"

INLINE void make_ready_k(enum wick_type type, struct ready_k *ready, const uint8_t *block)
{
	struct k_parts parts;
	__m512i scales;

	find_k_parts(type, &parts, block);
	scales = k_wide_scales(type, &parts);
	k_minima(type, &ready->minima, &parts, scales, block);
	scales = in_both_words(scales);
#pragma GCC unroll 4
	for (size_t c = 0; c < 4; c++)
		words_of_64(ready->words + 64 * c, wide_levels(type, block, c), scales_of_64(type, scales, (int)c), too_large(type));
	ready->unit = vec_set(k_unit(type, block));
}
