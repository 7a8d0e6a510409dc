/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Matrix times vector, by all rows and by some: close to the truth, and the same bits however it is cut. */

#include "check.h"

#include <math.h>
#include <string.h>

#define ROWS_MAX 13

enum slots { W, W_MOVED, X, INDEX, WANT, GOT, CUT, BY_INDEX, ROW, ROW_MAGNITUDES, ROW_COPY };

static const size_t lengths[] = { 0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 100, 127, 128, 160, 256,
	320, 768, 1000, 1024, 1025, 4096, 8288, 8448 };
static const size_t row_counts[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ROWS_MAX };
static const size_t gaps[] = { 0, 1, 46 }; /* bytes between rows */

struct shape {
	enum wick_type type;
	size_t rows, cols, stride;
};

/* Bytes from the first row to the end of the last. */
static size_t span_of(const struct shape *shape)
{
	return shape->rows ? (shape->rows - 1) * shape->stride + (size_t)wick_type_bytes(shape->type, shape->cols) : 0;
}

/* True where a set brings x into steps. */
static bool in_steps(const struct check *check, enum wick_type type)
{
	return wick_types[type].block > 1 && !check->plain;
}

static bool is_k_type(enum wick_type type)
{
	return type >= WICK_Q2_K && type <= WICK_Q6_K;
}

/* Numbers of x that share a step. */
static size_t step_span(enum wick_type type)
{
	return is_k_type(type) ? 256 : type == WICK_Q8_0 || type == WICK_Q2 ? 32 : 4;
}

/* How many steps the largest of them is. */
static double steps_of_largest(enum wick_type type)
{
	return is_k_type(type) ? 16256 : type == WICK_Q8_0 ? 16383 : 127;
}

/* Half the step of those that start at column b. */
static double half_step(enum wick_type type, const float *x, size_t b)
{
	float reach = 0x1p-100f;

	for (size_t c = b; c < b + step_span(type); c++)
		reach = fabsf(x[c]) > reach ? fabsf(x[c]) : reach;
	return (double)reach / steps_of_largest(type) / 2 * (1 + 0x1p-10);
}

/* What a number consists of: with a minimum it is two terms, either of which may be far larger than their difference. */
static void find_magnitudes(
	struct check *check, const struct shape *shape, float *magnitudes, const float *decoded, const uint8_t *row)
{
	size_t bytes = (size_t)wick_type_bytes(shape->type, shape->cols);
	struct check_halves halves = check_halves(shape->type);
	uint8_t *copy = check_buffer(check, ROW_COPY, bytes);

	memcpy(copy, row, bytes);
	for (size_t at = 0; halves.minimum && at < bytes; at += wick_types[shape->type].block_bytes)
		memset(copy + at + halves.place[1], 0, 2);
	check->truth->to_f32[shape->type](magnitudes, copy, shape->cols);
	for (size_t c = 0; c < shape->cols; c++)
		magnitudes[c] = fabsf(magnitudes[c]) + fabsf(magnitudes[c] - decoded[c]);
}

/* Where a set brings x into steps, x may be off by half a step, and the result by that times the weights. */
static double bound_of(struct check *check, const struct shape *shape, enum check_kind kind, const uint8_t *row, const float *x)
{
	float *decoded = check_buffer(check, ROW, shape->cols * sizeof(*decoded));
	float *magnitudes = check_buffer(check, ROW_MAGNITUDES, shape->cols * sizeof(*magnitudes));
	double terms = 0, steps = 0;
	/* Whole numbers up to 127 with 127 among them are in steps already; other steps are 128 or 129 times finer. */
	bool off = in_steps(check, shape->type) && kind != CHECK_LEVELS;
	size_t span = step_span(shape->type);

	check->truth->to_f32[shape->type](decoded, row, shape->cols);
	find_magnitudes(check, shape, magnitudes, decoded, row);
	for (size_t c = 0; c < shape->cols; c++)
		terms += (double)magnitudes[c] * fabs((double)x[c]);
	for (size_t b = 0; b < shape->cols && off; b += span) {
		double half = half_step(shape->type, x, b);

		for (size_t c = b; c < b + span; c++) {
			terms += (double)magnitudes[c] * half;
			steps += fabs((double)decoded[c]) * half;
		}
	}
	return check_dot_bound(check, shape->cols, terms) + steps;
}

static void check_values(
	struct check *check, const struct shape *shape, enum check_kind kind, const uint8_t *w, const float *x)
{
	float *want = check_buffer(check, WANT, shape->rows * sizeof(*want));
	float *got = check_buffer(check, GOT, shape->rows * sizeof(*got));
	double bound[ROWS_MAX];

	for (size_t r = 0; r < shape->rows; r++)
		bound[r] = bound_of(check, shape, kind, w + r * shape->stride, x);
	check->truth->matvec[shape->type](want, w, shape->stride, x, shape->rows, shape->cols);
	check->kernels->matvec[shape->type](got, w, shape->stride, x, shape->rows, shape->cols);
	check_near(check, want, got, bound, shape->rows);
}

/* Row by row, by index in any order and from another address: the bits of GOT. */
static void check_cuts(struct check *check, const struct shape *shape, const uint8_t *w, const float *x)
{
	const float *got = check_held(check, GOT);
	float *cut = check_buffer(check, CUT, shape->rows * sizeof(*cut));
	size_t first = check_random(check, (uint32_t)shape->rows + 1);
	uint8_t *moved = check_buffer(check, W_MOVED, span_of(shape) + 3);
	const struct wick_kernels *kernels = check->kernels;

	kernels->matvec[shape->type](cut, w, shape->stride, x, first, shape->cols);
	kernels->matvec[shape->type](
		cut + first, w + first * shape->stride, shape->stride, x, shape->rows - first, shape->cols);
	check_same(check, "cut by rows", got, cut, shape->rows);

	memcpy(moved, w, span_of(shape));
	kernels->matvec[shape->type](cut, moved, shape->stride, x, shape->rows, shape->cols);
	check_same(check, "another alignment", got, cut, shape->rows);
}

static void check_rows(struct check *check, const struct shape *shape, const uint8_t *w, const float *x)
{
	const float *got = check_held(check, GOT);
	size_t count = shape->rows ? shape->rows + 2 : 0;
	uint32_t *index = check_buffer(check, INDEX, count * sizeof(*index));
	float *want = check_buffer(check, WANT, count * sizeof(*want));
	float *by_index = check_buffer(check, BY_INDEX, count * sizeof(*by_index));

	for (size_t k = 0; k < count; k++) {
		index[k] = check_random(check, (uint32_t)shape->rows);
		want[k] = got[index[k]];
	}
	check->kernels->matvec_rows[shape->type](by_index, w, shape->stride, index, count, x, shape->cols);
	check_same(check, "matvec_rows, against matvec", want, by_index, count);
}

/* One weight that is no finite number makes its row, and no other, the same. */
static void check_infinities(
	struct check *check, const struct shape *shape, enum check_kind kind, uint8_t *w, const float *x)
{
	static const float specials[] = { INFINITY, -INFINITY, NAN };
	float special = specials[check_random(check, WICK_COUNT_OF(specials))];
	size_t row = check_random(check, (uint32_t)shape->rows), col = check_random(check, (uint32_t)shape->cols);

	if (!shape->rows || !shape->cols || wick_types[shape->type].block != 1)
		return;
	check->truth->from_f32[shape->type](
		w + row * shape->stride + wick_type_bytes(shape->type, col), &special, 1);
	check_values(check, shape, kind, w, x);
}

/* Where x is brought into steps, one that is no finite number leaves no number of anything. */
static void check_spoilt(struct check *check, const struct shape *shape, const uint8_t *w, float *x)
{
	static const float specials[] = { INFINITY, -INFINITY, NAN };
	float *want = check_buffer(check, WANT, shape->rows * sizeof(*want));
	float *got = check_buffer(check, GOT, shape->rows * sizeof(*got));
	double bound[ROWS_MAX] = { 0 };

	if (!in_steps(check, shape->type) || !shape->cols)
		return;
	x[check_random(check, (uint32_t)shape->cols)] = specials[check_random(check, WICK_COUNT_OF(specials))];
	check->kernels->matvec[shape->type](got, w, shape->stride, x, shape->rows, shape->cols);
	for (size_t r = 0; r < shape->rows; r++)
		want[r] = NAN;
	check_near(check, want, got, bound, shape->rows);
}

static void check_shape(struct check *check, const struct shape *shape, enum check_kind kind)
{
	uint8_t *w = check_buffer(check, W, span_of(shape));
	float *x = check_buffer(check, X, shape->cols * sizeof(*x));

	check_now(check, "matvec %s, %zu rows of %zu, stride %zu, kind %d", wick_types[shape->type].name, shape->rows,
		shape->cols, shape->stride, kind);
	for (size_t r = 0; r < shape->rows; r++)
		check_numbers(check, shape->type, w + r * shape->stride, shape->cols, kind);
	check_floats(check, x, shape->cols, kind);
	check_values(check, shape, kind, w, x);
	check_cuts(check, shape, w, x);
	check_rows(check, shape, w, x);
	check_infinities(check, shape, kind, w, x);
	check_spoilt(check, shape, w, x);
	check_guards(check);
}

/* The largest sums of whole numbers that there are: q6_k's least level times its least scale, 256 times, and x all the same. */
static void check_largest(struct check *check)
{
	struct shape shape = { WICK_Q6_K, 2, 512, 420 };
	uint8_t *w = check_buffer(check, W, span_of(&shape));
	float *x = check_buffer(check, X, shape.cols * sizeof(*x));

	check_now(check, "matvec q6_k, the largest sums");
	for (uint8_t *block = w; block < w + span_of(&shape); block += 210) {
		memset(block, 0, 192);
		memset(block + 192, 0x80, 16);
		memcpy(block + 208, &(uint16_t){ 0x3c00 }, 2);
	}
	for (size_t c = 0; c < shape.cols; c++)
		x[c] = -127;
	check_values(check, &shape, CHECK_LEVELS, w, x);
}

static void check_type(struct check *check, enum wick_type type)
{
	struct shape shape = { .type = type };

	if (type == WICK_Q6_K)
		check_largest(check);
	for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++) {
		shape.cols = lengths[l];
		if (shape.cols % wick_types[type].block)
			continue;
		for (size_t r = 0; r < WICK_COUNT_OF(row_counts); r++) {
			shape.rows = row_counts[r];
			shape.stride = (size_t)wick_type_bytes(type, shape.cols) + gaps[(l + r) % WICK_COUNT_OF(gaps)];
			for (unsigned kind = 0; kind < CHECK_KINDS; kind++)
				if (check_due(check))
					check_shape(check, &shape, kind);
		}
	}
}

void check_matvec(struct check *check)
{
	for (unsigned type = 0; type < WICK_TYPE_COUNT; type++)
		if (check->kernels->matvec[type] != check->below->matvec[type] ||
			check->kernels->matvec_rows[type] != check->below->matvec_rows[type])
			check_type(check, type);
}
