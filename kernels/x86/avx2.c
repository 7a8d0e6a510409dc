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

static inline float vec_largest(vec a)
{
	__m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
	__m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));

	return two[0] > two[1] ? two[0] : two[1];
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

/* A byte in each lane has four numbers; the lowest two bits of a lane choose from a table, the others do not count. */
static inline vec vec_q2(const uint8_t *block, int i)
{
	const __m256 levels = _mm256_setr_ps(-3, -1, 1, 3, -3, -1, 1, 3);
	__m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)block));

	return _mm256_permutevar_ps(levels, _mm256_srli_epi32(bytes, 2 * i));
}

/* Undoes what packing does to the order of two halves that are packed for themselves. */
static inline __m256i unmix(__m256i packed)
{
	return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* The low 16 bits of every other lane of four vectors. */
static inline __m256i pack_words(__m256 a, __m256 b)
{
	__m256i low = _mm256_set1_epi32(0xffff);

	return unmix(_mm256_packus_epi32(
		_mm256_and_si256(_mm256_castps_si256(a), low), _mm256_and_si256(_mm256_castps_si256(b), low)));
}

/* For q8_0 the 32 bytes of a block are 16 words: the even bytes shifted up, the odd ones left standing, either way 256
 * times the level. So x has its even numbers first. 4 * 2^15 * 16383 is just below 2^31. */
static inline void pack_q8_0(int16_t *x, const vec *levels)
{
	_mm256_storeu_si256((void *)x,
		pack_words(_mm256_shuffle_ps(levels[0], levels[1], 0x88), _mm256_shuffle_ps(levels[2], levels[3], 0x88)));
	_mm256_storeu_si256((void *)(x + 16),
		pack_words(_mm256_shuffle_ps(levels[0], levels[1], 0xdd), _mm256_shuffle_ps(levels[2], levels[3], 0xdd)));
}

static inline vec dot_q8_0(vec sum, const uint8_t *block, const int16_t *x, float step)
{
	uint16_t half;
	__m256i words = _mm256_loadu_si256((const void *)(block + 2));
	__m256i even = _mm256_madd_epi16(_mm256_slli_epi16(words, 8), _mm256_loadu_si256((const void *)x));
	__m256i odd = _mm256_madd_epi16(
		_mm256_and_si256(words, _mm256_set1_epi16((int16_t)0xff00)), _mm256_loadu_si256((const void *)(x + 16)));

	memcpy(&half, block, sizeof(half));
	return vec_fma(_mm256_cvtph_ps(_mm_set1_epi16((int16_t)half)) * vec_set(step * 0x1p-8f),
		_mm256_cvtepi32_ps(_mm256_add_epi32(even, odd)), sum);
}

/* A pair of q4_0 blocks fills a vector, one block a half: first the low nibbles of both, then the high ones. */
static inline void pack_q4_0(int8_t *x, int half, const vec *levels)
{
	__m256i low = _mm256_set1_epi32(0xff), four[4], bytes;

	for (int i = 0; i < 4; i++)
		four[i] = _mm256_and_si256(_mm256_castps_si256(levels[i]), low);
	bytes = unmix(_mm256_packus_epi16(
		_mm256_packus_epi32(four[0], four[1]), _mm256_packus_epi32(four[2], four[3])));
	_mm_storeu_si128((void *)(x + 16 * half), _mm256_castsi256_si128(bytes));
	_mm_storeu_si128((void *)(x + 32 + 16 * half), _mm256_extracti128_si256(bytes, 1));
}

/* The scales of a pair, times the steps of x, each in the four lanes of its block. */
static inline vec scales_q4_0(const uint8_t *pair, const float *steps)
{
	uint16_t first, second;
	__m128 two;

	memcpy(&first, pair, sizeof(first));
	memcpy(&second, pair + 18, sizeof(second));
	two = _mm_cvtph_ps(_mm_cvtsi32_si128((int)(first | (uint32_t)second << 16)));
	two *= _mm_castsi128_ps(_mm_loadl_epi64((const void *)steps));
	return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(two), _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

/* Nibbles are 8 too large, and 8 * x is taken off again: the same for all rows, so the compiler does it once. Sums of
 * four products stay below 2^13, and so within 16 bits. */
static inline vec dot_q4_0(vec sum, const uint8_t *pair, const int8_t *x, const float *steps)
{
	const __m256i low_nibbles = _mm256_set1_epi8(15), eight = _mm256_set1_epi8(8);
	__m256i x_low = _mm256_loadu_si256((const void *)x), x_high = _mm256_loadu_si256((const void *)(x + 32));
	__m256i bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)(pair + 2))),
		_mm_loadu_si128((const void *)(pair + 20)), 1);
	__m256i low = _mm256_and_si256(bytes, low_nibbles);
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_nibbles);
	__m256i products = _mm256_add_epi16(_mm256_maddubs_epi16(low, x_low), _mm256_maddubs_epi16(high, x_high));
	__m256i offset = _mm256_add_epi16(_mm256_maddubs_epi16(eight, x_low), _mm256_maddubs_epi16(eight, x_high));
	__m256i sums = _mm256_madd_epi16(_mm256_sub_epi16(products, offset), _mm256_set1_epi16(1));

	return vec_fma(scales_q4_0(pair, steps), _mm256_cvtepi32_ps(sums), sum);
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
