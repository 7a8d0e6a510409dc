/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The block types of GGUF with AVX2 and, where a file is compiled with it, the dot products of bytes (VNNI): 32 numbers
 * are a vector, and eight sums of four products each. See vector/levels.h and vector/block_rows.h. */

#include "../vector/x_group.h"
#include "blocks.h"

typedef __m256i bytes32;

static inline bytes32 levels_nibbles(const uint8_t *from)
{
	__m128i bytes = _mm_loadu_si128((const void *)from);
	__m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(bytes), _mm_srli_epi16(bytes, 4), 1);

	return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

static inline bytes32 levels_bits(const uint8_t *from, int shift, int mask)
{
	__m256i bytes = _mm256_loadu_si256((const void *)from);

	return _mm256_and_si256(_mm256_srli_epi16(bytes, shift), _mm256_set1_epi8((char)mask));
}

/* Each byte gets the byte of its flag, of which one bit is left: all ones where it is set. */
static inline bytes32 flags_mask(int32_t flags)
{
	const __m256i bytes = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
	const __m256i bits = _mm256_set1_epi64x((long long)0x8040201008040201);
	__m256i spread = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(flags), bytes), bits);

	return _mm256_cmpeq_epi8(spread, bits);
}

static inline bytes32 levels_flags(const uint8_t *from, int value)
{
	int32_t flags;

	memcpy(&flags, from, sizeof(flags));
	return _mm256_and_si256(flags_mask(flags), _mm256_set1_epi8((char)value));
}

static inline bytes32 levels_words(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return _mm256_set_epi64x((long long)d, (long long)c, (long long)b, (long long)a);
}

static inline bytes32 levels_negate(bytes32 levels, uint32_t flags)
{
	__m256i mask = flags_mask((int32_t)flags);

	return _mm256_sub_epi8(_mm256_xor_si256(levels, mask), mask);
}

static inline bytes32 levels_join(bytes32 low, bytes32 high, int shift)
{
	return _mm256_or_si256(low, _mm256_slli_epi16(high, shift));
}

static inline bytes32 levels_table(const int8_t *table, bytes32 levels)
{
	return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table)), levels);
}

static inline void levels_store(uint8_t *to, bytes32 levels)
{
	_mm256_storeu_si256((void *)to, levels);
}

static inline void eight_products(float *to, __m256i whole, float unit)
{
	_mm256_storeu_ps(to, _mm256_cvtepi32_ps(whole) * _mm256_set1_ps(unit));
}

static inline void eight_whole(float *to, uint64_t bytes, float unit)
{
	eight_products(to, _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes)), unit);
}

static inline void eight_signed(float *to, uint64_t bytes, float unit)
{
	eight_products(to, _mm256_cvtepi8_epi32(_mm_cvtsi64_si128((long long)bytes)), unit);
}

/* The half at from + j * stride is word j of the 16 bytes that begin 2 * j before it: none of them lies outside of the
 * blocks, if the half is not in the last 14 bytes of its own. */
static inline __m128i eight_words(const uint8_t *from, size_t stride)
{
	__m128i words = _mm_loadu_si128((const void *)from);

#define BLEND(j) words = _mm_blend_epi16(words, _mm_loadu_si128((const void *)(from + j * (stride - 2))), 1 << j)
	BLEND(1), BLEND(2), BLEND(3), BLEND(4), BLEND(5), BLEND(6), BLEND(7);
#undef BLEND
	return words;
}

static inline void eight_halves(float *to, const uint8_t *from, size_t stride)
{
	_mm256_storeu_ps(to, _mm256_cvtph_ps(eight_words(from, stride)));
}

/* The two smallest powers are subnormal floats: 2^21 and 2^22 units. */
static inline void eight_exponents(float *to, const uint8_t *from, size_t stride)
{
	const __m256i one = _mm256_set1_epi32(1);
	__m256i words = _mm256_cvtepu16_epi32(eight_words(from, stride));
	__m256i exponents = _mm256_and_si256(words, _mm256_set1_epi32(255));
	__m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(exponents, one), 23);
	__m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(1 << 21), exponents);
	__m256i bits = _mm256_blendv_epi8(subnormal, normal, _mm256_cmpgt_epi32(exponents, one));

	_mm256_storeu_ps(to, _mm256_castsi256_ps(bits));
}

/* Eight lanes of sixteen. */
static inline vec widened(__m256 eight)
{
#if LANES == 16
	return _mm512_zextps256_ps512(eight);
#else
	return eight;
#endif
}

/* Eight sums of four products. The excess of the levels is the same for all rows, so the compiler does it once. A
 * pair of products is at most 2 * 127 * 127 < 2^15. Levels with a sign either become 128 too large or give it to x. */
static inline __m256i products_of(bytes32 levels, const int8_t *x, int over)
{
	__m256i x_levels = _mm256_loadu_si256((const void *)x), excess = _mm256_set1_epi8((char)over);
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
	__m256i zero = _mm256_setzero_si256(), start = zero;

	if (over == SIGNED_LEVELS)
		levels = _mm256_xor_si256(levels, excess);
	if (over)
		start = _mm256_sub_epi32(zero, _mm256_dpbusd_epi32(zero, excess, x_levels));
	return _mm256_dpbusd_epi32(start, levels, x_levels);
#else
	__m256i words;

	if (over == SIGNED_LEVELS) {
		words = _mm256_maddubs_epi16(_mm256_abs_epi8(levels), _mm256_sign_epi8(x_levels, levels));
		return _mm256_madd_epi16(words, _mm256_set1_epi16(1));
	}
	words = _mm256_maddubs_epi16(levels, x_levels);
	if (over)
		words = _mm256_sub_epi16(words, _mm256_maddubs_epi16(excess, x_levels));
	return _mm256_madd_epi16(words, _mm256_set1_epi16(1));
#endif
}

static inline vec dot_lanes(vec sum, bytes32 levels, const int8_t *x, __m256 scales, const float *steps, int over)
{
	__m256 products = _mm256_cvtepi32_ps(products_of(levels, x, over));

	return vec_fma(widened(scales * _mm256_loadu_ps(steps)), widened(products), sum);
}

static inline vec dot_part(vec sum, bytes32 levels, const int8_t *x, const float *steps, float scale, int over)
{
	return dot_lanes(sum, levels, x, _mm256_set1_ps(scale), steps, over);
}

/* Two scales become four lanes each. */
static inline vec dot_halves(vec sum, bytes32 levels, const int8_t *x, const float *steps, const float *scales, int over)
{
	__m256 lanes;
	long long pair;

	memcpy(&pair, scales, sizeof(pair));
	lanes = _mm256_permutevar_ps(
		_mm256_castsi256_ps(_mm256_set1_epi64x(pair)), _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
	return dot_lanes(sum, levels, x, lanes, steps, over);
}

static inline vec add_eight(vec sum, const float *a, const float *b)
{
	return vec_fma(widened(_mm256_loadu_ps(a)), widened(_mm256_loadu_ps(b)), sum);
}

static inline vec less_eight(vec sum, const float *a, const float *b)
{
#if LANES == 16
	return _mm512_fnmadd_ps(widened(_mm256_loadu_ps(a)), widened(_mm256_loadu_ps(b)), sum);
#else
	return _mm256_fnmadd_ps(_mm256_loadu_ps(a), _mm256_loadu_ps(b), sum);
#endif
}
