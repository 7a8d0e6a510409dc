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

#include <errno.h>
#include <string.h>

#define SCRATCH_BYTES (128u << 10) /* longer gaps are cheaper as two reads on any drive */
#define FAILED (1u << 15)          /* of a count of reads left: one failed, */
#define UNANSWERED (1u << 14)      /* and the drive did not answer it */

uint64_t wick_drawing_gap_bytes(uint64_t stride)
{
	return WICK_MAX(SCRATCH_BYTES / stride, 1) * stride;
}

struct wick_extent_layout wick_draw_layout(uint64_t stride, uint64_t chunk_bytes, bool through, uint8_t *slots,
	uint8_t *scratch)
{
	return (struct wick_extent_layout){ .stride = stride, .chunk_bytes = WICK_MAX(chunk_bytes, stride), .rows = slots,
		.scratch = scratch, .scratch_bytes = through ? wick_drawing_gap_bytes(stride) : 0 };
}

/* Bundles of one range in one check block, which are whole blocks of the drive and so can share a read. */
static bool can_be_extents(const struct wick_bundle_kind *kind)
{
	return kind->aligned && kind->blocks == 1;
}

uint64_t wick_draw_piece_bytes(const struct wick_bundle_kind *kind, uint64_t chunk_bytes, bool apart,
	uint64_t offset_align)
{
	uint64_t half = wick_align_up(kind->slot_bytes / 2, offset_align);

	if (!can_be_extents(kind))
		return chunk_bytes;
	return apart && half < kind->slot_bytes ? half : 0;
}

/* Reads of a range, wherever it begins. */
static uint32_t reads_of(const struct wick_bundle_range *range, uint64_t piece_bytes)
{
	return (uint32_t)wick_div_up(range->slot_bytes, piece_bytes);
}

/* Bytes of the largest check block, and the reads that it takes when it is read again. */
static uint64_t block_bytes(const struct wick_bundle_kind *kind)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < kind->ranges; i++)
		most = WICK_MAX(most, WICK_MIN(kind->range[i].check_rows, kind->range[i].rows) * kind->range[i].row_bytes);
	return most;
}

static uint64_t repair_requests_bytes(const struct wick_bundle_kind *kind)
{
	return wick_fetch_requests(block_bytes(kind), WICK_FILE_ALIGN) * sizeof(struct wick_io_request);
}

static uint64_t scratch_bytes(const struct wick_bundle_kind *kind)
{
	return can_be_extents(kind) ? wick_drawing_gap_bytes(kind->slot_bytes) :
		wick_fetch_buffer_bytes(block_bytes(kind));
}

uint64_t wick_drawing_bytes(const struct wick_bundle_kind *kind)
{
	return wick_mem_cost(scratch_bytes(kind)) + wick_mem_cost(repair_requests_bytes(kind));
}

void wick_drawing_init(struct wick_drawing *drawing, const struct wick_bundle_kind *kind, struct wick_fetch *fetch,
	uint64_t piece_bytes, struct wick_mem *mem)
{
	const struct wick_file *file = fetch->file;
	uint8_t *memory = wick_mem_take(mem, scratch_bytes(kind));

	/* A bundle's blocks are its own: a neighbour's slot would be overwritten otherwise. */
	wick_require(!kind->aligned ||
		(kind->slot_bytes % file->offset_align == 0 && kind->slot_bytes % file->memory_align == 0));
	drawing->fetch = fetch;
	drawing->kind = kind;
	drawing->piece_bytes = piece_bytes;
	drawing->chunk_bytes = WICK_MAX(fetch->chunk_bytes, kind->slot_bytes);
	wick_trial_init(&drawing->gaps, WICK_TRIAL_GAPS);
	drawing->repair.requests = wick_mem_take(mem, repair_requests_bytes(kind));
	if (can_be_extents(kind)) {
		drawing->scratch = memory;
		WICK_READ_BY_NOBODY(drawing->scratch, scratch_bytes(kind));
	} else {
		drawing->repaired = memory;
	}
}

/* Every array of a draw, in one table for the plan and for init. */
enum { WANTED, READS, EXTENTS, IOV, COST, BEGIN, LEFT, ARRAYS };

static void array_bytes(uint64_t bytes[ARRAYS], const struct wick_bundle_kind *kind, uint64_t piece_bytes, uint64_t most)
{
	const struct wick_extent_arrays *arrays = NULL;
	uint64_t reads = !piece_bytes, extents = piece_bytes ? 0 : most;

	for (uint32_t i = 0; piece_bytes && i < kind->ranges; i++)
		reads += reads_of(&kind->range[i], piece_bytes);
	bytes[WANTED] = most * sizeof(struct wick_wanted);
	bytes[READS] = reads * most * sizeof(struct wick_draw_read);
	bytes[EXTENTS] = extents * sizeof(*arrays->extents);
	bytes[IOV] = 2 * extents * sizeof(*arrays->iov);
	bytes[COST] = (extents + !piece_bytes) * sizeof(*arrays->cost_us);
	bytes[BEGIN] = (extents + !piece_bytes) * sizeof(*arrays->begin);
	bytes[LEFT] = piece_bytes ? most * kind->blocks * sizeof(uint16_t) : 0;
}

uint64_t wick_draw_bytes(const struct wick_bundle_kind *kind, uint64_t piece_bytes, uint32_t most)
{
	uint64_t bytes[ARRAYS], sum = 0;

	array_bytes(bytes, kind, piece_bytes, most);
	for (int i = 0; i < ARRAYS; i++)
		sum += wick_mem_cost(bytes[i]);
	return sum;
}

void wick_draw_init(struct wick_draw *draw, struct wick_drawing *drawing, uint32_t most, struct wick_mem *mem)
{
	uint64_t bytes[ARRAYS];

	array_bytes(bytes, drawing->kind, drawing->piece_bytes, most);
	*draw = (struct wick_draw){ .drawing = drawing, .most = most };
	draw->wanted = wick_mem_take(mem, bytes[WANTED]);
	draw->reads = wick_mem_take(mem, bytes[READS]);
	draw->arrays.extents = wick_mem_take(mem, bytes[EXTENTS]);
	draw->arrays.iov = wick_mem_take(mem, bytes[IOV]);
	draw->arrays.cost_us = wick_mem_take(mem, bytes[COST]);
	draw->arrays.begin = wick_mem_take(mem, bytes[BEGIN]);
	if (bytes[LEFT])
		draw->left = wick_mem_take(mem, bytes[LEFT]);
}

/* The last block of a file need not be whole: no bytes behind its end are wanted. */
static bool is_enough(const struct wick_draw_read *read)
{
	return read->request.result == -ENODATA && read->request.offset + read->request.bytes_done >= read->end;
}

static void receive(struct wick_receiver *receiver, struct wick_io_request *request)
{
	struct wick_draw_read *read = (struct wick_draw_read *)receiver;
	struct wick_draw *draw = read->draw;

	draw->pending--;
	draw->back_ns = WICK_MAX(draw->back_ns, request->completed_ns);
	read->next = NULL;
	if (draw->back)
		draw->back_last->next = read;
	else
		draw->back = read;
	draw->back_last = read;
}

static bool has_failed(const struct wick_draw_read *read)
{
	return read->request.state == WICK_IO_FAILED && !is_enough(read);
}

/* Goes to the next bundle of an extent, or to the next check block of a bundle; true: it is here. */
static bool take(struct wick_draw *draw, struct wick_draw_read *read, struct wick_draw_block *block)
{
	bool failed = has_failed(read);
	uint16_t *left;

	*block = (struct wick_draw_block){ .k = read->wanted_first + draw->taken, .failed = failed,
		.unanswered = failed && read->request.result == -ETIMEDOUT };
	if (!draw->left)
		return true;
	block->k = read->wanted_first;
	block->block = read->block_first + draw->taken;
	left = &draw->left[(uint64_t)block->k * draw->drawing->kind->blocks + block->block];
	*left = (uint16_t)((*left - 1) | (failed ? FAILED : 0) | (block->unanswered ? UNANSWERED : 0));
	block->failed = *left & FAILED;
	block->unanswered = *left & UNANSWERED;
	return !(*left & ~(FAILED | UNANSWERED));
}

bool wick_draw_next(struct wick_draw *draw, struct wick_draw_block *block)
{
	while (draw->back) {
		struct wick_draw_read *read = draw->back;
		bool here = take(draw, read, block);

		if (++draw->taken == (draw->left ? read->block_count : read->wanted_count)) {
			draw->back = read->next;
			draw->taken = 0;
		}
		if (here)
			return true;
	}
	return false;
}

/* Sends a read of some bytes of a file, which is filled in but for that. */
static void send_read(struct wick_draw *draw, struct wick_draw_read *read, uint32_t range, uint64_t offset,
	enum wick_io_priority priority)
{
	read->receiver.receive = receive;
	read->draw = draw;
	read->request.file = wick_fetch_file(draw->drawing->fetch, draw->member->set->tensor[range]);
	read->request.offset = offset;
	read->request.priority = priority;
	read->request.user = &read->receiver;
	draw->pending++;
	wick_fetch_submit(draw->drawing->fetch, &read->request);
}

/* Plans the reads for wanted[first ..], through gaps or not, and notes what they cost. What was planned for those before is
 * in use, in as much of the arrays as there are bundles. */
static uint32_t plan_reads(struct wick_draw *draw, uint32_t first, bool through)
{
	struct wick_drawing *drawing = draw->drawing;
	const struct wick_extent_layout layout = wick_draw_layout(drawing->kind->slot_bytes, drawing->chunk_bytes, through,
		draw->member->group->cache.slots, drawing->scratch);
	struct wick_extent_arrays arrays = draw->arrays;
	uint32_t reads;

	arrays.extents += first;
	arrays.iov += 2 * first;
	reads = wick_extent_plan(&layout, &drawing->price, draw->wanted + first, draw->count - first, &arrays);
	draw->price_us[through] += arrays.cost_us[draw->count - first];
	return reads;
}

static uint32_t send_extents(struct wick_draw *draw, uint32_t first, enum wick_io_priority priority)
{
	struct wick_drawing *drawing = draw->drawing;
	double before_us = draw->price_us[draw->through];
	uint32_t reads;

	if (drawing->bridge && drawing->gaps.other)
		plan_reads(draw, first, !draw->through);
	reads = plan_reads(draw, first, draw->through);
	drawing->cost_us += draw->price_us[draw->through] - before_us;
	for (uint32_t i = 0; i < reads; i++) {
		const struct wick_extent *extent = &draw->arrays.extents[first + i];
		struct wick_draw_read *read = &draw->reads[draw->reads_sent + i];

		read->wanted_first = first + extent->wanted_first;
		read->wanted_count = extent->wanted_count;
		read->end = UINT64_MAX;
		read->request = (struct wick_io_request){ .iov = draw->arrays.iov + 2 * first + extent->iov_first,
			.iov_count = extent->iov_count };
		send_read(draw, read, 0, wick_bundle_offset(draw->member->set, 0, extent->first), priority);
	}
	return reads;
}

/* Which check blocks lie in bytes [from, end) of a range. */
static void find_blocks(struct wick_draw_read *read, const struct wick_bundle_range *range, uint64_t from, uint64_t end)
{
	uint64_t bytes = range->check_rows * range->row_bytes, first = from / bytes, last = (end - 1) / bytes;

	read->block_first = range->first_block + (uint32_t)first;
	read->block_count = (uint32_t)(last - first) + 1;
}

/* Sends piece `piece` of a range of wanted[k], if the range reaches so far. */
static uint32_t send_piece(struct wick_draw *draw, struct wick_draw_read *read, uint32_t i, uint32_t k, uint32_t piece,
	enum wick_io_priority priority)
{
	struct wick_drawing *drawing = draw->drawing;
	const struct wick_bundle_range *range = &drawing->kind->range[i];
	uint64_t align = wick_fetch_file(drawing->fetch, draw->member->set->tensor[i])->offset_align;
	uint64_t begin = wick_bundle_offset(draw->member->set, i, draw->wanted[k].bundle), end = begin + range->bytes;
	uint64_t from = wick_align_down(begin, align), at = from + piece * drawing->piece_bytes;
	uint64_t to = WICK_MIN(at + drawing->piece_bytes, wick_align_up(end, align));
	uint8_t *slot = wick_cache_at(&draw->member->group->cache, draw->wanted[k].row);

	if (at >= end)
		return 0;
	*read = (struct wick_draw_read){ .wanted_first = k, .wanted_count = 1, .end = WICK_MIN(to, end),
		.request.one = { slot + range->slot_at + (at - from), to - at } };
	find_blocks(read, range, WICK_MAX(at, begin) - begin, WICK_MIN(to, end) - begin);
	for (uint32_t b = 0; b < read->block_count; b++)
		draw->left[(uint64_t)k * drawing->kind->blocks + read->block_first + b]++;
	drawing->cost_us += wick_extent_read_us(&drawing->price, to - at);
	send_read(draw, read, i, at, priority);
	return 1;
}

/* One by one: of all bundles the first range, piece after piece, then the next. */
static uint32_t send_pieces(struct wick_draw *draw, uint32_t first, enum wick_io_priority priority)
{
	const struct wick_bundle_kind *kind = draw->drawing->kind;
	uint32_t reads = 0;

	memset(draw->left + (uint64_t)first * kind->blocks, 0, (uint64_t)(draw->count - first) * kind->blocks * sizeof(*draw->left));
	for (uint32_t i = 0; i < kind->ranges; i++)
		for (uint32_t piece = 0; piece < reads_of(&kind->range[i], draw->drawing->piece_bytes); piece++)
			for (uint32_t k = first; k < draw->count; k++)
				reads += send_piece(draw, &draw->reads[draw->reads_sent + reads], i, k, piece, priority);
	return reads;
}

uint32_t wick_draw_more(struct wick_draw *draw, uint32_t count, enum wick_io_priority priority)
{
	uint32_t first = draw->count, reads;

	wick_assert(count <= draw->most - first);
	if (!count)
		return 0;
	draw->count += count;
	for (uint32_t k = first; k < draw->count; k++)
		wick_group_sent(draw->member->group, draw->wanted[k].row);
	reads = draw->drawing->piece_bytes ? send_pieces(draw, first, priority) : send_extents(draw, first, priority);
	draw->reads_sent += reads;
	wick_io_kick(draw->drawing->fetch->io);
	return reads;
}

uint32_t wick_draw_start(struct wick_draw *draw, struct wick_member *member, uint32_t count,
	enum wick_io_priority priority)
{
	wick_assert(wick_draw_idle(draw));
	draw->member = member;
	draw->count = draw->reads_sent = 0;
	draw->through = draw->drawing->bridge && wick_trial_way(&draw->drawing->gaps);
	draw->price_us[0] = draw->price_us[1] = 0;
	draw->sent_ns = draw->back_ns = wick_now_ns();
	return wick_draw_more(draw, count, priority);
}

void wick_draw_learn(struct wick_draw *draw)
{
	const struct wick_drawing *drawing = draw->drawing;

	if (drawing->bridge && !drawing->piece_bytes && wick_draw_is_timed(draw))
		wick_trial_learn(&draw->drawing->gaps, draw->price_us[draw->through], draw->price_us[!draw->through],
			(double)(draw->back_ns - draw->sent_ns) / 1e3);
}
