/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* AVX2 with FMA and F16C; and once more with the dot products of bytes and words (AVX-VNNI). */

#include "../sets.h"

#include "blocks.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define LANES 8
#define BATCH 3

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

static inline vec vec_fours(vec a)
{
	vec two = _mm256_max_ps(a, _mm256_permute_ps(a, 0xb1));

	return _mm256_max_ps(two, _mm256_permute_ps(two, 0x4e));
}

static inline void fours_store(float *to, vec a)
{
	_mm_storel_pi((void *)to, _mm_unpacklo_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
}

static inline vec fours_spread(const float *from)
{
	return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_set1_ps(from[0])), _mm_set1_ps(from[1]), 1);
}

static inline __m128 fold_to_four(vec a)
{
	return _mm256_castps256_ps128(a) + _mm256_extractf128_ps(a, 1);
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

static inline vec vec_int8(const void *from)
{
	return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from)));
}

static inline float scale_q8_0(const uint8_t *block)
{
	return scale_of(block);
}

static inline vec vec_q8_0(const uint8_t *block, int i)
{
	return vec_int8(block + 2 + 8 * i);
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

static inline void pack_q8_0(int16_t *x, const vec *levels)
{
	const __m256i low = _mm256_set1_epi32(0xffff);

	for (int i = 0; i < 2; i++) {
		__m256i first = _mm256_and_si256(_mm256_castps_si256(levels[2 * i]), low);
		__m256i second = _mm256_and_si256(_mm256_castps_si256(levels[2 * i + 1]), low);

		_mm256_storeu_si256((void *)(x + 16 * i),
			_mm256_permute4x64_epi64(_mm256_packus_epi32(first, second), 0xd8));
	}
}

struct words {
	__m256i low, high;
};

static inline struct words words_q8_0(const uint8_t *block)
{
	return (struct words){ _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(block + 2))),
		_mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(block + 18))) };
}

static inline vec dot_words(vec sum, struct words words, const int16_t *x, float scale)
{
	__m256i first = _mm256_madd_epi16(words.low, _mm256_loadu_si256((const void *)x));
	__m256i second = _mm256_madd_epi16(words.high, _mm256_loadu_si256((const void *)(x + 16)));

	return vec_fma(vec_set(scale), _mm256_cvtepi32_ps(_mm256_add_epi32(first, second)), sum);
}

/* A block's levels as bytes. */
static inline __m256i bytes_of(const vec *levels)
{
	__m256i low = _mm256_set1_epi32(0xff), four[4], bytes;

	for (int i = 0; i < 4; i++)
		four[i] = _mm256_and_si256(_mm256_castps_si256(levels[i]), low);
	bytes = _mm256_packus_epi16(_mm256_packus_epi32(four[0], four[1]), _mm256_packus_epi32(four[2], four[3]));
	return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* The bytes of x are 128 too large while they are summed up: no sign is met on the way. */
static inline int32_t sum_of(__m256i bytes)
{
	__m256i eights = _mm256_sad_epu8(_mm256_xor_si256(bytes, _mm256_set1_epi8(-128)), _mm256_setzero_si256());
	__m128i two = _mm_add_epi32(_mm256_castsi256_si128(eights), _mm256_extracti128_si256(eights, 1));

	return _mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 2) - 32 * 128;
}

/* Four and four words and as many of other blocks become two, two, two and two. */
static inline __m256i fold_again(__m256i a, __m256i b)
{
	__m256 first = _mm256_castsi256_ps(a), second = _mm256_castsi256_ps(b);

	return _mm256_add_epi16(_mm256_castps_si256(_mm256_shuffle_ps(first, second, 0x88)),
		_mm256_castps_si256(_mm256_shuffle_ps(first, second, 0xdd)));
}

/* x for a group of q2: of each half of it, numbers 0 to 7 of its four blocks, then 8 to 15 of all, and so on, as the
 * bits lie in the bytes. Weights are met as 0, 4, 8, 12, and 6 times the sum of a block's x is taken off again: twice
 * what is wanted. */
struct x_q2 {
	int8_t levels[2][4][32];
	int32_t offsets[8];
};

static inline void pack_q2(struct x_q2 *x, size_t b, const vec *levels)
{
	__m256i bytes = bytes_of(levels);

	for (int i = 0; i < 4; i++)
		memcpy(x->levels[b / 4][i] + b % 4 * 8, (const uint8_t *)&bytes + 8 * i, 8);
	x->offsets[b] = 6 * sum_of(bytes);
}

/* Four blocks, four words each. Levels left at bits 2 and 3 are four times too large; the others are made so
 * afterwards. */
static inline __m256i products_q2(const uint8_t *blocks, const int8_t (*x)[32])
{
	const __m256i ones = _mm256_set1_epi8(3), fours = _mm256_set1_epi8(12);
	__m256i low = _mm256_loadu_si256((const void *)blocks), high = _mm256_srli_epi16(low, 4);

#define PRODUCTS(bytes, mask, i) \
	_mm256_maddubs_epi16(_mm256_and_si256(bytes, mask), _mm256_loadu_si256((const void *)x[i]))
	__m256i at_one = _mm256_add_epi16(PRODUCTS(low, ones, 0), PRODUCTS(high, ones, 2));
	__m256i at_four = _mm256_add_epi16(PRODUCTS(low, fours, 1), PRODUCTS(high, fours, 3));
#undef PRODUCTS

	return _mm256_add_epi16(_mm256_slli_epi16(at_one, 2), at_four);
}

/* Lanes of two halves that were folded together are those of blocks 0, 1, 4, 5, 2, 3, 6, 7. */
static inline __m256i folded(__m256i natural)
{
	return _mm256_permute4x64_epi64(natural, 0xd8);
}

/* 16 products are at most 16 * 12 * 127 < 2^15. */
static inline vec dot_q2(vec sum, const uint8_t *blocks, const struct x_q2 *x, const float *steps)
{
	__m256i words = fold_again(products_q2(blocks, x->levels[0]), products_q2(blocks + 32, x->levels[1]));
	__m256i sums = _mm256_madd_epi16(words, _mm256_set1_epi16(1));
	vec halves = _mm256_loadu_ps(steps) * 0.5f;

	sums = _mm256_sub_epi32(sums, folded(_mm256_loadu_si256((const void *)x->offsets)));
	return vec_fma(_mm256_castsi256_ps(folded(_mm256_castps_si256(halves))), _mm256_cvtepi32_ps(sums), sum);
}

static inline void pack_block(int8_t *x, const vec *levels)
{
	_mm256_storeu_si256((void *)x, bytes_of(levels));
}

static inline vec dot_block_q2(vec sum, const uint8_t *block, const int8_t *x, float step)
{
	return vec_fma(vec_set(step), _mm256_cvtepi32_ps(block_q2(block, x)), sum);
}

#include "k_blocks.h"
#include "levels.h"

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

#ifdef __AVXVNNI__
void wick_kernels_avxvnni(struct wick_kernels *kernels)
{
	kernels->name = "avxvnni";
	set_all(kernels);
}
#else
void wick_kernels_avx2(struct wick_kernels *kernels)
{
	kernels->name = "avx2";
	set_all(kernels);
}
#endif
