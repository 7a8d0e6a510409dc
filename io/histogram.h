/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Many durations in little room: counted in buckets that are 1/32 of their own size wide, so that a percentile is right
 * within 3%, whatever its magnitude.
 *
 *     0 1 2 ... 31 | 32 33 ... 63 | 64 66 68 ... 126 | 128 132 ...      lower edges, nanoseconds
 */

#include <stdint.h>

#define WICK_HISTOGRAM_STEPS 32  /* buckets in each doubling */
#define WICK_HISTOGRAM_DOUBLINGS 40 /* the last bucket takes all beyond, some 18 minutes */

struct wick_histogram {
	uint64_t count;
	uint64_t max_ns;
	uint64_t bucket[WICK_HISTOGRAM_STEPS * WICK_HISTOGRAM_DOUBLINGS];
};

void wick_histogram_add(struct wick_histogram *histogram, uint64_t ns);
void wick_histogram_merge(struct wick_histogram *into, const struct wick_histogram *from);

/* The duration that `share` (0 to 1) of them do not exceed: the middle of its bucket. 0 when there are none. */
uint64_t wick_histogram_ns(const struct wick_histogram *histogram, double share);
