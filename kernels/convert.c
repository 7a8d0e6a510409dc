/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Numbers of every type to float and back, in plain C. */

#include "plain.h"
#include "sets.h"

#include <math.h>

static void store_u16(uint8_t *to, uint16_t value)
{
	memcpy(to, &value, sizeof(value));
}

static void encode_f32(void *y, const float *x, size_t count)
{
	if (count)
		memcpy(y, x, count * sizeof(*x));
}

static void encode_f16(void *y, const float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		store_u16((uint8_t *)y + 2 * i, wick_f16_of_f32(x[i]));
}

static void encode_bf16(void *y, const float *x, size_t count)
{
	for (size_t i = 0; i < count; i++)
		store_u16((uint8_t *)y + 2 * i, wick_bf16_of_f32(x[i]));
}

/* The number farthest from zero, with its sign; a NaN is never it. */
static float farthest(const float *x)
{
	float extreme = 0;

	for (size_t i = 0; i < WICK_BLOCK; i++)
		if (fabsf(x[i]) > fabsf(extreme))
			extreme = x[i];
	return extreme;
}

/* A level within its bounds; a NaN becomes the lower one, so that no input is undefined behaviour. */
static int clamp(float level, float low, float high)
{
	return (int)(level > low ? (level < high ? level : high) : low);
}

/* Scale and levels as GGUF's other writers choose them, byte for byte: levels from the scale before it is rounded to
 * f16, halves away from zero. */
static void encode_q8_0(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 34, x += WICK_BLOCK) {
		float scale = fabsf(farthest(x)) / 127;
		float inverse = scale != 0 ? 1 / scale : 0;

		store_u16(block, wick_f16_of_f32(scale));
		for (size_t i = 0; i < WICK_BLOCK; i++)
			block[2 + i] = (uint8_t)clamp(roundf(x[i] * inverse), -128, 127);
	}
}

/* Here the extreme becomes level -8 with its own sign, and levels are rounded by one fused x * inverse + 8.5. */
static void encode_q4_0(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 18, x += WICK_BLOCK) {
		float scale = farthest(x) / -8;
		float inverse = scale != 0 ? 1 / scale : 0;

		store_u16(block, wick_f16_of_f32(scale));
		for (size_t i = 0; i < WICK_BLOCK / 2; i++) {
			int low = clamp(fmaf(x[i], inverse, 8.5f), 0, 15);
			int high = clamp(fmaf(x[i + WICK_BLOCK / 2], inverse, 8.5f), 0, 15);

			block[2 + i] = (uint8_t)(low | high << 4);
		}
	}
}

/* The nearest of the four; halfway the one above, a NaN the lowest. */
static void encode_q2(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 8, x += WICK_BLOCK) {
		memset(block, 0, 8);
		for (size_t i = 0; i < WICK_BLOCK; i++)
			block[i % 8] |= (uint8_t)(clamp(floorf(x[i] / 2) + 2, 0, 3) << i / 8 * 2);
	}
}

void wick_kernels_convert_c(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type)                                \
	kernels->to_f32[WICK_##TYPE] = wick_decode_##type; \
	kernels->from_f32[WICK_##TYPE] = encode_##type;
	WICK_EACH_FIRST_TYPE(ENTRY)
#undef ENTRY
}
