/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Matrix times vector, or times a batch of them, in plain C: one double sum a row. */

#include "plain.h"
#include "sets.h"

#define MATVEC(TYPE, type)                                                                                         \
	static void matvec_##type(                                                                                 \
		float *y, const void *w, size_t stride, const float *x, size_t rows, size_t cols)                  \
	{                                                                                                          \
		for (size_t r = 0; r < rows; r++)                                                                  \
			y[r] = (float)wick_dot(                                                                    \
				wick_decode_##type, WICK_##TYPE, (const uint8_t *)w + r * stride, x, cols);        \
	}                                                                                                          \
                                                                                                                   \
	static void matvec_rows_##type(float *y, const void *w, size_t stride, const uint32_t *index, size_t count, \
		const float *x, size_t cols)                                                                       \
	{                                                                                                          \
		for (size_t k = 0; k < count; k++)                                                                 \
			matvec_##type(y + k, (const uint8_t *)w + index[k] * stride, stride, x, 1, cols);          \
	}

WICK_EACH_TYPE(MATVEC)

#define MATMUL(TYPE, type)                                                                                   \
	static void matmul_##type(const struct wick_matmul *job)                                            \
	{                                                                                                    \
		wick_matmul_alone(job, matvec_##type);                                                       \
	}

WICK_EACH_TYPE(MATMUL)

void wick_kernels_matvec_c(struct wick_kernels *kernels)
{
#define ENTRY(TYPE, type)                                       \
	kernels->matvec[WICK_##TYPE] = matvec_##type;           \
	kernels->matvec_rows[WICK_##TYPE] = matvec_rows_##type; \
	kernels->pack_x[WICK_##TYPE] = wick_pack_alone;         \
	kernels->matmul[WICK_##TYPE] = matmul_##type;
	WICK_EACH_TYPE(ENTRY)
#undef ENTRY
}
