/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The ring of uring.c: making it and giving it up. */

#include "method.h"

#include <liburing.h>

#define WICK_URING_FILES_MAX 16
#define WICK_URING_RANGES_MAX 64

struct wick_uring {
	struct wick_io *io;
	struct io_uring ring;
	unsigned depth;
	unsigned flags; /* of the ring, as the kernel took them */
	bool made;
	uint64_t owner;  /* the thread, as this_thread() names it */
	unsigned flying; /* started and not ended */
	int broken;      /* negative errno: there was no new ring to be had */
	struct wick_io_request *stranded; /* started without one */
	unsigned send_failures;           /* in a row */
	bool files_fixed;                 /* there are places for files */
	uint64_t serials[WICK_URING_FILES_MAX];      /* of the registered files */
	unsigned file_count;
	struct iovec ranges[WICK_URING_RANGES_MAX];
	unsigned range_count;
};

/* The method's create(): a ring with the best flags that this kernel knows, or why there is none. */
int wick_uring_create(void **method, struct wick_io *io, const struct wick_io_options *options, struct wick_diag *diag);
void wick_uring_drop(struct wick_uring *uring); /* the kernel lets go of what it can */

/* Whether the calling thread has no ring; what was in the way of one may have passed. */
bool wick_uring_needs_ring(const struct wick_uring *uring);
/* Gives the calling thread the same ring, with nothing in it. 0, or a negative errno and no ring. */
int wick_uring_take_over(struct wick_uring *uring);
