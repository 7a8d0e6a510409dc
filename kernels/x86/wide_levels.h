/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Levels of the block types with AVX-512, 64 numbers at a time; those of tables are in wide_grids.h. */

#include "../vector/levels.h"

/* 32 bytes twice, shifted right by `shift` bits, then `mask`. */
static inline __m512i wide_bits(const uint8_t *from, int first_shift, int second_shift, int mask)
{
	__m512i twice = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)from));
	__m512i shifts = _mm512_inserti64x4(
		_mm512_set1_epi16((short)first_shift), _mm256_set1_epi16((short)second_shift), 1);

	return _mm512_and_si512(_mm512_srlv_epi16(twice, shifts), _mm512_set1_epi8((char)mask));
}

/* Dot products of bytes take one factor without sign: levels with one become 128 too large then. */
#ifdef __AVX512VNNI__
#define RAISED 1
#else
#define RAISED 0
#endif

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

static inline __m512i without_sign(__m512i levels)
{
	return RAISED ? _mm512_xor_si512(levels, _mm512_set1_epi8(-128)) : levels;
}

static inline __m512i wide_table(const int8_t *table)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table));
}

static inline __m512i wide_iq4(__m512i nibbles)
{
	return _mm512_shuffle_epi8(without_sign(wide_table(wick_levels_iq4)), nibbles);
}

/* The two upper bits of a number are turned to where its lower four end. */
static inline __m512i wide_q6_k(const uint8_t *block, size_t c)
{
	const uint8_t *high = block + 128 + c / 2 * 32;
	__m512i low = _mm512_loadu_si512(block + c / 2 * 64);
	__m512i turns = _mm512_inserti64x4(_mm512_set1_epi32(c % 2 ? 0 : 4), _mm256_set1_epi32(c % 2 ? 30 : 2), 1);
	__m512i top = _mm512_rolv_epi32(_mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)high)), turns);

	low = _mm512_and_si512(_mm512_srli_epi16(low, c % 2 ? 4 : 0), _mm512_set1_epi8(15));
	return _mm512_or_si512(low, _mm512_and_si512(top, _mm512_set1_epi8(0x30)));
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
		return wide_bits(group + 16 + c / 2 * 32, (int)(c % 2) * 4, (int)(c % 2) * 4 + 2, 3);
	case WICK_Q3_K:
		return wide_flags(wide_pairs_of_bits(group + 32, c), group, c, 4);
	case WICK_Q6_K:
		return wide_q6_k(group, c);
	case WICK_IQ4_NL:
		return wide_iq4(wide_nibbles(first + 2, second + 2));
	case WICK_IQ4_XS:
		return wide_iq4(wide_nibbles(group + 8 + 32 * c, group + 24 + 32 * c));
	default:
		return _mm512_shuffle_epi8(wide_table(raised_mxfp4), wide_nibbles(first + 1, second + 1));
	}
}

