/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The block types of GGUF for vectors. Every one of them is the same thing in another packing, and this file unpacks
 * it:
 *
 *     number = scale * (level - too_large) - minimum
 *
 * A level is a byte below 128, or a signed one; scales and minima are those of 16 or 32 numbers side by side, a part.
 * All is done for a group of 256 numbers: one block of the types with 256, eight blocks of those with 32, or the fewer
 * that are left at the end of a row. It needs these functions of an instruction set, beside those of vector.h and parts.h:
 *
 *     bytes32                             that many levels
 *     levels_nibbles(from)                of 16 bytes the low halves, then the high halves
 *     levels_bits(from, shift, mask)      of 32 bytes, bits from `shift` on
 *     levels_flags(from, value)           `value` where a bit of 4 bytes is set, lowest first, or 0
 *     levels_join(low, high, shift)       low | high << shift, for bits that do not meet
 *     levels_words(a, b, c, d)            of 8 bytes each, the lowest first
 *     levels_negate(levels, flags)        with another sign where a bit of 4 bytes is set, lowest first
 *     levels_table(table, levels)         for each of 32 levels below 16 its byte in a table
 *     levels_store(to, levels)            32 bytes
 *     vec_int8(from)                      LANES signed bytes as floats
 */

#include "parts.h"
#include "x_group.h"

INLINE int too_large(enum wick_type type)
{
	switch (type) {
	case WICK_Q4_0:
		return 8;
	case WICK_Q5_0:
		return 16;
	case WICK_Q3_K:
		return 4;
	case WICK_Q6_K:
		return 32;
	case WICK_MXFP4:
		return 12;
	case WICK_IQ4_NL:
	case WICK_IQ4_XS:
	case WICK_IQ2_XXS:
	case WICK_IQ2_XS:
	case WICK_IQ2_S:
	case WICK_IQ3_XXS:
	case WICK_IQ3_S:
		return SIGNED_LEVELS;
	default:
		return 0;
	}
}

INLINE size_t group_bytes(enum wick_type type, size_t blocks)
{
	return (size_t)wick_type_bytes(type, blocks * WICK_BLOCK);
}

/* wick_levels_mxfp4, 12 too large. */
static const int8_t raised_mxfp4[16] = { 12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0 };

/* Of 32 numbers two bits each are in bytes 32 * (j / 4) and on, as decode_blocks.h has it for q6_k. */
INLINE bytes32 levels_q6_k(const uint8_t *block, size_t j)
{
	bytes32 low = levels_bits(block + j / 4 * 64 + j % 2 * 32, (int)(j % 4 / 2) * 4, 15);

	return levels_join(low, levels_bits(block + 128 + j / 4 * 32, (int)(j % 4) * 2, 3), 4);
}

INLINE struct wick_grid_part grid_part(enum wick_type type, const uint8_t *block, size_t j)
{
	switch (type) {
	case WICK_IQ2_XXS:
		return wick_part_iq2_xxs(block, j);
	case WICK_IQ2_XS:
		return wick_part_iq2_xs(block, j);
	case WICK_IQ2_S:
		return wick_part_iq2_s(block, j);
	case WICK_IQ3_XXS:
		return wick_part_iq3_xxs(block, j);
	default:
		return wick_part_iq3_s(block, j);
	}
}

INLINE bytes32 levels_grid(struct wick_grid_part part)
{
	return levels_negate(levels_words(part.words[0], part.words[1], part.words[2], part.words[3]), part.signs);
}

/* Numbers 32 * j and on of a group. */
INLINE bytes32 levels_of(enum wick_type type, const uint8_t *group, size_t j)
{
	const uint8_t *block = group + (wick_types[type].block == WICK_BLOCK ? j * wick_types[type].block_bytes : 0);

	switch (type) {
	case WICK_Q4_0:
		return levels_nibbles(block + 2);
	case WICK_Q4_1:
		return levels_nibbles(block + 4);
	case WICK_Q5_0:
		return levels_join(levels_nibbles(block + 6), levels_flags(block + 2, 16), 0);
	case WICK_Q5_1:
		return levels_join(levels_nibbles(block + 8), levels_flags(block + 4, 16), 0);
	case WICK_Q4_K:
		return levels_bits(block + 16 + j / 2 * 32, (int)(j % 2) * 4, 15);
	case WICK_Q5_K:
		return levels_join(levels_bits(block + 48 + j / 2 * 32, (int)(j % 2) * 4, 15),
			levels_bits(block + 16, (int)j, 1), 4);
	case WICK_Q2_K:
		return levels_bits(block + 16 + j / 4 * 32, (int)(j % 4) * 2, 3);
	case WICK_Q3_K:
		return levels_join(levels_bits(block + 32 + j / 4 * 32, (int)(j % 4) * 2, 3), levels_bits(block, (int)j, 1), 2);
	case WICK_Q6_K:
		return levels_q6_k(block, j);
	case WICK_IQ4_NL:
		return levels_table(wick_levels_iq4, levels_nibbles(block + 2));
	case WICK_IQ4_XS:
		return levels_table(wick_levels_iq4, levels_nibbles(block + 8 + j * 16));
	case WICK_IQ2_XXS:
	case WICK_IQ2_XS:
	case WICK_IQ2_S:
	case WICK_IQ3_XXS:
	case WICK_IQ3_S:
		return levels_grid(grid_part(type, block, j));
	default:
		return levels_table(raised_mxfp4, levels_nibbles(block + 1));
	}
}

/* Numbers 32 * j and on of a group, as floats, exactly as plain C has them. */
INLINE void group_numbers(enum wick_type type, vec *numbers, const uint8_t *group, size_t j, const struct parts *parts)
{
	const int over = too_large(type) == SIGNED_LEVELS ? 0 : too_large(type);
	_Alignas(32) uint8_t bytes[WICK_BLOCK];

	levels_store(bytes, levels_of(type, group, j));
	for (int i = 0; i < TILE_VECS; i++) {
		size_t part = has_halves(type) ? 2 * j + (size_t)(i * LANES / 16) : j;
		vec level = vec_int8(bytes + i * LANES) - vec_set((float)over);

		numbers[i] = level * vec_set(parts->scale[part]);
		if (has_least(type))
			numbers[i] = numbers[i] + vec_set(parts->minimum[part]);
		else if (has_minima(type))
			numbers[i] = numbers[i] - vec_set(parts->minimum[part]);
	}
}
