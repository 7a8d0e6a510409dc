/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One read after the other, by the policy of attempt.h (see plain.h). */

#include "plain_read.h"

#include "attempt.h"
#include "file.h"

#include <errno.h>
#include <sys/uio.h>
#include <time.h>

static int64_t attempt(const struct wick_io_request *request)
{
	ssize_t got = preadv(request->file->fd, request->left, (int)request->left_count, (off_t)request->left_offset);

	return got < 0 ? -errno : got;
}

static void pause_ns(uint64_t ns)
{
	const struct timespec pause = { .tv_nsec = (long)ns }; /* less than a second */

	nanosleep(&pause, NULL);
}

int wick_plain_read(const struct wick_file *file, void *into, uint64_t bytes, uint64_t offset, uint64_t *done)
{
	struct wick_io_request request = { .file = file, .offset = offset, .one = { into, bytes }, .bytes = bytes };
	int rc;

	*done = 0;
	if (!bytes)
		return 0;
	wick_attempt_aim(&request, 0);
	while ((rc = wick_attempt_judge(&request, attempt(&request), WICK_IO_RETRIES)) > 0)
		if (rc == WICK_ATTEMPT_LATER)
			pause_ns(request.retry_ns);
	*done = request.bytes_done;
	return rc;
}
