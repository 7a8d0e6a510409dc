/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Plain reads that are complete or an error. */

#include "fileio.h"

#include "file.h"
#include "plain_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int wick_read_at(int fd, const char *path, void *into, uint64_t bytes, uint64_t offset, struct wick_diag *diag)
{
	const struct wick_file file = { .fd = fd, .size = INT64_MAX, .offset_align = 1, .memory_align = 1 };
	uint64_t done;
	int rc = wick_plain_read(&file, into, bytes, offset, &done);

	if (rc == -ENODATA)
		return wick_diag_say(diag, -EINVAL, "%s: the file shrank to %llu bytes while it was read", path,
			(unsigned long long)(offset + done));
	if (rc < 0)
		return wick_diag_say(diag, rc, "%s: reading at byte %llu: %s", path, (unsigned long long)(offset + done),
			strerror(-rc));
	/* From the start of the file, since the page cache drops a large folio only as a whole. */
	posix_fadvise(fd, 0, offset + bytes, POSIX_FADV_DONTNEED);
	return 0;
}
