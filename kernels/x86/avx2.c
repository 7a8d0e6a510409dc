/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* AVX2 with FMA and F16C. */

#include "../sets.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define LANES 8

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

static inline vec vec_set(float value)
{
	return _mm256_set1_ps(value);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

static inline vec vec_max(vec a, vec b)
{
	return _mm256_max_ps(a, b);
}

static inline float vec_sum(vec a)
{
	__m128 four = _mm256_castps256_ps128(a) + _mm256_extractf128_ps(a, 1);
	__m128 two = four + _mm_movehl_ps(four, four);

	return two[0] + two[1];
}

static inline vec vec_f16(const void *from)
{
	return _mm256_cvtph_ps(_mm_loadu_si128(from));
}

static inline vec vec_bf16(const void *from)
{
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(from)), 16));
}

static inline void vec_to_f16(void *to, vec a)
{
	_mm_storeu_si128(to, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

static inline float scale_of(const uint8_t *block)
{
	uint16_t half;

	memcpy(&half, block, sizeof(half));
	return _cvtsh_ss(half);
}

static inline float scale_q8_0(const uint8_t *block)
{
	return scale_of(block);
}

static inline vec vec_q8_0(const uint8_t *block, int i)
{
	return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(block + 2 + 8 * i))));
}

/* A nibble minus 8 is, with its top bit turned, a signed number of four bits. Standing at the top of a lane it is 2^28
 * times itself, wherever the rest of the lane is zero: so nothing is subtracted and nothing shifted back. */
static inline float scale_q4_0(const uint8_t *block)
{
	return scale_of(block) * 0x1p-28f;
}

/* Lane j of vectors 0 and 2 is made of byte j, of vectors 1 and 3 of byte j + 8. */
static inline vec vec_q4_0(const uint8_t *block, int i)
{
	const __m256i to_top = _mm256_setr_epi8(-1, -1, -1, 0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, /* low half */
		-1, -1, -1, 4, -1, -1, -1, 5, -1, -1, -1, 6, -1, -1, -1, 7);
	const __m256i high_nibble = _mm256_set1_epi32((int)0xf0000000);
	__m128i bytes = _mm_xor_si128(_mm_loadu_si128((const void *)(block + 2)), _mm_set1_epi8((char)0x88));
	__m256i both = _mm256_broadcastsi128_si256(i & 1 ? _mm_unpackhi_epi64(bytes, bytes) : bytes);
	__m256i top = _mm256_shuffle_epi8(both, to_top);

	return _mm256_cvtepi32_ps(i < 2 ? _mm256_slli_epi32(top, 4) : _mm256_and_si256(top, high_nibble));
}

#include "../vector/attend.h"
#include "../vector/convert.h"
#include "../vector/norm.h"

void wick_kernels_avx2(struct wick_kernels *kernels)
{
	kernels->name = "avx2";
	set_matvec(kernels);
	set_ffn(kernels);
	set_convert(kernels);
	set_softmax(kernels);
	set_norm(kernels);
	set_attend(kernels);
}
