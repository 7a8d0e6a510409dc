/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* From file ranges to checked bytes in memory (see fetch.h).
 *
 * A read covers whole blocks of the drive, a tensor's row begins anywhere:
 *
 *     file     |----block----|----block----|----block----|
 *     rows            [==== first_row .. ====]
 *     buffer   [......^data..................|..]   a copy of the covering blocks
 */

#include "fetch.h"

#include "bits.h"
#include "check.h"
#include "clock.h"
#include "file.h"
#include "kernels.h"
#include "pool.h"
#include "sums.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define LOOK_NS 100000 /* between two looks at the drive while there is work: some 8 reads of a bundle */
#define COVER_BYTES 4096 /* no drive wants more: wick_open refuses direct reads above it */

uint64_t wick_fetch_buffer_bytes(uint64_t bytes)
{
	return wick_align_up(bytes, COVER_BYTES) + COVER_BYTES;
}

uint32_t wick_fetch_requests(uint64_t bytes, uint64_t chunk_bytes)
{
	return (uint32_t)wick_div_up(wick_fetch_buffer_bytes(bytes), chunk_bytes);
}

const struct wick_file *wick_fetch_file(const struct wick_fetch *fetch, const struct wick_tensor *tensor)
{
	return &fetch->file[tensor->part];
}

/* Of a row: experts may lie in several. */
static const struct wick_file *file_of(const struct wick_fetch *fetch, const struct wick_tensor *tensor, uint64_t row)
{
	return &fetch->file[wick_tensor_place(tensor, row).part];
}

void wick_fetch_submit(struct wick_fetch *fetch, struct wick_io_request *request)
{
	if (!wick_io_outstanding(fetch->io))
		fetch->busy_since_ns = wick_now_ns();
	wick_io_submit(fetch->io, request);
}

/* The last block of a file need not be whole: no bytes behind its end are wanted. */
static bool is_enough(const struct wick_landing *landing, const struct wick_io_request *request)
{
	const struct wick_tensor *tensor = landing->tensor;
	uint64_t end = wick_tensor_place(tensor, landing->first_row).offset + landing->rows * tensor->row_bytes;

	return request->result == -ENODATA && request->offset + request->bytes_done >= end;
}

static void receive(struct wick_receiver *receiver, struct wick_io_request *request)
{
	struct wick_landing *landing = (struct wick_landing *)receiver;

	landing->pending--;
	if (request->state == WICK_IO_FAILED && !landing->err && !is_enough(landing, request)) {
		landing->err = request->result;
		landing->err_offset = request->offset + request->bytes_done;
	}
}

/* Sends the reads that cover [offset, end) of the file, chunk by chunk. */
static void send_reads(struct wick_fetch *fetch, struct wick_landing *landing, uint64_t offset, uint64_t end)
{
	uint32_t count = 0;
	uint8_t *into = landing->buffer;

	for (uint64_t at = offset; at < end; count++) {
		uint64_t bytes = WICK_MIN(fetch->chunk_bytes, end - at);
		struct wick_io_request *request = &landing->requests[count];

		*request = (struct wick_io_request){ .offset = at,
			.file = file_of(fetch, landing->tensor, landing->first_row),
			.user = &landing->receiver, .one = { .iov_base = into, .iov_len = bytes },
			.priority = landing->priority };
		landing->pending++;
		wick_fetch_submit(fetch, request);
		at += bytes;
		into += bytes;
	}
}

void wick_fetch_start(struct wick_fetch *fetch, struct wick_landing *landing, const struct wick_tensor *tensor,
	uint64_t first_row, uint64_t rows)
{
	uint64_t offset = wick_tensor_place(tensor, first_row).offset;
	uint64_t align = file_of(fetch, tensor, first_row)->offset_align, begin = wick_align_down(offset, align);
	uint64_t end = wick_align_up(offset + rows * tensor->row_bytes, align);

	wick_assert(!landing->pending);
	landing->receiver.receive = receive;
	landing->tensor = tensor;
	landing->first_row = first_row;
	landing->rows = rows;
	landing->data = landing->buffer + (offset - begin);
	landing->err = 0;
	send_reads(fetch, landing, begin, end);
}

static void take_back(struct wick_fetch *fetch, struct wick_io_request *request)
{
	struct wick_receiver *receiver = request->user;

	if (!wick_io_outstanding(fetch->io))
		fetch->busy_ns += request->completed_ns - fetch->busy_since_ns;
	receiver->receive(receiver, request);
}

uint64_t wick_fetch_busy_ns(const struct wick_fetch *fetch)
{
	return fetch->busy_ns + (wick_io_outstanding(fetch->io) ? wick_now_ns() - fetch->busy_since_ns : 0);
}

void wick_fetch_poll(struct wick_fetch *fetch)
{
	struct wick_io_request *request;

	while ((request = wick_io_poll(fetch->io)))
		take_back(fetch, request);
}

void wick_fetch_look(void *user)
{
	struct wick_fetch *fetch = user;
	uint64_t now = wick_now_ns();

	if (now - fetch->looked_ns < LOOK_NS)
		return;
	fetch->looked_ns = now;
	wick_fetch_poll(fetch);
}

void wick_fetch_wait(struct wick_fetch *fetch)
{
	uint64_t begun = wick_now_ns();
	struct wick_io_request *request = wick_io_wait(fetch->io);

	fetch->wait_ns += wick_now_ns() - begun;
	wick_require(request);
	take_back(fetch, request);
}

void wick_fetch_drain(struct wick_fetch *fetch, struct wick_landing *landing)
{
	while (landing->pending)
		wick_fetch_wait(fetch);
}

struct check {
	struct wick_fetch *fetch;
	const struct wick_tensor *tensor;
	const uint8_t *data;
	uint64_t first_row, rows;
	uint64_t task_rows;
	_Atomic uint64_t bad_row; /* the lowest found so far */
};

static bool block_matches(const struct check *check, uint64_t row, uint64_t end)
{
	const struct wick_tensor *tensor = check->tensor;
	const uint8_t *data = check->data + (row - check->first_row) * tensor->row_bytes;
	uint32_t crc = check->fetch->kernels->crc32c(0, data, (end - row) * tensor->row_bytes);

	return wick_sums_agree(tensor, row / tensor->check_rows, crc);
}

static void check_task(void *arg, uint32_t task, uint32_t thread)
{
	struct check *check = arg;
	uint64_t row = check->first_row + task * check->task_rows;
	uint64_t end = WICK_MIN(row + check->task_rows, check->first_row + check->rows), next;

	(void)thread;
	for (; row < end; row = next) {
		next = WICK_MIN(row + check->tensor->check_rows, end);
		if (!block_matches(check, row, next)) {
			uint64_t lowest = atomic_load(&check->bad_row);

			while (row < lowest && !atomic_compare_exchange_weak(&check->bad_row, &lowest, row))
				;
			return;
		}
	}
}

#define CHECK_TASK_BYTES (128 << 10) /* of one task: several threads share a unit, none is woken for a few rows */

uint64_t wick_fetch_check(struct wick_fetch *fetch, const struct wick_tensor *tensor, const uint8_t *data,
	uint64_t first_row, uint64_t rows)
{
	uint64_t blocks = WICK_MAX(1, CHECK_TASK_BYTES / (tensor->row_bytes * tensor->check_rows));
	struct check check = { .fetch = fetch, .tensor = tensor, .data = data, .first_row = first_row, .rows = rows,
		.task_rows = blocks * tensor->check_rows, .bad_row = first_row + rows };

	wick_assert(first_row % tensor->check_rows == 0);
	if (fetch->no_verify)
		return first_row + rows;
	wick_pool_run(fetch->pool, check_task, &check, (uint32_t)wick_div_up(rows, check.task_rows));
	return atomic_load(&check.bad_row);
}

/* "rows 16..31" of a matrix, "bundle 340" of an FFN: the block that row begins, as the file counts. */
static void block_name(char *name, size_t bytes, const struct wick_tensor *tensor, uint64_t row)
{
	uint64_t last = tensor->first_row + WICK_MIN(row + tensor->check_rows, tensor->rows) - 1;

	row += tensor->first_row;
	if (strstr(tensor->name, "ffn_bundles"))
		snprintf(name, bytes, "bundle %llu", (unsigned long long)row);
	else if (last == row)
		snprintf(name, bytes, "row %llu", (unsigned long long)row);
	else
		snprintf(name, bytes, "rows %llu..%llu", (unsigned long long)row, (unsigned long long)last);
}

static int say_damaged(struct wick_fetch *fetch, const struct wick_tensor *tensor, uint64_t row, struct wick_diag *diag)
{
	char block[64];

	block_name(block, sizeof(block), tensor, row);
	return wick_diag_say(diag, -EBADMSG, "%s: %s: %s at offset %llu: checksum does not match: the file is damaged",
		file_of(fetch, tensor, row)->path, tensor->name, block,
		(unsigned long long)wick_tensor_place(tensor, row).offset);
}

static int say_failed(struct wick_fetch *fetch, const struct wick_landing *landing, struct wick_diag *diag)
{
	const struct wick_tensor *tensor = landing->tensor;
	uint64_t begin = wick_tensor_place(tensor, landing->first_row).offset, row = landing->first_row;
	char block[64];

	if (landing->err_offset > begin)
		row += (landing->err_offset - begin) / tensor->row_bytes;
	block_name(block, sizeof(block), tensor, WICK_MIN(row, tensor->rows - 1) / tensor->check_rows * tensor->check_rows);
	return wick_diag_say(diag, landing->err, "%s: %s: %s: reading at offset %llu: %s",
		file_of(fetch, tensor, landing->first_row)->path,
		tensor->name, block, (unsigned long long)landing->err_offset, wick_io_error(landing->err));
}

/* Checks a block: finish does so in the first round, repair in those that follow. 1: does not match. */
static int finish_round(struct wick_fetch *fetch, struct wick_landing *landing, uint64_t *bad, struct wick_diag *diag)
{
	wick_fetch_drain(fetch, landing);
	if (landing->err)
		return say_failed(fetch, landing, diag);
	*bad = wick_fetch_check(fetch, landing->tensor, landing->data, landing->first_row, landing->rows);
	return *bad != landing->first_row + landing->rows;
}

int wick_fetch_repair(struct wick_fetch *fetch, struct wick_landing *landing, const struct wick_tensor *tensor,
	uint64_t first_row, uint64_t rows, struct wick_diag *diag)
{
	uint64_t bad = first_row;
	int rc;

	for (int round = 0; round < WICK_REREADS; round++) {
		wick_fetch_start(fetch, landing, tensor, first_row, rows);
		wick_io_kick(fetch->io);
		rc = finish_round(fetch, landing, &bad, diag);
		if (!rc)
			fetch->repaired++;
		if (rc <= 0)
			return rc;
	}
	return say_damaged(fetch, tensor, bad, diag);
}

int wick_fetch_finish(struct wick_fetch *fetch, struct wick_landing *landing, struct wick_diag *diag)
{
	uint64_t bad;
	int rc = finish_round(fetch, landing, &bad, diag);

	if (rc <= 0)
		return rc;
	return wick_fetch_repair(fetch, landing, landing->tensor, landing->first_row, landing->rows, diag);
}
