/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cheapest extents (see extent.h).
 *
 * Let cost(i) be the least that the first i wanted bundles can cost. The extent that ends with bundle i - 1 begins with
 * some bundle j, and costs one read and the bytes from j to i - 1:
 *
 *     cost(i) = min over j of  cost(j) + us_per_read + us_per_bundle * (id(i - 1) + 1 - id(j))
 *             = us_per_read + us_per_bundle * (id(i - 1) + 1) + min over j of head(j)
 *     head(j) = cost(j) - us_per_bundle * id(j)
 *
 * What is allowed for j (chunk, iovecs, gaps that fit the scratch area) is a window whose ends only move forward, so
 * the minimum is kept in the queue of candidates that every later one is dearer than, as for any sliding window.
 */

#include "extent.h"

#include "bits.h"
#include "check.h"
#include "heap.h"
#include "io.h"

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

/* Bundles that nobody wants between wanted k - 1 and k. */
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

/* head(j) of the essay above. */
static double head_us(const double *cost_us, double us_per_bundle, const struct wick_wanted *wanted, uint32_t j)
{
	return cost_us[j] - us_per_bundle * wanted[j].bundle;
}

/* Fills arrays->begin: the extent that ends with wanted i - 1 best begins with wanted begin[i]. */
static void choose(const struct wick_extent_layout *layout, const struct wick_extent_price *price,
	const struct wick_wanted *wanted, uint32_t count, const struct wick_extent_arrays *arrays)
{
	const double us_per_bundle = price->us_per_byte * (double)layout->stride;
	const uint64_t chunk = layout->chunk_bytes / layout->stride, gap_max = layout->scratch_bytes / layout->stride;
	double *cost = arrays->cost_us;
	uint32_t *queue = arrays->candidates, head = 0, tail = 0;
	uint32_t left = 0, iovecs = 1; /* the window's first, and what an extent from there would need */

	cost[0] = 0;
	for (uint32_t last = 0; last < count; last++) {
		if (last > left)
			iovecs += iovecs_of(wanted, last);
		if (last > left && gap_before(wanted, last) > gap_max) {
			left = last;
			iovecs = 1;
		}
		for (; wanted[last].bundle - wanted[left].bundle >= chunk || iovecs > WICK_IO_IOV_MAX; left++)
			iovecs -= iovecs_of(wanted, left + 1);
		while (head < tail && queue[head] < left)
			head++;
		while (head < tail && head_us(cost, us_per_bundle, wanted, queue[tail - 1]) >
			head_us(cost, us_per_bundle, wanted, last))
			tail--;
		queue[tail++] = last;
		arrays->begin[last + 1] = queue[head];
		cost[last + 1] = head_us(cost, us_per_bundle, wanted, queue[head]) + price->us_per_read +
			us_per_bundle * ((double)wanted[last].bundle + 1);
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

double wick_extent_cost_us(const struct wick_extent *extents, uint32_t count, uint64_t stride,
	const struct wick_extent_price *price)
{
	double us = 0;

	for (uint32_t e = 0; e < count; e++)
		us += price->us_per_read + price->us_per_byte * (double)(extents[e].count * stride);
	return us;
}
