/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A large file that appears complete or not at all: written from front to back under a temporary name beside its own,
 * synced, then renamed. The room it needs is reserved first, so that a full disk is said before the work begins. It is
 * written past the page cache where the filesystem allows that, else it is synced and dropped from there on the way. */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

#define WICK_OUTFILE_BYTES (8u << 20) /* of memory, or of page cache on top where that cannot be avoided */

struct wick_outfile {
	int fd, folder; /* folder: that the file is in */
	char *path;
	char *temporary; /* NULL: not being written */
	bool finished;
	bool direct;     /* O_DIRECT is in force */
	uint8_t *buffer; /* (WICK_OUTFILE_BYTES), what comes after `flushed` */
	uint64_t bytes;  /* written so far */
	uint64_t flushed; /* of those, not in the buffer any more */
};

/* total_bytes is what will be written. An existing file of that name is replaced at the end, a symbolic link is
 * followed, anything else there is refused, and so is a file that a run is reading (-EBUSY). */
int wick_outfile_create(struct wick_outfile *out, const char *path, uint64_t total_bytes, struct wick_diag *diag);
int wick_outfile_write(struct wick_outfile *out, const void *data, uint64_t bytes, struct wick_diag *diag);
int wick_outfile_pad(struct wick_outfile *out, uint32_t align, struct wick_diag *diag); /* with zeros */

/* Finish puts all of it on the drive, still under the temporary name; what is left to commit is the rename. Commit
 * finishes what was not. After an error `temporary` says whether the file came into place all the same: NULL. */
int wick_outfile_finish(struct wick_outfile *out, struct wick_diag *diag);
int wick_outfile_commit(struct wick_outfile *out, struct wick_diag *diag);
void wick_outfile_discard(struct wick_outfile *out); /* a zeroed or committed one is fine */
