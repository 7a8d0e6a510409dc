/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Conversions that gain from vectors: all to float, and from float to f16. */

#include "vector.h"

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

#define DECODE(TYPE, type)                                                   \
	static void to_f32_##type(float *y, const void *x, size_t count)     \
	{                                                                    \
		decode_all(WICK_##TYPE, wick_decode_##type, y, x, count);    \
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

static void set_convert(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type) kernels->to_f32[WICK_##TYPE] = to_f32_##type;
	WICK_EACH_TYPE(ENTRY)
#undef ENTRY
	kernels->from_f32[WICK_F16] = from_f32_f16;
}
