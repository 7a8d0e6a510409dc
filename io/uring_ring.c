/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Making rings (see uring_ring.h): which flags the kernel knows, whose thread a ring is, why there is none.
 *
 * Deferred task run ties a ring to the thread that made it. When another one reads, with nothing in flight, the ring is
 * made again.
 */

#include "uring_ring.h"

#include "bits.h"
#include "check.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A filter of system calls may let a ring be made and not be entered. */
static int is_usable(const struct io_uring *ring)
{
	if (!(ring->features & IORING_FEAT_RW_CUR_POS)) /* came with IORING_OP_READ, in Linux 5.6 */
		return -EOPNOTSUPP;
	return io_uring_enter((unsigned)ring->ring_fd, 0, 0, 0, NULL);
}

/* Makes the calling thread's ring, with uring->flags. */
static int make_ring(struct wick_uring *uring)
{
	struct io_uring_params params = { .flags = uring->flags };
	int none[WICK_URING_FILES_MAX], rc;
	/* The kernel's thread tells the end of a read before it gives back the place that the read was in. */
	unsigned places = uring->flags & IORING_SETUP_SQPOLL ? 2 * uring->depth : uring->depth;

	rc = io_uring_queue_init_params(places, &uring->ring, &params);
	if (rc < 0)
		return rc;
	rc = is_usable(&uring->ring);
	if (rc < 0) {
		io_uring_queue_exit(&uring->ring);
		return rc;
	}
	uring->made = true;
	uring->owner = this_thread();
	memset(none, -1, sizeof(none));
	uring->files_fixed = io_uring_register_files(&uring->ring, none, WICK_URING_FILES_MAX) == 0;
	uring->file_count = 0;
	return 0;
}

/* The kernel takes a ring apart some time after it was closed, even after the process has ended, and until then holds the
 * files that were registered, whose file system cannot be unmounted, and the memory. It waits for reads in flight. */
static void forget_all(struct wick_uring *uring)
{
	if (uring->files_fixed)
		io_uring_unregister_files(&uring->ring);
	if (uring->range_count)
		io_uring_unregister_buffers(&uring->ring);
}

void wick_uring_drop(struct wick_uring *uring)
{
	if (uring->made && !uring->flying)
		forget_all(uring);
	if (uring->made)
		io_uring_queue_exit(&uring->ring);
	uring->made = false;
}

bool wick_uring_needs_ring(const struct wick_uring *uring)
{
	return uring->broken || uring->owner != this_thread();
}

int wick_uring_take_over(struct wick_uring *uring)
{
	int rc;

	wick_require(!uring->flying);
	wick_uring_drop(uring);
	rc = make_ring(uring);
	if (rc == 0 && uring->range_count &&
		io_uring_register_buffers(&uring->ring, uring->ranges, uring->range_count) < 0)
		uring->range_count = 0;
	return rc;
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

int wick_uring_create(void **method, struct wick_io *io, const struct wick_io_options *options, struct wick_diag *diag)
{
	const unsigned *steps = options->sqpoll ? ladder_sqpoll : ladder;
	size_t count = options->sqpoll ? WICK_COUNT_OF(ladder_sqpoll) : WICK_COUNT_OF(ladder);
	struct wick_uring *uring = calloc(1, sizeof(*uring));
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
