/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Levels of the block types with AVX-512, 64 numbers at a time; those of K types are in wide_k.h, those of grids in wide_grids.h. */

#include "../vector/levels.h"

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
	case WICK_IQ4_NL:
		return wide_iq4(wide_nibbles(first + 2, second + 2));
	case WICK_IQ4_XS:
		return wide_iq4(wide_nibbles(group + 8 + 32 * c, group + 24 + 32 * c));
	default:
		return _mm512_shuffle_epi8(wide_table(raised_mxfp4), wide_nibbles(first + 1, second + 1));
	}
}

