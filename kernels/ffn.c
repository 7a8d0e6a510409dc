/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The down-projection over some rows, in plain C: the only kernel whose every rounding is part of its contract. */

#include "plain.h"
#include "sets.h"

#include <math.h>

/* y += h * row, a tile at a time. */
static inline void accumulate(
	wick_decode_fn *decode, enum wick_type type, float *y, const uint8_t *row, float h, size_t cols)
{
	size_t step = wick_column_tile(type);
	float tile[WICK_COLUMN_TILE_MAX];

	for (size_t c = 0; c < cols; c += step) {
		size_t count = WICK_MIN(cols - c, step);

		decode(tile, row + wick_type_bytes(type, c), count);
		for (size_t i = 0; i < count; i++)
			y[c + i] = fmaf(h, tile[i], y[c + i]);
	}
}

#define ACCUMULATE(TYPE, type)                                                                                      \
	static void accumulate_rows_##type(float *y, const void *w, size_t stride, const uint32_t *index,           \
		const float *h, size_t count, size_t cols)                                                          \
	{                                                                                                           \
		for (size_t k = 0; k < count; k++)                                                                  \
			if (h[k] != 0)                                                                              \
				accumulate(wick_decode_##type, WICK_##TYPE, y,                                      \
					(const uint8_t *)w + (index ? index[k] : k) * stride, h[k], cols);          \
	}                                                                                                           \
                                                                                                                    \
	static void accumulate_batch_##type(const struct wick_accumulate *job)                                      \
	{                                                                                                           \
		wick_accumulate_alone(job, accumulate_rows_##type);                                                 \
	}

WICK_EACH_TYPE(ACCUMULATE)

void wick_kernels_ffn_c(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type)                                                \
	kernels->accumulate_rows[WICK_##TYPE] = accumulate_rows_##type; \
	kernels->accumulate_batch[WICK_##TYPE] = accumulate_batch_##type;
	WICK_EACH_TYPE(ENTRY)
#undef ENTRY
}
