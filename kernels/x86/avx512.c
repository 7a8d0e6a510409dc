/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* AVX-512 with its byte and word, double and quad word and short vector parts. */

#include "../sets.h"

#include "blocks.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define LANES 16
#define BATCH 6

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

static inline vec vec_set(float value)
{
	return _mm512_set1_ps(value);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
	return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_max(vec a, vec b)
{
	return _mm512_max_ps(a, b);
}

static inline vec vec_fours(vec a)
{
	vec two = _mm512_max_ps(a, _mm512_permute_ps(a, 0xb1));

	return _mm512_max_ps(two, _mm512_permute_ps(two, 0x4e));
}

static inline void fours_store(float *to, vec a)
{
	_mm_storeu_ps(to, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, a)));
}

static inline vec fours_spread(const float *from)
{
	const __m512i places = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);

	return _mm512_permutexvar_ps(places, _mm512_castps128_ps512(_mm_loadu_ps(from)));
}

static inline __m128 fold_to_four(vec a)
{
	__m256 eight = _mm512_castps512_ps256(a) + _mm512_extractf32x8_ps(a, 1);

	return _mm256_castps256_ps128(eight) + _mm256_extractf128_ps(eight, 1);
}

static inline float vec_sum(vec a)
{
	__m128 four = fold_to_four(a);
	__m128 two = four + _mm_movehl_ps(four, four);

	return two[0] + two[1];
}

static inline void vec_sums(float *y, const vec *a)
{
	_mm_storeu_ps(y, sums_of_four(fold_to_four(a[0]), fold_to_four(a[1]), fold_to_four(a[2]), fold_to_four(a[3])));
}

static inline float vec_largest(vec a)
{
	__m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
	__m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
	__m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));

	return two[0] > two[1] ? two[0] : two[1];
}

static inline vec vec_f16(const void *from)
{
	return _mm512_cvtph_ps(_mm256_loadu_si256(from));
}

static inline vec vec_bf16(const void *from)
{
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(from)), 16));
}

static inline void vec_to_f16(void *to, vec a)
{
	_mm256_storeu_si256(to, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

static inline vec vec_int8(const void *from)
{
	return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from)));
}

static inline float scale_q8_0(const uint8_t *block)
{
	return scale_of(block);
}

static inline vec vec_q8_0(const uint8_t *block, int i)
{
	return vec_int8(block + 2 + 16 * i);
}

static inline float scale_q4_0(const uint8_t *block)
{
	return scale_of(block);
}

/* A table of 16 floats is one register; only the low four bits of an index count. */
static inline vec vec_q4_0(const uint8_t *block, int i)
{
	const __m512 levels = _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7);
	__m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(block + 2)));

	return _mm512_permutexvar_ps(i ? _mm512_srli_epi32(bytes, 4) : bytes, levels);
}

/* All eight bytes twice: two numbers of each make a vector. */
static inline vec vec_q2(const uint8_t *block, int i)
{
	const __m512 levels = _mm512_setr_ps(-3, -1, 1, 3, -3, -1, 1, 3, -3, -1, 1, 3, -3, -1, 1, 3);
	const __m512i shifts = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2);
	__m128i eight = _mm_loadl_epi64((const void *)block);
	__m512i bytes = _mm512_cvtepu8_epi32(_mm_unpacklo_epi64(eight, eight));

	return _mm512_permutevar_ps(levels, _mm512_srli_epi32(_mm512_srlv_epi32(bytes, shifts), 4 * (unsigned)i));
}

static inline void pack_q8_0(int16_t *x, const vec *levels)
{
	for (int i = 0; i < 2; i++)
		_mm256_storeu_si256((void *)(x + 16 * i), _mm512_cvtepi32_epi16(_mm512_castps_si512(levels[i])));
}

struct words {
	__m512i all;
};

static inline struct words words_q8_0(const uint8_t *block)
{
	return (struct words){ _mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)(block + 2))) };
}

static inline vec dot_words(vec sum, struct words words, const int16_t *x, float scale)
{
	return vec_fma(vec_set(scale), _mm512_cvtepi32_ps(_mm512_madd_epi16(words.all, _mm512_loadu_si512(x))), sum);
}

/* x for a group of q2: numbers 0 to 7 of its eight blocks, then 8 to 15 of all, and so on, as bits lie in the bytes. */
struct x_q2 {
	int8_t levels[4][64];
};

static inline void pack_q2(struct x_q2 *x, size_t b, const vec *levels)
{
	for (int i = 0; i < 2; i++) {
		__m128i bytes = _mm512_cvtepi32_epi8(_mm512_castps_si512(levels[i]));

		_mm_storel_epi64((void *)(x->levels[2 * i] + 8 * b), bytes);
		_mm_storel_epi64((void *)(x->levels[2 * i + 1] + 8 * b), _mm_unpackhi_epi64(bytes, bytes));
	}
}

/* sums + levels . x, two lanes a block. The sums of 16 products are at most 16 * 12 * 127 < 2^15. */
static inline __m512i products_q2(__m512i sums, const __m512i *levels, const int8_t (*x)[64])
{
#ifdef __AVX512VNNI__
	for (int i = 0; i < 4; i++)
		sums = _mm512_dpbusd_epi32(sums, levels[i], _mm512_loadu_si512(x[i]));
	return sums;
#else
	__m512i words = _mm512_setzero_si512();

	for (int i = 0; i < 4; i++)
		words = _mm512_add_epi16(words, _mm512_maddubs_epi16(levels[i], _mm512_loadu_si512(x[i])));
	return _mm512_add_epi32(sums, _mm512_madd_epi16(words, _mm512_set1_epi16(1)));
#endif
}

/* Weights are met as 0, 4, 8, 12, and 6 times x is taken off again, the same for all rows: twice what is wanted. */
static inline vec dot_q2(vec sum, const uint8_t *blocks, const struct x_q2 *x, const float *steps)
{
	const __m512i lanes = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
	const __m512i mask = _mm512_set1_epi8(12), six = _mm512_set1_epi8(6);
	const __m512i sixes[4] = { six, six, six, six };
	__m512i bytes = _mm512_loadu_si512(blocks), zero = _mm512_setzero_si512();
	__m512i levels[4] = { _mm512_and_si512(_mm512_slli_epi16(bytes, 2), mask), _mm512_and_si512(bytes, mask),
		_mm512_and_si512(_mm512_srli_epi16(bytes, 2), mask), _mm512_and_si512(_mm512_srli_epi16(bytes, 4), mask) };
	__m512i offset = _mm512_sub_epi32(zero, products_q2(zero, sixes, x->levels));
	vec halves = _mm512_permutexvar_ps(lanes, _mm512_castps256_ps512(_mm256_loadu_ps(steps) * 0.5f));

	return vec_fma(halves, _mm512_cvtepi32_ps(products_q2(offset, levels, x->levels)), sum);
}

static inline void pack_block(int8_t *x, const vec *levels)
{
	for (int i = 0; i < 2; i++)
		_mm_storeu_si128((void *)(x + 16 * i), _mm512_cvtepi32_epi8(_mm512_castps_si512(levels[i])));
}

static inline vec dot_block_q2(vec sum, const uint8_t *block, const int8_t *x, float step)
{
	return vec_fma(vec_set(step), _mm512_zextps256_ps512(_mm256_cvtepi32_ps(block_q2(block, x))), sum);
}

#include "levels.h"
#include "wide.h"
#include "wide_k.h"

#include "../vector/accumulate.h"
#include "../vector/convert.h"
#include "../vector/matmul.h"
#include "../vector/matmul_blocks.h"
#include "../vector/matmul_fixed.h"
#include "../vector/matmul_k.h"
#include "../vector/norm.h"
#include "../vector/softmax.h"

static void set_all(struct wick_kernels *kernels)
{
	set_matvec(kernels);
	set_matmul(kernels);
	set_matmul_fixed(kernels);
	set_matmul_blocks(kernels);
	set_matmul_k(kernels);
	set_ffn(kernels);
	set_accumulate(kernels);
	set_convert(kernels);
	set_softmax(kernels);
	set_norm(kernels);
}

/* Compiled once without and once with the dot products of bytes (VNNI). */
#ifdef __AVX512VNNI__
void wick_kernels_avx512vnni(struct wick_kernels *kernels)
{
	kernels->name = "avx512vnni";
	set_all(kernels);
}
#else
void wick_kernels_avx512(struct wick_kernels *kernels)
{
	kernels->name = "avx512";
	set_all(kernels);
}
#endif
