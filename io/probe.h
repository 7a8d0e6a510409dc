/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Timed reads, in two patterns that show what a drive can do:
 *
 *   steady   `depth` reads are always in flight. The time goes from the first submission to the last completion that
 *            counts, and a drive that comes in bursts, or stands still for a while, has both in it
 *   burst    a number of reads is handed over at once, as the engine does for a layer; the time until the last is back
 *
 * The bytes are thrown away. A load belongs to one thread, as its queue does. */

#include "diag.h"
#include "histogram.h"
#include "io.h"

struct wick_probe;

struct wick_probe_options {
	const struct wick_file *file;
	struct wick_io *io; /* nothing outstanding; used by nothing else meanwhile */
	unsigned depth;     /* of the queue, as it was created */
	uint64_t chunk_bytes_max; /* of the reads to come */
	unsigned reads_max;       /* of the bursts to come; 0: none */
	uint64_t from, bytes;     /* the part of the file to read */
	uint64_t land_bytes;      /* of memory to read into, at least; 0: depth chunks are enough */
	uint64_t seed;            /* of the offsets */
	bool (*stop)(void);       /* asked now and then: true ends it early; may be NULL */
};

struct wick_probe_load {
	uint64_t chunk_bytes;
	bool sequential;      /* one behind the other; else at random offsets */
	uint64_t duration_ns; /* it is kept up for; longer, until reads_min reads are back, */
	uint64_t reads_min;
	uint64_t limit_ns;    /* but for no longer than this; 0: duration_ns */
};

#define WICK_PROBE_READS_MIN 100 /* a figure from fewer says little */

struct wick_steady {
	uint64_t reads; /* that counted */
	uint64_t ns;    /* from the first submission until the last of them was back */
	uint64_t all_reads; /* those that came while the load ended, too */
};

/* Takes memory for depth reads or land_bytes, in huge pages where there are some, and touches it; reads go around in
 * it. A few buffers over and over stay in the processor's cache, which flatters a drive: an engine's reads land in
 * memory that was not touched for a while. -EINVAL, with a sentence, for chunks that the file's alignment forbids or
 * that are larger than the part to read; -ENOMEM.
 *
 * The memory is registered with the queue where that works, as the engine's own is: so the queue goes first, or forgets
 * it (wick_io_register) before the probe goes. */
#define WICK_PROBE_LAND_BYTES (64ull << 20) /* what caches do not hold */
int wick_probe_create(struct wick_probe **probe, const struct wick_probe_options *options, struct wick_diag *diag);
void wick_probe_destroy(struct wick_probe *probe); /* NULL is fine */

/* Keeps `depth` reads in flight until the time is up and all that were in flight then are back, so that a drive which
 * stands still at that moment is not taken for one that was done; those are its last reads that count, and `depth` its
 * fewest. latency, of those that count, may be NULL. Fails with the first read that does, and with -ECANCELED once
 * stop() said so, always after the last read is back. */
int wick_probe_steady(struct wick_probe *probe, const struct wick_probe_load *load, struct wick_steady *steady,
	struct wick_histogram *latency, struct wick_diag *diag);

/* Reads `reads` chunks at random offsets, handed over together. */
int wick_probe_burst(struct wick_probe *probe, uint64_t chunk_bytes, unsigned reads, uint64_t *ns,
	struct wick_diag *diag);

/* The mean of several bursts, microseconds: `times` of them, fewer where those take longer than limit_ns. Not the
 * median: a token waits for one burst after the other, the late ones too. */
int wick_probe_bursts(struct wick_probe *probe, uint64_t chunk_bytes, unsigned reads, unsigned times, uint64_t limit_ns,
	double *us, struct wick_diag *diag);
