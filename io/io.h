/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Many reads in flight, into memory that the caller owns.
 *
 * The caller fills a request (file, offset, where the bytes go) and submits it; from then until wick_io_wait() or
 * wick_io_poll() hands it back, request and memory belong to this room. A request comes back once, DONE with every
 * byte in place or FAILED with a negative errno and never with part of the bytes unsaid: short reads are resumed,
 * EINTR/EAGAIN/ENOMEM are tried again, EIO a bounded number of times.
 *
 * Any number of requests may be submitted: at most `depth` are in the kernel at once and the rest wait their turn here,
 * those of a higher priority first, otherwise in order. Completions come in any order. Not thread-safe: one thread
 * submits and reaps.
 */

#include "diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct wick_file;
struct wick_io;

enum wick_io_state {
	WICK_IO_IDLE,    /* the caller's: fill and submit */
	WICK_IO_QUEUED,  /* submitted, waiting here for a place in the kernel */
	WICK_IO_FLIGHT,  /* the kernel owns the memory */
	WICK_IO_DONE,    /* every byte arrived; the caller's again once reaped */
	WICK_IO_FAILED,  /* result says why; likewise */
};

enum wick_io_priority { WICK_IO_DEMAND, WICK_IO_PREFETCH, WICK_IO_PRIORITIES };

struct wick_io_request {
	/* The caller's, unchanged by io until the request comes back. */
	const struct wick_file *file;
	uint64_t offset;   /* bytes; a multiple of file->offset_align */
	struct iovec *iov; /* scattered in this order; NULL: the one buffer below */
	unsigned iov_count;
	struct iovec one; /* used when iov is NULL; base and length obey the file's alignments */
	enum wick_io_priority priority;
	void *user;

	/* io's. */
	enum wick_io_state state;
	int result;              /* 0, or the negative errno of a FAILED request */
	uint64_t bytes_done;     /* of FAILED: how far it came */
	uint32_t attempts;       /* times it went to the kernel again after an error */
	uint64_t submitted_ns;   /* CLOCK_MONOTONIC, when it first went to the kernel */
	uint64_t completed_ns;
	struct wick_io_request *next;
	void *method_data;
};

struct wick_io_options {
	const char *method; /* "uring", "pread", "mmap"; NULL: the best this machine allows, and why it is not uring */
	unsigned depth;     /* reads in the kernel at once; 1..4096 */
	unsigned threads;   /* of the pread pool; 0: as many as depth, 32 at most */
	unsigned retries;   /* of EIO, per request */
	bool sqpoll;        /* uring: a kernel thread submits */
	bool iopoll;        /* uring: completions are polled for */
};

struct wick_io_counters {
	uint64_t reads;   /* requests that came back */
	uint64_t bytes;   /* that they asked for */
	uint64_t retries; /* after errors */
	uint64_t resumed; /* short reads continued */
	uint64_t failed;
	uint64_t wait_ns; /* spent blocked in wick_io_wait */
};

/* On success *io is ready; wick_io_method() names what is really in use and wick_io_why() says why a better method was
 * not taken ("" if it was). A method asked for by name is never replaced by another: it fails with the reason.
 * -EINVAL for a name or depth outside the limits, else the kernel's errno. */
int wick_io_create(struct wick_io **io, const struct wick_io_options *options, struct wick_diag *diag);
void wick_io_destroy(struct wick_io *io); /* waits for what is in flight, hands nothing back; NULL is fine */

const char *wick_io_method(const struct wick_io *io);
const char *wick_io_why(const struct wick_io *io);
const struct wick_io_counters *wick_io_counters(const struct wick_io *io);

/* Fixed buffers: reads that land wholly inside a registered range skip the kernel's page pinning. An optimisation only:
 * -ENOMEM, -EPERM or -EOPNOTSUPP leave everything as it was. */
int wick_io_register(struct wick_io *io, const struct iovec *ranges, unsigned count);

/* Accepts a request; nothing is sent to the kernel before the next kick, wait or poll, so that many go in one call. */
void wick_io_submit(struct wick_io *io, struct wick_io_request *request);
void wick_io_kick(struct wick_io *io); /* sends what fits, does not wait */

struct wick_io_request *wick_io_wait(struct wick_io *io); /* the next one back, blocking; NULL: none outstanding */
struct wick_io_request *wick_io_poll(struct wick_io *io); /* likewise, NULL also when none has come back yet */
unsigned wick_io_outstanding(const struct wick_io *io);   /* submitted and not yet handed back */
