/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Durations in buckets (see histogram.h). */

#include "histogram.h"

#include "bits.h"

#include <math.h>

#define STEPS_LOG2 5

_Static_assert(1 << STEPS_LOG2 == WICK_HISTOGRAM_STEPS, "the steps of a doubling");

/* 32 buckets of one nanosecond, then 32 to each doubling: the bits below the leading one. */
static unsigned bucket_of(uint64_t ns)
{
	unsigned doubling, bucket;

	if (ns < WICK_HISTOGRAM_STEPS)
		return (unsigned)ns;
	doubling = 63 - (unsigned)__builtin_clzll(ns) - STEPS_LOG2;
	bucket = (doubling + 1) * WICK_HISTOGRAM_STEPS + (unsigned)(ns >> doubling) - WICK_HISTOGRAM_STEPS;
	return WICK_MIN(bucket, (unsigned)(WICK_HISTOGRAM_STEPS * WICK_HISTOGRAM_DOUBLINGS - 1));
}

static uint64_t middle_ns(unsigned bucket)
{
	unsigned doubling = bucket / WICK_HISTOGRAM_STEPS, step = bucket % WICK_HISTOGRAM_STEPS;

	if (!doubling)
		return step;
	return ((uint64_t)(WICK_HISTOGRAM_STEPS + step) << (doubling - 1)) + (1ull << (doubling - 1)) / 2;
}

void wick_histogram_add(struct wick_histogram *histogram, uint64_t ns)
{
	histogram->bucket[bucket_of(ns)]++;
	histogram->count++;
	histogram->max_ns = WICK_MAX(histogram->max_ns, ns);
}

void wick_histogram_merge(struct wick_histogram *into, const struct wick_histogram *from)
{
	for (unsigned i = 0; i < WICK_COUNT_OF(into->bucket); i++)
		into->bucket[i] += from->bucket[i];
	into->count += from->count;
	into->max_ns = WICK_MAX(into->max_ns, from->max_ns);
}

uint64_t wick_histogram_ns(const struct wick_histogram *histogram, double share)
{
	uint64_t wanted = WICK_MAX((uint64_t)ceil(share * (double)histogram->count), (uint64_t)1), seen = 0;

	if (!histogram->count)
		return 0;
	for (unsigned i = 0; i < WICK_COUNT_OF(histogram->bucket); i++) {
		seen += histogram->bucket[i];
		if (seen >= wanted)
			return WICK_MIN(middle_ns(i), histogram->max_ns);
	}
	return histogram->max_ns;
}
