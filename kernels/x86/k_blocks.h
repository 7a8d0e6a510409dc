/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The K types with AVX2: 32 numbers are a vector of bytes and two of words. */

#include "levels.h"

#include "../vector/k_types.h"

#define K_TILE 2

INLINE size_t part_at(enum wick_type type, size_t place)
{
	(void)type;
	return place;
}

static inline vec_whole dot_pairs(vec_whole sums, vec_whole a, vec_whole b)
{
#ifdef __AVXVNNI__
	return (vec_whole)_mm256_dpwssd_epi32((__m256i)sums, (__m256i)a, (__m256i)b);
#else
	return sums + (vec_whole)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#endif
}

/* Minima of 8 or 16 parts. */
struct k_floats {
	float each[16];
};

INLINE vec whole_add(enum wick_type type, vec sum, vec_whole sums, vec unit, const struct k_floats *minima, const struct x_sums *x)
{
	sum = vec_fma(unit * vec_set(x->step), _mm256_cvtepi32_ps((__m256i)sums), sum);
	return less_minima(type, sum, minima->each, x);
}

/* Scales as words. Of 16 parts: word j of the low half is that of the first 16 numbers of 32, of the high half that of the
 * others. Of eight: each twice, in memory, from where it goes to all lanes at no cost to the units that have all the rest to do. */
struct k_words {
	union {
		__m256i words;
		uint32_t each[8];
	};
};

INLINE void k_scale_words(enum wick_type type, struct k_words *scales, const struct k_parts *parts)
{
	const __m128i apart = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
	__m128i bytes = _mm_set_epi64x((long long)parts->scales[1], (long long)parts->scales[0]);

	if (has_halves(type)) {
		scales->words = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(bytes, apart));
		return;
	}
	scales->words = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)parts->scales[0]));
	scales->words = _mm256_or_si256(scales->words, _mm256_slli_epi32(scales->words, 16));
	__asm__("" : "+m"(*scales));
}

INLINE vec_whole scales_of_part(enum wick_type type, const struct k_words *scales, size_t j)
{
	if (has_halves(type))
		return (vec_whole)_mm256_shuffle_epi8(
			scales->words, _mm256_set1_epi16((short)((2 * j + 1) * 256 + 2 * j)));
	return (vec_whole)_mm256_set1_epi32((int)scales->each[j]);
}

static inline __m256i load_32(const void *from)
{
	return _mm256_loadu_si256(from);
}

INLINE void k_excess(struct x_halves *x, int over)
{
	for (size_t at = 0; at < sizeof(x->halves); at += 32)
		_mm256_storeu_si256((void *)(x->excess[0] + at),
			_mm256_maddubs_epi16(_mm256_set1_epi8((char)over), load_32(x->halves[0] + at)));
}

/* Sixteen sums of two products of levels, less what they are too large by. */
INLINE vec_whole pairs_of(enum wick_type type, __m256i levels, const struct x_halves *x, int half, size_t j)
{
	__m256i pairs = _mm256_maddubs_epi16(levels, load_32(x->halves[half] + j * WICK_BLOCK));

	if (too_large(type))
		pairs = _mm256_sub_epi16(pairs, load_32(x->excess[half] + j * WICK_BLOCK));
	return (vec_whole)pairs;
}

INLINE vec dot_block_k(enum wick_type type, vec sum, const uint8_t *block, const struct x_halves *x)
{
	vec_whole high = { 0 }, low = high;
	struct k_floats minima;
	struct k_words scales;
	struct k_parts parts;

	find_k_parts(type, &parts, block);
	k_minima_of(type, minima.each, &parts, block);
	k_scale_words(type, &scales, &parts);
#pragma GCC unroll 8
	for (size_t j = 0; j < GROUP; j++) {
		__m256i levels = levels_of(type, block, j);
		vec_whole scale = scales_of_part(type, &scales, j);

		high = dot_pairs(high, pairs_of(type, levels, x, 0, j), scale);
		low = dot_pairs(low, pairs_of(type, levels, x, 1, j), scale);
	}
	return whole_add(type, sum, (high << 7) + low, vec_set(k_unit(type, block)), &minima, &x->sums);
}

/* Numbers 4 * i and on of a part are in lane i, as dot_block_k() has them: two in a first vector, two in a second. */
static inline void pack_words(int16_t *words, const vec *levels)
{
	const __m256i low = _mm256_set1_epi32(0xffff);
	__m256 two[2];

	for (int i = 0; i < 2; i++) {
		__m256i first = _mm256_and_si256(_mm256_castps_si256(levels[2 * i]), low);
		__m256i second = _mm256_and_si256(_mm256_castps_si256(levels[2 * i + 1]), low);

		two[i] = _mm256_castsi256_ps(_mm256_permute4x64_epi64(_mm256_packus_epi32(first, second), 0xd8));
	}
	_mm256_storeu_si256((void *)words,
		_mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(two[0], two[1], 0x88)), 0xd8));
	_mm256_storeu_si256((void *)(words + 16),
		_mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(two[0], two[1], 0xdd)), 0xd8));
}

INLINE void words_of_part(int16_t *words, __m256i levels, vec_whole scales, int over)
{
	const __m256i two = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
	__m256i excess = _mm256_set1_epi16((short)over), next = _mm256_srli_epi32(levels, 16);
	__m256i first = _mm256_sub_epi16(_mm256_shuffle_epi8(levels, two), excess);
	__m256i second = _mm256_sub_epi16(_mm256_shuffle_epi8(next, two), excess);

	_mm256_store_si256((void *)words, _mm256_mullo_epi16(first, (__m256i)scales));
	_mm256_store_si256((void *)(words + 16), _mm256_mullo_epi16(second, (__m256i)scales));
}

#include "k_tiles.h"

INLINE void make_ready_k(enum wick_type type, struct ready_k *ready, const uint8_t *block)
{
	struct k_words scales;
	struct k_parts parts;

	find_k_parts(type, &parts, block);
	k_minima_of(type, ready->minima.each, &parts, block);
	k_scale_words(type, &scales, &parts);
#pragma GCC unroll 8
	for (size_t j = 0; j < GROUP; j++)
		words_of_part(ready->words + j * WICK_BLOCK, levels_of(type, block, j), scales_of_part(type, &scales, j), too_large(type));
	ready->unit = vec_set(k_unit(type, block));
}
