/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* System calls of the library that fail on command: the linker's --wrap brings them here. Those of libc and of other
 * libraries do not fail. */

#include <stdbool.h>
#include <stdint.h>

enum failing_kind {
	FAILING_OPEN = 1,
	FAILING_LOOK = 2, /* stat, realpath, lseek */
	FAILING_READ = 4, /* from where the last one ended */
	FAILING_WRITE = 8,
	FAILING_DIRECT = 16, /* a write past the page cache */
	FAILING_RESERVE = 32,
	FAILING_SYNC = 64,
	FAILING_CUT = 128,
	FAILING_RENAME = 256,
	FAILING_FLAGS = 512, /* a file is to be written past the page cache from now on */
	FAILING_READ_AT = 1024, /* pread and preadv: weights, directories, checkpoints */
	FAILING_NAMELESS = 2048, /* opening a file without a name */
	FAILING_LINK = 4096,     /* giving it one */
	FAILING_ALL = 8191,
};

struct failing {
	const char *name;
	unsigned calls; /* the kinds that are counted */
	int code;       /* 0: fewer bytes than were asked for: */
	bool none;      /* no byte; else half of them */
	bool no_matter; /* the caller has to manage */
	bool named;     /* there are no files without a name: EOPNOTSUPP each time, not counted */
};

/* The k-th call of these kinds fails, from now on counted from 1. */
void failing_begin(const struct failing *failing, uint64_t k);
/* No call fails any more. Whether one has. */
bool failing_end(void);
