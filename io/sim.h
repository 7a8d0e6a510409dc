/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A drive that misbehaves as its seed says: a method behind the table of method.h, for tests only.
 *
 * What must be survived: the request comes back DONE with the right bytes
 *   latency and reordering; short reads; EINTR, EAGAIN, ENOMEM and EBUSY that pass; rubbish left in memory by an
 *   attempt that failed; EIO that passes within options.retries (a cut inside the first sector, which gets a read no
 *   further, counts as one)
 * What must be reported: the request comes back FAILED, the others are served
 *   EIO for ever on a range (-EIO); errors that do not pass (that error); the end of the file (-ENODATA); the drive
 *   gone (-ENODEV, for all from then on); a read that never ends (-ETIMEDOUT), called off or with all the queue
 * What this room cannot see: the request comes back DONE, and checksums above must catch it
 *   flipped bits; torn sectors, which keep what was in memory. `lies` counts them.
 *
 * Time is the drive's own: it jumps to the next completion when waited for, and creeps when looked at, so that nothing
 * takes real time and everything repeats from the seed.
 */

#include "file.h"
#include "method.h"

/* The fault of one read, chosen by its number; and of others, where it does not pass. */
enum wick_sim_fault {
	WICK_SIM_NO_FAULT,
	/* once */
	WICK_SIM_SHORT,  /* cut anywhere */
	WICK_SIM_EIO,
	WICK_SIM_EAGAIN,
	WICK_SIM_LATE,   /* comes back seconds later, behind all others that there are */
	WICK_SIM_FLIP,   /* one bit of what was delivered */
	WICK_SIM_TORN,   /* one sector keeps what was in memory */
	WICK_SIM_STOPPED, /* the process, for minutes: what came meanwhile is seen late */
	/* for ever: a byte of the read is chosen, and all reads that touch it, in this file, suffer */
	WICK_SIM_EIO_FOREVER,
	WICK_SIM_EAGAIN_FOREVER,
	WICK_SIM_FLIP_FOREVER,
	WICK_SIM_GONE,   /* the drive: no read succeeds any more */
	WICK_SIM_HUNG,   /* they do not end before they are called off */
	WICK_SIM_LOST,   /* nor then */
	WICK_SIM_FAULTS
};

struct wick_sim_options {
	uint64_t seed;
	const uint8_t *image; /* what the drive holds; NULL: the file of the request is read */
	uint64_t image_bytes;
	uint32_t align;       /* 512 if 0 */
	uint64_t latency_ns_min, latency_ns_max;
	uint64_t beat_ns;     /* a throttled drive: the latency begins at the next multiple of this; 0: at once */

	/* How many attempts of 1000 suffer. */
	unsigned short_per_mille;
	bool short_by_sectors; /* cuts leave whole sectors, so that every attempt gets further; else anywhere */
	unsigned transient_per_mille;
	unsigned eio_per_mille;
	unsigned eio_once_per_mille; /* only attempts after which the request had no error yet */
	unsigned flip_per_mille;
	unsigned torn_per_mille;

	uint64_t bad_offset, bad_bytes; /* reads that touch these fail for ever */
	uint64_t gone_after;            /* attempts; 0: it stays */
	enum wick_sim_fault fault;
	uint64_t fault_read;            /* which read it strikes: the first to be started is 0 */
	void (*started)(void *user, const struct wick_io_request *request); /* sees every attempt; may be NULL */
	void *user;
};

struct wick_sim;

extern const struct wick_io_method_ops wick_io_sim;

/* A queue on a new drive, which lives as long as the queue. *file is what its requests read when there is an image; it
 * needs no closing. Without one, file is not looked at and requests name files of their own. */
int wick_sim_create(struct wick_io **io, struct wick_sim **sim, struct wick_file *file,
	const struct wick_sim_options *faults, const struct wick_io_options *options);

uint64_t wick_sim_attempts(const struct wick_sim *sim);
uint64_t wick_sim_reads(const struct wick_sim *sim); /* started, further attempts not counted */
/* Where in the file the fault struck; false when it has not. */
bool wick_sim_struck(const struct wick_sim *sim, uint64_t *offset);
uint64_t wick_sim_struck_file(const struct wick_sim *sim); /* which one: its serial */
bool wick_sim_struck_ahead(const struct wick_sim *sim); /* the read was a prefetch */
void wick_sim_heal(struct wick_sim *sim); /* no further faults */
uint64_t wick_sim_lies(const struct wick_sim *sim); /* attempts that delivered wrong bytes as right ones */

/* A small generator whose whole state is the seed (splitmix64): a number below limit, which is not 0. */
uint64_t wick_sim_draw(uint64_t *seed, uint64_t limit);
