/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All of some bytes into a file: write() may take a part of them, and a signal may come between. */

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

/* 0, or a negative errno. */
static inline int wick_write_all(int fd, const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t put = write(fd, at, bytes);

		if (put < 0 && errno != EINTR)
			return -errno;
		at += put > 0 ? put : 0;
		bytes -= put > 0 ? (size_t)put : 0;
	}
	return 0;
}
