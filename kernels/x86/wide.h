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

#include "../vector/levels.h"

#define WIDE_GROUPS

/* 32 bytes twice, shifted right by `shift` bits, then `mask`. */
static inline __m512i wide_bits(const uint8_t *from, int first_shift, int second_shift, int mask)
{
	__m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)from));
	__m512i shifts = _mm512_inserti64x4(
		_mm512_set1_epi16((short)first_shift), _mm256_set1_epi16((short)second_shift), 1);

	return _mm512_and_si512(_mm512_srlv_epi16(twice, shifts), _mm512_set1_epi8((char)mask));
}

/* The nibbles of two blocks as bytes, in the order of their columns. */
static inline __m512i wide_nibbles(const uint8_t *first, const uint8_t *second)
{
	const __m512i shifts = _mm512_setr_epi64(0, 0, 0x0004000400040004, 0x0004000400040004, 0, 0,
		0x0004000400040004, 0x0004000400040004);
	__m512i bytes = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)first));

	bytes = _mm512_mask_broadcast_i32x4(bytes, 0xff00, _mm_loadu_si128((const void *)second));
	return _mm512_and_si512(_mm512_srlv_epi16(bytes, shifts), _mm512_set1_epi8(15));
}

/* Fifth bits of two blocks. */
static inline __m512i wide_fifth(__m512i levels, const uint8_t *first, const uint8_t *second)
{
	uint32_t low, high;

	memcpy(&low, first, sizeof(low));
	memcpy(&high, second, sizeof(high));
	return _mm512_mask_add_epi8(levels, low | (uint64_t)high << 32, levels, _mm512_set1_epi8(16));
}

/* With `value` where the bits of parts 2 * c and 2 * c + 1 are set in the same 32 bytes. */
static inline __m512i wide_flags(__m512i levels, const uint8_t *bytes, size_t c, int value)
{
	__m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)bytes));
	__m512i bits = _mm512_inserti64x4(
		_mm512_set1_epi8((char)(1 << 2 * c)), _mm256_set1_epi8((char)(2 << 2 * c)), 1);

	return _mm512_mask_add_epi8(levels, _mm512_test_epi8_mask(twice, bits), levels, _mm512_set1_epi8((char)value));
}

/* Two bits of each number, of 32 bytes a half: part t of it has bits 2 * t. */
static inline __m512i wide_pairs_of_bits(const uint8_t *bytes, size_t c)
{
	int shift = (int)(c % 2) * 4;

	return wide_bits(bytes + c / 2 * 32, shift, shift + 2, 3);
}

static inline __m512i wide_table(const int8_t *table, __m512i levels)
{
	return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table)), levels);
}

static inline __m512i wide_grid(struct wick_grid_part first, struct wick_grid_part second)
{
	const uint64_t *a = first.words, *b = second.words;
	__m512i low = _mm512_castsi256_si512(levels_words(a[0], a[1], a[2], a[3]));
	__m512i levels = _mm512_inserti64x4(low, levels_words(b[0], b[1], b[2], b[3]), 1);

	return _mm512_mask_sub_epi8(
		levels, first.signs | (uint64_t)second.signs << 32, _mm512_setzero_si512(), levels);
}

static inline __m512i wide_q6_k(const uint8_t *block, size_t c)
{
	const uint8_t *high = block + 128 + c / 2 * 32;
	__m512i low = _mm512_loadu_si512(block + c / 2 * 64);
	__m512i top = c % 2 ? wide_bits(high, 4, 6, 3) : wide_bits(high, 0, 2, 3);

	low = _mm512_and_si512(_mm512_srli_epi16(low, c % 2 ? 4 : 0), _mm512_set1_epi8(15));
	return _mm512_or_si512(low, _mm512_slli_epi16(top, 4));
}

/* Numbers 64 * c and on of a group. */
INLINE __m512i wide_levels(enum wick_type type, const uint8_t *group, size_t c)
{
	size_t stride = wick_types[type].block_bytes;
	const uint8_t *first = group + 2 * c * stride, *second = first + stride;

	switch (type) {
	case WICK_Q4_0:
		return wide_nibbles(first + 2, second + 2);
	case WICK_Q4_1:
		return wide_nibbles(first + 4, second + 4);
	case WICK_Q5_0:
		return wide_fifth(wide_nibbles(first + 6, second + 6), first + 2, second + 2);
	case WICK_Q5_1:
		return wide_fifth(wide_nibbles(first + 8, second + 8), first + 4, second + 4);
	case WICK_Q4_K:
		return wide_bits(group + 16 + 32 * c, 0, 4, 15);
	case WICK_Q5_K:
		return wide_flags(wide_bits(group + 48 + 32 * c, 0, 4, 15), group + 16, c, 16);
	case WICK_Q2_K:
		return wide_pairs_of_bits(group + 16, c);
	case WICK_Q3_K:
		return wide_flags(wide_pairs_of_bits(group + 32, c), group, c, 4);
	case WICK_Q6_K:
		return wide_q6_k(group, c);
	case WICK_IQ4_NL:
		return wide_table(wick_levels_iq4, wide_nibbles(first + 2, second + 2));
	case WICK_IQ4_XS:
		return wide_table(wick_levels_iq4, wide_nibbles(group + 8 + 32 * c, group + 24 + 32 * c));
	case WICK_IQ2_XXS:
	case WICK_IQ2_XS:
	case WICK_IQ2_S:
	case WICK_IQ3_XXS:
	case WICK_IQ3_S:
		return wide_grid(grid_part(type, group, 2 * c), grid_part(type, group, 2 * c + 1));
	default:
		return wide_table(raised_mxfp4, wide_nibbles(first + 1, second + 1));
	}
}

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

/* Of q4_k and q5_k, from the 16 bytes that a block starts with: see decode_blocks.h. */
static inline __m512 wide_pairs_q4_k(const uint8_t *block)
{
	const __m128i low_bytes = _mm_setr_epi8(4, 8, 5, 9, 6, 10, 7, 11, 12, 12, 13, 13, 14, 14, 15, 15);
	const __m128i high_bytes = _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 4, 8, 5, 9, 6, 10, 7, 11);
	const __m512i low_shifts = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 4, 0, 4, 0, 4);
	const __m512i low_mask = _mm512_inserti64x4(_mm512_set1_epi32(63), _mm256_set1_epi32(15), 1);
	__m128i head = _mm_loadu_si128((const void *)block);
	__m512i low = _mm512_cvtepu8_epi32(_mm_shuffle_epi8(head, low_bytes));
	__m512i high = _mm512_cvtepu8_epi32(_mm_shuffle_epi8(head, high_bytes));
	__m512 units = _mm512_castpd_ps(_mm512_broadcastsd_pd(_mm_castps_pd(_mm_cvtph_ps(head))));

	low = _mm512_and_si512(_mm512_srlv_epi32(low, low_shifts), low_mask);
	high = _mm512_and_si512(_mm512_srli_epi32(high, 2), _mm512_set1_epi32(0x30));
	return _mm512_cvtepi32_ps(_mm512_or_si512(low, high)) * units;
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

/* The low or the high halves of 16 bytes. */
static inline __m128i sixteen_nibbles(const uint8_t *from, int shift)
{
	return _mm_and_si128(_mm_srli_epi16(_mm_loadu_si128((const void *)from), shift), _mm_set1_epi8(15));
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
	case WICK_Q5_K:
		return wide_pairs_q4_k(group);
	case WICK_Q2_K:
		return wide_sixteen(sixteen_nibbles(group, 0), group + 80);
	case WICK_Q3_K:
		return wide_sixteen_q3_k(group);
	case WICK_Q6_K:
		return wide_sixteen(_mm_loadu_si128((const void *)(group + 192)), group + 208);
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

	if (over == SIGNED_LEVELS)
		levels = _mm512_xor_si512(levels, excess);
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

struct ready_group {
	__m512i levels[4];
	__m512 scales[4], minima; /* minima of each 16 numbers, of types that have them */
};

INLINE __m512 wide_minima_of(enum wick_type type, const uint8_t *group, __m512 scales)
{
	if (!has_minima(type))
		return _mm512_setzero_ps();
	return has_halves(type) ? wide_sixteen(sixteen_nibbles(group, 4), group + 82) : _mm512_movehdup_ps(scales);
}

INLINE void make_ready(enum wick_type type, struct ready_group *ready, const uint8_t *group)
{
	__m512 scales = wide_scales(type, group);

	ready->minima = wide_minima_of(type, group, scales);
#pragma GCC unroll 4
	for (size_t c = 0; c < 4; c++) {
		ready->scales[c] = _mm512_permutexvar_ps(wide_places(type, (int)c), scales);
		ready->levels[c] = wide_levels(type, group, c);
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

INLINE vec dot_group(enum wick_type type, vec sum, const uint8_t *group, const struct x_group *x)
{
	struct ready_group ready;

	make_ready(type, &ready, group);
	return dot_ready(type, sum, &ready, x);
}
