/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The block types of GGUF with NEON: 32 numbers are two vectors. See vector/levels.h and vector/block_rows.h. */

#include "../plain.h"
#include "../vector/x_group.h"

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

typedef uint8x16x2_t bytes32;

static inline bytes32 levels_nibbles(const uint8_t *from)
{
	uint8x16_t bytes = vld1q_u8(from);

	return (bytes32){ { vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8(bytes, 4) } };
}

static inline bytes32 levels_bits(const uint8_t *from, int shift, int mask)
{
	const int8x16_t down = vdupq_n_s8((int8_t)-shift);
	const uint8x16_t bits = vdupq_n_u8((uint8_t)mask);

	return (bytes32){ { vandq_u8(vshlq_u8(vld1q_u8(from), down), bits),
		vandq_u8(vshlq_u8(vld1q_u8(from + 16), down), bits) } };
}

/* Each byte gets the byte of its flag, of which one bit is tested. */
static inline uint8x16_t flags_of(const uint8_t *two_bytes, int value)
{
	const uint8x16_t bits = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
	uint8x16_t spread = vcombine_u8(vdup_n_u8(two_bytes[0]), vdup_n_u8(two_bytes[1]));

	return vandq_u8(vtstq_u8(spread, bits), vdupq_n_u8((uint8_t)value));
}

static inline bytes32 levels_words(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (bytes32){ { vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(a), vcreate_u64(b))),
		vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(c), vcreate_u64(d))) } };
}

static inline bytes32 levels_negate(bytes32 levels, uint32_t flags)
{
	uint8_t bytes[4];

	memcpy(bytes, &flags, sizeof(bytes));
	for (int i = 0; i < 2; i++) {
		uint8x16_t mask = flags_of(bytes + 2 * i, 255);

		levels.val[i] = vsubq_u8(veorq_u8(levels.val[i], mask), mask);
	}
	return levels;
}

static inline bytes32 levels_flags(const uint8_t *from, int value)
{
	return (bytes32){ { flags_of(from, value), flags_of(from + 2, value) } };
}

static inline bytes32 levels_join(bytes32 low, bytes32 high, int shift)
{
	const int8x16_t up = vdupq_n_s8((int8_t)shift);

	return (bytes32){ { vorrq_u8(low.val[0], vshlq_u8(high.val[0], up)),
		vorrq_u8(low.val[1], vshlq_u8(high.val[1], up)) } };
}

static inline bytes32 levels_table(const int8_t *table, bytes32 levels)
{
	uint8x16_t bytes = vreinterpretq_u8_s8(vld1q_s8(table));

	return (bytes32){ { vqtbl1q_u8(bytes, levels.val[0]), vqtbl1q_u8(bytes, levels.val[1]) } };
}

static inline void levels_store(uint8_t *to, bytes32 levels)
{
	vst1q_u8(to, levels.val[0]);
	vst1q_u8(to + 16, levels.val[1]);
}

static inline void four_products(float *to, int32x4_t whole, float unit)
{
	vst1q_f32(to, vmulq_n_f32(vcvtq_f32_s32(whole), unit));
}

static inline void eight_products(float *to, int16x8_t whole, float unit)
{
	four_products(to, vmovl_s16(vget_low_s16(whole)), unit);
	four_products(to + 4, vmovl_s16(vget_high_s16(whole)), unit);
}

static inline void eight_whole(float *to, uint64_t bytes, float unit)
{
	eight_products(to, vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(bytes))), unit);
}

static inline void eight_signed(float *to, uint64_t bytes, float unit)
{
	eight_products(to, vmovl_s8(vcreate_s8(bytes)), unit);
}

static inline void eight_halves(float *to, const uint8_t *from, size_t stride)
{
	for (size_t j = 0; j < 8; j++)
		to[j] = scale_of(from + j * stride);
}

static inline void eight_exponents(float *to, const uint8_t *from, size_t stride)
{
	for (size_t j = 0; j < 8; j++)
		to[j] = wick_scale_mxfp4(from[j * stride]);
}

/* Four sums of four products side by side, of at most 127 * 127 each. */
static inline int32x4_t products_of(uint8x16_t levels, const int8_t *x, int over)
{
	const int8x16_t excess = vdupq_n_s8((int8_t)(over == SIGNED_LEVELS ? 0 : over));
	int8x16_t weights = vsubq_s8(vreinterpretq_s8_u8(levels), excess), x_levels = vld1q_s8(x);
#ifdef __ARM_FEATURE_DOTPROD
	return vdotq_s32(vdupq_n_s32(0), weights, x_levels);
#else
	int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(x_levels)), high = vmull_high_s8(weights, x_levels);

	return vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
#endif
}

/* Sixteen numbers: four sums, each in its own step. */
static inline vec dot_fours(vec sum, uint8x16_t levels, const int8_t *x, const float *steps, float scale, int over)
{
	return vfmaq_f32(sum, vcvtq_f32_s32(products_of(levels, x, over)), vmulq_n_f32(vld1q_f32(steps), scale));
}

static inline vec dot_halves(vec sum, bytes32 levels, const int8_t *x, const float *steps, const float *scales, int over)
{
	sum = dot_fours(sum, levels.val[0], x, steps, scales[0], over);
	return dot_fours(sum, levels.val[1], x + 16, steps + 4, scales[1], over);
}

static inline vec dot_part(vec sum, bytes32 levels, const int8_t *x, const float *steps, float scale, int over)
{
	return dot_halves(sum, levels, x, steps, (const float[2]){ scale, scale }, over);
}

static inline vec add_eight(vec sum, const float *a, const float *b)
{
	sum = vfmaq_f32(sum, vld1q_f32(a), vld1q_f32(b));
	return vfmaq_f32(sum, vld1q_f32(a + 4), vld1q_f32(b + 4));
}

static inline vec less_eight(vec sum, const float *a, const float *b)
{
	sum = vfmsq_f32(sum, vld1q_f32(a), vld1q_f32(b));
	return vfmsq_f32(sum, vld1q_f32(a + 4), vld1q_f32(b + 4));
}
