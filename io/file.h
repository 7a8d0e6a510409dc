/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A file opened for reading weights, with what the kernel says about reading it directly. */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_file {
	int fd;
	char *path;
	uint64_t serial;       /* of this open, never used again in a process; 0: not by wick_file_open */
	uint64_t size;         /* bytes */
	bool direct;           /* O_DIRECT is in force */
	uint32_t offset_align; /* bytes: offset and length of every read are multiples; 1 when buffered */
	uint32_t memory_align; /* bytes: address of every buffer; 1 when buffered */
	char why[160];         /* why not direct, though it was asked for; "" otherwise */
};

/* Opens a regular file or a block device for reading. With want_direct it tries O_DIRECT, asks statx for the alignment
 * (where the kernel does not tell: 512, else 4096) and proves it with one read; where that is refused, or the file
 * lives in memory anyway, the file is opened buffered and `why` says the reason. The only failures are those of a
 * buffered open. */
int wick_file_open(struct wick_file *file, const char *path, bool want_direct, struct wick_diag *diag);

/* The same for one whose direct reads begin and end at multiples of `grain` bytes, a power of two, in the file and in
 * memory: where the drive asks for more the file is opened buffered, and `why` says so. */
int wick_file_open_grained(
	struct wick_file *file, const char *path, bool want_direct, uint32_t grain, struct wick_diag *diag);
void wick_file_close(struct wick_file *file); /* a zeroed or closed file is fine */

/* The same after a queue was lost (wick_io_destroy): reads that were given up may still need the descriptor, so it
 * stays open until the process ends. */
void wick_file_abandon(struct wick_file *file);

/* Drops the page cache that a read of these bytes brought in, whole pages outwards. The methods of io.h call it for
 * what they did not read directly, so that nothing stays behind that the budget does not count. */
void wick_file_forget(const struct wick_file *file, uint64_t offset, uint64_t bytes);
