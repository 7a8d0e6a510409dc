/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A large file that appears complete or not at all: written from front to back without a name, in the folder where it
 * will be, synced, linked under a temporary name, PATH.PID-N.part, then renamed. A process that is killed leaves
 * nothing but in the moment between those two, and then a file that is complete. Where the filesystem has no files
 * without a name (O_TMPFILE; NFS has none), it is under the temporary one from the beginning, and stays there after a
 * kill.
 *
 * The room it needs is reserved first, so that a full disk is said before the work begins. It is written past the page
 * cache where the filesystem allows that, else it is synced and dropped from there on the way. */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define WICK_OUTFILE_BYTES (8u << 20) /* of memory, or of page cache on top where that cannot be avoided */

struct wick_outfile {
	int fd, folder; /* folder: that the file is in */
	char *path;
	char *temporary; /* the name beside its own that was tried last */
	struct stat old; /* what it will take the place of; all zero: nothing */
	bool named;      /* it is there under that name */
	bool in_place;   /* it is there under its own */
	bool finished;
	bool direct;     /* O_DIRECT is in force */
	uint8_t *buffer; /* (WICK_OUTFILE_BYTES), the bytes after `flushed` */
	uint64_t bytes;  /* written so far */
	uint64_t flushed; /* of those, not in the buffer any more */
};

/* total_bytes is what will be written. An existing file of that name is replaced at the end, by one with the same
 * permissions; a symbolic link is followed, anything else there is refused, a link to nowhere too, and so is a file
 * that a run is reading (-EBUSY): here, and again by finish and commit, since writing takes long. */
int wick_outfile_create(struct wick_outfile *out, const char *path, uint64_t total_bytes, struct wick_diag *diag);
int wick_outfile_write(struct wick_outfile *out, const void *data, uint64_t bytes, struct wick_diag *diag);
int wick_outfile_pad(struct wick_outfile *out, uint32_t align, struct wick_diag *diag); /* with zeros */

/* Finish puts all of it on the drive, not yet under its name; what is left to commit is to link and rename it. Commit
 * finishes what was not. After an error, until discard, in_place says whether the file came into place all the same. */
int wick_outfile_finish(struct wick_outfile *out, struct wick_diag *diag);
int wick_outfile_commit(struct wick_outfile *out, struct wick_diag *diag);
void wick_outfile_discard(struct wick_outfile *out); /* a zeroed or committed one is fine */
