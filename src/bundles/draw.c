/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Drawing bundles (see draw.h). */

#include "draw.h"

#include "bits.h"
#include "check.h"
#include "clock.h"
#include "file.h"
#include "mem.h"
#include "race.h"

#define SCRATCH_BYTES (128u << 10) /* longer gaps are cheaper as two reads on any drive */

uint64_t wick_drawing_gap_bytes(uint64_t stride)
{
	return WICK_MAX(SCRATCH_BYTES / stride, 1) * stride;
}

uint64_t wick_drawing_bytes(uint64_t stride)
{
	return wick_mem_cost(wick_drawing_gap_bytes(stride)) +
		wick_mem_cost(wick_fetch_requests(stride, WICK_FILE_ALIGN) * sizeof(struct wick_io_request));
}

void wick_drawing_init(struct wick_drawing *drawing, struct wick_fetch *fetch, uint64_t stride, struct wick_mem *mem)
{
	/* A bundle's blocks are its own: a neighbour's row would be overwritten otherwise. */
	wick_require(stride % fetch->file->offset_align == 0 && stride % fetch->file->memory_align == 0);
	drawing->fetch = fetch;
	drawing->stride = stride;
	drawing->chunk_bytes = WICK_MAX(fetch->chunk_bytes, stride);
	wick_trial_init(&drawing->gaps, WICK_TRIAL_GAPS);
	drawing->scratch = wick_mem_take(mem, wick_drawing_gap_bytes(stride));
	WICK_READ_BY_NOBODY(drawing->scratch, wick_drawing_gap_bytes(stride));
	drawing->repair.requests = wick_mem_take(
		mem, wick_fetch_requests(stride, WICK_FILE_ALIGN) * sizeof(struct wick_io_request));
}

/* Every array of a draw, in one table for the plan and for init. */
enum { WANTED, READS, EXTENTS, IOV, COST, BEGIN, ARRAYS };

static void array_bytes(uint64_t bytes[ARRAYS], uint64_t most, bool halves)
{
	const struct wick_extent_arrays *arrays = NULL;

	bytes[WANTED] = most * sizeof(struct wick_wanted);
	bytes[READS] = (halves ? 2 : 1) * most * sizeof(struct wick_draw_read);
	bytes[EXTENTS] = most * sizeof(*arrays->extents);
	bytes[IOV] = 2 * most * sizeof(*arrays->iov);
	bytes[COST] = (most + 1) * sizeof(*arrays->cost_us);
	bytes[BEGIN] = (most + 1) * sizeof(*arrays->begin);
}

uint64_t wick_draw_bytes(uint32_t most, bool halves)
{
	uint64_t bytes[ARRAYS], sum = 0;

	array_bytes(bytes, most, halves);
	for (int i = 0; i < ARRAYS; i++)
		sum += wick_mem_cost(bytes[i]);
	return sum;
}

void wick_draw_init(struct wick_draw *draw, struct wick_drawing *drawing, uint32_t most, struct wick_mem *mem)
{
	uint64_t bytes[ARRAYS];

	array_bytes(bytes, most, drawing->halves);
	*draw = (struct wick_draw){ .drawing = drawing, .most = most };
	draw->wanted = wick_mem_take(mem, bytes[WANTED]);
	draw->reads = wick_mem_take(mem, bytes[READS]);
	draw->arrays.extents = wick_mem_take(mem, bytes[EXTENTS]);
	draw->arrays.iov = wick_mem_take(mem, bytes[IOV]);
	draw->arrays.cost_us = wick_mem_take(mem, bytes[COST]);
	draw->arrays.begin = wick_mem_take(mem, bytes[BEGIN]);
}

static bool is_back(const struct wick_draw_read *read)
{
	return read->request.state == WICK_IO_DONE || read->request.state == WICK_IO_FAILED;
}

static void receive(struct wick_receiver *receiver, struct wick_io_request *request)
{
	struct wick_draw_read *read = (struct wick_draw_read *)receiver;
	struct wick_draw *draw = read->draw;

	draw->pending--;
	draw->back_ns = WICK_MAX(draw->back_ns, request->completed_ns);
	if (read->other && !is_back(read->other))
		return;
	if (read->other && read->other->request.state == WICK_IO_FAILED)
		request->state = WICK_IO_FAILED;
	read->next = NULL;
	if (draw->back)
		draw->back_last->next = read;
	else
		draw->back = read;
	draw->back_last = read;
}

struct wick_draw_read *wick_draw_back(struct wick_draw *draw)
{
	struct wick_draw_read *read = draw->back;

	if (read)
		draw->back = read->next;
	return read;
}

/* Sends a read that brings wanted[first .. first + count), from a distance to the layer's first bundle. */
static void send_read(struct wick_draw *draw, struct wick_draw_read *read, uint64_t distance, struct iovec *iov,
	uint32_t iov_count, enum wick_io_priority priority)
{
	read->receiver.receive = receive;
	read->draw = draw;
	read->request = (struct wick_io_request){ .file = draw->drawing->fetch->file,
		.offset = draw->bundles->offset + distance, .priority = priority, .iov = iov, .iov_count = iov_count,
		.user = &read->receiver };
	draw->pending++;
	wick_fetch_submit(draw->drawing->fetch, &read->request);
}

/* Plans the reads, through gaps or not, and notes what they cost. */
static uint32_t plan_reads(struct wick_draw *draw, bool through)
{
	struct wick_drawing *drawing = draw->drawing;
	const struct wick_extent_layout layout = { .stride = drawing->stride, .chunk_bytes = drawing->chunk_bytes,
		.rows = draw->cache->rows, .scratch = drawing->scratch,
		.scratch_bytes = through ? wick_drawing_gap_bytes(drawing->stride) : 0 };
	uint32_t reads = wick_extent_plan(&layout, &drawing->price, draw->wanted, draw->count, &draw->arrays);

	draw->price_us[through] = draw->arrays.cost_us[draw->count];
	return reads;
}

static uint32_t send_extents(struct wick_draw *draw, enum wick_io_priority priority)
{
	struct wick_drawing *drawing = draw->drawing;
	bool through = drawing->bridge && wick_trial_way(&drawing->gaps);
	uint32_t reads;

	if (drawing->bridge && drawing->gaps.other)
		plan_reads(draw, !through);
	reads = plan_reads(draw, through);
	draw->through = through;
	drawing->cost_us += draw->price_us[through];
	for (uint32_t i = 0; i < reads; i++) {
		const struct wick_extent *extent = &draw->arrays.extents[i];
		struct wick_draw_read *read = &draw->reads[i];

		read->wanted_first = extent->wanted_first;
		read->wanted_count = extent->wanted_count;
		read->other = NULL;
		send_read(draw, read, extent->first * drawing->stride, draw->arrays.iov + extent->iov_first,
			extent->iov_count, priority);
	}
	return reads;
}

/* Where the second half of a bundle begins for a drive that reads whole blocks; the stride: it has only one. */
static uint64_t half_bytes(const struct wick_drawing *drawing)
{
	return WICK_MIN(wick_align_up(drawing->stride / 2, drawing->fetch->file->offset_align), drawing->stride);
}

/* All ups, then all downs. */
static uint32_t send_halves(struct wick_draw *draw, enum wick_io_priority priority)
{
	uint64_t stride = draw->drawing->stride, begin[3] = { 0, half_bytes(draw->drawing), stride };

	for (uint32_t i = 0; i < 2 * draw->count; i++) {
		struct wick_draw_read *read = &draw->reads[i];
		uint32_t k = i % draw->count, half = i / draw->count;
		struct iovec *iov = &draw->arrays.iov[i];

		*read = (struct wick_draw_read){ .wanted_first = k, .wanted_count = 1,
			.other = &draw->reads[(i + draw->count) % (2 * draw->count)] };
		*iov = (struct iovec){ wick_cache_at(draw->cache, draw->wanted[k].row) + begin[half],
			begin[half + 1] - begin[half] };
	}
	for (uint32_t i = 0; i < 2 * draw->count; i++)
		send_read(draw, &draw->reads[i],
			draw->wanted[i % draw->count].bundle * stride + begin[i / draw->count], &draw->arrays.iov[i], 1, priority);
	for (uint32_t half = 0; half < 2; half++)
		draw->drawing->cost_us +=
			draw->count * wick_extent_read_us(&draw->drawing->price, begin[half + 1] - begin[half]);
	return 2 * draw->count;
}

uint32_t wick_draw_start(struct wick_draw *draw, const struct wick_tensor *bundles, struct wick_cache *cache, uint32_t count,
	enum wick_io_priority priority)
{
	uint32_t reads;

	wick_assert(wick_draw_idle(draw) && count <= draw->most);
	draw->bundles = bundles;
	draw->cache = cache;
	draw->count = count;
	draw->sent_ns = draw->back_ns = wick_now_ns();
	if (!count)
		return 0;
	if (draw->drawing->halves && half_bytes(draw->drawing) < draw->drawing->stride)
		reads = send_halves(draw, priority);
	else
		reads = send_extents(draw, priority);
	wick_io_kick(draw->drawing->fetch->io);
	return reads;
}

void wick_draw_learn(struct wick_draw *draw)
{
	const struct wick_drawing *drawing = draw->drawing;

	if (drawing->bridge && !drawing->halves && wick_draw_is_timed(draw))
		wick_trial_learn(&draw->drawing->gaps, draw->price_us[draw->through], draw->price_us[!draw->through],
			(double)(draw->back_ns - draw->sent_ns) / 1e3);
}

int wick_draw_repair(struct wick_drawing *drawing, const struct wick_tensor *bundles, uint8_t *row, uint32_t bundle,
	struct wick_diag *diag)
{
	drawing->repair.buffer = row;
	return wick_fetch_repair(drawing->fetch, &drawing->repair, bundles, bundle, 1, diag);
}
