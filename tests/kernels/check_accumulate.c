/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rows accumulated for a batch: the bits of accumulate_rows with each h alone, however columns, rows and batch are cut. */

#include "check.h"

#include <math.h>
#include <string.h>

#define ROWS 70
#define M_MAX 19

enum slots { W, H, INDEX, START, WANT, GOT, SCRATCH };

static const size_t lengths[] = { 0, 1, 8, 31, 32, 47, 64, 80, 96, 100, 128, 160, 256, 288, 512, 600 };
static const size_t counts[] = { 0, 1, 2, 7, 47, 48, 49, ROWS };
static const size_t batches[] = { 0, 1, 2, 3, 4, 5, 8, 9, M_MAX };

struct shape {
	enum wick_type type;
	size_t m, count, cols, stride;
	const uint32_t *index;
};

/* Some or all of the h are zero, of either sign, in each vector others; a row that none of them wants may hold anything,
 * and others a number that is none. */
static void fill(struct check *check, struct shape *shape, enum check_kind kind)
{
	static const uint32_t zeros_of_8[] = { 0, 0, 3, 7 };
	uint8_t *w = check_buffer(check, W, ROWS * shape->stride);
	float *h = check_buffer(check, H, shape->m * (shape->count + 1) * sizeof(*h));
	uint32_t *index = check_buffer(check, INDEX, shape->count * sizeof(*index));
	uint32_t zeros = zeros_of_8[check_random(check, WICK_COUNT_OF(zeros_of_8))];

	for (size_t r = 0; r < ROWS; r++)
		if (check_random(check, 16))
			check_numbers(check, shape->type, w + r * shape->stride, shape->cols, kind);
		else
			memset(w + r * shape->stride, 0xff, (size_t)wick_type_bytes(shape->type, shape->cols));
	check_floats(check, h, shape->m * (shape->count + 1), kind);
	for (size_t k = 0; k < shape->m * (shape->count + 1); k++)
		if (check_random(check, 8) < zeros)
			h[k] = check_random(check, 2) ? 0.0f : -0.0f;
	for (size_t k = 0; k < shape->count; k++)
		index[k] = check_random(check, ROWS);
	shape->index = check_random(check, 2) ? index : NULL;
}

/* Columns first..last of rows from..to. */
static void run(struct check *check, const struct shape *shape, float *y, size_t first, size_t last, size_t from, size_t to)
{
	size_t scratch = wick_align_up(wick_accumulate_scratch_floats(shape->m) * sizeof(float), 8);
	const uint8_t *w = (const uint8_t *)check_held(check, W) + wick_type_bytes(shape->type, first);
	struct wick_accumulate job = { .y = y + first, .ldy = shape->cols + 3, .stride = shape->stride, .m = shape->m,
		.w = w + (shape->index ? 0 : from * shape->stride), .index = shape->index ? shape->index + from : NULL,
		.h = (const float *)check_held(check, H) + from, .ldh = shape->count + 1, .count = to - from,
		.cols = last - first, .scratch = check_buffer(check, SCRATCH, scratch) };

	check->kernels->accumulate_batch[shape->type](&job);
}

static void check_shape(struct check *check, struct shape *shape, enum check_kind kind)
{
	size_t ldy = shape->cols + 3, count = shape->m * ldy, bytes = count * sizeof(float);
	float *want = check_buffer(check, WANT, bytes), *got = check_buffer(check, GOT, bytes);
	float *start = check_buffer(check, START, bytes);
	size_t tile = wick_column_tile(shape->type);
	size_t col = check_random(check, (uint32_t)(shape->cols / tile) + 1) * tile;
	size_t row = check_random(check, (uint32_t)shape->count + 1);

	fill(check, shape, kind);
	check_floats(check, start, count, kind);
	check_now(check, "accumulate_batch %s, %zu of %zu%s rows of %zu, kind %d", wick_types[shape->type].name, shape->m,
		shape->count, shape->index ? " indexed" : "", shape->cols, kind);
	memcpy(want, start, bytes);
	for (size_t i = 0; i < shape->m; i++)
		check->kernels->accumulate_rows[shape->type](want + i * ldy, check_held(check, W), shape->stride,
			shape->index, (const float *)check_held(check, H) + i * (shape->count + 1), shape->count,
			shape->cols);

	memcpy(got, start, bytes);
	run(check, shape, got, 0, shape->cols, 0, shape->count);
	check_same(check, "each h alone", want, got, count);

	memcpy(got, start, bytes);
	run(check, shape, got, col, shape->cols, 0, row);
	run(check, shape, got, 0, col, 0, row);
	run(check, shape, got, 0, shape->cols, row, shape->count);
	check_same(check, "cut by columns and rows", want, got, count);
	check_guards(check);
}

static void check_type(struct check *check, enum wick_type type)
{
	struct shape shape = { .type = type };

	for (size_t b = 0; b < WICK_COUNT_OF(batches); b++)
		for (size_t c = 0; c < WICK_COUNT_OF(counts); c++)
			for (size_t l = (b + c) % 2; l < WICK_COUNT_OF(lengths); l += 2) {
				shape.m = batches[b];
				shape.count = counts[c];
				shape.cols = lengths[l] / wick_types[type].block * wick_types[type].block;
				shape.stride = (size_t)wick_type_bytes(type, shape.cols) + l % 4;
				if (check_due(check))
					check_shape(check, &shape, check_random(check, CHECK_KINDS));
			}
}

void check_accumulate(struct check *check)
{
	for (unsigned type = 0; type < WICK_TYPE_COUNT; type++)
		if (check->kernels->accumulate_batch[type] != check->below->accumulate_batch[type])
			check_type(check, type);
}
