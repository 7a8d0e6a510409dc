/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A large file that appears complete or not at all: written from front to back under a temporary name beside its own,
 * synced, then renamed. The room it needs is reserved first, so that a full disk is said before the work begins, and
 * what has been written leaves the page cache on the way. */

#include "diag.h"

#include <stdint.h>

#define WICK_OUTFILE_CACHE_BYTES (16u << 20) /* most of the page cache that it holds */

struct wick_outfile {
	int fd;
	char *path;
	char *temporary; /* NULL: not being written */
	uint64_t bytes;  /* written so far */
	uint64_t started; /* of those, on their way to the disk */
	uint64_t dropped; /* of those, on the disk and out of the page cache */
};

/* total_bytes is what will be written. An existing file of that name is replaced at the end, a symbolic link is
 * followed, anything else there is refused. */
int wick_outfile_create(struct wick_outfile *out, const char *path, uint64_t total_bytes, struct wick_diag *diag);
int wick_outfile_write(struct wick_outfile *out, const void *data, uint64_t bytes, struct wick_diag *diag);
int wick_outfile_pad(struct wick_outfile *out, uint32_t align, struct wick_diag *diag); /* with zeros */
int wick_outfile_commit(struct wick_outfile *out, struct wick_diag *diag);
void wick_outfile_discard(struct wick_outfile *out); /* a zeroed or committed one is fine */
