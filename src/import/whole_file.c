/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A file that is read at once (see whole_file.h). */

#include "whole_file.h"

#include "lfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads to the end of the file, which must be where its size says. text has room for a byte more. */
static int fill(int fd, const char *path, char *text, size_t bytes, struct wick_diag *diag)
{
	size_t done = 0;

	while (done <= bytes) {
		ssize_t got = read(fd, text + done, bytes + 1 - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
		if (got == 0)
			break;
		done += got;
	}
	if (done < bytes)
		return wick_diag_say(diag, -EIO, "%s: ends at %zu of %zu bytes", path, done, bytes);
	return done == bytes ? 0 : wick_diag_say(diag, -EIO, "%s: grows while it is being read", path);
}

static int read_open_file(
	char **text, size_t *bytes, int fd, const char *path, uint64_t bytes_max, struct wick_diag *diag)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(stat.st_mode))
		return wick_diag_say(diag, -EINVAL, "%s: not a regular file", path);
	if ((uint64_t)stat.st_size > bytes_max)
		return wick_diag_say(diag, -EFBIG, "%s: %llu bytes, more than the %llu that such a file may have", path,
			(unsigned long long)stat.st_size, (unsigned long long)bytes_max);
	*bytes = stat.st_size;
	*text = malloc(*bytes + 1);
	if (!*text)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", path);
	return fill(fd, path, *text, *bytes, diag);
}

int wick_whole_file_cannot_open(const char *path, struct wick_diag *diag)
{
	int code = -errno;
	struct stat stat;

	if (code == -ENOENT && !lstat(path, &stat))
		return wick_diag_say(diag, -EINVAL, "%s: a link that leads nowhere: the download is not complete", path);
	return wick_diag_say(diag, code, "%s: %s", path, strerror(-code));
}

int wick_whole_file_read(char **text, size_t *bytes, const char *path, uint64_t bytes_max, struct wick_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;

	*text = NULL;
	*bytes = 0;
	if (fd < 0)
		return wick_whole_file_cannot_open(path, diag);
	ret = read_open_file(text, bytes, fd, path, bytes_max, diag);
	if (!ret && wick_lfs_is_pointer(*text, *bytes))
		ret = wick_lfs_refuse(path, diag);
	close(fd);
	if (ret) {
		free(*text);
		*text = NULL;
	}
	return ret;
}
