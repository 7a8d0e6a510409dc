/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types of tables (decode_grids.h) with AVX-512, a group at a time. Of all its 256 numbers the signs are 256 bits, which
 * are found at once and become four masks; the places in the table are gathered from as indices of 64 numbers each. */

#include "../vector/levels.h"

struct wide_grid {
	union { /* in the table, of eight numbers each; four in a row are in the block */
		_Alignas(64) uint16_t places[32];
		uint8_t few_places[32]; /* of iq2_xxs */
	};
	_Alignas(32) uint64_t signs[4];   /* a bit for each number that is negative */
};

INLINE int is_grid(enum wick_type type)
{
	return type == WICK_IQ2_XXS || type == WICK_IQ2_XS || type == WICK_IQ2_S || type == WICK_IQ3_XXS || type == WICK_IQ3_S;
}

/* Of bytes below 128, with the eighth bit set where an odd number of the others is: parities of both halves are looked up. */
static inline __m256i even_signs(__m256i sevens)
{
	const __m256i odd = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0));
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i low = _mm256_shuffle_epi8(odd, _mm256_and_si256(sevens, nibble));
	__m256i high = _mm256_shuffle_epi8(odd, _mm256_and_si256(_mm256_srli_epi16(sevens, 4), nibble));

	return _mm256_or_si256(sevens, _mm256_xor_si256(low, high));
}

/* Four times seven bits of each of eight words, a byte each. */
static inline __m256i sevens_apart(__m256i words)
{
	__m256i first = _mm256_and_si256(words, _mm256_set1_epi32(0x7f));
	__m256i second = _mm256_and_si256(_mm256_slli_epi32(words, 1), _mm256_set1_epi32(0x7f00));
	__m256i third = _mm256_and_si256(_mm256_slli_epi32(words, 2), _mm256_set1_epi32(0x7f0000));
	__m256i fourth = _mm256_and_si256(_mm256_slli_epi32(words, 3), _mm256_set1_epi32(0x7f000000));

	return _mm256_or_si256(_mm256_or_si256(first, second), _mm256_or_si256(third, fourth));
}

/* Eight words of four times seven signs and four bits of scale. */
static inline __m256i words_of_signs(enum wick_type type, const uint8_t *block)
{
	if (type == WICK_IQ3_XXS)
		return _mm256_loadu_si256((const void *)(block + 66));
	return _mm512_cvtepi64_epi32(_mm512_srli_epi64(_mm512_loadu_si512(block + 2), 32));
}

/* High two bits of the places of iq2_s are two of each four in a byte: that byte becomes the high one of four words. */
static inline __m512i places_iq2_s(const uint8_t *block)
{
	const __m512i fours = _mm512_setr_epi64(0x0080008000800080, 0x0180018001800180, 0x0280028002800280, 0x0380038003800380,
		0x0480048004800480, 0x0580058005800580, 0x0680068006800680, 0x0780078007800780);
	__m512i low = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)(block + 2)));
	__m512i high = _mm512_shuffle_epi8(_mm512_broadcastq_epi64(_mm_loadl_epi64((const void *)(block + 66))), fours);

	high = _mm512_srlv_epi16(high, _mm512_set1_epi64(0x0006000400020000));
	return _mm512_or_si512(low, _mm512_and_si512(high, _mm512_set1_epi16(0x300)));
}

INLINE __m256i signs_of_grid(enum wick_type type, const uint8_t *block)
{
	switch (type) {
	case WICK_IQ2_XS:
		return even_signs(_mm512_cvtepi16_epi8(_mm512_srli_epi16(_mm512_loadu_si512(block + 2), 9)));
	case WICK_IQ2_S:
		return _mm256_loadu_si256((const void *)(block + 34));
	case WICK_IQ3_S:
		return _mm256_loadu_si256((const void *)(block + 74));
	default:
		return even_signs(sevens_apart(words_of_signs(type, block)));
	}
}

INLINE void find_grid(enum wick_type type, struct wide_grid *grid, const uint8_t *block)
{
	if (type == WICK_IQ2_XXS)
		_mm256_store_si256((void *)grid->few_places, _mm512_cvtepi64_epi32(_mm512_loadu_si512(block + 2)));
	else if (type == WICK_IQ2_XS)
		_mm512_store_si512(grid->places, _mm512_and_si512(_mm512_loadu_si512(block + 2), _mm512_set1_epi16(511)));
	else if (type == WICK_IQ2_S)
		_mm512_store_si512(grid->places, places_iq2_s(block));
	_mm256_store_si256((void *)grid->signs, signs_of_grid(type, block));
	/* They go by way of memory: drawn out of registers, they would take turns with all else that vectors do. */
	__asm__("" : "+m"(*grid));
}

static inline __m512i eight_eights(const uint64_t *table, __m256i places)
{
	return _mm512_i32gather_epi64(places, table, 8);
}

static inline __m512i sixteen_fours(const uint32_t *table, __m512i places)
{
	return _mm512_i32gather_epi32(places, table, 4);
}

static inline __m512i sixteen_places(const uint8_t *from)
{
	return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)from));
}

/* Magnitudes of numbers 64 * c and on of a group. */
INLINE __m512i wide_magnitudes(enum wick_type type, const struct wide_grid *grid, const uint8_t *block, size_t c)
{
	__m256i eight = _mm256_cvtepu16_epi32(_mm_load_si128((const void *)(grid->places + 8 * c)));
	__m512i sixteen = sixteen_places(block + 2 + 16 * c);

	switch (type) {
	case WICK_IQ2_XXS:
		return eight_eights(wick_grid_iq2_xxs, _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(grid->few_places + 8 * c))));
	case WICK_IQ2_XS:
		return eight_eights(wick_grid_iq2_xs, eight);
	case WICK_IQ2_S:
		return eight_eights(wick_grid_iq2_s, eight);
	case WICK_IQ3_XXS:
		return sixteen_fours(wick_grid_iq3_xxs, sixteen);
	default:
		return sixteen_fours(wick_grid_iq3_s,
			_mm512_mask_or_epi32(sixteen, wick_load_u16(block + 66 + 2 * c), sixteen, _mm512_set1_epi32(256)));
	}
}

static inline __m512i with_signs(__m512i bytes, uint64_t negative)
{
	return _mm512_mask_sub_epi8(bytes, negative, _mm512_setzero_si512(), bytes);
}

/* Nibbles of eight bytes, the low ones first, as odd numbers. */
static inline __m128i odd_nibbles(__m128i bytes)
{
	const __m128i nibble = _mm_set1_epi8(15);
	__m128i nibbles = _mm_unpacklo_epi8(_mm_and_si128(bytes, nibble), _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble));

	return _mm_or_si128(_mm_add_epi8(nibbles, nibbles), _mm_set1_epi8(1));
}

/* Odd numbers of eight parts or, where they have halves, of sixteen. */
INLINE __m512i odds_of(enum wick_type type, const uint8_t *block)
{
	const __m256i one = _mm256_set1_epi32(1);

	switch (type) {
	case WICK_IQ2_XS:
		return _mm512_cvtepi8_epi32(odd_nibbles(_mm_loadl_epi64((const void *)(block + 66))));
	case WICK_IQ2_S:
		return _mm512_cvtepi8_epi32(odd_nibbles(_mm_loadl_epi64((const void *)(block + 74))));
	case WICK_IQ3_S:
		return _mm512_cvtepi8_epi32(odd_nibbles(_mm_cvtsi32_si128((int)load_u32(block + 106))));
	default: {
		__m256i nibbles = _mm256_srli_epi32(words_of_signs(type, block), 28);

		return _mm512_zextsi256_si512(_mm256_or_si256(_mm256_add_epi32(nibbles, nibbles), one));
	}
	}
}

INLINE __m512 scales_of_grids(enum wick_type type, const uint8_t *block)
{
	const float power = type == WICK_IQ3_S ? 1 : type == WICK_IQ3_XXS ? 0.25f : 0.125f;

	return _mm512_cvtepi32_ps(odds_of(type, block)) * _mm512_set1_ps(scale_of(block) * power);
}
