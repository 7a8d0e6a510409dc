/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* NEON, as every 64-bit ARM has it; and once more with the dot products of bytes, an option since ARMv8.2. */

#include "../sets.h"

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#define LANES 4
#define BATCH 6

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

static inline vec vec_set(float value)
{
	return vdupq_n_f32(value);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
	return vfmaq_f32(c, a, b);
}

static inline vec vec_max(vec a, vec b)
{
	return vbslq_f32(vcgtq_f32(a, b), a, b);
}

static inline vec vec_fours(vec a)
{
	return vdupq_n_f32(vmaxvq_f32(a));
}

static inline void fours_store(float *to, vec a)
{
	*to = a[0];
}

static inline vec fours_spread(const float *from)
{
	return vdupq_n_f32(*from);
}

static inline float vec_sum(vec a)
{
	return vaddvq_f32(a);
}

static inline void vec_sums(float *y, const vec *a)
{
	vst1q_f32(y, vpaddq_f32(vpaddq_f32(a[0], a[1]), vpaddq_f32(a[2], a[3])));
}

static inline float vec_largest(vec a)
{
	return vmaxnmvq_f32(a);
}

static inline vec vec_f16(const void *from)
{
	float16x4_t halves;

	memcpy(&halves, from, sizeof(halves));
	return vcvt_f32_f16(halves);
}

static inline vec vec_bf16(const void *from)
{
	uint16x4_t halves;

	memcpy(&halves, from, sizeof(halves));
	return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
}

static inline void vec_to_f16(void *to, vec a)
{
	float16x4_t halves = vcvt_f16_f32(a);

	memcpy(to, &halves, sizeof(halves));
}

static inline float scale_of(const uint8_t *block)
{
	__fp16 half;

	memcpy(&half, block, sizeof(half));
	return (float)half;
}

static inline float scale_q8_0(const uint8_t *block)
{
	return scale_of(block);
}

static inline float scale_q4_0(const uint8_t *block)
{
	return scale_of(block);
}

/* Four bytes in the low half of a vector. */
static inline uint8x8_t four_bytes(const uint8_t *from)
{
	uint32_t four;

	memcpy(&four, from, sizeof(four));
	return vreinterpret_u8_u32(vdup_n_u32(four));
}

static inline vec vec_of_bytes(int8x8_t bytes)
{
	return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
}

static inline vec vec_int8(const void *from)
{
	return vec_of_bytes(vreinterpret_s8_u8(four_bytes(from)));
}

static inline vec vec_q8_0(const uint8_t *block, int i)
{
	return vec_int8(block + 2 + 4 * i);
}

/* Byte j holds numbers j and j + 16, so vectors 4 to 7 are the high nibbles of what 0 to 3 are made of. */
static inline vec vec_q4_0(const uint8_t *block, int i)
{
	uint8x8_t bytes = four_bytes(block + 2 + 4 * (i % 4));
	uint8x8_t nibbles = i < 4 ? vand_u8(bytes, vdup_n_u8(15)) : vshr_n_u8(bytes, 4);

	return vec_of_bytes(vsub_s8(vreinterpret_s8_u8(nibbles), vdup_n_s8(8)));
}

static inline vec vec_q2(const uint8_t *block, int i)
{
	uint8x8_t bytes = vshl_u8(four_bytes(block + 4 * (i % 2)), vdup_n_s8((int8_t)(-2 * (i / 2))));
	int8x8_t levels = vreinterpret_s8_u8(vand_u8(bytes, vdup_n_u8(3)));

	return vec_of_bytes(vsub_s8(vadd_s8(levels, levels), vdup_n_s8(3)));
}

static inline int16x4_t low_words(vec level)
{
	return vmovn_s32(vreinterpretq_s32_f32(level));
}

static inline void group_scales(float *scales, const uint8_t *blocks, const float *steps)
{
	for (size_t b = 0; b < 8; b++)
		scales[b] = scale_of(blocks + b * 34) * steps[b];
}

static inline void pack_q8_0(int16_t *x, const vec *levels)
{
	for (int i = 0; i < 8; i++)
		vst1_s16(x + 4 * i, low_words(levels[i]));
}

struct words {
	int16x8_t eight[4];
};

static inline struct words words_q8_0(const uint8_t *block)
{
	int8x16_t first = vreinterpretq_s8_u8(vld1q_u8(block + 2)), second = vreinterpretq_s8_u8(vld1q_u8(block + 18));

	return (struct words){ { vmovl_s8(vget_low_s8(first)), vmovl_high_s8(first), vmovl_s8(vget_low_s8(second)),
		vmovl_high_s8(second) } };
}

/* Sixteen products: at most 4 a lane, of 2^7 * 2^14. */
static inline int32x4_t add_products(int32x4_t sum, int16x8_t low, int16x8_t high, const int16_t *x)
{
	int16x8_t x_low = vld1q_s16(x), x_high = vld1q_s16(x + 8);

	sum = vmlal_s16(sum, vget_low_s16(low), vget_low_s16(x_low));
	sum = vmlal_high_s16(sum, low, x_low);
	sum = vmlal_s16(sum, vget_low_s16(high), vget_low_s16(x_high));
	return vmlal_high_s16(sum, high, x_high);
}

static inline vec dot_words(vec sum, struct words words, const int16_t *x, float scale)
{
	int32x4_t sums = add_products(vdupq_n_s32(0), words.eight[0], words.eight[1], x);

	sums = add_products(sums, words.eight[2], words.eight[3], x + 16);
	return vec_fma(vec_set(scale), vcvtq_f32_s32(sums), sum);
}

static inline void pack_block(int8_t *x, const vec *levels)
{
	for (int i = 0; i < 4; i++)
		vst1_s8(x + 8 * i, vmovn_s16(vcombine_s16(low_words(levels[2 * i]), low_words(levels[2 * i + 1]))));
}

/* Four sums of eight products. Without dot products those of four, of at most 2^3 * 2^7, are in 16 bits. */
static inline int32x4_t block_products(int8x16_t low, int8x16_t high, const int8_t *x)
{
	int8x16_t x_low = vld1q_s8(x), x_high = vld1q_s8(x + 16);
#ifdef __ARM_FEATURE_DOTPROD
	return vdotq_s32(vdotq_s32(vdupq_n_s32(0), low, x_low), high, x_high);
#else
	int16x8_t products = vmull_s8(vget_low_s8(low), vget_low_s8(x_low));

	products = vmlal_high_s8(products, low, x_low);
	products = vmlal_s8(products, vget_low_s8(high), vget_low_s8(x_high));
	products = vmlal_high_s8(products, high, x_high);
	return vpaddlq_s16(products);
#endif
}

static inline vec dot_block(vec sum, int8x16_t low, int8x16_t high, const int8_t *x, float scale)
{
	return vec_fma(vec_set(scale), vcvtq_f32_s32(block_products(low, high, x)), sum);
}

/* The lowest two bits of each byte choose from -3, -1, 1, 3. */
static inline int8x16_t levels_q2(uint8x16_t bytes)
{
	const int8x16_t table = vreinterpretq_s8_u32(vdupq_n_u32(0x0301fffd));

	return vqtbl1q_s8(table, vandq_u8(bytes, vdupq_n_u8(3)));
}

static inline vec dot_block_q2(vec sum, const uint8_t *block, const int8_t *x, float step)
{
	uint8x8_t bytes = vld1_u8(block);
	uint8x16_t two = vcombine_u8(bytes, vshr_n_u8(bytes, 2));

	return dot_block(sum, levels_q2(two), levels_q2(vshrq_n_u8(two, 4)), x, step);
}

/* x for a group of q2: numbers 0 to 7 of two blocks, then 8 to 15 of both, and so on, as the bits lie in the bytes. */
struct x_q2 {
	int8_t levels[4][4][16];
};

static inline void pack_q2(struct x_q2 *x, size_t b, const vec *levels)
{
	int8_t block[32];

	pack_block(block, levels);
	for (int i = 0; i < 4; i++)
		memcpy(x->levels[b / 2][i] + 8 * (b % 2), block + 8 * i, 8);
}

/* Two blocks, two sums each. Without dot products those of four, of at most 3 * 2^7, are in 16 bits. */
static inline int32x4_t products_q2(const uint8_t *blocks, const int8_t (*x)[16])
{
	uint8x16_t bytes = vld1q_u8(blocks);
	int8x16_t levels[4] = { levels_q2(bytes), levels_q2(vshrq_n_u8(bytes, 2)), levels_q2(vshrq_n_u8(bytes, 4)),
		levels_q2(vshrq_n_u8(bytes, 6)) };
#ifdef __ARM_FEATURE_DOTPROD
	int32x4_t sums = vdupq_n_s32(0);

	for (int i = 0; i < 4; i++)
		sums = vdotq_s32(sums, levels[i], vld1q_s8(x[i]));
	return sums;
#else
	int16x8_t first = vdupq_n_s16(0), second = vdupq_n_s16(0);

	for (int i = 0; i < 4; i++) {
		int8x16_t x_levels = vld1q_s8(x[i]);

		first = vmlal_s8(first, vget_low_s8(levels[i]), vget_low_s8(x_levels));
		second = vmlal_high_s8(second, levels[i], x_levels);
	}
	return vpaddlq_s16(vpaddq_s16(first, second));
#endif
}

/* In the end each block has a lane. */
static inline vec dot_q2(vec sum, const uint8_t *blocks, const struct x_q2 *x, const float *steps)
{
	for (int i = 0; i < 4; i += 2) {
		int32x4_t sums = vpaddq_s32(products_q2(blocks + 16 * i, x->levels[i]),
			products_q2(blocks + 16 * i + 16, x->levels[i + 1]));

		sum = vec_fma(vld1q_f32(steps + 2 * i), vcvtq_f32_s32(sums), sum);
	}
	return sum;
}

#include "k_blocks.h"

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

#ifdef __ARM_FEATURE_DOTPROD
void wick_kernels_neondot(struct wick_kernels *kernels)
{
	kernels->name = "neondot";
	set_all(kernels);
}
#else
void wick_kernels_neon(struct wick_kernels *kernels)
{
	kernels->name = "neon";
	set_all(kernels);
}
#endif
