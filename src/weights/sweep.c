/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The sweep (see sweep.h). */

#include "sweep.h"

#include "bits.h"
#include "check.h"
#include "mem.h"

#include <errno.h>

static uint64_t tile_bytes(const struct wick_matrix *matrix)
{
	return WICK_MIN(matrix->tile_rows, matrix->tensor->rows) * matrix->tensor->row_bytes;
}

uint64_t wick_sweep_tile_bytes(const struct wick_matrices *matrices)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < matrices->count; i++)
		if (wick_matrix_is_swept(&matrices->at[i]))
			most = WICK_MAX(most, tile_bytes(&matrices->at[i]));
	return most;
}

static uint64_t requests_bytes(const struct wick_sweep_shape *shape)
{
	return wick_fetch_requests(shape->unit_bytes, shape->chunk_bytes) * sizeof(struct wick_io_request);
}

uint64_t wick_sweep_bytes(const struct wick_sweep_shape *shape)
{
	uint64_t unit = wick_mem_cost(wick_fetch_buffer_bytes(shape->unit_bytes)) + wick_mem_cost(requests_bytes(shape));

	if (!shape->unit_count)
		return 0;
	return shape->unit_count * unit + wick_mem_cost(shape->unit_count * sizeof(struct wick_landing)) +
		wick_mem_cost(shape->unit_count * sizeof(uint32_t));
}

static bool anything_swept(const struct wick_matrices *matrices)
{
	for (uint32_t i = 0; i < matrices->count; i++)
		if (wick_matrix_swept_rows(&matrices->at[i], true))
			return true;
	return false;
}

static bool anything_drawn(const struct wick_matrices *matrices)
{
	for (uint32_t i = 0; i < matrices->count; i++)
		if (matrices->at[i].drawn)
			return true;
	return false;
}

/* The matrix after this one; behind the last begins the next cycle, if it is known. */
static void step(struct wick_sweep *sweep)
{
	sweep->next_matrix = (sweep->next_matrix + 1) % sweep->matrices->count;
	sweep->next_row = sweep->matrices->at[sweep->next_matrix].resident_rows;
	if (sweep->next_matrix || !sweep->two_kinds)
		return;
	sweep->ended = sweep->ahead;
	sweep->ahead = true;
}

/* Puts the reading position at the first swept row at or after it, going around. */
static void settle(struct wick_sweep *sweep)
{
	const struct wick_matrix *matrix = &sweep->matrices->at[sweep->next_matrix];

	while (!sweep->ended && (!wick_matrix_swept_rows(matrix, sweep->drawn[sweep->ahead]) ||
			sweep->next_row == matrix->rows)) {
		step(sweep);
		matrix = &sweep->matrices->at[sweep->next_matrix];
	}
}

static void go_to_first(struct wick_sweep *sweep)
{
	sweep->next_matrix = 0;
	sweep->next_row = sweep->matrices->at[0].resident_rows;
	sweep->ended = false;
	if (sweep->any)
		settle(sweep);
}

/* The same memory is read into for ever: its pages are pinned once where the kernel lets us (RLIMIT_MEMLOCK), else by
 * every read, which is dearer and otherwise the same. */
static void register_ring(const struct wick_sweep *sweep)
{
	const struct wick_landing *last = &sweep->ring[sweep->shape.unit_count - 1];
	uint8_t *end = last->buffer + wick_fetch_buffer_bytes(sweep->shape.unit_bytes);
	const struct iovec range = { sweep->ring[0].buffer, (size_t)(end - sweep->ring[0].buffer) };

	wick_io_register(sweep->fetch->io, &range, 1);
}

void wick_sweep_init(struct wick_sweep *sweep, const struct wick_sweep_shape *shape, const struct wick_matrices *matrices, struct wick_fetch *fetch, struct wick_mem *mem)
{
	*sweep = (struct wick_sweep){ .fetch = fetch, .matrices = matrices, .shape = *shape };
	sweep->any = shape->unit_count && anything_swept(matrices);
	if (!shape->unit_count)
		return;
	sweep->ring = wick_mem_take(mem, shape->unit_count * sizeof(struct wick_landing));
	sweep->ring_matrix = wick_mem_take(mem, shape->unit_count * sizeof(uint32_t));
	for (uint32_t i = 0; i < shape->unit_count; i++) {
		sweep->ring[i].buffer = wick_mem_take(mem, wick_fetch_buffer_bytes(shape->unit_bytes));
		sweep->ring[i].requests = wick_mem_take(mem, requests_bytes(shape));
	}
	register_ring(sweep);
	sweep->two_kinds = anything_drawn(matrices);
	sweep->ahead = sweep->two_kinds;
	go_to_first(sweep);
}

/* Whole tiles that fit a unit; the last unit of a matrix takes what is left. */
static uint64_t unit_rows(const struct wick_sweep *sweep, const struct wick_matrix *matrix)
{
	uint64_t tiles = sweep->shape.unit_bytes / (matrix->tile_rows * matrix->tensor->row_bytes);

	return WICK_MIN(WICK_MAX(tiles, 1) * matrix->tile_rows, matrix->rows - sweep->next_row);
}

void wick_sweep_fill(struct wick_sweep *sweep)
{
	while (sweep->any && !sweep->ended && sweep->tail - sweep->head < sweep->shape.unit_count) {
		uint32_t slot = sweep->tail % sweep->shape.unit_count;
		const struct wick_matrix *matrix = &sweep->matrices->at[sweep->next_matrix];
		uint64_t rows = unit_rows(sweep, matrix);

		sweep->ring_matrix[slot] = sweep->next_matrix;
		sweep->ring[slot].priority = sweep->two_kinds ? WICK_IO_PREFETCH : WICK_IO_DEMAND;
		wick_fetch_start(sweep->fetch, &sweep->ring[slot], matrix->tensor, sweep->next_row, rows);
		wick_io_kick(sweep->fetch->io);
		sweep->next_row += rows;
		sweep->tail++;
		settle(sweep);
	}
}

/* Drops the units before the wanted one: this batch of a prompt does not need their matrix (the head). The prompt's
 * last batch will, so a drive that does not answer is reported now instead of being waited for in every batch. */
static int pass_over(struct wick_sweep *sweep, uint32_t matrix, struct wick_diag *diag)
{
	for (;;) {
		uint32_t slot = sweep->head % sweep->shape.unit_count;

		wick_require(sweep->head != sweep->tail);
		if (sweep->ring_matrix[slot] == matrix)
			return 0;
		wick_fetch_drain(sweep->fetch, &sweep->ring[slot]);
		if (sweep->ring[slot].err == -ETIMEDOUT)
			return wick_fetch_finish(sweep->fetch, &sweep->ring[slot], diag);
		wick_sweep_done(sweep);
	}
}

int wick_sweep_next(struct wick_sweep *sweep, uint32_t matrix, struct wick_rows *rows, struct wick_diag *diag)
{
	struct wick_landing *landing;
	int err;

	wick_assert(wick_matrix_swept_rows(&sweep->matrices->at[matrix], sweep->drawn[0]));
	wick_sweep_fill(sweep);
	err = pass_over(sweep, matrix, diag);
	if (err)
		return err;
	landing = &sweep->ring[sweep->head % sweep->shape.unit_count];
	err = wick_fetch_finish(sweep->fetch, landing, diag);
	if (err)
		return err;
	*rows = (struct wick_rows){ .base = landing->data, .first = landing->first_row, .count = landing->rows };
	return 0;
}

void wick_sweep_done(struct wick_sweep *sweep)
{
	sweep->head++;
	wick_sweep_fill(sweep);
}

void wick_sweep_rewind(struct wick_sweep *sweep)
{
	for (; sweep->head < sweep->tail; sweep->head++)
		wick_fetch_drain(sweep->fetch, &sweep->ring[sweep->head % sweep->shape.unit_count]);
	sweep->ahead = sweep->two_kinds;
	go_to_first(sweep);
}

/* Units read ahead are kept if this batch needs them. */
void wick_sweep_begin(struct wick_sweep *sweep, bool drawn, bool drawn_next)
{
	bool as_thought = sweep->ahead && sweep->drawn[1] == drawn;

	if (!sweep->two_kinds || !sweep->any)
		return;
	sweep->drawn[1] = drawn;
	if (!as_thought)
		wick_sweep_rewind(sweep);
	sweep->drawn[0] = drawn;
	sweep->drawn[1] = drawn_next;
	sweep->ahead = sweep->ended; /* all of this batch's is on its way already */
	if (sweep->ended)
		go_to_first(sweep);
	wick_sweep_fill(sweep);
}
