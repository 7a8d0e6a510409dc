/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which reads fetch a set of bundles: a pure planner, without files and without allocation.
 *
 * Bundles lie in the file one after another, `stride` bytes each. Those wanted go to rows of memory; neighbours are
 * read at once, and the bundles between two wanted ones are read through, into a scratch area, where the price says
 * that this is cheaper than another read:
 *
 *     file    . . 2 3 . 5 . . . . 10 . .        wanted: 2 -> row 7, 3 -> row 8, 5 -> row 0, 10 -> row 4
 *                 `--------'      `-'
 *     extents     2..5            10..10
 *     iovecs      rows 7-8, scratch, row 0;     row 4
 *
 * Of all ways to cut the wanted bundles into extents, the one planned is the cheapest by the price given, so it is
 * never dearer than reading every bundle alone. It takes time proportional to the number of bundles wanted, times those
 * of them that one extent may bring.
 */

#include <stdint.h>
#include <sys/uio.h>

/* The price of a read on this drive, among others at the depth in use: a curve, linear between its points. A shorter
 * read costs as much as the first point's, a longer one in proportion to the last point's. */
#define WICK_EXTENT_POINTS 16
struct wick_extent_price {
	unsigned count;                     /* of points, 1 at least */
	uint64_t bytes[WICK_EXTENT_POINTS]; /* ascending, from 1 on */
	double us[WICK_EXTENT_POINTS];      /* none negative */
};

struct wick_extent_layout {
	uint64_t stride;        /* bytes of a bundle in the file and of a row; a multiple of the file's offset_align */
	uint64_t chunk_bytes;   /* no extent is longer; at least stride */
	uint8_t *rows;          /* (capacity, stride) */
	uint8_t *scratch;       /* where the bytes of gaps go; any number of reads may share it */
	uint64_t scratch_bytes; /* gaps longer than this are not read through; 0: none is */
};

struct wick_wanted {
	uint32_t bundle;
	uint32_t row;
};

/* One read: bundles first .. first + count - 1 of the file, scattered over iov[iov_first .. iov_first + iov_count - 1].
 * It brings wanted[wanted_first .. wanted_first + wanted_count - 1]. */
struct wick_extent {
	uint32_t first;
	uint32_t count;
	uint32_t wanted_first;
	uint32_t wanted_count;
	uint32_t iov_first;
	uint32_t iov_count; /* at most WICK_IO_IOV_MAX */
};

/* The caller's arrays for n wanted bundles: what is planned, and working memory. */
struct wick_extent_arrays {
	struct wick_extent *extents; /* (n) */
	struct iovec *iov;           /* (2 n) */
	double *cost_us;             /* (n + 1); the last is what all reads cost */
	uint32_t *begin;             /* (n + 1) */
};

/* Puts wanted bundles in ascending order, in place. */
void wick_extent_sort(struct wick_wanted *wanted, uint32_t count);

/* Plans the reads for `count` wanted bundles in strictly ascending order. Returns how many extents there are. */
uint32_t wick_extent_plan(const struct wick_extent_layout *layout, const struct wick_extent_price *price,
	const struct wick_wanted *wanted, uint32_t count, const struct wick_extent_arrays *arrays);

/* The price of one read. */
double wick_extent_read_us(const struct wick_extent_price *price, uint64_t bytes);
