/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Many reads in flight, into memory that the caller owns.
 *
 * The caller fills a request (file, offset, where the bytes go) and submits it; from then until wick_io_wait() or
 * wick_io_poll() hands it back, request, iovecs and memory belong to this room. A request comes back once, DONE with
 * every byte in place or FAILED with a negative errno; no partial read is reported as success:
 *
 *   a short read                     is resumed, from the last aligned boundary it passed
 *   EINTR, EAGAIN, ENOMEM, EBUSY     are tried again, 20 times within about a second, waiting longer each time
 *   EIO and other medium errors      (ENODATA, EILSEQ, EREMOTEIO, ...) are tried again options.retries times, likewise, and
 *                                    come back as EIO
 *   the end of the file              before the last byte asked for: -ENODATA; bytes_done says how far it came
 *   no answer at all                 if no read ends while wick_io_wait() waits patience_ms, all reads in the kernel are
 *                                    cancelled and fail with -ETIMEDOUT
 *   more than WICK_IO_IOV_MAX iovecs or a range beyond 2^63: -EINVAL, as for a read the file's alignment forbids
 *   anything else                    comes back as it is
 *
 * Any number of requests may be submitted: at most `depth` are in the kernel at once and the rest wait their turn here,
 * those of a higher priority first, otherwise in order. Completions come in any order.
 *
 *     struct wick_io_request request = { .file = &file, .offset = 4096, .one = { row, 4096 } };
 *
 *     wick_io_submit(io, &request);                  // zeroed but for the caller's part; nothing is sent yet
 *     while ((back = wick_io_wait(io)))              // sends everything, sleeps until one is back
 *             use(back);                             // it may be filled and submitted again
 *
 * The kernel may keep a cancelled read: it gives back one that it keeps retrying, not one that waits for a device. Then
 * the queue is lost: its requests come back FAILED as well, and later ones fail at once with -ETIMEDOUT, because the
 * kernel may write to that memory until the process ends; wick_io_destroy() says so.
 *
 * Not thread-safe: one thread at a time submits and reaps, and takes over from another only while nothing is
 * outstanding. Nothing is allocated after wick_io_create() but by the kernel.
 */

#include "diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define WICK_IO_IOV_MAX 1024 /* the kernel's UIO_MAXIOV */
#define WICK_IO_RETRIES 4    /* after an error of the medium, for weights and directories */
#define WICK_IO_PATIENCE_MS 60000 /* the kernel gives up on an NVMe drive after 30 s, resets it and tries again */

struct wick_file;
struct wick_io;

enum wick_io_state {
	WICK_IO_IDLE,    /* the caller's: fill and submit */
	WICK_IO_QUEUED,  /* submitted, waiting here for a place in the kernel */
	WICK_IO_FLIGHT,  /* the kernel owns the memory, or it is done with it and the request waits here to be reaped */
	WICK_IO_DONE,    /* handed back, every byte in place; the caller's again */
	WICK_IO_FAILED,  /* handed back, result says why; likewise */
};

enum wick_io_priority { WICK_IO_DEMAND, WICK_IO_PREFETCH, WICK_IO_PRIORITIES };

struct wick_io_request {
	/* The caller's, unchanged by io until the request comes back. */
	const struct wick_file *file;
	uint64_t offset;   /* bytes; a multiple of file->offset_align */
	struct iovec *iov; /* scattered in this order; NULL: the one buffer below */
	unsigned iov_count; /* WICK_IO_IOV_MAX at most */
	struct iovec one; /* used when iov is NULL; base and length obey the file's alignments, as all of iov do */
	enum wick_io_priority priority;
	void *user;

	/* io's. Zero before the first submit; of use to the caller once the request is back. */
	enum wick_io_state state;
	int result;              /* 0, or the negative errno of a FAILED request */
	uint64_t bytes;          /* asked for */
	uint64_t bytes_done;     /* of FAILED: how far it came */
	uint32_t attempts;       /* times it went to the kernel again after an error */
	uint32_t medium_errors;  /* of them after an error of the medium */
	uint64_t submitted_ns;   /* CLOCK_MONOTONIC, when it first went to the kernel; all that went along share it */
	uint64_t completed_ns;   /* when io saw it; all that it saw at once share it */
	struct wick_io_request *next;
	void *method_data;

	/* The part that the method reads now: the whole request, or after a short read the rest of one iovec and those
	 * behind it. */
	uint64_t left_offset;
	uint64_t left_bytes;
	const struct iovec *left; /* into iov, or &rest */
	unsigned left_count;
	struct iovec rest;
	uint64_t retry_ns; /* not again before then */
	unsigned place;    /* among those in flight */
};

struct wick_io_options {
	const char *method; /* "uring", "pread", "mmap" (through the page cache, however the file was opened: open it
			       buffered); NULL: the best this machine allows, and why it is not uring */
	unsigned depth;     /* reads in the kernel at once; 1..4096 */
	unsigned threads;   /* of the pread pool, 1..32; 0: as many as depth, 32 at most, and as the system lets start: with
			       none wick_io_wait() reads, and wick_io_why() says so */
	unsigned retries;   /* of an error of the medium, per request */
	unsigned patience_ms; /* see above; 0: WICK_IO_PATIENCE_MS. Of uring, before Linux 5.11, and of mmap there is none */
	bool sqpoll;        /* uring: a kernel thread submits */
	bool iopoll;        /* uring: completions are polled for; a drive without queues for that fails the reads with
			       -EOPNOTSUPP, and wick_io_why() says so */
};

struct wick_io_counters {
	uint64_t reads;   /* requests that came back */
	uint64_t bytes;   /* that they asked for */
	uint64_t retries; /* after errors */
	uint64_t resumed; /* short reads continued */
	uint64_t failed;
	uint64_t latency_ns; /* of all reads together, from when each first went to the kernel until it was seen back */
	uint64_t wait_ns; /* spent blocked in wick_io_wait */
};

/* On success *io is ready; wick_io_method() names what is really in use and wick_io_why() says why a better method was
 * not taken ("" if it was). A method asked for by name is never replaced by another: it fails with the reason. sqpoll
 * and iopoll ask for uring by name. -EINVAL for a name, depth or thread count outside the limits, else the kernel's
 * errno. */
int wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag);

/* Waits for what is in flight, hands nothing back; NULL is fine. 0, or -EBUSY from a queue that was lost: the memory of
 * the reads that were in flight must be neither freed nor used again. */
int wick_io_destroy(struct wick_io *io);

/* The meaning of a request's result, as the end of a sentence. */
const char *wick_io_error(int error);

const char *wick_io_method(const struct wick_io *io);
const char *wick_io_why(const struct wick_io *io);
unsigned wick_io_threads(const struct wick_io *io); /* that it started */
const struct wick_io_counters *wick_io_counters(const struct wick_io *io);

/* Fixed buffers: reads of one buffer that land wholly inside a registered range skip the kernel's page pinning. An
 * optimisation only: after -ENOMEM (RLIMIT_MEMLOCK), -EPERM or -EOPNOTSUPP no range is registered and reads go on as
 * without. At most 64 ranges of at most 1 GiB, else -EINVAL. A later call replaces the ranges, count 0 forgets them;
 * nothing may be outstanding. Memory is not given back before its range is forgotten. */
int wick_io_register(struct wick_io *io, const struct iovec *ranges, unsigned count);

/* Accepts a request; nothing is sent to the kernel before the next kick, wait or poll, so that many go in one call. */
void wick_io_submit(struct wick_io *io, struct wick_io_request *request);
void wick_io_kick(struct wick_io *io); /* sends what fits, does not wait */

/* The next request that is back. While some are back already, both functions send queued reads only when a quarter of
 * the depth is free: often enough to keep the drive busy while the caller works, seldom enough that many go in one
 * call. */
struct wick_io_request *wick_io_wait(struct wick_io *io); /* blocking; NULL: none outstanding */
struct wick_io_request *wick_io_poll(struct wick_io *io); /* likewise, NULL also when none has come back yet */
unsigned wick_io_outstanding(const struct wick_io *io);   /* submitted and not yet handed back */
