/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The block types of GGUF beyond q8_0 and q4_0, decoded in plain C. A part of plain.h, which includes it.
 *
 * A number is scale * level, or scale * level - minimum. A scale has at most 11 significant bits of a half and 7 of a
 * whole number, a level at most 6, so that scale * level is exact; taking the minimum off is the only rounding. */

/* Bits of 4 of 16 bytes: number i is in the low half of byte i, number i + 16 in its high half. */
static inline int wick_nibble(const uint8_t *bytes, size_t i)
{
	return i < 16 ? bytes[i] & 15 : bytes[i - 16] >> 4;
}

static inline int wick_bit(const uint8_t *bytes, size_t i)
{
	return bytes[i / 8] >> i % 8 & 1;
}

/* f16 scale, f16 least number, nibbles. */
static inline void wick_decode_q4_1(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 20, y += WICK_BLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block));
		float least = wick_f32_of_f16(wick_load_u16(block + 2));

		for (size_t i = 0; i < WICK_BLOCK; i++)
			y[i] = scale * (float)wick_nibble(block + 4, i) + least;
	}
}

/* f16 scale, the fifth bit of each number, nibbles; levels are 16 too large. */
static inline void wick_decode_q5_0(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 22, y += WICK_BLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block));

		for (size_t i = 0; i < WICK_BLOCK; i++)
			y[i] = scale * (float)(wick_nibble(block + 6, i) + 16 * wick_bit(block + 2, i) - 16);
	}
}

/* f16 scale, f16 least number, fifth bits, nibbles. */
static inline void wick_decode_q5_1(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 24, y += WICK_BLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block));
		float least = wick_f32_of_f16(wick_load_u16(block + 2));

		for (size_t i = 0; i < WICK_BLOCK; i++)
			y[i] = scale * (float)(wick_nibble(block + 8, i) + 16 * wick_bit(block + 4, i)) + least;
	}
}

/* The types of 256 numbers have a scale of scales, and a small whole number for each part of the block. */
#define WICK_SUPERBLOCK 256

/* Scale and minimum of part j of 8, 6 bits each, in 12 bytes: those of the first four parts are the low bits of bytes
 * 0 to 3 and 4 to 7; of the others the low four bits are in bytes 8 to 11, and the high two where those left room. */
static inline void wick_scale_and_minimum(int *scale, int *minimum, const uint8_t *packed, size_t j)
{
	if (j < 4) {
		*scale = packed[j] & 63;
		*minimum = packed[j + 4] & 63;
	} else {
		*scale = (packed[j + 4] & 15) | packed[j - 4] >> 6 << 4;
		*minimum = packed[j + 4] >> 4 | packed[j] >> 6 << 4;
	}
}

/* Level of number i: two parts of 32 share 32 bytes, the first has the low halves. */
static inline int wick_level_q4_k(const uint8_t *nibbles, size_t i)
{
	return nibbles[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
}

/* q4_k and, with fifth bits, q5_k: bit j of byte i belongs to number i of part j. */
static inline void wick_decode_parts(float *y, const uint8_t *block, const uint8_t *fifth, const uint8_t *nibbles)
{
	float scale = wick_f32_of_f16(wick_load_u16(block)), minimum = wick_f32_of_f16(wick_load_u16(block + 2));

	for (size_t i = 0; i < WICK_SUPERBLOCK; i++) {
		int level = wick_level_q4_k(nibbles, i), part_scale, part_minimum;

		wick_scale_and_minimum(&part_scale, &part_minimum, block + 4, i / 32);
		if (fifth)
			level += 16 * (fifth[i % 32] >> i / 32 & 1);
		y[i] = scale * (float)part_scale * (float)level - minimum * (float)part_minimum;
	}
}

/* f16 scale, f16 minimum, 12 bytes of scales and minima, nibbles. */
static inline void wick_decode_q4_k(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 144, y += WICK_SUPERBLOCK)
		wick_decode_parts(y, block, NULL, block + 16);
}

static inline void wick_decode_q5_k(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 176, y += WICK_SUPERBLOCK)
		wick_decode_parts(y, block, block + 16, block + 48);
}

/* Level of number i, 32 too large: of each half of the block 64 bytes have the low four bits, first the low halves of
 * all, then the high halves; 32 bytes have the high two bits of four numbers each. */
static inline int wick_level_q6_k(const uint8_t *block, size_t i)
{
	size_t half = i / 128, part = i / 32 % 4, place = i % 32;
	int low = block[half * 64 + part % 2 * 32 + place] >> part / 2 * 4 & 15;
	int high = block[128 + half * 32 + place] >> 2 * part & 3;

	return low | high << 4;
}

/* Low bits, high bits, 16 scales, and at the end the f16 scale of scales. */
static inline void wick_decode_q6_k(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 210, y += WICK_SUPERBLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block + 208));

		for (size_t i = 0; i < WICK_SUPERBLOCK; i++)
			y[i] = scale * (float)(int8_t)block[192 + i / 16] * (float)(wick_level_q6_k(block, i) - 32);
	}
}

/* Two bits of number i: of each half of the block 32 bytes have those of four numbers each. */
static inline int wick_level_q2_k(const uint8_t *bytes, size_t i)
{
	return bytes[i / 128 * 32 + i % 32] >> i / 32 % 4 * 2 & 3;
}

/* 16 bytes of scale (low) and minimum (high), two bits of each number, f16 scale of scales, f16 scale of minima. */
static inline void wick_decode_q2_k(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 84, y += WICK_SUPERBLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block + 80)), minimum = wick_f32_of_f16(wick_load_u16(block + 82));

		for (size_t i = 0; i < WICK_SUPERBLOCK; i++)
			y[i] = scale * (float)(block[i / 16] & 15) * (float)wick_level_q2_k(block + 16, i) -
				minimum * (float)(block[i / 16] >> 4);
	}
}

/* Scale of part j of 16, 6 bits in 12 bytes, 32 too large: low four bits are in bytes 0 to 7, first the low halves, the
 * high two of four parts each in bytes 8 to 11. */
static inline int wick_scale_q3_k(const uint8_t *packed, size_t j)
{
	int low = packed[j % 8] >> j / 8 * 4 & 15, high = packed[8 + j % 4] >> j / 4 * 2 & 3;

	return low | high << 4;
}

/* High bits, two low bits of each number, 12 bytes of scales, f16 scale of scales. Levels are 4 too large. */
static inline void wick_decode_q3_k(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 110, y += WICK_SUPERBLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block + 108));

		for (size_t i = 0; i < WICK_SUPERBLOCK; i++) {
			int level = wick_level_q2_k(block + 32, i) + 4 * (block[i % 32] >> i / 32 & 1);

			y[i] = scale * (float)(wick_scale_q3_k(block + 96, i / 16) - 32) * (float)(level - 4);
		}
	}
}

/* The levels of iq4_nl and iq4_xs. */
static const int8_t wick_levels_iq4[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

static inline void wick_decode_iq4_nl(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 18, y += WICK_BLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block));

		for (size_t i = 0; i < WICK_BLOCK; i++)
			y[i] = scale * (float)wick_levels_iq4[wick_nibble(block + 2, i)];
	}
}

/* Scale of part j of 8, 32 too large: low four bits in bytes 4 to 7, high two in bytes 2 and 3. */
static inline int wick_scale_iq4_xs(const uint8_t *block, size_t j)
{
	return (block[4 + j / 2] >> j % 2 * 4 & 15) | (wick_load_u16(block + 2) >> 2 * j & 3) << 4;
}

/* f16 scale of scales, high and low bits of scales, nibbles of the eight parts one after the other. */
static inline void wick_decode_iq4_xs(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_SUPERBLOCK; count -= WICK_SUPERBLOCK, block += 136, y += WICK_SUPERBLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block));

		for (size_t i = 0; i < WICK_SUPERBLOCK; i++) {
			int level = wick_levels_iq4[wick_nibble(block + 8 + i / 32 * 16, i % 32)];

			y[i] = scale * (float)(wick_scale_iq4_xs(block, i / 32) - 32) * (float)level;
		}
	}
}

/* Floats of one sign bit, two of exponent and one of fraction, times two: so they are whole. */
static const int8_t wick_levels_mxfp4[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

/* 2^(exponent - 128); the two smallest are subnormal. */
static inline float wick_scale_mxfp4(uint8_t exponent)
{
	return wick_float_of_bits(exponent < 2 ? 0x00200000u << exponent : (uint32_t)(exponent - 1) << 23);
}

static inline void wick_decode_mxfp4(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 17, y += WICK_BLOCK)
		for (size_t i = 0; i < WICK_BLOCK; i++)
			y[i] = wick_scale_mxfp4(block[0]) * (float)wick_levels_mxfp4[wick_nibble(block + 1, i)];
}
