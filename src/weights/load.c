/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The resident load: some loads in flight at once, checked in the order in which they were sent.
 *
 * The memory they land in is made, which means zeroed, by all threads just ahead of them: left to the reads it would be
 * made by the thread that submits them, alone, and the drive would wait for that. */

#include "load.h"

#include "bits.h"
#include "file.h"
#include "mem.h"
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* A range is cut into pieces of this size, so that checking one overlaps reading the next ones. */
#define PIECE_BYTES (4u << 20)
#define PIECES_MAX 64
#define MAKE_BYTES (2u << 20) /* memory made by one task: a huge page */
#define MAKES_A_THREAD 4

/* Of Linux 5.14; older kernels refuse it, and the reads make the memory. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

uint64_t wick_load_bytes(uint64_t offset, uint64_t bytes)
{
	return offset % WICK_FILE_ALIGN ? wick_fetch_buffer_bytes(bytes) : bytes;
}

uint8_t *wick_load_data(const struct wick_load *load, const struct wick_file *files)
{
	struct wick_place place = wick_tensor_place(load->tensor, load->first_row);

	return load->base + place.offset % files[place.part].offset_align;
}

uint32_t wick_load_count(const struct wick_matrix *matrix)
{
	return matrix->tensor->expert_at ? matrix->tensor->experts : 1;
}

uint32_t wick_load_matrix(struct wick_load *loads, struct wick_matrix *matrix, uint8_t *base, uint64_t bytes,
	const struct wick_file *files)
{
	const struct wick_tensor *tensor = matrix->tensor;
	uint32_t count = wick_load_count(matrix);
	uint64_t rows = matrix->resident_rows / count;

	for (uint32_t i = 0; i < count; i++)
		loads[i] = (struct wick_load){ .tensor = tensor, .first_row = i * rows, .rows = rows, .base = base + i * (bytes / count) };
	matrix->base = tensor->expert_at ? base : wick_load_data(loads, files);
	return count;
}

struct loader {
	struct wick_fetch *fetch;
	const struct wick_load *loads;
	uint32_t count;
	uint32_t next_load; /* what is sent next */
	uint64_t next_row;
	uint64_t made_bytes; /* of next_load's memory, from its base on */
	struct wick_landing *ring; /* (ring_count) */
	struct wick_io_request *requests;
	uint32_t ring_count, requests_each;
	uint64_t head, tail;
};

/* Rows of a piece: whole check blocks that begin on a block of the drive, or all that are left. */
static uint64_t piece_rows(const struct wick_tensor *tensor, uint64_t left)
{
	uint64_t rows = tensor->check_rows;

	while (rows * tensor->row_bytes % WICK_FILE_ALIGN)
		rows *= 2;
	rows *= WICK_MAX(1, PIECE_BYTES / (rows * tensor->row_bytes));
	return WICK_MIN(rows, left);
}

struct make {
	uint8_t *base;
	uint64_t bytes;
};

static void make_task(void *arg, uint32_t task, uint32_t thread)
{
	const struct make *make = arg;
	uint64_t at = (uint64_t)task * MAKE_BYTES, page = wick_page_bytes();
	uintptr_t begin = (uintptr_t)make->base + at, end = begin + WICK_MIN(MAKE_BYTES, make->bytes - at);

	(void)thread;
	begin = wick_align_down(begin, page); /* a page may be shared with the tensor before */
	madvise((void *)begin, wick_align_up(end, page) - begin, MADV_POPULATE_WRITE);
}

void wick_load_make(struct wick_pool *pool, uint8_t *base, uint64_t bytes)
{
	struct make make = { base, wick_align_up(bytes, WICK_MEM_ALIGN) };

	wick_pool_run(pool, make_task, &make, (uint32_t)wick_div_up(make.bytes, MAKE_BYTES));
}

/* Makes the memory of the next load up to `bytes`, and some more so that every thread has work. */
static void make_memory(struct loader *loader, uint64_t bytes)
{
	const struct wick_load *load = &loader->loads[loader->next_load];
	struct wick_pool *pool = loader->fetch->pool;
	uint64_t ahead = (uint64_t)wick_pool_threads(pool) * MAKES_A_THREAD * MAKE_BYTES;
	uint64_t left = wick_align_up(load->rows * load->tensor->row_bytes, WICK_MEM_ALIGN) - loader->made_bytes;

	if (bytes <= loader->made_bytes)
		return;
	bytes = WICK_MIN(WICK_MAX(bytes - loader->made_bytes, ahead), left);
	wick_load_make(pool, load->base + loader->made_bytes, bytes);
	loader->made_bytes += bytes;
}

static void send_piece(struct loader *loader)
{
	const struct wick_load *load = &loader->loads[loader->next_load];
	struct wick_landing *landing = &loader->ring[loader->tail % loader->ring_count];
	uint64_t rows = piece_rows(load->tensor, load->rows - loader->next_row);

	make_memory(loader, (loader->next_row + rows) * load->tensor->row_bytes);
	landing->buffer = load->base + loader->next_row * load->tensor->row_bytes;
	wick_fetch_start(loader->fetch, landing, load->tensor, load->first_row + loader->next_row, rows);
	wick_io_kick(loader->fetch->io);
	loader->next_row += rows;
	loader->tail++;
	if (loader->next_row == load->rows) {
		loader->next_load++;
		loader->next_row = 0;
		loader->made_bytes = 0;
	}
}

static int take_piece(struct loader *loader, uint64_t *bytes_done, struct wick_diag *diag)
{
	struct wick_landing *landing = &loader->ring[loader->head++ % loader->ring_count];

	*bytes_done += landing->rows * landing->tensor->row_bytes;
	return wick_fetch_finish(loader->fetch, landing, diag);
}

static void drain(struct loader *loader)
{
	for (; loader->head < loader->tail; loader->head++)
		wick_fetch_drain(loader->fetch, &loader->ring[loader->head % loader->ring_count]);
}

static int load_all(struct loader *loader, wick_progress_fn progress, void *user, struct wick_diag *diag)
{
	uint64_t done = 0, total = 0;
	int err = 0;

	for (uint32_t i = 0; i < loader->count; i++)
		total += loader->loads[i].rows * loader->loads[i].tensor->row_bytes;
	while (!err && done < total) {
		while (loader->next_load < loader->count && loader->tail - loader->head < loader->ring_count)
			send_piece(loader);
		err = take_piece(loader, &done, diag);
		if (!err && progress && progress(user, done, total))
			err = wick_diag_say(diag, -ECANCELED, "loading was interrupted");
	}
	drain(loader);
	return err;
}

/* Enough pieces to keep `depth` reads in flight while one more is checked. */
static uint32_t pieces_in_flight(uint32_t depth, uint64_t chunk_bytes)
{
	return (uint32_t)WICK_MIN(depth * chunk_bytes / PIECE_BYTES + 2, PIECES_MAX);
}

int wick_load_all(struct wick_fetch *fetch, const struct wick_load *loads, uint32_t count, uint32_t depth,
	wick_progress_fn progress, void *user, struct wick_diag *diag)
{
	struct loader loader = { .fetch = fetch, .loads = loads, .count = count,
		.ring_count = pieces_in_flight(depth, fetch->chunk_bytes) };
	uint64_t most = PIECE_BYTES;
	int err = 0;

	for (uint32_t i = 0; i < count; i++)
		most = WICK_MAX(most, piece_rows(loads[i].tensor, loads[i].rows) * loads[i].tensor->row_bytes);
	loader.requests_each = wick_fetch_requests(most, fetch->chunk_bytes);
	loader.ring = calloc(loader.ring_count, sizeof(*loader.ring));
	loader.requests = calloc((size_t)loader.ring_count * loader.requests_each, sizeof(*loader.requests));
	if (!loader.ring || !loader.requests)
		err = wick_diag_say(diag, -ENOMEM, "no memory for %u reads", loader.ring_count * loader.requests_each);
	for (uint32_t i = 0; !err && i < loader.ring_count; i++)
		loader.ring[i].requests = loader.requests + (size_t)i * loader.requests_each;
	if (!err)
		err = load_all(&loader, progress, user, diag);
	free(loader.ring);
	free(loader.requests);
	return err;
}
