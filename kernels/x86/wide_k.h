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

/* Parts that one load of 64 bytes brings lie side by side. */
INLINE size_t part_at(enum wick_type type, size_t place)
{
	switch (type) {
	case WICK_Q4_K:
	case WICK_Q5_K:
		return place / 4 * 4 + place % 2 * 2 + place / 2 % 2;
	default:
		return place % 2 * 4 + place / 2;
	}
}

/* Minima of each 16 numbers; of types with eight parts of each 32, and no more. */
struct k_floats {
	vec each;
};

INLINE vec whole_add(enum wick_type type, vec sum, vec_whole sums, vec unit, const struct k_floats *minima, const struct x_sums *x)
{
	sum = vec_fma(unit * vec_set(x->step), _mm512_cvtepi32_ps((__m512i)sums), sum);
	if (has_minima(type) && has_halves(type))
		return _mm512_fnmadd_ps(minima->each, _mm512_loadu_ps(x->each_16), sum);
	if (has_minima(type))
		return _mm512_fnmadd_ps(minima->each, _mm512_zextps256_ps512(_mm256_loadu_ps(x->each_32)), sum);
	return sum;
}

/* Sixteen scales, or eight. */
INLINE __m512i k_wide_scales(enum wick_type type, const struct k_parts *parts)
{
	if (has_halves(type))
		return _mm512_cvtepi8_epi32(_mm_set_epi64x((long long)parts->scales[1], (long long)parts->scales[0]));
	return _mm512_castsi256_si512(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128((long long)parts->scales[0])));
}

/* Those of the scales and, behind it, of the minima. */
INLINE __m128 k_units(enum wick_type type, const uint8_t *block)
{
	if (!has_minima(type))
		return _mm_set_ss(k_unit(type, block));
	return _mm_cvtph_ps(_mm_cvtsi32_si128((int)load_u32(block + k_unit_at(type))));
}

INLINE void k_minima(enum wick_type type, struct k_floats *minima, const struct k_parts *parts, __m128 units)
{
	__m128 unit = _mm_movehdup_ps(units);
	__m128i bytes = _mm_set_epi64x((long long)parts->minima[1], (long long)parts->minima[0]);

	if (has_minima(type) && has_halves(type))
		minima->each = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)) * _mm512_broadcastss_ps(unit);
	else if (has_minima(type))
		minima->each = _mm512_zextps256_ps512(
			_mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128((long long)parts->minima[0]))), _mm256_broadcastss_ps(unit)));
}

/* For each lane the scale of its four numbers, in places 2 * v and on. */
INLINE __m512i scales_of_64(enum wick_type type, __m512i scales, size_t v)
{
	int first = (int)part_at(type, 2 * v), second = (int)part_at(type, 2 * v + 1);
	const __m512i quarters = _mm512_setr_epi32(2 * first, 2 * first, 2 * first, 2 * first, 2 * first + 1, 2 * first + 1, 2 * first + 1,
		2 * first + 1, 2 * second, 2 * second, 2 * second, 2 * second, 2 * second + 1, 2 * second + 1, 2 * second + 1, 2 * second + 1);
	const __m512i halves = _mm512_inserti64x4(_mm512_set1_epi32(first), _mm256_set1_epi32(second), 1);

	return _mm512_permutexvar_epi32(has_halves(type) ? quarters : halves, scales);
}

/* 64 bytes shifted right, then `mask`. */
static inline __m512i bits_of_64(const uint8_t *from, int shift, int mask)
{
	return _mm512_and_si512(_mm512_srli_epi16(_mm512_loadu_si512(from), shift), _mm512_set1_epi8((char)mask));
}

/* With `value` where the bits of the parts at places 2 * v and on are set in the same 32 bytes. */
INLINE __m512i flags_of_64(enum wick_type type, __m512i levels, const uint8_t *bytes, size_t v, int value)
{
	__m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)bytes));
	__m512i bits = _mm512_inserti64x4(_mm512_set1_epi8((char)(1 << part_at(type, 2 * v))),
		_mm256_set1_epi8((char)(1 << part_at(type, 2 * v + 1))), 1);

	return _mm512_mask_add_epi8(levels, _mm512_test_epi8_mask(twice, bits), levels, _mm512_set1_epi8((char)value));
}

/* Two bits of each number are in 64 bytes, and four in 32 of each half. */
INLINE __m512i bits_of_q6_k(const uint8_t *block, size_t v)
{
	__m512i low = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const void *)(block + v % 2 * 32))),
		_mm256_loadu_si256((const void *)(block + 64 + v % 2 * 32)), 1);
	__m512i top = _mm512_loadu_si512(block + 128);

	low = _mm512_and_si512(v < 2 ? low : _mm512_srli_epi16(low, 4), _mm512_set1_epi8(15));
	top = v < 2 ? _mm512_slli_epi16(top, 4 - 2 * (unsigned)v) : _mm512_srli_epi16(top, 2 * (unsigned)v - 4);
	return _mm512_ternarylogic_epi32(low, top, _mm512_set1_epi8(0x30), 0xf8); /* low | (top & 0x30) */
}

/* In places 2 * v and on. */
INLINE __m512i levels_of_64(enum wick_type type, const uint8_t *block, size_t v)
{
	switch (type) {
	case WICK_Q4_K:
		return bits_of_64(block + 16 + v / 2 * 64, (int)(v % 2) * 4, 15);
	case WICK_Q5_K:
		return flags_of_64(type, bits_of_64(block + 48 + v / 2 * 64, (int)(v % 2) * 4, 15), block + 16, v, 16);
	case WICK_Q2_K:
		return bits_of_64(block + 16, (int)v * 2, 3);
	case WICK_Q3_K:
		return flags_of_64(type, bits_of_64(block + 32, (int)v * 2, 3), block, v, 4);
	default:
		return bits_of_q6_k(block, v);
	}
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
	__m128 units = k_units(type, block);
	__m512i scales;

	find_k_parts(type, &parts, block);
	scales = k_wide_scales(type, &parts);
	k_minima(type, &minima, &parts, units);
	scales = for_bytes(type, scales);
#pragma GCC unroll 4
	for (size_t v = 0; v < 4; v++) {
		__m512i levels = levels_of_64(type, block, v);
		vec_whole scale = (vec_whole)scales_of_64(type, scales, v);

		high = add_products(type, high, levels, x, 0, 64 * v, scale);
		low = add_products(type, low, levels, x, 1, 64 * v, scale);
	}
	return whole_add(type, sum, (high << 7) + low, _mm512_broadcastss_ps(units), &minima, &x->sums);
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
	__m128 units = k_units(type, block);
	__m512i scales;

	find_k_parts(type, &parts, block);
	scales = k_wide_scales(type, &parts);
	k_minima(type, &ready->minima, &parts, units);
	scales = in_both_words(scales);
#pragma GCC unroll 4
	for (size_t v = 0; v < 4; v++)
		words_of_64(ready->words + 64 * v, levels_of_64(type, block, v), scales_of_64(type, scales, v), too_large(type));
	ready->unit = _mm512_broadcastss_ps(units);
}
