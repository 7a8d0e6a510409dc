/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From file ranges to bytes in memory that have been checked: reads, waiting for them, checksums, and the sentence when
 * the drive or the file is wrong. Loading, the sweep and single rows all go through here. */

#include "diag.h"
#include "io.h"
#include "model.h"

#include <stdint.h>

struct wick_file;
struct wick_kernels;
struct wick_pool;

/* A block whose checksum does not match is read again this often before it is called damaged: the flip may have
 * happened on the way. */
#define WICK_REREADS 2

/* The receiver of a read; request->user of all reads that go through here. */
struct wick_receiver {
	void (*receive)(struct wick_receiver *receiver, struct wick_io_request *request);
};

struct wick_fetch {
	const struct wick_file *file; /* (parts of the model): a tensor is in file[tensor->part] */
	struct wick_io *io;
	const struct wick_kernels *kernels;
	struct wick_pool *pool;
	uint64_t chunk_bytes; /* of one read; a multiple of the file's alignment */
	bool no_verify;       /* checksums are not compared */
	uint64_t repaired;    /* blocks that matched after reading again */
	uint64_t wait_ns;     /* spent waiting for reads */
	uint64_t looked_ns;   /* when wick_fetch_look() last did */
	uint64_t busy_ns;     /* during which something was outstanding; busy_since_ns: it still is */
	uint64_t busy_since_ns;
};

/* One landing place, filled by one or more reads. */
struct wick_landing {
	struct wick_receiver receiver;
	enum wick_io_priority priority;
	const struct wick_tensor *tensor;
	uint64_t first_row, rows;
	uint8_t *buffer;  /* aligned for direct reads */
	uint8_t *data;    /* the first row, somewhere in the buffer's first block */
	uint32_t pending; /* reads that have not come back */
	int err;          /* the first failure */
	uint64_t err_offset;
	struct wick_io_request *requests; /* (wick_fetch_requests()) */
};

/* The file that has a tensor. */
const struct wick_file *wick_fetch_file(const struct wick_fetch *fetch, const struct wick_tensor *tensor);

/* Bytes a buffer needs for `bytes` anywhere in the file, and the reads that takes at most. */
uint64_t wick_fetch_buffer_bytes(uint64_t bytes);
uint32_t wick_fetch_requests(uint64_t bytes, uint64_t chunk_bytes);

/* Sends the reads for rows [first_row, first_row + rows) of a tensor; landing->buffer and ->requests are set, and
 * ->priority where it is not demand. */
void wick_fetch_start(struct wick_fetch *fetch, struct wick_landing *landing, const struct wick_tensor *tensor,
	uint64_t first_row, uint64_t rows);

/* Waits until every read has come back, then checks the rows. 0; a read's negative errno; -EBADMSG: damaged. */
int wick_fetch_finish(struct wick_fetch *fetch, struct wick_landing *landing, struct wick_diag *diag);

/* Reads rows again that did not match, or could not be read among others, WICK_REREADS times at most. Returns as
 * finish. */
int wick_fetch_repair(struct wick_fetch *fetch, struct wick_landing *landing, const struct wick_tensor *tensor,
	uint64_t first_row, uint64_t rows, struct wick_diag *diag);

/* Waits until every read has come back, whatever became of it. */
void wick_fetch_drain(struct wick_fetch *fetch, struct wick_landing *landing);

/* Sends a read whose user is a wick_receiver. */
void wick_fetch_submit(struct wick_fetch *fetch, struct wick_io_request *request);

/* How long something was outstanding, until now. */
uint64_t wick_fetch_busy_ns(const struct wick_fetch *fetch);

/* Takes back the reads that have arrived, of all receivers, and keeps the drive's queue full; does not wait. */
void wick_fetch_poll(struct wick_fetch *fetch);
/* The same for between two tasks of the pool: not more often than it pays. */
void wick_fetch_look(void *fetch);
/* Waits for one read of any receiver; something is outstanding. */
void wick_fetch_wait(struct wick_fetch *fetch);

/* Compares the checksums of rows that lie at data, row_bytes apart; first_row begins a block. Returns the first row of
 * the first block that does not match, or first_row + rows. */
uint64_t wick_fetch_check(struct wick_fetch *fetch, const struct wick_tensor *tensor, const uint8_t *data,
	uint64_t first_row, uint64_t rows);
