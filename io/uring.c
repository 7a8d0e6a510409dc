/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading through io_uring.
 *
 *     start ---> SQE in the ring --.
 *     start ---> SQE in the ring --+--drive: one io_uring_enter sends them all and waits--> CQEs ---> wick_io_ended
 *     start ---> SQE in the ring --'
 *
 * What makes a read cheap, and what is given up quietly where the kernel is older, since it changes nothing else:
 *   deferred task run  completions are posted when we enter the kernel to wait, not by interrupting the compute (6.1)
 *   registered files   looked up once, for the first FILES_MAX files read; each stays open until the ring is gone
 *   registered memory  see wick_io_register(): pages are pinned once
 *
 * Deferred task run ties a ring to the thread that made it. When another one reads, with nothing in flight, the ring is
 * made again.
 */

#include "bits.h"
#include "check.h"
#include "file.h"
#include "method.h"

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILES_MAX 16
#define RANGES_MAX 64
#define RANGE_BYTES_MAX (1ull << 30) /* the kernel's */
#define READ_BYTES_MAX (1u << 30)    /* an SQE's length has 32 bits; io.c resumes */
#define SEND_TRIES 50                /* of a millisecond each, when the kernel takes nothing and has nothing of ours */
#define CANCEL_TRIES 100
#define CANCEL_PAUSE_MS 10

struct uring {
	struct wick_io *io;
	struct io_uring ring;
	unsigned depth;
	unsigned flags; /* of the ring, as the kernel took them */
	bool made;
	uint64_t owner;  /* the thread, as this_thread() names it */
	unsigned flying; /* started and not ended */
	int broken;      /* negative errno: there was no new ring to be had */
	struct wick_io_request *stranded; /* started without one */
	unsigned send_failures;           /* in a row */
	bool files_fixed;                 /* there are places for files */
	uint64_t serials[FILES_MAX];      /* of the registered files */
	unsigned file_count;
	struct iovec ranges[RANGES_MAX];
	unsigned range_count;
};

/* Best first; a kernel that does not know a flag says -EINVAL. */
static const unsigned ladder[] = {
	IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	IORING_SETUP_SUBMIT_ALL,
	0,
};
/* The kernel thread of sqpoll runs the completions. */
static const unsigned ladder_sqpoll[] = {
	IORING_SETUP_SQPOLL | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER,
	IORING_SETUP_SQPOLL | IORING_SETUP_SUBMIT_ALL,
	IORING_SETUP_SQPOLL,
};

/* A number of the calling thread's own: a pthread_t may be another's after its first owner is gone. */
static uint64_t this_thread(void)
{
	static atomic_uint_fast64_t threads;
	static _Thread_local uint64_t mine;

	if (!mine)
		mine = atomic_fetch_add(&threads, 1) + 1;
	return mine;
}

/* Makes the calling thread's ring, with uring->flags. */
static int make_ring(struct uring *uring)
{
	struct io_uring_params params = { .flags = uring->flags };
	int none[FILES_MAX];
	int rc = io_uring_queue_init_params(uring->depth, &uring->ring, &params);

	if (rc < 0)
		return rc;
	if (!(params.features & IORING_FEAT_RW_CUR_POS)) { /* came with IORING_OP_READ, in Linux 5.6 */
		io_uring_queue_exit(&uring->ring);
		return -EOPNOTSUPP;
	}
	uring->made = true;
	uring->owner = this_thread();
	memset(none, -1, sizeof(none));
	uring->files_fixed = io_uring_register_files(&uring->ring, none, FILES_MAX) == 0;
	uring->file_count = 0;
	return 0;
}

static void drop_ring(struct uring *uring)
{
	if (uring->made)
		io_uring_queue_exit(&uring->ring);
	uring->made = false;
}

/* Whether the calling thread has no ring; what was in the way of one may have passed. */
static bool needs_ring(const struct uring *uring)
{
	return uring->broken || uring->owner != this_thread();
}

/* Gives the calling thread the same ring. */
static int take_over(struct uring *uring)
{
	int rc;

	wick_require(!uring->flying);
	drop_ring(uring);
	rc = make_ring(uring);
	if (rc == 0 && uring->range_count &&
		io_uring_register_buffers(&uring->ring, uring->ranges, uring->range_count) < 0)
		uring->range_count = 0;
	return rc;
}

/* The place of a file among the registered, -1: none. Places are never reused, so that no SQE can mean another file. */
static int fixed_file(struct uring *uring, const struct wick_file *file)
{
	unsigned place;

	if (!file->serial || !uring->files_fixed)
		return -1;
	for (place = 0; place < uring->file_count; place++)
		if (uring->serials[place] == file->serial)
			return (int)place;
	if (place == FILES_MAX || io_uring_register_files_update(&uring->ring, place, &file->fd, 1) != 1)
		return -1;
	uring->serials[uring->file_count++] = file->serial;
	return (int)place;
}

static int fixed_range(const struct uring *uring, const struct iovec *buffer)
{
	for (unsigned i = 0; i < uring->range_count; i++) {
		size_t into = (size_t)((uintptr_t)buffer->iov_base - (uintptr_t)uring->ranges[i].iov_base);

		if (into < uring->ranges[i].iov_len && buffer->iov_len <= uring->ranges[i].iov_len - into)
			return (int)i;
	}
	return -1;
}

static void prepare(struct uring *uring, struct io_uring_sqe *sqe, struct wick_io_request *request)
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
	struct uring *uring = method;
	struct io_uring_sqe *sqe;

	if (needs_ring(uring) && !uring->stranded)
		uring->broken = take_over(uring);
	uring->flying++;
	if (uring->broken) {
		request->next = uring->stranded;
		uring->stranded = request;
		return;
	}
	sqe = io_uring_get_sqe(&uring->ring);
	wick_require(sqe); /* the ring has depth entries, and what has ended has left them */
	prepare(uring, sqe, request);
}

static void end(struct uring *uring, struct wick_io_request *request, int result)
{
	uring->flying--;
	if (result > 0 && !request->file->direct)
		wick_file_forget(request->file, request->left_offset, (uint64_t)result);
	else if (result == -EOPNOTSUPP && uring->flags & IORING_SETUP_IOPOLL)
		wick_io_explain(uring->io, "polled completion refused: the drive has no queues for it "
			"(nvme.poll_queues)");
	wick_io_ended(uring->io, request, result);
}

static unsigned reap(struct uring *uring)
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

/* The kernel takes no more: what it has not taken ends with the error, and a new ring is for what comes later. It must
 * have nothing of ours, for memory that it may still write to cannot be handed back. */
static void give_up(struct uring *uring, int error)
{
	const struct io_uring_sq *sq = &uring->ring.sq;

	wick_require(uring->flying == io_uring_sq_ready(&uring->ring));
	for (unsigned at = *sq->khead; at != sq->sqe_tail; at++)
		end(uring, (struct wick_io_request *)(uintptr_t)sq->sqes[at & sq->ring_mask].user_data, error);
	uring->send_failures = 0;
	uring->broken = take_over(uring);
}

/* io_uring_enter did not do as told. Lacking memory or room it may later, and completions make room. */
static void after_refusal(struct uring *uring, int error)
{
	const bool passes = error == -EAGAIN || error == -EBUSY || error == -ENOMEM;
	const struct timespec millisecond = { .tv_nsec = 1000000 };

	if (error == -EINTR)
		return;
	io_uring_get_events(&uring->ring);
	if (reap(uring))
		return;
	if (!passes || (++uring->send_failures > SEND_TRIES && uring->flying == io_uring_sq_ready(&uring->ring)))
		give_up(uring, error);
	else
		nanosleep(&millisecond, NULL);
}

/* Sends, and sleeps until there are so many completions or so long. Kernels before 5.11 take no time to wake up at. */
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
	struct uring *uring = method;
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
	struct uring *uring = method;
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
	if (!uring->flying)
		return 0;
	drop_ring(uring); /* which makes the kernel let go of what it tries again after all */
	return -EBUSY;
}

static int uring_fix(void *method, const struct iovec *ranges, unsigned count)
{
	struct uring *uring = method;
	int rc = count > RANGES_MAX ? -EINVAL : 0;

	for (unsigned i = 0; rc == 0 && i < count; i++)
		rc = ranges[i].iov_len > RANGE_BYTES_MAX ? -EINVAL : 0;
	if (rc == 0 && needs_ring(uring))
		rc = uring->broken = take_over(uring);
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
	struct uring *uring = method;

	drop_ring(uring);
	free(uring);
}

/* The sysctl that forbids io_uring: 0 allows it to all, 1 to a group, 2 to none. */
static int disabled_by_sysctl(void)
{
	FILE *sysctl = fopen("/proc/sys/kernel/io_uring_disabled", "re");
	int disabled = 0;

	if (sysctl && fscanf(sysctl, "%d", &disabled) != 1)
		disabled = 0;
	if (sysctl)
		fclose(sysctl);
	return disabled;
}

/* Says why there is no ring. */
static int refused(int error, bool sqpoll, struct wick_diag *diag)
{
	static const struct {
		int error;
		const char *words;
	} reasons[] = {
		{ -EPERM, "is forbidden here, by a container's seccomp filter or the like" },
		{ -ENOSYS, "is not in this kernel, or a seccomp filter hides it" },
		{ -EOPNOTSUPP, "of this kernel is too old: it takes Linux 5.6" },
		{ -ENOMEM, "got no memory for its ring (ulimit -l, or the memory limit)" },
	};
	int disabled = error == -EPERM ? disabled_by_sysctl() : 0;

	if (disabled)
		return wick_diag_say(diag, error, "io_uring is switched off: sysctl kernel.io_uring_disabled is %d",
			disabled);
	for (size_t i = 0; i < WICK_COUNT_OF(reasons); i++)
		if (error == reasons[i].error)
			return wick_diag_say(diag, error, "io_uring %s", reasons[i].words);
	return wick_diag_say(diag, error, "io_uring%s refused: %s", sqpoll ? " with sqpoll" : "", strerror(-error));
}

static int uring_create(void **method, struct wick_io *io, const struct wick_io_options *options,
	struct wick_diag *diag)
{
	const unsigned *steps = options->sqpoll ? ladder_sqpoll : ladder;
	size_t count = options->sqpoll ? WICK_COUNT_OF(ladder_sqpoll) : WICK_COUNT_OF(ladder);
	struct uring *uring = calloc(1, sizeof(*uring));
	int rc = -EINVAL;

	if (!uring)
		return wick_diag_say(diag, -ENOMEM, "no memory for io_uring");
	uring->io = io;
	uring->depth = options->depth;
	for (size_t i = 0; i < count && rc == -EINVAL; i++) {
		uring->flags = steps[i] | (options->iopoll ? IORING_SETUP_IOPOLL : 0);
		rc = make_ring(uring);
	}
	if (rc < 0) {
		free(uring);
		return refused(rc, options->sqpoll, diag);
	}
	*method = uring;
	return 0;
}

const struct wick_io_method_ops wick_io_uring = {
	.name = "uring",
	.create = uring_create,
	.destroy = uring_destroy,
	.fix = uring_fix,
	.start = uring_start,
	.drive = uring_drive,
	.call_off = uring_call_off,
};
