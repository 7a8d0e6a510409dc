/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bad drive that the kernel takes for real: a FUSE file system that passes a folder through, and goes wrong where and
 * when it is told to. Unlike io/sim.h, all of the way is the kernel's own: system calls, io_uring, direct I/O, page
 * cache.
 *
 * It is served by a process of its own, this program executed again, which ends with the one that started it. The mount
 * is gone when the last process of its mount namespace is (see alone). */

#include <linux/limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DRIVE_BLOCK 512u /* what of the struck read is bad, in its middle */

enum drive_fault {
	DRIVE_WELL,
	DRIVE_ERROR,  /* reads fail with orders.error, as often as orders.times */
	DRIVE_BAD,    /* so does every one that touches the bad block, for ever */
	DRIVE_DEAD,   /* so does every one from now on */
	DRIVE_SHORT,  /* half of a read, up to the bad block, comes */
	DRIVE_LATE,   /* it comes orders.late_ms later, behind others */
	DRIVE_FLIP,   /* with a wrong bit, once */
	DRIVE_ROTTEN, /* whenever the bad block is read */
	DRIVE_CUT,    /* from now on the file ends at the bad block */
	DRIVE_SILENT, /* every one from now on waits, until there are other orders */
	DRIVE_CRASH,  /* the process that serves it dies */
	DRIVE_BEAT,   /* it stands still: all that wait are served at each multiple of orders.late_ms, and none between */
};

struct drive_orders {
	/* The test's, set before anything is read. */
	enum drive_fault fault;
	uint64_t read;   /* the one struck, from drive_order() on; the kernel splits and merges what is asked for */
	uint64_t only;   /* the inode of the file whose reads are counted; 0: all are */
	int error;       /* positive errno */
	uint32_t times;
	uint32_t late_ms;
	bool uncached;   /* of files opened from now on: the kernel passes each read on, however they are opened */

	/* The drive's. */
	atomic_uint_fast64_t reads;
	atomic_bool struck;
	_Atomic uint64_t file;   /* in which it struck: its inode */
	_Atomic uint64_t offset; /* the bad block */
	atomic_uint_fast64_t served;  /* of DRIVE_BEAT: reads, */
	atomic_uint_fast64_t in_beat; /* those of the last beat, its number in the upper half, */
	atomic_uint_fast64_t most;    /* and the most of any */
};

struct drive {
	char folder[PATH_MAX]; /* where it is mounted */
	struct drive_orders *orders;
	pid_t pid;
};

/* Mounts what is in `from`, a folder of files, at the empty folder `at`. NULL, or why that cannot be done here. */
const char *drive_start(struct drive *drive, const char *from, const char *at);
void drive_order(struct drive *drive, const struct drive_orders *orders);
/* Likewise, after it died too. */
void drive_stop(struct drive *drive);

/* What the process that serves does: main() calls it first and returns what it returns, unless that is negative. */
int drive_main(int argc, char **argv);
