/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Plain reads that are complete or an error. */

#include "fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int wick_read_at(int fd, const char *path, void *into, uint64_t bytes, uint64_t offset, struct wick_diag *diag)
{
	uint64_t done = 0;

	while (done < bytes) {
		ssize_t got = pread(fd, (uint8_t *)into + done, bytes - done, offset + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return wick_diag_say(diag, -errno, "%s: reading at byte %llu: %s", path,
				(unsigned long long)(offset + done), strerror(errno));
		if (got == 0)
			return wick_diag_say(diag, -EINVAL, "%s: the file shrank to %llu bytes while it was read",
				path, (unsigned long long)(offset + done));
		done += got;
	}
	/* From the start of the file, since the page cache drops a large folio only as a whole. */
	posix_fadvise(fd, 0, offset + bytes, POSIX_FADV_DONTNEED);
	return 0;
}
