/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cheapest extents (see extent.h).
 *
 * Let cost(i) be the least that the first i wanted bundles can cost. The last extent of the cheapest way ends with
 * bundle i - 1 and begins with some bundle j, and what lies before it is read in the cheapest way, too:
 *
 *     cost(i) = min over j of  cost(j) + price(bytes from j to i - 1)
 *
 * The j that are allowed (by chunk, iovecs, gaps that fit the scratch area) are a window whose ends only move forward.
 * All are tried: the price is any curve, so nothing less finds the minimum.
 */

#include "extent.h"

#include "bits.h"
#include "check.h"
#include "heap.h"
#include "io.h"

#include <math.h>

static bool is_below(const void *of, uint32_t i, uint32_t j)
{
	const struct wick_wanted *wanted = of;

	return wanted[i].bundle < wanted[j].bundle;
}

static void swap(void *of, uint32_t i, uint32_t j)
{
	struct wick_wanted *wanted = of, kept = wanted[i];

	wanted[i] = wanted[j];
	wanted[j] = kept;
}

void wick_extent_sort(struct wick_wanted *wanted, uint32_t count)
{
	const struct wick_heap heap = { wanted, is_below, swap };

	wick_heap_sort(&heap, count);
}

/* The gap before wanted bundle k: unwanted bundles between it and k - 1. */
static uint32_t gap_before(const struct wick_wanted *wanted, uint32_t k)
{
	return wanted[k].bundle - wanted[k - 1].bundle - 1;
}

/* iovecs that wanted k adds to an extent that k - 1 belongs to. */
static uint32_t iovecs_of(const struct wick_wanted *wanted, uint32_t k)
{
	if (gap_before(wanted, k))
		return 2;
	return wanted[k].row != wanted[k - 1].row + 1;
}

/* A stretch of the price curve between two points, or beyond all: the cost of reads up to a number of bytes. */
struct stretch {
	uint64_t bytes_to;
	double us, us_per_byte; /* us: of none, going back on the same line */
};

/* Fills stretches (WICK_EXTENT_POINTS + 1) in ascending order, the last without an end. */
static void stretch_price(const struct wick_extent_price *price, struct stretch *stretches)
{
	const unsigned last = price->count - 1;

	wick_assert(price->count >= 1 && price->count <= WICK_EXTENT_POINTS && price->bytes[0]);
	stretches[0] = (struct stretch){ price->bytes[0], price->us[0], 0 };
	for (unsigned i = 1; i <= last; i++) {
		double slope = (price->us[i] - price->us[i - 1]) / (double)(price->bytes[i] - price->bytes[i - 1]);

		stretches[i] = (struct stretch){ price->bytes[i], price->us[i] - slope * (double)price->bytes[i], slope };
	}
	stretches[last + 1] = (struct stretch){ UINT64_MAX, 0, price->us[last] / (double)price->bytes[last] };
}

static double stretch_us(const struct stretch *stretch, uint64_t bytes)
{
	return stretch->us + stretch->us_per_byte * (double)bytes;
}

/* Where the extent that ends with wanted `last` best begins, from wanted `left` on. Among equals the longest: it is the
 * fewest reads. Sets what all up to there cost. */
static uint32_t choose_begin(const struct stretch *stretch, uint64_t stride, const struct wick_wanted *wanted,
	uint32_t left, uint32_t last, double *cost_us)
{
	uint32_t best = last;

	cost_us[last + 1] = INFINITY;
	for (uint32_t j = last + 1; j-- > left;) {
		const uint64_t bytes = (wanted[last].bundle - wanted[j].bundle + 1) * stride;
		double us;

		while (bytes > stretch->bytes_to)
			stretch++;
		us = cost_us[j] + stretch_us(stretch, bytes);
		if (us <= cost_us[last + 1]) {
			cost_us[last + 1] = us;
			best = j;
		}
	}
	return best;
}

/* Fills arrays->begin: the extent that ends with wanted i - 1 best begins with wanted begin[i]. */
static void choose(const struct wick_extent_layout *layout, const struct wick_extent_price *price,
	const struct wick_wanted *wanted, uint32_t count, const struct wick_extent_arrays *arrays)
{
	const uint64_t chunk = layout->chunk_bytes / layout->stride, gap_max = layout->scratch_bytes / layout->stride;
	struct stretch stretches[WICK_EXTENT_POINTS + 1];
	uint32_t left = 0, iovecs = 1; /* the window's first bundle, and the needs of an extent that begins there */

	stretch_price(price, stretches);
	arrays->cost_us[0] = 0;
	for (uint32_t last = 0; last < count; last++) {
		if (last > left)
			iovecs += iovecs_of(wanted, last);
		if (last > left && gap_before(wanted, last) > gap_max) {
			left = last;
			iovecs = 1;
		}
		for (; wanted[last].bundle - wanted[left].bundle >= chunk || iovecs > WICK_IO_IOV_MAX; left++)
			iovecs -= iovecs_of(wanted, left + 1);
		arrays->begin[last + 1] = choose_begin(stretches, layout->stride, wanted, left, last, arrays->cost_us);
	}
}

/* Scatters the extent of wanted[extent->wanted_first ..], from iov on. Returns how many iovecs it took. */
static uint32_t scatter(const struct wick_extent_layout *layout, const struct wick_wanted *wanted,
	const struct wick_extent *extent, struct iovec *iov)
{
	const uint64_t stride = layout->stride;
	uint32_t used = 0;

	for (uint32_t k = extent->wanted_first; k < extent->wanted_first + extent->wanted_count; k++) {
		const bool first = k == extent->wanted_first;

		if (!first && gap_before(wanted, k))
			iov[used++] = (struct iovec){ layout->scratch, gap_before(wanted, k) * stride };
		if (first || iovecs_of(wanted, k))
			iov[used++] = (struct iovec){ layout->rows + wanted[k].row * stride, 0 };
		iov[used - 1].iov_len += stride;
	}
	return used;
}

uint32_t wick_extent_plan(const struct wick_extent_layout *layout, const struct wick_extent_price *price,
	const struct wick_wanted *wanted, uint32_t count, const struct wick_extent_arrays *arrays)
{
	struct wick_extent *extents = arrays->extents;
	uint32_t planned = 0, iovecs = 0;

	wick_assert(layout->chunk_bytes >= layout->stride);
	for (uint32_t k = 1; k < count; k++)
		wick_assert(wanted[k].bundle > wanted[k - 1].bundle);
	choose(layout, price, wanted, count, arrays);
	for (uint32_t end = count; end > 0; end = arrays->begin[end])
		planned++;
	for (uint32_t end = count, at = planned; end > 0; end = arrays->begin[end])
		extents[--at] = (struct wick_extent){ .wanted_first = arrays->begin[end],
			.wanted_count = end - arrays->begin[end] };
	for (uint32_t e = 0; e < planned; e++) {
		const uint32_t first = extents[e].wanted_first, last = first + extents[e].wanted_count - 1;

		extents[e].first = wanted[first].bundle;
		extents[e].count = wanted[last].bundle - wanted[first].bundle + 1;
		extents[e].iov_first = iovecs;
		extents[e].iov_count = scatter(layout, wanted, &extents[e], arrays->iov + iovecs);
		iovecs += extents[e].iov_count;
	}
	return planned;
}

double wick_extent_read_us(const struct wick_extent_price *price, uint64_t bytes)
{
	struct stretch stretches[WICK_EXTENT_POINTS + 1], *stretch = stretches;

	stretch_price(price, stretches);
	while (bytes > stretch->bytes_to)
		stretch++;
	return stretch_us(stretch, bytes);
}
