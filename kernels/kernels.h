/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers and strides: the table of kernels, one entry chosen for each by the instruction sets allowed.
 *
 * Contracts that hold for every instruction set:
 *   - a result depends on the arguments alone, never on alignment, on threads or on how a caller cuts the work by rows
 *     (or, for accumulate_*, by columns in multiples of the type's tile): so a caller may cut as it likes, and a row
 *     gives the same bits in matvec, in matvec_rows and in matmul, whatever else is computed with it, and so does
 *     a sum in accumulate_rows and accumulate_batch;
 *   - accumulate_*, conversions, rope_*, relu, gelu, add and crc32c give the same bits in every set; the others may differ
 *     between sets in their last bits (only one is in use in a process), by no more than docs/kernels.md derives: in a
 *     dot product no term passes more than 4 roundings for each WICK_COLUMN_TILE columns and 12 more;
 *   - cols is a multiple of the type's block; lengths may be 0; pointers need no more than their element's alignment
 *     (weights: none at all), and nothing outside of the arrays is read;
 *   - infinities and NaN go where IEEE 754 takes them: none is hidden, but for rows skipped by accumulate_*;
 *   - inputs and outputs do not overlap unless a line says so.
 */

#include "diag.h"
#include "types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WICK_COLUMN_TILE 32 /* columns; a whole number of blocks of every type, or a part of one block */
#define WICK_COLUMN_TILE_MAX 256
/* Weight rows that matmul lays out at a time: from 4 to 32, as many as a core's cache has room for. */
#define WICK_MATMUL_ROWS 4
#define WICK_MATMUL_ROWS_MAX 32
#define WICK_MATMUL_SCRATCH_FLOATS 131072

/* The columns of a type are cut at multiples of this: whole tiles, and whole blocks. */
static inline uint32_t wick_column_tile(enum wick_type type)
{
	return wick_types[type].block > WICK_COLUMN_TILE ? wick_types[type].block : WICK_COLUMN_TILE;
}

/* A matrix times a batch: y[i][r] = sum_c w[r][c] * x[i][c], i < m, r < rows. */
struct wick_matmul {
	float *y; /* (m, ldy) */
	size_t ldy;
	const void *w; /* (rows, cols) of the kernel's type, rows `stride` bytes apart */
	size_t stride, rows, cols;
	const float *packed; /* x (m, cols), by pack_x */
	size_t m;
	float *scratch; /* wick_matmul_scratch_floats(cols) */
};

/* Floats of a packed batch. */
static inline size_t wick_packed_floats(size_t m, size_t cols)
{
	return m * ((cols + WICK_COLUMN_TILE - 1) / WICK_COLUMN_TILE) * WICK_COLUMN_TILE;
}

/* Floats of scratch that one call of matmul needs. */
static inline size_t wick_matmul_scratch_floats(size_t cols)
{
	size_t least = wick_packed_floats(WICK_MATMUL_ROWS, cols), most = wick_packed_floats(WICK_MATMUL_ROWS_MAX, cols);

	return most < WICK_MATMUL_SCRATCH_FLOATS ? most
		: least > WICK_MATMUL_SCRATCH_FLOATS ? least : WICK_MATMUL_SCRATCH_FLOATS;
}

#define WICK_ACCUMULATE_ROWS 48 /* taken at a time by accumulate_batch */

/* Rows accumulated for a batch: y[i][c] += sum_k h[i][k] * w[index[k]][c], i < m, k < count, c < cols. */
struct wick_accumulate {
	float *y; /* (m, ldy) */
	size_t ldy;
	const void *w; /* rows of the kernel's type, `stride` bytes apart; the first of `cols` columns */
	size_t stride;
	const uint32_t *index; /* (count); NULL: rows 0..count-1 */
	const float *h;        /* (m, ldh) */
	size_t ldh;
	size_t m, count, cols;
	float *scratch; /* wick_accumulate_scratch_floats(m), at a multiple of 8 bytes */
};

static inline size_t wick_accumulate_scratch_floats(size_t m)
{
	return WICK_ACCUMULATE_ROWS * WICK_COLUMN_TILE_MAX + 2 * m;
}

struct wick_kernels {
	const char *name; /* of what is in use: "c", "sse42", "avx2", "avx512", "avx512vnni", "neon", "neondot" */

	/* y[r] = sum_c w[r][c] * x[c], r < rows; rows of w are `stride` bytes apart. */
	void (*matvec[WICK_TYPE_COUNT])(
		float *y, const void *w, size_t stride, const float *x, size_t rows, size_t cols);
	/* y[k] = sum_c w[index[k]][c] * x[c], k < count. */
	void (*matvec_rows[WICK_TYPE_COUNT])(
		float *y, const void *w, size_t stride, const uint32_t *index, size_t count, const float *x,
		size_t cols);
	/* A batch of x (m, ldx) in the order in which matmul of the type wants it: of its vectors, `count` from `first` on,
	 * each into its place in `packed` (wick_packed_floats(m, cols)). So threads may share a batch. */
	void (*pack_x[WICK_TYPE_COUNT])(
		float *packed, const float *x, size_t ldx, size_t m, size_t cols, size_t first, size_t count);
	/* y[i][r] is, to the bit, the result of matvec for x[i] alone. `packed` and `scratch` are best at multiples of 64
	 * bytes. */
	void (*matmul[WICK_TYPE_COUNT])(const struct wick_matmul *job);
	/* y[c] += sum_k h[k] * w[index[k]][c], one fused multiply-add at a time in the order of k; zero h are skipped.
	 * index NULL: rows 0..count-1. w points at the first of `cols` columns. */
	void (*accumulate_rows[WICK_TYPE_COUNT])(
		float *y, const void *w, size_t stride, const uint32_t *index, const float *h, size_t count,
		size_t cols);

	/* Each y is, to the bit, the result of accumulate_rows with its h alone. */
	void (*accumulate_batch[WICK_TYPE_COUNT])(const struct wick_accumulate *job);

	/* To float is exact; where a type takes a minimum off, that difference is rounded once. From float f16 and bf16
	 * are nearest, ties to even; blocks of 32 are, byte for byte, those of other writers of GGUF for finite numbers
	 * (a scale past the largest half becomes infinite); for blocks of 256 there is no one way: ours is in
	 * quantise.c. The types of
	 * tables have no from_f32: NULL. q2 is the nearest of its four numbers, halfway the upper one. */
	void (*to_f32[WICK_TYPE_COUNT])(float *y, const void *x, size_t count);
	void (*from_f32[WICK_TYPE_COUNT])(void *y, const float *x, size_t count);

	/* y = (x - mean) / sqrt(variance + eps) * weight + bias, in double; weight or bias may be NULL; y may be x. */
	void (*layer_norm)(float *y, const float *x, const float *weight, const float *bias, size_t count, float eps);
	/* y = x / sqrt(mean of squares + eps) * weight, in double; weight may be NULL; y may be x. */
	void (*rms_norm)(float *y, const float *x, const float *weight, size_t count, float eps);
	/* In place. -infinity gets 0, and so may any share below 2^-126; with NaN, infinity or nothing else than
	 * -infinity in it, all become NaN. */
	void (*softmax)(float *x, size_t count);
	void (*relu)(float *x, size_t count);                /* in place; NaN stays */
	void (*gelu)(float *x, size_t count);                /* in place, by the error function; in plain C only */
	void (*add)(float *y, const float *x, size_t count); /* y += x */
	/* Rotary embedding. The turns of a position, once for all heads and layers: `size` times the cosines, then the
	 * sines, of position * frequencies[i] for i < pairs, the angles in double. */
	void (*rope_turns)(float *turns, const double *frequencies, size_t pairs, uint32_t position, double size);
	/* One head, in place, by the turns of count / 2 pairs: (i, i + count/2), or the neighbours (2i, 2i + 1). */
	void (*rope_halves)(float *x, const float *turns, size_t count);
	void (*rope_neighbours)(float *x, const float *turns, size_t count);

	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t bytes); /* CRC-32C (RFC 3720); start with crc 0 */
};

/* Fills the table with the best kernels that the CPU has and `mask` allows (WICK_CPU_*; ~0u: all of them). */
void wick_kernels_init(struct wick_kernels *kernels, uint32_t mask);

/* Single-threaded SGEMM on one fixed tile, through OpenBLAS: c (m, n) = a (m, k) * b^T, b (n, k), or a * b, b (k, n);
 * added to c when accumulate is set. Leading dimensions in floats. Bits depend on m, n, k alone. */
/* Before any of them: loads OpenBLAS, with buffers for that many calls at once, so that none allocates one. It starts
 * no thread. -ENOENT: it is not installed; -ENOMEM: there is no address space for the buffers. */
int wick_gemm_init(unsigned threads, struct wick_diag *diag);
void wick_gemm_nt(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate);
void wick_gemm_nn(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate);
/* a^T * b: a (k, m), b (k, n). For training. */
void wick_gemm_tn(float *c, size_t ldc, const float *a, size_t lda, const float *b, size_t ldb, size_t m, size_t n,
	size_t k, int accumulate);
const char *wick_gemm_core(void); /* the core that OpenBLAS chose, for the start-up line; "" before it is loaded */
