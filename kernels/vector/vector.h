/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The kernels of every vector instruction set, written once. A file of an instruction set (x86/avx2.c, arm/neon.c, ...)
 * defines what differs and then includes the families of this folder:
 *
 *     LANES                          floats in a vector: a divisor of 16
 *     BATCH                          vectors of x that a register tile has room for, beside ROWS rows and one of each
 *     vec                            the vector; + - * / on it are the compiler's
 *     vec_set(value)                 the same value in all lanes
 *     vec_fma(a, b, c)               a * b + c, rounded once
 *     vec_max(a, b)                  the larger; b where either is no number
 *     vec_sum(a), vec_largest(a)     of all lanes, always in the same order; the largest is of numbers only
 *     vec_sums(y, a)                 vec_sum() of ROWS vectors
 *     vec_f16(from), vec_bf16(from)  LANES numbers from any address, exactly
 *     vec_to_f16(to, a)              LANES numbers, nearest, ties to even
 *     vec_q8_0(block, i)             levels i * LANES and on of a block: times scale_q8_0(block) they are its numbers,
 *     vec_q4_0(block, i)             exactly; scale_q4_0(block) likewise
 *     vec_q2(block, i)               numbers i * LANES and on
 *     scale_of(block)                what a block of q8_0 or q4_0 starts with
 *     group_scales(scales, blocks, steps)  those of a GROUP of blocks of q8_0, times steps
 *     pack_q8_0(x, levels)           the low 16 bits of a block's lanes, where dot_words wants them
 *     pack_q2(x, b, levels)          the low 8 bits, for block b of a group, which is a struct x_q2
 *     pack_block(x, levels)          or of a block alone, in their order
 *     words_q8_0(block)              its levels as words, a struct words
 *     dot_words(sum, words, x, scale)  sum + what they add to a dot product with x in fixed point: see fixed.h;
 *     dot_q2(sum, blocks, x, steps)  of q2 a GROUP at a time,
 *     dot_block_q2(sum, block, x, step)  or a block alone
 *
 * All that is here works on tiles of WICK_COLUMN_TILE columns, which is a block of the quantised types; the rest of a
 * row is copied into a tile of zeros. The type is a constant wherever a function is inlined, and with it every branch
 * on it. */

#ifndef LANES
#error "included from the file of an instruction set"
#endif

#include "../plain.h"

#define TILE_VECS (WICK_COLUMN_TILE / LANES)
#define GROUP 8 /* blocks of a quantised row, taken at a time */
#define AHEAD_BYTES ((size_t)8192) /* in rows further down */
#define STREAM_AHEAD_BYTES 512
#define INLINE static inline __attribute__((always_inline))

typedef int32_t vec_whole __attribute__((vector_size(LANES * sizeof(int32_t))));

INLINE vec vec_load(const void *from)
{
	vec value;

	memcpy(&value, from, sizeof(value));
	return value;
}

INLINE void vec_store(void *to, vec value)
{
	memcpy(to, &value, sizeof(value));
}

INLINE size_t tile_bytes(enum wick_type type)
{
	return (size_t)wick_type_bytes(type, WICK_COLUMN_TILE);
}

INLINE int has_scale(enum wick_type type)
{
	return type == WICK_Q8_0 || type == WICK_Q4_0;
}

/* The types of levels.h. */
INLINE int is_block_type(enum wick_type type)
{
	return type > WICK_Q4_0 && type < WICK_Q2;
}

/* Dot products are those of k_types.h. */
INLINE int is_k_type(enum wick_type type)
{
	return type >= WICK_Q2_K && type <= WICK_Q6_K;
}

/* Dot products are those of block_rows.h. */
INLINE int dots_groups(enum wick_type type)
{
	return type == WICK_Q4_0 || (is_block_type(type) && !is_k_type(type));
}

/* Dot products are in whole numbers: see fixed.h. */
INLINE int in_steps(enum wick_type type)
{
	return type == WICK_Q8_0 || type == WICK_Q2 || is_k_type(type) || dots_groups(type);
}

/* The factor of a tile's numbers after vec_number(). */
INLINE float tile_scale(enum wick_type type, const uint8_t *tile)
{
	return type == WICK_Q8_0 ? scale_q8_0(tile) : type == WICK_Q4_0 ? scale_q4_0(tile) : 1;
}

/* Vector i of a tile, still without its scale. */
INLINE vec vec_number(enum wick_type type, const uint8_t *tile, int i)
{
	switch (type) {
	case WICK_F16:
		return vec_f16(tile + 2 * LANES * i);
	case WICK_BF16:
		return vec_bf16(tile + 2 * LANES * i);
	case WICK_Q8_0:
		return vec_q8_0(tile, i);
	case WICK_Q4_0:
		return vec_q4_0(tile, i);
	case WICK_Q2:
		return vec_q2(tile, i);
	default:
		return vec_load(tile + 4 * LANES * i);
	}
}

/* Weights are fetched ahead of where they are used, line by line from the same place in `next`: rows further down,
 * since those of a sparse matrix are nowhere near each other; or, in a stream, a little further on. */
INLINE void fetch_ahead(int rows, const uint8_t *const *next, size_t at, size_t bytes)
{
	for (int r = 0; r < rows; r++)
		for (size_t line = 0; line < bytes; line += 64)
			__builtin_prefetch(next[r] + at + line);
}

/* In rows, a multiple of ROWS: far enough for memory to answer meanwhile, which takes more short rows than long
 * ones. */
INLINE size_t rows_ahead(enum wick_type type, size_t cols)
{
	size_t bytes = ROWS * (size_t)wick_type_bytes(type, cols);

	return ROWS * (bytes < AHEAD_BYTES ? AHEAD_BYTES / (bytes + 1) + 1 : 1);
}

/* The last `cols` numbers of a row, fewer than a tile, followed by zeros. */
INLINE void pad_tile(enum wick_type type, uint8_t *tile, const uint8_t *from, size_t cols)
{
	memset(tile, 0, tile_bytes(type));
	memcpy(tile, from, (size_t)wick_type_bytes(type, cols));
}
