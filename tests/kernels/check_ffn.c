/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Rows accumulated: every bit is in the contract, for every instruction set. */

#include "check.h"

#include <math.h>
#include <string.h>

#define ROWS 9
#define COUNT_MAX 11

enum slots { W, H, INDEX, START, WANT, GOT };

static const size_t lengths[] = { 0, 1, 5, 8, 31, 32, 33, 47, 64, 96, 100, 128, 160, 256, 512, 1000, 4096 };
static const size_t counts[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, COUNT_MAX };

struct shape {
	enum wick_type type;
	size_t count, cols, stride;
	const uint32_t *index;
};

/* A third of the h are zero, of either sign, as after a ReLU. */
static void fill(struct check *check, struct shape *shape, enum check_kind kind)
{
	size_t row_bytes = (size_t)wick_type_bytes(shape->type, shape->cols);
	uint8_t *w = check_buffer(check, W, (COUNT_MAX - 1) * shape->stride + row_bytes);
	float *h = check_buffer(check, H, shape->count * sizeof(*h));
	uint32_t *index = check_buffer(check, INDEX, shape->count * sizeof(*index));

	for (size_t r = 0; r < COUNT_MAX; r++)
		check_numbers(check, shape->type, w + r * shape->stride, shape->cols, kind);
	check_floats(check, h, shape->count, kind);
	for (size_t k = 0; k < shape->count; k++) {
		index[k] = check_random(check, ROWS);
		if (!check_random(check, 3))
			h[k] = check_random(check, 2) ? 0.0f : -0.0f;
	}
	shape->index = check_random(check, 3) ? index : NULL;
	check_floats(check, check_buffer(check, START, shape->cols * sizeof(float)), shape->cols, kind);
}

/* A row whose h is zero must not be touched: there may be anything in it. */
static void poison_skipped(struct check *check, const struct shape *shape)
{
	uint8_t *w = check_held(check, W);
	const float *h = check_held(check, H);

	for (size_t r = 0; r < COUNT_MAX; r++) {
		bool used = false;

		for (size_t k = 0; k < shape->count; k++)
			used |= h[k] != 0 && (shape->index ? shape->index[k] : k) == r;
		if (!used)
			memset(w + r * shape->stride, 0xff, (size_t)wick_type_bytes(shape->type, shape->cols));
	}
}

/* Columns first..last of rows from..to. */
static void run(struct check *check, const struct wick_kernels *kernels, const struct shape *shape, float *y, size_t first,
	size_t last, size_t from, size_t to)
{
	const uint8_t *w = (const uint8_t *)check_held(check, W) + wick_type_bytes(shape->type, first);
	const float *h = check_held(check, H);

	if (!shape->index)
		w += from * shape->stride;
	kernels->accumulate_rows[shape->type](
		y + first, w, shape->stride, shape->index ? shape->index + from : NULL, h + from, to - from, last - first);
}

static void check_shape(struct check *check, struct shape *shape, enum check_kind kind)
{
	float *want = check_buffer(check, WANT, shape->cols * sizeof(*want));
	float *got = check_buffer(check, GOT, shape->cols * sizeof(*got));
	size_t bytes = shape->cols * sizeof(*got), tile = wick_column_tile(shape->type);
	size_t col = check_random(check, (uint32_t)(shape->cols / tile) + 1) * tile;
	size_t row = check_random(check, (uint32_t)shape->count + 1);

	fill(check, shape, kind);
	poison_skipped(check, shape);
	check_now(check, "accumulate_rows %s, %zu%s rows of %zu, stride %zu, kind %d", wick_types[shape->type].name,
		shape->count, shape->index ? " indexed" : "", shape->cols, shape->stride, kind);
	memcpy(want, check_held(check, START), bytes);
	run(check, check->truth, shape, want, 0, shape->cols, 0, shape->count);

	memcpy(got, check_held(check, START), bytes);
	run(check, check->kernels, shape, got, 0, shape->cols, 0, shape->count);
	check_same(check, "one fused multiply-add at a time", want, got, shape->cols);

	memcpy(got, check_held(check, START), bytes);
	run(check, check->kernels, shape, got, col, shape->cols, 0, shape->count);
	run(check, check->kernels, shape, got, 0, col, 0, shape->count);
	check_same(check, "cut by columns", want, got, shape->cols);

	memcpy(got, check_held(check, START), bytes);
	run(check, check->kernels, shape, got, 0, shape->cols, 0, row);
	run(check, check->kernels, shape, got, 0, shape->cols, row, shape->count);
	check_same(check, "cut by rows", want, got, shape->cols);
	check_guards(check);
}

static void check_type(struct check *check, enum wick_type type)
{
	struct shape shape = { .type = type };

	for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++) {
		shape.cols = lengths[l];
		if (shape.cols % wick_types[type].block)
			continue;
		shape.stride = (size_t)wick_type_bytes(type, shape.cols) + l % 4;
		for (size_t c = 0; c < WICK_COUNT_OF(counts); c++)
			for (unsigned kind = 0; kind < CHECK_KINDS; kind++) {
				shape.count = counts[c];
				if (check_due(check))
					check_shape(check, &shape, kind);
			}
	}
}

void check_ffn(struct check *check)
{
	for (unsigned type = 0; type < WICK_TYPE_COUNT; type++)
		if (check->kernels->accumulate_rows[type] != check->below->accumulate_rows[type])
			check_type(check, type);
}
