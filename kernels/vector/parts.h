/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Scales and minima of the block types (see levels.h), for each part of a group: 16 or 32 numbers side by side. It needs
 * these functions of an instruction set, beside those of vector.h:
 *
 *     eight_whole(to, bytes, unit)        to[j] = unit * byte j, j < 8: exactly; eight_signed for signed bytes
 *     eight_halves(to, from, stride)      to[j] = half at from + j * stride
 *     eight_exponents(to, from, stride)   to[j] = wick_scale_mxfp4(byte at from + j * stride)
 */

#include "vector.h"

#define GROUP_PARTS 16 /* at most */

/* A minimum of q4_1 and q5_1 is their least number, which has the other sign. */
struct parts {
	float scale[GROUP_PARTS], minimum[GROUP_PARTS];
};

INLINE int has_minima(enum wick_type type)
{
	return type == WICK_Q4_1 || type == WICK_Q5_1 || type == WICK_Q2_K || type == WICK_Q4_K || type == WICK_Q5_K;
}

/* Whether a minimum is stored as the least number. */
INLINE int has_least(enum wick_type type)
{
	return type == WICK_Q4_1 || type == WICK_Q5_1;
}

/* Whether a part is 16 numbers, not 32. */
INLINE int has_halves(enum wick_type type)
{
	return type == WICK_Q2_K || type == WICK_Q3_K || type == WICK_Q6_K || type == WICK_IQ2_XS || type == WICK_IQ2_S;
}

INLINE uint32_t load_u32(const void *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

INLINE uint64_t load_u64(const void *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* Halves of `count` blocks of 32, the others of eight being zero. */
INLINE void block_halves(float *to, const uint8_t *from, size_t stride, size_t count)
{
	if (count == GROUP) {
		eight_halves(to, from, stride);
		return;
	}
	for (size_t j = 0; j < GROUP; j++)
		to[j] = j < count ? scale_of(from + j * stride) : 0;
}

INLINE void block_exponents(float *to, const uint8_t *from, size_t stride, size_t count)
{
	if (count == GROUP) {
		eight_exponents(to, from, stride);
		return;
	}
	for (size_t j = 0; j < GROUP; j++)
		to[j] = j < count ? wick_scale_mxfp4(from[j * stride]) : 0;
}

/* Of 12 bytes, as decode_blocks.h describes them, eight scales and eight minima of 6 bits, a byte each. */
INLINE void unpack_scales(uint64_t *scales, uint64_t *minima, const uint8_t *packed)
{
	uint32_t first = load_u32(packed), second = load_u32(packed + 4), third = load_u32(packed + 8);
	uint32_t scales_high = (third & 0x0f0f0f0f) | (first >> 2 & 0x30303030);
	uint32_t minima_high = (third >> 4 & 0x0f0f0f0f) | (second >> 2 & 0x30303030);

	*scales = (first & 0x3f3f3f3f) | (uint64_t)scales_high << 32;
	*minima = (second & 0x3f3f3f3f) | (uint64_t)minima_high << 32;
}

/* Bytes of 6 bits less 32 each, with nothing borrowed from one to the next. */
INLINE uint64_t less_32(uint64_t bytes)
{
	return (bytes + 0x6060606060606060) ^ 0x8080808080808080;
}

/* As decode_blocks.h describes them. */
INLINE void unpack_scales_q3_k(uint64_t *first, uint64_t *second, const uint8_t *packed)
{
	uint64_t low = load_u64(packed), high = load_u32(packed + 8), twice = high | high << 30;

	*first = less_32((low & 0x0f0f0f0f0f0f0f0f) | (twice & 0x0303030303030303) << 4);
	*second = less_32((low >> 4 & 0x0f0f0f0f0f0f0f0f) | (twice >> 4 & 0x0303030303030303) << 4);
}

/* Where the half is whose multiples the scales are. */
INLINE size_t k_unit_at(enum wick_type type)
{
	switch (type) {
	case WICK_Q2_K:
		return 80;
	case WICK_Q3_K:
		return 108;
	case WICK_Q6_K:
		return 208;
	default:
		return 0;
	}
}

INLINE float k_unit(enum wick_type type, const uint8_t *block)
{
	return scale_of(block + k_unit_at(type));
}

/* Of the minima, where there are any. */
INLINE float k_minimum_unit(enum wick_type type, const uint8_t *block)
{
	return scale_of(block + k_unit_at(type) + 2);
}

/* Of a K type: scales of 8 or 16 parts, a byte each, and their minima. */
struct k_parts {
	uint64_t scales[2], minima[2];
};

INLINE void find_k_parts(enum wick_type type, struct k_parts *parts, const uint8_t *block)
{
	const uint64_t nibbles = 0x0f0f0f0f0f0f0f0f; /* of q2_k: scale and minimum */

	switch (type) {
	case WICK_Q2_K:
		for (int i = 0; i < 2; i++) {
			parts->scales[i] = load_u64(block + 8 * i) & nibbles;
			parts->minima[i] = load_u64(block + 8 * i) >> 4 & nibbles;
		}
		break;
	case WICK_Q3_K:
		unpack_scales_q3_k(parts->scales, parts->scales + 1, block + 96);
		break;
	case WICK_Q6_K:
		for (int i = 0; i < 2; i++)
			parts->scales[i] = load_u64(block + 192 + 8 * i);
		break;
	default:
		unpack_scales(parts->scales, parts->minima, block + 4);
	}
}

INLINE void k_minima_of(enum wick_type type, float *minima, const struct k_parts *parts, const uint8_t *block)
{
	if (has_minima(type))
		eight_whole(minima, parts->minima[0], k_minimum_unit(type, block));
	if (has_minima(type) && has_halves(type))
		eight_whole(minima + 8, parts->minima[1], k_minimum_unit(type, block));
}

INLINE void parts_of_k(enum wick_type type, struct parts *parts, const uint8_t *block)
{
	struct k_parts bytes;

	find_k_parts(type, &bytes, block);
	eight_signed(parts->scale, bytes.scales[0], k_unit(type, block));
	if (has_halves(type))
		eight_signed(parts->scale + 8, bytes.scales[1], k_unit(type, block));
	k_minima_of(type, parts->minimum, &bytes, block);
}

/* Eight nibbles are drawn apart, to a byte each. */
INLINE uint64_t nibbles_apart(uint32_t nibbles)
{
	uint64_t bytes = nibbles;

	bytes = (bytes | bytes << 16) & 0x0000ffff0000ffff;
	bytes = (bytes | bytes << 8) & 0x00ff00ff00ff00ff;
	return (bytes | bytes << 4) & 0x0f0f0f0f0f0f0f0f;
}

/* And so are pairs of bits. */
INLINE uint64_t unpack_scales_iq4_xs(const uint8_t *block)
{
	uint64_t low = nibbles_apart(load_u32(block + 4)), high = wick_load_u16(block + 2);

	high = (high | high << 24) & 0x000000ff000000ff;
	high = (high | high << 12) & 0x000f000f000f000f;
	high = (high | high << 6) & 0x0303030303030303;
	return less_32(low | high << 4);
}

/* The odd whole numbers of a scale: twice the nibble and one. */
INLINE uint64_t odd_of(uint64_t nibbles)
{
	return nibbles << 1 | 0x0101010101010101;
}

INLINE void parts_of_words(struct parts *parts, const uint8_t *scales, size_t step, float unit)
{
	uint64_t nibbles = 0;

	for (size_t j = 0; j < GROUP; j++)
		nibbles |= (uint64_t)(scales[j * step] >> 4) << 8 * j;
	eight_whole(parts->scale, odd_of(nibbles), unit);
}

INLINE void parts_of_nibbles(struct parts *parts, const uint8_t *scales, float unit)
{
	eight_whole(parts->scale, odd_of(nibbles_apart(load_u32(scales))), unit);
	eight_whole(parts->scale + 8, odd_of(nibbles_apart(load_u32(scales + 4))), unit);
}

/* As decode_grids.h describes them. */
INLINE void parts_of_grids(enum wick_type type, struct parts *parts, const uint8_t *block)
{
	switch (type) {
	case WICK_IQ2_XXS:
		parts_of_words(parts, block + 9, 8, scale_of(block) * 0.125f);
		break;
	case WICK_IQ2_XS:
		parts_of_nibbles(parts, block + 66, scale_of(block) * 0.125f);
		break;
	case WICK_IQ2_S:
		parts_of_nibbles(parts, block + 74, scale_of(block) * 0.125f);
		break;
	case WICK_IQ3_XXS:
		parts_of_words(parts, block + 69, 4, scale_of(block) * 0.25f);
		break;
	default:
		eight_whole(parts->scale, odd_of(nibbles_apart(load_u32(block + 106))), scale_of(block));
	}
}

/* Scales and minima, for each 32 numbers or each 16. */
INLINE void find_parts(enum wick_type type, struct parts *parts, const uint8_t *group, size_t count)
{
	size_t stride = wick_types[type].block_bytes;

	switch (type) {
	case WICK_Q2_K:
	case WICK_Q3_K:
	case WICK_Q4_K:
	case WICK_Q5_K:
	case WICK_Q6_K:
		parts_of_k(type, parts, group);
		break;
	case WICK_IQ4_XS:
		eight_signed(parts->scale, unpack_scales_iq4_xs(group), scale_of(group));
		break;
	case WICK_MXFP4:
		block_exponents(parts->scale, group, stride, count);
		break;
	case WICK_IQ2_XXS:
	case WICK_IQ2_XS:
	case WICK_IQ2_S:
	case WICK_IQ3_XXS:
	case WICK_IQ3_S:
		parts_of_grids(type, parts, group);
		break;
	default:
		block_halves(parts->scale, group, stride, count);
		if (has_minima(type))
			block_halves(parts->minimum, group + 2, stride, count);
	}
}
