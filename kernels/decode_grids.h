/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The types of GGUF whose numbers are chosen eight or four at once from a table (grids.h), decoded in plain C. A part of
 * plain.h, which includes it.
 *
 * A number is a magnitude from the table with a sign, times a scale, which is a half times an odd whole number below 32
 * and a power of two. So it is exact. */

#include "grids.h"

/* 32 numbers of a block: magnitudes, eight a word, the first lowest; and a bit for each that is negative. */
struct wick_grid_part {
	uint64_t words[4];
	uint32_t signs;
};

static inline uint32_t wick_load_u32(const void *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Signs of eight numbers are seven bits: an even number of them is negative. Of four times seven bits, a byte each with the
 * eighth. */
static inline uint32_t wick_even_signs(uint32_t bits)
{
	uint32_t sevens = (bits & 0x7f) | (bits & 0x3f80) << 1 | (bits & 0x1fc000) << 2 | (bits & 0xfe00000) << 3;
	uint32_t odd = sevens ^ sevens >> 4;

	odd ^= odd >> 2;
	odd ^= odd >> 1;
	return sevens | (odd & 0x01010101) << 7;
}

/* f16 scale, then for each part four places in the table, four times seven signs, and four bits of scale. */
static inline struct wick_grid_part wick_part_iq2_xxs(const uint8_t *block, size_t j)
{
	const uint8_t *at = block + 2 + 8 * j;
	struct wick_grid_part part = { .signs = wick_even_signs(wick_load_u32(at + 4)) };

	for (size_t k = 0; k < 4; k++)
		part.words[k] = wick_grid_iq2_xxs[at[k]];
	return part;
}

static inline int wick_odd_iq2_xxs(const uint8_t *block, size_t j)
{
	return block[2 + 8 * j + 7] >> 4 << 1 | 1;
}

/* f16 scale, for each eight numbers nine bits of place and seven signs, then four bits of scale for each 16 numbers. */
static inline struct wick_grid_part wick_part_iq2_xs(const uint8_t *block, size_t j)
{
	struct wick_grid_part part;
	uint32_t sevens = 0;

	for (size_t k = 0; k < 4; k++) {
		uint32_t both = wick_load_u16(block + 2 + 8 * j + 2 * k);

		part.words[k] = wick_grid_iq2_xs[both & 511];
		sevens |= both >> 9 << 7 * k;
	}
	part.signs = wick_even_signs(sevens);
	return part;
}

/* f16 scale, low eight bits of places, all signs, high two bits of places, four bits of scale for each 16 numbers. */
static inline struct wick_grid_part wick_part_iq2_s(const uint8_t *block, size_t j)
{
	struct wick_grid_part part = { .signs = wick_load_u32(block + 34 + 4 * j) };

	for (size_t k = 0; k < 4; k++)
		part.words[k] = wick_grid_iq2_s[block[2 + 4 * j + k] | (block[66 + j] >> 2 * k & 3) << 8];
	return part;
}

/* f16 scale, places of four numbers each, then for each part four times seven signs and four bits of scale. */
static inline struct wick_grid_part wick_part_iq3_xxs(const uint8_t *block, size_t j)
{
	const uint8_t *at = block + 2 + 8 * j;
	struct wick_grid_part part = { .signs = wick_even_signs(wick_load_u32(block + 66 + 4 * j)) };

	for (size_t k = 0; k < 4; k++)
		part.words[k] = wick_grid_iq3_xxs[at[2 * k]] | (uint64_t)wick_grid_iq3_xxs[at[2 * k + 1]] << 32;
	return part;
}

static inline int wick_odd_iq3_xxs(const uint8_t *block, size_t j)
{
	return block[66 + 4 * j + 3] >> 4 << 1 | 1;
}

/* f16 scale, low eight bits of places, the ninth bits, all signs, four bits of scale for each part. */
static inline struct wick_grid_part wick_part_iq3_s(const uint8_t *block, size_t j)
{
	const uint8_t *at = block + 2 + 8 * j;
	struct wick_grid_part part = { .signs = wick_load_u32(block + 74 + 4 * j) };

	for (size_t k = 0; k < 4; k++) {
		uint32_t high = block[66 + j] >> 2 * k;
		uint64_t first = wick_grid_iq3_s[at[2 * k] | (high & 1) << 8];

		part.words[k] = first | (uint64_t)wick_grid_iq3_s[at[2 * k + 1] | (high & 2) << 7] << 32;
	}
	return part;
}

/* Scales of the last three are nibbles, the low ones first. */
static inline int wick_odd_nibble(const uint8_t *nibbles, size_t j)
{
	return (nibbles[j / 2] >> j % 2 * 4 & 15) << 1 | 1;
}

/* Half a part. */
static inline void wick_decode_grid(float *y, const struct wick_grid_part *part, size_t first, float scale)
{
	for (size_t i = first; i < first + WICK_BLOCK / 2; i++) {
		float magnitude = (float)(part->words[i / 8] >> i % 8 * 8 & 255);

		y[i] = scale * (part->signs >> i & 1 ? -magnitude : magnitude);
	}
}

/* Odd numbers of the two halves of part j. */
#define WICK_DECODE_GRID(type, bytes, power, first, second)                                                       \
	static inline void wick_decode_##type(float *y, const void *x, size_t count)                              \
	{                                                                                                         \
		const uint8_t *block = x;                                                                         \
                                                                                                                  \
		for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += (bytes)) {                    \
			float unit = wick_f32_of_f16(wick_load_u16(block)) * (power);                             \
                                                                                                                  \
			for (size_t j = 0; j < WICK_SUPERBLOCK / WICK_BLOCK; j++, y += WICK_BLOCK) {              \
				struct wick_grid_part part = wick_part_##type(block, j);                          \
                                                                                                                  \
				wick_decode_grid(y, &part, 0, unit * (float)(first));                             \
				wick_decode_grid(y, &part, WICK_BLOCK / 2, unit * (float)(second));               \
			}                                                                                         \
		}                                                                                                 \
	}

WICK_DECODE_GRID(iq2_xxs, 66, 0.125f, wick_odd_iq2_xxs(block, j), wick_odd_iq2_xxs(block, j))
WICK_DECODE_GRID(iq2_xs, 74, 0.125f, wick_odd_nibble(block + 66, 2 * j), wick_odd_nibble(block + 66, 2 * j + 1))
WICK_DECODE_GRID(iq2_s, 82, 0.125f, wick_odd_nibble(block + 74, 2 * j), wick_odd_nibble(block + 74, 2 * j + 1))
WICK_DECODE_GRID(iq3_xxs, 98, 0.25f, wick_odd_iq3_xxs(block, j), wick_odd_iq3_xxs(block, j))
WICK_DECODE_GRID(iq3_s, 110, 1, wick_odd_nibble(block + 106, j), wick_odd_nibble(block + 106, j))
#undef WICK_DECODE_GRID
