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
	uint64_t size;         /* bytes */
	bool direct;           /* O_DIRECT is in force */
	uint32_t offset_align; /* bytes: offset and length of every read are multiples; 1 when buffered */
	uint32_t memory_align; /* bytes: address of every buffer; 1 when buffered */
	char why[160];         /* why not direct, though it was asked for; "" otherwise */
};

/* Opens for reading. With want_direct it tries O_DIRECT, asks statx for the alignment and proves it with one read;
 * where that is refused the file is opened buffered and `why` says the reason. The only failures are those of a
 * buffered open. */
int wick_file_open(struct wick_file *file, const char *path, bool want_direct, struct wick_diag *diag);
void wick_file_close(struct wick_file *file); /* a zeroed or closed file is fine */
