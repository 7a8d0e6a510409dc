/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of the plain C kernels: numbers of every type decoded to float, exactly, and one dot product. All of it
 * is static, so that a file compiled for a higher instruction set may use it for its tails without lending its own
 * copy to the others. */

#include "bits.h"
#include "kernels.h"

#include <math.h>
#include <string.h>

/* Writes X(ENUM, name) once for each type. */
#define WICK_EACH_TYPE(X) WICK_EACH_FIRST_TYPE(X) WICK_EACH_BLOCK_TYPE(X)
#define WICK_EACH_FIRST_TYPE(X) X(F32, f32) X(F16, f16) X(BF16, bf16) X(Q8_0, q8_0) X(Q4_0, q4_0) X(Q2, q2)

/* Those whose decoders are in decode_blocks.h. */
#define WICK_EACH_BLOCK_TYPE(X) WICK_EACH_WRITTEN_TYPE(X) WICK_EACH_GRID_TYPE(X)
#define WICK_EACH_WRITTEN_TYPE(X) WICK_EACH_SMALL_TYPE(X) WICK_EACH_K_TYPE(X)
#define WICK_EACH_SMALL_TYPE(X) \
	X(Q4_1, q4_1) X(Q5_0, q5_0) X(Q5_1, q5_1) X(IQ4_NL, iq4_nl) X(IQ4_XS, iq4_xs) X(MXFP4, mxfp4)
#define WICK_EACH_K_TYPE(X) X(Q2_K, q2_k) X(Q3_K, q3_k) X(Q4_K, q4_k) X(Q5_K, q5_k) X(Q6_K, q6_k)

/* And of them those of decode_grids.h, which nothing is encoded as. */
#define WICK_EACH_GRID_TYPE(X) \
	X(IQ2_XXS, iq2_xxs) X(IQ2_XS, iq2_xs) X(IQ2_S, iq2_s) X(IQ3_XXS, iq3_xxs) X(IQ3_S, iq3_s)

#define ROWS WICK_MATMUL_ROWS
#define WICK_BLOCK 32 /* numbers in a block of q8_0, q4_0 and q2 */

static inline float wick_float_of_bits(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline uint32_t wick_bits_of_float(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

/* Exact for every half; a signalling NaN becomes quiet, as in hardware. */
static inline float wick_f32_of_f16(uint16_t half)
{
	uint32_t sign = (uint32_t)(half & 0x8000) << 16;
	uint32_t magnitude = half & 0x7fff;

	if (magnitude < 0x0400) /* zero and subnormals: a multiple of 2^-24 */
		return wick_float_of_bits(sign | wick_bits_of_float((float)magnitude * 0x1p-24f));
	if (magnitude < 0x7c00)
		return wick_float_of_bits(sign | ((magnitude << 13) + (112u << 23)));
	return wick_float_of_bits(sign | 0x7f800000 | magnitude << 13 | (magnitude > 0x7c00 ? 0x00400000 : 0));
}

/* Nearest, ties to even; from 65520 on infinity; a NaN keeps the top of its payload and becomes quiet. */
static inline uint16_t wick_f16_of_f32(float value)
{
	uint32_t bits = wick_bits_of_float(value);
	uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
	uint32_t magnitude = bits & 0x7fffffff;

	if (magnitude > 0x7f800000)
		return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
	if (magnitude >= 0x477ff000)
		return (uint16_t)(sign | 0x7c00);
	/* Below 2^-14 the unit is 2^-24, which is also that of floats from 0.5 on: so this addition rounds. */
	if (magnitude < 0x38800000)
		return (uint16_t)(sign | (wick_bits_of_float(wick_float_of_bits(magnitude) + 0.5f) - 0x3f000000));
	magnitude += 0xfff + (magnitude >> 13 & 1);
	return (uint16_t)(sign | (magnitude - (112u << 23)) >> 13);
}

static inline float wick_f32_of_bf16(uint16_t bits)
{
	return wick_float_of_bits((uint32_t)bits << 16);
}

static inline uint16_t wick_bf16_of_f32(float value)
{
	uint32_t bits = wick_bits_of_float(value);

	if ((bits & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(bits >> 16 | 0x40);
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline uint16_t wick_load_u16(const void *from)
{
	uint16_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

/* The decoders: `count` numbers, a multiple of the type's block, from wherever x points. */

static inline void wick_decode_f32(float *y, const void *x, size_t count)
{
	if (count)
		memcpy(y, x, count * sizeof(*y));
}

static inline void wick_decode_f16(float *y, const void *x, size_t count)
{
	const uint8_t *from = x;

	for (size_t i = 0; i < count; i++)
		y[i] = wick_f32_of_f16(wick_load_u16(from + 2 * i));
}

static inline void wick_decode_bf16(float *y, const void *x, size_t count)
{
	const uint8_t *from = x;

	for (size_t i = 0; i < count; i++)
		y[i] = wick_f32_of_bf16(wick_load_u16(from + 2 * i));
}

/* A scale has 11 significant bits and a level at most 8, so the product is exact. */
static inline void wick_decode_q8_0(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 34, y += WICK_BLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block));

		for (size_t i = 0; i < WICK_BLOCK; i++)
			y[i] = scale * (float)(int8_t)block[2 + i];
	}
}

/* Byte i holds number i in its low nibble and number i + 16 in its high one, both 8 too large. */
static inline void wick_decode_q4_0(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 18, y += WICK_BLOCK) {
		float scale = wick_f32_of_f16(wick_load_u16(block));

		for (size_t i = 0; i < WICK_BLOCK / 2; i++) {
			y[i] = scale * (float)((block[2 + i] & 15) - 8);
			y[i + WICK_BLOCK / 2] = scale * (float)((block[2 + i] >> 4) - 8);
		}
	}
}

/* Number i is bits 2 * (i / 8) and on of byte i % 8: whatever the width of a vector, its numbers lie side by side. */
static inline void wick_decode_q2(float *y, const void *x, size_t count)
{
	const uint8_t *block = x;

	for (; count >= WICK_BLOCK; count -= WICK_BLOCK, block += 8, y += WICK_BLOCK)
		for (size_t i = 0; i < WICK_BLOCK; i++)
			y[i] = (float)(2 * (block[i % 8] >> i / 8 * 2 & 3) - 3);
}

#include "decode_blocks.h"
#include "decode_grids.h"

typedef void wick_decode_fn(float *y, const void *x, size_t count);

/* sum_c w[c] * x[c] in double: the products are exact, the sum runs from left to right. */
static inline double wick_dot(
	wick_decode_fn *decode, enum wick_type type, const void *w, const float *x, size_t cols)
{
	const uint8_t *from = w;
	size_t step = wick_column_tile(type);
	float tile[WICK_COLUMN_TILE_MAX];
	double sum = 0;

	for (size_t c = 0; c < cols; c += step) {
		size_t count = WICK_MIN(cols - c, step);

		decode(tile, from + wick_type_bytes(type, c), count);
		for (size_t i = 0; i < count; i++)
			sum += (double)tile[i] * x[c + i];
	}
	return sum;
}

/* The batch as it is, row after row: for a matmul that takes each x alone. */
static inline void wick_pack_alone(
	float *packed, const float *x, size_t ldx, size_t m, size_t cols, size_t first, size_t count)
{
	(void)m;
	for (size_t i = first; cols && i < first + count; i++)
		memcpy(packed + i * cols, x + i * ldx, cols * sizeof(*x));
}

typedef void wick_matvec_fn(float *y, const void *w, size_t stride, const float *x, size_t rows, size_t cols);

/* One x after the other. */
static inline void wick_matmul_alone(const struct wick_matmul *job, wick_matvec_fn *matvec)
{
	for (size_t i = 0; i < job->m; i++)
		matvec(job->y + i * job->ldy, job->w, job->stride, job->packed + i * job->cols, job->rows, job->cols);
}

typedef void wick_accumulate_fn(float *y, const void *w, size_t stride, const uint32_t *index, const float *h, size_t count,
	size_t cols);

/* One y after the other, by as many rows as stay in a cache meanwhile. */
static inline void wick_accumulate_alone(const struct wick_accumulate *job, wick_accumulate_fn *accumulate_rows)
{
	for (size_t first = 0, rows; first < job->count; first += rows) {
		const uint8_t *w = (const uint8_t *)job->w + (job->index ? 0 : first * job->stride);

		rows = WICK_MIN(job->count - first, (size_t)WICK_ACCUMULATE_ROWS);
		for (size_t i = 0; i < job->m; i++)
			accumulate_rows(job->y + i * job->ldy, w, job->stride, job->index ? job->index + first : NULL,
				job->h + i * job->ldh + first, rows, job->cols);
	}
}

/* In place. The largest is taken off first, so that no exponential overflows. */
static inline void wick_softmax(float *x, size_t count)
{
	double largest = -HUGE_VAL, sum = 0;

	for (size_t i = 0; i < count; i++)
		largest = x[i] > largest ? x[i] : largest;
	for (size_t i = 0; i < count; i++)
		sum += exp(x[i] - largest);
	for (size_t i = 0; i < count; i++)
		x[i] = (float)(exp(x[i] - largest) / sum);
}
