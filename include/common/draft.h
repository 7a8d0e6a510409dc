/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A file that appears whole under its name, or not at all: it is written under another name beside it, and comes into place once
 * the drive has it, since after a power cut an empty file could be there. */

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct wick_draft {
	char *path; /* NAME.XXXXXXXX, of hexadecimal digits */
	int fd;
};

/* 0, or a negative errno. mode: as open() has it. */
static inline int wick_draft_open(struct wick_draft *draft, const char *name, mode_t mode)
{
	uint32_t number = (uint32_t)wick_now_ns();

	do {
		if (asprintf(&draft->path, "%s.%08x", name, number++) < 0)
			return -ENOMEM;
		draft->fd = open(draft->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (draft->fd < 0)
			free(draft->path);
	} while (draft->fd < 0 && errno == EEXIST);
	return draft->fd < 0 ? -errno : 0;
}

/* Moves it into place, if nothing went wrong (err 0); else it goes. Returns err, or what went wrong here. Its bytes leave the page
 * cache, which may be in no budget. */
static inline int wick_draft_close(struct wick_draft *draft, const char *name, int err)
{
	if (!err && fsync(draft->fd))
		err = -errno;
	posix_fadvise(draft->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (close(draft->fd) && !err)
		err = -errno;
	if (!err && rename(draft->path, name))
		err = -errno;
	if (err)
		unlink(draft->path);
	free(draft->path);
	return err;
}
