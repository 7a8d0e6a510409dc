/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading through io_uring.
 *
 *     start ---> SQE in the ring --.
 *     start ---> SQE in the ring --+--drive: one io_uring_enter sends them all and waits--> CQEs ---> wick_io_ended
 *     start ---> SQE in the ring --'
 *
 * Three things make a read cheap. An older kernel lacks some of them, which changes nothing else and is not reported:
 *   deferred task run  completions are posted when we enter the kernel to wait, not by interrupting the compute (6.1)
 *   registered files   looked up once, for the first 16 files read; each stays open until the ring is gone
 *   registered memory  see wick_io_register(): pages are pinned once
 */

#include "bits.h"
#include "check.h"
#include "file.h"
#include "uring_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RANGE_BYTES_MAX (1ull << 30) /* the kernel's */
#define READ_BYTES_MAX (1u << 30)    /* an SQE's length has 32 bits; io.c resumes */
#define SEND_TRIES 50                /* of a millisecond each, when the kernel takes nothing and has nothing of ours */
#define CANCEL_TRIES 100
#define CANCEL_PAUSE_MS 10

/* The place of a file among the registered, -1: none. Places are never reused, so that no SQE can mean another file. */
static int fixed_file(struct wick_uring *uring, const struct wick_file *file)
{
	unsigned place;

	if (!file->serial || !uring->files_fixed)
		return -1;
	for (place = 0; place < uring->file_count; place++)
		if (uring->serials[place] == file->serial)
			return (int)place;
	if (place == WICK_URING_FILES_MAX || io_uring_register_files_update(&uring->ring, place, &file->fd, 1) != 1)
		return -1;
	uring->serials[uring->file_count++] = file->serial;
	return (int)place;
}

static int fixed_range(const struct wick_uring *uring, const struct iovec *buffer)
{
	for (unsigned i = 0; i < uring->range_count; i++) {
		size_t into = (size_t)((uintptr_t)buffer->iov_base - (uintptr_t)uring->ranges[i].iov_base);

		if (into < uring->ranges[i].iov_len && buffer->iov_len <= uring->ranges[i].iov_len - into)
			return (int)i;
	}
	return -1;
}

static void prepare(struct wick_uring *uring, struct io_uring_sqe *sqe, struct wick_io_request *request)
{
	const struct iovec *left = request->left;
	unsigned bytes = (unsigned)WICK_MIN(left->iov_len, READ_BYTES_MAX);
	int place = fixed_file(uring, request->file), range;
	int fd = place < 0 ? request->file->fd : place;

	if (request->left_count > 1)
		io_uring_prep_readv(sqe, fd, left, request->left_count, request->left_offset);
	else if ((range = fixed_range(uring, left)) >= 0)
		io_uring_prep_read_fixed(sqe, fd, left->iov_base, bytes, request->left_offset, range);
	else
		io_uring_prep_read(sqe, fd, left->iov_base, bytes, request->left_offset);
	if (place >= 0)
		sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, request);
}

static void uring_start(void *method, struct wick_io_request *request)
{
	struct wick_uring *uring = method;
	struct io_uring_sqe *sqe;

	if (wick_uring_needs_ring(uring) && !uring->stranded)
		uring->broken = wick_uring_take_over(uring);
	uring->flying++;
	if (uring->broken) {
		request->next = uring->stranded;
		uring->stranded = request;
		return;
	}
	sqe = io_uring_get_sqe(&uring->ring);
	wick_require(sqe); /* there is a place for each of depth, and ended reads have left theirs */
	prepare(uring, sqe, request);
}

static void end(struct wick_uring *uring, struct wick_io_request *request, int result)
{
	uring->flying--;
	if (result > 0 && !request->file->direct)
		wick_file_forget(request->file, request->left_offset, (uint64_t)result);
	else if (result == -EOPNOTSUPP && uring->flags & IORING_SETUP_IOPOLL && !*wick_io_why(uring->io))
		wick_io_explain(uring->io, "polled completion refused: the drive has no queues for it "
			"(nvme.poll_queues)");
	wick_io_ended(uring->io, request, result);
}

static unsigned reap(struct wick_uring *uring)
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;

	io_uring_for_each_cqe(&uring->ring, head, cqe) {
		if (io_uring_cqe_get_data(cqe)) /* else it is of a cancellation */
			end(uring, io_uring_cqe_get_data(cqe), cqe->res);
		count++;
	}
	io_uring_cq_advance(&uring->ring, count);
	return count;
}

/* The kernel takes no more and has nothing of ours, whose memory it might still write to: what it has not taken ends
 * with the error, and a new ring is for what comes later. */
static void give_up(struct wick_uring *uring, int error)
{
	const struct io_uring_sq *sq = &uring->ring.sq;

	for (unsigned at = *sq->khead; at != sq->sqe_tail; at++)
		end(uring, (struct wick_io_request *)(uintptr_t)sq->sqes[at & sq->ring_mask].user_data, error);
	uring->send_failures = 0;
	uring->broken = wick_uring_take_over(uring);
}

/* io_uring_enter did not do as told. Lacking memory or room it may later, and completions make room. Until the kernel
 * has given back what it has there is no giving up; should it keep that, patience ends. */
static void after_refusal(struct wick_uring *uring, int error)
{
	const bool passes = error == -EAGAIN || error == -EBUSY || error == -ENOMEM;
	const struct timespec millisecond = { .tv_nsec = 1000000 };

	if (error == -EINTR)
		return;
	io_uring_get_events(&uring->ring);
	if (reap(uring))
		return;
	if (uring->flying == io_uring_sq_ready(&uring->ring) && (!passes || ++uring->send_failures > SEND_TRIES))
		give_up(uring, error);
	else
		nanosleep(&millisecond, NULL);
}

/* Sends, and sleeps until there are `count` completions or the time is over. Kernels before 5.11 take no timeout. */
static int send_and_wait(struct io_uring *ring, unsigned count, unsigned patience_ms)
{
	struct __kernel_timespec patience = { .tv_sec = patience_ms / 1000, .tv_nsec = patience_ms % 1000 * 1000000 };
	struct io_uring_cqe *cqe;
	int rc;

	if (!(ring->features & IORING_FEAT_EXT_ARG))
		return io_uring_submit_and_wait(ring, 1);
	rc = io_uring_submit_and_wait_timeout(ring, &cqe, count, &patience, NULL);
	return rc == -ETIME ? 0 : rc;
}

static void uring_drive(void *method, unsigned patience_ms)
{
	struct wick_uring *uring = method;
	struct io_uring *ring = &uring->ring;
	struct wick_io_request *request;
	int rc = 0;

	while ((request = uring->stranded)) {
		uring->stranded = request->next;
		end(uring, request, uring->broken);
	}
	if (uring->broken)
		return;
	if (patience_ms && !io_uring_cq_ready(ring))
		rc = send_and_wait(ring, 1, patience_ms);
	else if (io_uring_sq_ready(ring) || uring->flags & IORING_SETUP_IOPOLL ||
		IO_URING_READ_ONCE(*ring->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))
		rc = io_uring_submit_and_get_events(ring);
	if (rc < 0) {
		after_refusal(uring, rc);
		return;
	}
	uring->send_failures = 0;
	reap(uring);
}

/* A read that a file system answers with EAGAIN for ever is one that the kernel itself tries again, as fast as it can:
 * between two tries, which is when we are not heard, it cannot be cancelled; so we ask more than once. */
static int uring_call_off(void *method)
{
	struct wick_uring *uring = method;
	struct io_uring_sqe *sqe;

	for (unsigned tries = 0; uring->flying && tries < CANCEL_TRIES; tries++) {
		sqe = io_uring_get_sqe(&uring->ring);
		if (sqe) {
			io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
			io_uring_sqe_set_data(sqe, NULL);
		}
		send_and_wait(&uring->ring, 2, CANCEL_PAUSE_MS); /* the cancellation's own, and one of a read */
		reap(uring);
	}
	if (!uring->flying && io_uring_sq_ready(&uring->ring)) /* a cancellation that was not taken is in the way */
		uring->broken = wick_uring_take_over(uring);
	if (!uring->flying)
		return 0;
	wick_uring_drop(uring); /* which makes the kernel let go of what it tries again after all */
	return -EBUSY;
}

static int uring_fix(void *method, const struct iovec *ranges, unsigned count)
{
	struct wick_uring *uring = method;
	int rc = count > WICK_URING_RANGES_MAX ? -EINVAL : 0;

	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = ranges[i].iov_len > RANGE_BYTES_MAX ? -EINVAL : 0;
	if (rc == 0 && wick_uring_needs_ring(uring))
		rc = uring->broken = wick_uring_take_over(uring);
	if (rc < 0)
		return rc;
	if (uring->range_count)
		io_uring_unregister_buffers(&uring->ring);
	uring->range_count = 0;
	if (!count)
		return 0;
	rc = io_uring_register_buffers(&uring->ring, ranges, count);
	if (rc < 0)
		return rc;
	memcpy(uring->ranges, ranges, count * sizeof(*ranges));
	uring->range_count = count;
	return 0;
}

static void uring_destroy(void *method)
{
	struct wick_uring *uring = method;

	wick_uring_drop(uring);
	free(uring);
}

const struct wick_io_method_ops wick_io_uring = {
	.name = "uring",
	.create = wick_uring_create,
	.destroy = uring_destroy,
	.fix = uring_fix,
	.start = uring_start,
	.drive = uring_drive,
	.call_off = uring_call_off,
};
