/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A matrix times a batch: the bits of matvec on each vector alone, whatever else is in the batch, and however rows and
 * the packing are cut. */

#include "check.h"

#include <math.h>
#include <string.h>

#define ROWS_MAX 40
#define M_MAX 40

enum slots { W, X, PACKED, SCRATCH, WANT, GOT, START };

static const size_t lengths[] = { 0, 1, 8, 17, 31, 32, 33, 64, 96, 128, 160, 288, 320, 576, 768, 1000,
	1024, 8288, 8448 };
static const size_t row_counts[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 13, ROWS_MAX };
static const size_t batches[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 31, M_MAX };
static const size_t gaps[] = { 0, 1, 46 }; /* bytes between rows of w; also numbers between those of x and y */

struct shape {
	enum wick_type type;
	size_t m, rows, cols, gap;
};

static size_t stride_of(const struct shape *shape)
{
	return (size_t)wick_type_bytes(shape->type, shape->cols) + shape->gap;
}

/* Numbers, with an infinity or no number in a weight and an x of every eighth shape. */
static void fill(struct check *check, const struct shape *shape, enum check_kind kind)
{
	static const float specials[] = { INFINITY, -INFINITY, NAN };
	size_t stride = stride_of(shape);
	uint8_t *w = check_buffer(check, W, shape->rows * stride);
	float *x = check_buffer(check, X, shape->m * (shape->cols + shape->gap) * sizeof(*x));
	float special = specials[check_random(check, WICK_COUNT_OF(specials))];

	for (size_t r = 0; r < shape->rows; r++)
		check_numbers(check, shape->type, w + r * stride, shape->cols, kind);
	check_floats(check, x, shape->m * (shape->cols + shape->gap), kind);
	if (check_random(check, 8) || !shape->m || !shape->rows || !shape->cols)
		return;
	x[check_random(check, (uint32_t)shape->m) * (shape->cols + shape->gap) +
		check_random(check, (uint32_t)shape->cols)] = special;
	if (wick_types[shape->type].block == 1)
		check->kernels->from_f32[shape->type](w + check_random(check, (uint32_t)shape->rows) * stride, &special, 1);
}

/* Rows from..to of y by a batch that is packed in two pieces. */
static void run(struct check *check, const struct shape *shape, float *y, size_t from, size_t to)
{
	size_t some = check_random(check, (uint32_t)shape->m + 1), ldx = shape->cols + shape->gap;
	const float *x = check_held(check, X);
	struct wick_matmul job = { .y = y + from, .ldy = shape->rows + shape->gap, .stride = stride_of(shape),
		.w = (const uint8_t *)check_held(check, W) + from * stride_of(shape), .rows = to - from,
		.cols = shape->cols, .m = shape->m,
		.scratch = check_buffer(check, SCRATCH, wick_matmul_scratch_floats(shape->cols) * sizeof(float)) };
	float *packed = check_buffer(check, PACKED, wick_packed_floats(shape->m, shape->cols) * sizeof(float));

	check->kernels->pack_x[shape->type](packed, x, ldx, shape->m, shape->cols, some, shape->m - some);
	check->kernels->pack_x[shape->type](packed, x, ldx, shape->m, shape->cols, 0, some);
	job.packed = packed;
	check->kernels->matmul[shape->type](&job);
}

static void check_shape(struct check *check, const struct shape *shape, enum check_kind kind)
{
	size_t ldy = shape->rows + shape->gap, count = shape->m * ldy, cut = check_random(check, (uint32_t)shape->rows + 1);
	float *want = check_buffer(check, WANT, count * sizeof(*want));
	float *got = check_buffer(check, GOT, count * sizeof(*got));
	float *start = check_buffer(check, START, count * sizeof(*start));

	check_now(check, "matmul %s, %zu x %zu of %zu, gaps of %zu, kind %d", wick_types[shape->type].name, shape->m,
		shape->rows, shape->cols, shape->gap, kind);
	fill(check, shape, kind);
	check_floats(check, start, count, CHECK_PLAIN); /* between the rows of y it must stay */
	memcpy(want, start, count * sizeof(*want));
	for (size_t i = 0; i < shape->m; i++)
		check->kernels->matvec[shape->type](want + i * ldy, check_held(check, W), stride_of(shape),
			(const float *)check_held(check, X) + i * (shape->cols + shape->gap), shape->rows, shape->cols);

	memcpy(got, start, count * sizeof(*got));
	run(check, shape, got, 0, shape->rows);
	check_same(check, "each x alone", want, got, count);

	memcpy(got, start, count * sizeof(*got));
	run(check, shape, got, cut, shape->rows);
	run(check, shape, got, 0, cut);
	check_same(check, "cut by rows", want, got, count);
	check_guards(check);
}

/* Every batch with every count of rows, and each pair with some of the lengths. */
static void check_type(struct check *check, enum wick_type type)
{
	struct shape shape = { .type = type };

	for (size_t b = 0; b < WICK_COUNT_OF(batches); b++)
		for (size_t r = 0; r < WICK_COUNT_OF(row_counts); r++)
			for (size_t l = (b + r) % 5; l < WICK_COUNT_OF(lengths); l += 5) {
				shape.cols = lengths[l] / wick_types[type].block * wick_types[type].block;
				/* A slot has room for 13 of the longest. */
				shape.rows = shape.cols > 1024 ? WICK_MIN(row_counts[r], 13u) : row_counts[r];
				shape.m = shape.cols > 1024 ? WICK_MIN(batches[b], 13u) : batches[b];
				shape.gap = gaps[(l + r) % WICK_COUNT_OF(gaps)];
				if (check_due(check))
					check_shape(check, &shape, check_random(check, CHECK_KINDS));
			}
}

void check_matmul(struct check *check)
{
	for (unsigned type = 0; type < WICK_TYPE_COUNT; type++)
		if (check->kernels->matmul[type] != check->below->matmul[type])
			check_type(check, type);
}
