/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Conversions: to float, exactly, and back as plain C rounds, bit for bit. */

#include "levels.h"

typedef int8_t vec_bytes __attribute__((vector_size(LANES)));

INLINE void decode_all(enum wick_type type, wick_decode_fn *decode_rest, float *y, const uint8_t *x, size_t count)
{
	for (; count >= WICK_COLUMN_TILE; count -= WICK_COLUMN_TILE, y += WICK_COLUMN_TILE, x += tile_bytes(type)) {
		vec scale = vec_set(tile_scale(type, x));

		for (int i = 0; i < TILE_VECS; i++) {
			vec number = vec_number(type, x, i);

			vec_store(y + i * LANES, has_scale(type) ? number * scale : number);
		}
	}
	decode_rest(y, x, count);
}

INLINE void decode_groups(enum wick_type type, float *y, const uint8_t *x, size_t count)
{
	struct parts parts;
	vec numbers[TILE_VECS];

	for (size_t blocks = count / WICK_BLOCK, some; blocks; blocks -= some, x += group_bytes(type, some)) {
		some = WICK_MIN(blocks, (size_t)GROUP);
		find_parts(type, &parts, x, some);
		for (size_t j = 0; j < some; j++, y += WICK_BLOCK) {
			group_numbers(type, numbers, x, j, &parts);
			memcpy(y, numbers, sizeof(numbers));
		}
	}
}

#define DECODE(TYPE, type)                                                        \
	static void to_f32_##type(float *y, const void *x, size_t count)          \
	{                                                                         \
		if (is_block_type(WICK_##TYPE))                                   \
			decode_groups(WICK_##TYPE, y, x, count);                  \
		else                                                              \
			decode_all(WICK_##TYPE, wick_decode_##type, y, x, count); \
	}

WICK_EACH_TYPE(DECODE)
#undef DECODE

static void from_f32_f16(void *y, const float *x, size_t count)
{
	uint8_t *to = y;

	for (; count >= LANES; count -= LANES, x += LANES, to += 2 * LANES)
		vec_to_f16(to, vec_load(x));
	for (; count; count--, x++, to += 2)
		memcpy(to, &(uint16_t){ wick_f16_of_f32(*x) }, 2);
}

/* Towards zero, within bounds; no number becomes the lower one. */
INLINE vec_whole whole_within(vec a, float low, float high)
{
	return __builtin_convertvector(-vec_max(-vec_max(a, vec_set(low)), vec_set(-high)), vec_whole);
}

INLINE void store_bytes(uint8_t *to, vec_whole a)
{
	vec_bytes bytes = __builtin_convertvector(a, vec_bytes);

	memcpy(to, &bytes, sizeof(bytes));
}

/* The largest magnitude in a block; a NaN is never it. */
INLINE float block_extreme(const float *x)
{
	vec largest = vec_set(0);

	for (int i = 0; i < TILE_VECS; i++)
		largest = vec_max(vec_max(vec_load(x + i * LANES), -vec_load(x + i * LANES)), largest);
	return vec_largest(largest);
}

/* Halves are rounded away from zero: by adding the float just below a half, with the number's sign, and cutting. */
static void from_f32_q8_0(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 34, x += WICK_BLOCK) {
		float scale = block_extreme(x) / 127, inverse = scale != 0 ? 1 / scale : 0;

		memcpy(block, &(uint16_t){ wick_f16_of_f32(scale) }, 2);
		for (int i = 0; i < TILE_VECS; i++) {
			vec level = vec_load(x + i * LANES) * vec_set(inverse);
			vec_whole sign = (vec_whole)level & INT32_MIN;
			vec half = (vec)((vec_whole)vec_set(0x1.fffffep-2f) | sign);

			store_bytes(block + 2 + i * LANES, whole_within(level + half, -128, 127));
		}
	}
}

/* The first number of the largest magnitude, with its sign. */
INLINE float signed_extreme(const float *x)
{
	float extreme = block_extreme(x);

	for (int i = 0; i < WICK_BLOCK && extreme > 0; i++)
		if (x[i] == extreme || x[i] == -extreme)
			return x[i];
	return 0;
}

static void from_f32_q4_0(void *y, const float *x, size_t count)
{
	uint8_t *block = y;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 18, x += WICK_BLOCK) {
		float scale = signed_extreme(x) / -8, inverse = scale != 0 ? 1 / scale : 0;

		memcpy(block, &(uint16_t){ wick_f16_of_f32(scale) }, 2);
		for (int i = 0; i < TILE_VECS / 2; i++) {
			const float *low = x + i * LANES, *high = low + WICK_BLOCK / 2;
			vec_whole low_levels =
				whole_within(vec_fma(vec_load(low), vec_set(inverse), vec_set(8.5f)), 0, 15);
			vec_whole high_levels =
				whole_within(vec_fma(vec_load(high), vec_set(inverse), vec_set(8.5f)), 0, 15);

			store_bytes(block + 2 + i * LANES, low_levels | high_levels << 4);
		}
	}
}

static void set_convert(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type) kernels->to_f32[WICK_##TYPE] = to_f32_##type;
	WICK_EACH_TYPE(ENTRY)
#undef ENTRY
	kernels->from_f32[WICK_F16] = from_f32_f16;
	kernels->from_f32[WICK_Q8_0] = from_f32_q8_0;
	kernels->from_f32[WICK_Q4_0] = from_f32_q4_0;
}
