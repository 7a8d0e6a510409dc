/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Quantised blocks with AVX2 and F16C: scales of a group, which are halves that lie bytes apart and are converted at
 * once, and products of a block alone. */

#include "../kernels.h"

#include <immintrin.h>
#include <string.h>

/* (a[0] + a[2]) + (a[1] + a[3]) of each of four vectors. */
static inline __m128 sums_of_four(__m128 a, __m128 b, __m128 c, __m128 d)
{
	__m128 ab = _mm_unpacklo_ps(a, b) + _mm_unpackhi_ps(a, b), cd = _mm_unpacklo_ps(c, d) + _mm_unpackhi_ps(c, d);

	return _mm_movelh_ps(ab, cd) + _mm_movehl_ps(cd, ab);
}

static inline float scale_of(const uint8_t *block)
{
	uint16_t half;

	memcpy(&half, block, sizeof(half));
	return _cvtsh_ss(half);
}

/* Block b of q8_0 starts at byte 34 * b, which is word b of 16 bytes from 32 * b. */
static inline __m128i halves_q8_0(const uint8_t *blocks)
{
	__m128i halves = _mm_loadu_si128((const void *)blocks);

#define BLEND(b) halves = _mm_blend_epi16(halves, _mm_loadu_si128((const void *)(blocks + 32 * b)), 1 << b)
	BLEND(1), BLEND(2), BLEND(3), BLEND(4), BLEND(5), BLEND(6), BLEND(7);
#undef BLEND
	return halves;
}

static inline void group_scales(float *scales, const uint8_t *blocks, const float *steps)
{
	_mm256_storeu_ps(scales, _mm256_cvtph_ps(halves_q8_0(blocks)) * _mm256_loadu_ps(steps));
}

/* Weights without sign times x, less what they are too large by: eight sums. */
static inline __m256i block_products(__m256i weights, int8_t too_large, const int8_t *x)
{
	__m256i levels = _mm256_loadu_si256((const void *)x);
	__m256i words = _mm256_sub_epi16(
		_mm256_maddubs_epi16(weights, levels), _mm256_maddubs_epi16(_mm256_set1_epi8(too_large), levels));

	return _mm256_madd_epi16(words, _mm256_set1_epi16(1));
}

/* Eight bytes four times, each time the next two bits of each. */
static inline __m256i block_q2(const uint8_t *block, const int8_t *x)
{
	__m256i bytes = _mm256_broadcastq_epi64(_mm_loadl_epi64((const void *)block));
	__m256i shifted = _mm256_srlv_epi64(bytes, _mm256_setr_epi64x(0, 2, 4, 6));
	__m256i levels = _mm256_and_si256(shifted, _mm256_set1_epi8(3));

	return block_products(_mm256_add_epi8(levels, levels), 3, x);
}
