/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The FFN over bundles (see compute.h).
 *
 * Up-projections are independent dot products. The down-projection is a sum over bundles, and a sum's bits depend on
 * its order: it runs over bundles in ascending order, and threads share it by output column:
 *
 *     bundles    h          y = sum over rows, top to bottom
 *     [up|down]  h0   ->    thread 0: | columns 0..255 |   thread 1: | columns 256..511 | ...
 *     [up|down]  h1
 *
 * With a gate, up's products stand behind those of the gate, of which h is made in place.
 */

#include "compute.h"

#include "bits.h"
#include "check.h"
#include "matrix.h"
#include "pool.h"
#include "watch.h"

#include <string.h>

#define MASK_ROWS 64 /* of a word; pieces are whole words */
#define TILES_A_THREAD 2
#define TILES_MAX 16

struct job {
	const struct wick_ffn *ffn;
	const struct wick_rows *rows;
	struct wick_linear up, gate; /* no gate: only up, into h */
	uint64_t task_rows;   /* of an up-projection */
	uint32_t slice_cols;  /* of the output, a task */
};

/* Bundles at a time of a long batch: some tiles for each thread. */
static uint64_t piece_rows(const struct wick_shape *shape, uint32_t threads)
{
	uint64_t most = (uint64_t)WICK_MIN(TILES_A_THREAD * threads, TILES_MAX) * wick_tile_rows(shape);

	return WICK_MIN(wick_align_up(shape->n_ff, wick_tile_rows(shape)), most);
}

/* Products of a neuron: of up and, where there is one, of a gate. */
static size_t products(const struct wick_shape *shape)
{
	return shape->kind[0].ffn.gated ? 2 : 1;
}

size_t wick_ffn_scratch_floats(const struct wick_shape *shape, uint32_t batch_tokens, uint32_t threads)
{
	return products(shape) *
		WICK_MAX(batch_tokens * (size_t)piece_rows(shape, threads), wick_align_up(shape->n_ff, MASK_ROWS));
}

static bool is_gated(const struct wick_ffn *ffn)
{
	return ffn->facts->gated;
}

/* The products of a part, into h with `ldh` floats from one vector to the next. */
static struct wick_linear product_of(const struct wick_ffn *ffn, enum wick_part_id id, float *h, size_t ldh)
{
	size_t cols = ffn->d_model;

	return (struct wick_linear){ .compute = ffn->compute, .type = ffn->kind->part[id].type, .cols = cols,
		.stride = ffn->kind->slot_bytes, .x = ffn->x, .ldx = cols, .y = h, .ldy = ldh, .m = ffn->m };
}

void wick_ffn_begin(const struct wick_ffn *ffn)
{
	struct wick_linear up = product_of(ffn, WICK_PART_UP, ffn->h, 0);

	wick_linear_begin(&up);
}

/* y + bias for `count` of each vector's numbers. */
static void add_bias(const struct wick_linear *linear, float *y, const float *bias, uint64_t count)
{
	for (uint32_t i = 0; bias && i < linear->m; i++)
		linear->compute->kernels->add(y + i * linear->ldy, bias, count);
}

/* h = act(up), or act(gate) * up, for some rows of the piece. */
static void up_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_ffn *ffn = job->ffn;
	const struct wick_part *part = ffn->kind->part;
	uint64_t row = task * job->task_rows, count = WICK_MIN(job->task_rows, job->rows->count - row);
	uint64_t first = job->rows->first + row;
	const uint8_t *bundles = job->rows->base + row * job->up.stride;
	float *h = ffn->h + row, *up = job->up.y + row;

	wick_linear_some(&job->up, bundles + part[WICK_PART_UP].at, up, count, thread);
	add_bias(&job->up, up, ffn->up_bias ? ffn->up_bias + first : NULL, count);
	if (ffn->gate) {
		for (uint32_t i = 0; i < ffn->m; i++)
			memcpy(h + i * job->up.ldy, ffn->gate + i * ffn->n_ff + first, count * sizeof(*h));
	} else if (is_gated(ffn)) {
		wick_linear_some(&job->gate, bundles + part[WICK_PART_GATE].at, h, count, thread);
		add_bias(&job->gate, h, ffn->gate_bias ? ffn->gate_bias + first : NULL, count);
	}
	for (uint32_t i = 0; i < ffn->m; i++, h += job->up.ldy, up += job->up.ldy)
		if (ffn->gate && !wick_act_is_relu(ffn->facts->act))
			wick_let_through(ffn->facts, h, up, count);
		else
			wick_activate_ffn(ffn->compute->kernels, ffn->facts, h, is_gated(ffn) ? up : NULL, count);
}

/* Down-projection of every bundle into one slice of columns. */
static void down_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_ffn *ffn = job->ffn;
	const struct wick_part *part = &ffn->kind->part[WICK_PART_DOWN];
	const struct wick_compute *compute = ffn->compute;
	uint32_t column = task * job->slice_cols, cols = WICK_MIN(job->slice_cols, (uint32_t)ffn->d_model - column);
	struct wick_accumulate down = { .y = ffn->y + column, .ldy = ffn->d_model, .stride = ffn->kind->slot_bytes,
		.w = job->rows->base + part->at + wick_type_bytes(part->type, column), .h = ffn->h,
		.ldh = job->up.ldy, .m = ffn->m, .count = job->rows->count, .cols = cols,
		.scratch = compute->scratch + thread * compute->scratch_floats };

	if (ffn->m == 1)
		compute->kernels->accumulate_rows[part->type](down.y, down.w, down.stride, NULL, down.h, down.count, cols);
	else
		compute->kernels->accumulate_batch[part->type](&down);
}

/* A share for each thread, of whole tiles. */
static uint32_t slice_columns(const struct wick_ffn *ffn)
{
	uint32_t share = (uint32_t)wick_div_up(ffn->d_model, wick_pool_threads(ffn->compute->pool));

	return (uint32_t)wick_align_up(share, wick_column_tile(ffn->kind->part[WICK_PART_DOWN].type));
}

/* Sets the neurons of one word of the mask that were not chosen to 0, as if they had not been computed. */
static void mask_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct job *job = arg;
	const struct wick_ffn *ffn = job->ffn;
	uint64_t row = (uint64_t)task * MASK_ROWS, count = WICK_MIN(MASK_ROWS, job->rows->count - row);

	(void)thread;
	for (uint32_t i = 0; i < ffn->m; i++) {
		uint64_t chosen = ffn->mask[i * ffn->mask_words + (job->rows->first + row) / MASK_ROWS];
		float *h = ffn->h + i * job->up.ldy + row;

		for (uint64_t k = 0; k < count; k++)
			if (!(chosen >> k & 1))
				h[k] = 0;
	}
}

static void tell_what_fired(const struct job *job)
{
	const struct wick_ffn *ffn = job->ffn;

	if (ffn->watch && ffn->watch->fired)
		ffn->watch->fired(ffn->watch->user, ffn->layer, ffn->position, ffn->m, (uint32_t)job->rows->first,
			(uint32_t)job->rows->count, ffn->h, job->up.ldy);
}

/* Where the products of a piece go. */
static void lay_out(struct job *job, uint64_t count)
{
	const struct wick_ffn *ffn = job->ffn;

	job->up = product_of(ffn, WICK_PART_UP, ffn->h + (is_gated(ffn) ? ffn->m * count : 0), count);
	if (is_gated(ffn) && !ffn->gate)
		job->gate = product_of(ffn, WICK_PART_GATE, ffn->h, count);
	job->task_rows = wick_linear_task_rows(&job->up, count);
}

void wick_ffn_rows(const struct wick_ffn *ffn, const struct wick_rows *rows)
{
	struct wick_pool *pool = ffn->compute->pool;
	uint64_t most = ffn->h_floats / (is_gated(ffn) ? 2 : 1) / ffn->m / MASK_ROWS * MASK_ROWS;
	struct wick_rows piece;
	struct job job = { .ffn = ffn, .rows = &piece, .slice_cols = slice_columns(ffn) };
	uint32_t slices = (uint32_t)wick_div_up(ffn->d_model, job.slice_cols);

	wick_assert(most);
	for (uint64_t done = 0; done < rows->count; done += piece.count) {
		piece = (struct wick_rows){ .base = rows->base + done * ffn->kind->slot_bytes, .first = rows->first + done,
			.count = WICK_MIN(most, rows->count - done) };
		lay_out(&job, piece.count);
		wick_pool_run(pool, up_task, &job, (uint32_t)wick_div_up(piece.count, job.task_rows));
		tell_what_fired(&job);
		if (ffn->mask)
			wick_pool_run(pool, mask_task, &job, (uint32_t)wick_div_up(piece.count, MASK_ROWS));
		wick_pool_run(pool, down_task, &job, slices);
	}
}
