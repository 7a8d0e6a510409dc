/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The planner of extents, for many seeds: every wanted bundle lands in its row exactly once and nothing else does; no
 * extent exceeds the chunk or the kernel's iovecs; and no other way of cutting the bundles is cheaper. WICK_SEED=N runs
 * one seed. */

#include "extent.h"

#include "bits.h"
#include "io.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUNDLES 20000u
#define WANTED 6000u
#define SEEDS 3000u
#define FEW 11u /* 2^10 ways to cut them */

static uint64_t seed_in_use;
static struct wick_wanted wanted[WANTED];
static struct wick_extent extents[WANTED + 1];
static struct iovec iov[2 * WANTED + 1];
static double cost_us[WANTED + 2];
static uint32_t begin_of[WANTED + 2];
static const struct wick_extent_arrays arrays = { extents, iov, cost_us, begin_of };

static void check(bool condition, const char *words)
{
	if (!condition)
		fail_msg("WICK_SEED=%llu: %s", (unsigned long long)seed_in_use, words);
}
#define CHECK(condition) check(condition, #condition)

static uint64_t draw(uint64_t *seed, uint64_t limit)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (*seed >> 33) % limit;
}

static double draw_share(uint64_t *seed)
{
	return (double)draw(seed, 1000001) / 1000000;
}

/* Follows every iovec and says, for each bundle it covers, where its bytes go. */
static void check_places(const struct wick_extent_layout *layout, uint32_t count, uint32_t planned)
{
	uint32_t k = 0, iovecs = 0;

	for (uint32_t e = 0; e < planned; e++) {
		const struct wick_extent *extent = &extents[e];
		uint32_t bundle = extent->first;

		CHECK(e == 0 || extent->first >= extents[e - 1].first + extents[e - 1].count);
		CHECK(extent->count * layout->stride <= layout->chunk_bytes);
		CHECK(extent->iov_count <= WICK_IO_IOV_MAX && extent->iov_first == iovecs);
		CHECK(extent->wanted_first == k && extent->wanted_count > 0);
		iovecs += extent->iov_count;
		for (uint32_t v = extent->iov_first; v < iovecs; v++) {
			const uint8_t *base = iov[v].iov_base;
			bool scratch = base == layout->scratch;

			CHECK(iov[v].iov_len > 0 && iov[v].iov_len % layout->stride == 0);
			CHECK(!scratch || iov[v].iov_len <= layout->scratch_bytes);
			for (uint64_t at = 0; at < iov[v].iov_len; at += layout->stride, bundle++) {
				bool is_wanted = k < count && wanted[k].bundle == bundle;

				CHECK(is_wanted == !scratch);
				CHECK(!is_wanted || base + at == layout->rows + wanted[k].row * layout->stride);
				k += is_wanted;
			}
		}
		CHECK(bundle == extent->first + extent->count);
		CHECK(k == extent->wanted_first + extent->wanted_count);
	}
	CHECK(k == count && iovecs <= 2 * count);
}

/* A point of the curve between two others, by their shares. */
static double curve_us(const struct wick_extent_price *price, uint64_t bytes)
{
	unsigned i = 0;
	double share;

	while (i < price->count && price->bytes[i] < bytes)
		i++;
	if (i == 0)
		return price->us[0];
	if (i == price->count)
		return price->us[i - 1] * (double)bytes / (double)price->bytes[i - 1];
	share = (double)(bytes - price->bytes[i - 1]) / (double)(price->bytes[i] - price->bytes[i - 1]);
	return (1 - share) * price->us[i - 1] + share * price->us[i];
}

/* The price of cutting before every wanted bundle whose bit is set, or a negative number if that is not allowed. */
static double price_of_cuts(const struct wick_extent_layout *layout, const struct wick_extent_price *price,
	uint32_t count, uint32_t cuts)
{
	double us = 0;
	uint32_t first = 0;

	for (uint32_t k = 1; k <= count; k++) {
		uint64_t bytes = (wanted[k - 1].bundle - wanted[first].bundle + 1) * layout->stride;

		if (k < count && !(cuts >> k & 1)) {
			if ((wanted[k].bundle - wanted[k - 1].bundle - 1) * layout->stride > layout->scratch_bytes)
				return -1;
			continue;
		}
		if (bytes > layout->chunk_bytes)
			return -1;
		us += curve_us(price, bytes);
		first = k;
	}
	return us;
}

static double planned_us(uint32_t planned, uint64_t stride, const struct wick_extent_price *price)
{
	double us = 0;

	for (uint32_t e = 0; e < planned; e++)
		us += curve_us(price, extents[e].count * stride);
	return us;
}

static void check_cheapest(const struct wick_extent_layout *layout, const struct wick_extent_price *price,
	uint32_t count, double planned)
{
	for (uint32_t cuts = 0; cuts < 1u << count; cuts += 2) {
		double us = price_of_cuts(layout, price, count, cuts);

		CHECK(us < 0 || planned <= us * (1 + 1e-9));
	}
}

/* The same for many bundles: every beginning of every extent is tried. */
static void check_cheapest_of_many(const struct wick_extent_layout *layout, const struct wick_extent_price *price,
	uint32_t count, double planned)
{
	static double least[WANTED + 1];

	for (uint32_t end = 1; end <= count; end++) {
		uint32_t iovecs = 1;

		least[end] = 1e300;
		for (uint32_t first = end; first-- > 0;) {
			uint32_t gap = first + 1 < end ? wanted[first + 1].bundle - wanted[first].bundle - 1 : 0;
			uint64_t bytes = (wanted[end - 1].bundle - wanted[first].bundle + 1) * layout->stride;

			if (first + 1 < end)
				iovecs += gap ? 2 : wanted[first + 1].row != wanted[first].row + 1;
			if (gap * layout->stride > layout->scratch_bytes || bytes > layout->chunk_bytes ||
				iovecs > WICK_IO_IOV_MAX)
				break;
			least[end] = fmin(least[end], least[first] + curve_us(price, bytes));
		}
	}
	CHECK(planned <= least[count] * (1 + 1e-9));
}

/* Random bundles in ascending order, at a random density, to random rows that now and then follow each other. */
static uint32_t draw_wanted(uint64_t *draws, uint32_t limit)
{
	uint32_t count = 1 + (uint32_t)draw(draws, limit), sparse = 1 + (uint32_t)draw(draws, 20);
	uint32_t bundle = (uint32_t)draw(draws, 100), row = 0;

	for (uint32_t k = 0; k < count; k++) {
		row = draw(draws, 3) ? row + 1 : (uint32_t)draw(draws, 5000);
		wanted[k] = (struct wick_wanted){ bundle, row };
		bundle += 1 + (draw(draws, 3) ? 0 : (uint32_t)draw(draws, sparse));
	}
	return count;
}

/* A line, a curve that bends either way at each of its points, or one that even falls. */
static struct wick_extent_price draw_price(uint64_t *draws)
{
	struct wick_extent_price price = { .count = 1 + (unsigned)draw(draws, WICK_EXTENT_POINTS) };
	uint64_t bytes = 1 + draw(draws, 20000);
	double us = 100 * draw_share(draws);
	bool falls = draw(draws, 10) == 0;

	for (unsigned i = 0; i < price.count; i++) {
		price.bytes[i] = bytes;
		price.us[i] = falls ? 100 * draw_share(draws) : us;
		bytes += 1 + draw(draws, 1 + bytes);
		us += draw(draws, 4) ? 50 * draw_share(draws) : 0;
	}
	return price;
}

static void run_seed(uint64_t seed)
{
	uint64_t draws = seed;
	bool few = draw(&draws, 4) > 0;
	uint32_t count = draw_wanted(&draws, few ? FEW : 3000), planned;
	struct wick_extent_layout layout = { .stride = 512 * (1 + draw(&draws, 32)) };
	struct wick_extent_price price = draw_price(&draws);
	double us;

	layout.rows = (uint8_t *)(uintptr_t)(1ull << 40); /* pointed at, never touched */
	layout.scratch = (uint8_t *)(uintptr_t)(1ull << 39);
	layout.chunk_bytes = layout.stride * (1 + draw(&draws, draw(&draws, 2) ? 8 : 2000));
	layout.chunk_bytes += draw(&draws, layout.stride);
	layout.scratch_bytes = layout.stride * draw(&draws, 12);
	seed_in_use = seed;
	iov[2 * count] = (struct iovec){ iov, 12345 };
	planned = wick_extent_plan(&layout, &price, wanted, count, &arrays);
	CHECK(iov[2 * count].iov_base == iov && iov[2 * count].iov_len == 12345);
	check_places(&layout, count, planned);
	us = planned_us(planned, layout.stride, &price);
	CHECK(fabs(cost_us[count] - us) <= us * 1e-9);
	CHECK(us <= count * curve_us(&price, layout.stride) * (1 + 1e-9));
	if (count <= FEW)
		check_cheapest(&layout, &price, count, us);
	else
		check_cheapest_of_many(&layout, &price, count, us);
}

static void right_rows_and_the_cheapest_cuts(void **state)
{
	const char *given = getenv("WICK_SEED");

	(void)state;
	if (given) {
		run_seed(strtoull(given, NULL, 0));
		return;
	}
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		run_seed(seed);
}

/* The picture of extent.h. */
static void the_picture(void **state)
{
	static const struct wick_wanted four[] = { { 2, 7 }, { 3, 8 }, { 5, 0 }, { 10, 4 } };
	uint8_t *const rows = (uint8_t *)(uintptr_t)4096, *const scratch = (uint8_t *)(uintptr_t)(1u << 20);
	const struct wick_extent_layout layout = { 1024, 65536, rows, scratch, 2048 };
	const struct wick_extent_price price = { 2, { 1024, 65536 }, { 30, 660 } }; /* a bundle costs half a read */

	(void)state;
	assert_int_equal(wick_extent_plan(&layout, &price, four, 4, &arrays), 2);
	assert_int_equal(extents[0].first, 2);
	assert_int_equal(extents[0].count, 4);
	assert_int_equal(extents[0].iov_count, 3);
	assert_ptr_equal(iov[0].iov_base, rows + 7 * 1024);
	assert_int_equal(iov[0].iov_len, 2 * 1024);
	assert_ptr_equal(iov[1].iov_base, scratch);
	assert_ptr_equal(iov[2].iov_base, rows);
	assert_int_equal(extents[1].first, 10);
	assert_int_equal(extents[1].count, 1);
	assert_ptr_equal(iov[3].iov_base, rows + 4 * 1024);
	assert_int_equal(wick_extent_plan(&layout, &price, four, 0, &arrays), 0);
}

/* All of a layer, to rows in reverse: more iovecs than one read may have. */
static void no_read_has_more_iovecs_than_the_kernel_takes(void **state)
{
	uint8_t *const rows = (uint8_t *)(uintptr_t)4096;
	const struct wick_extent_layout layout = { 512, 1u << 30, rows, NULL, 0 };
	const struct wick_extent_price price = { 2, { 512, 1u << 30 }, { 20, 1e6 } };
	const uint32_t least = (uint32_t)wick_div_up(WANTED, WICK_IO_IOV_MAX);

	(void)state;
	for (uint32_t k = 0; k < WANTED; k++)
		wanted[k] = (struct wick_wanted){ k, WANTED - 1 - k };
	assert_int_equal(wick_extent_plan(&layout, &price, wanted, WANTED, &arrays), least);
	check_places(&layout, WANTED, least);
	for (uint32_t k = 0; k < WANTED; k++)
		wanted[k].row = k; /* in order they need one */
	assert_int_equal(wick_extent_plan(&layout, &price, wanted, WANTED, &arrays), 1);
	assert_int_equal(extents[0].iov_count, 1);
}

/* A drive on which two bundles cost about as much as one, and three far more: six neighbours are three reads. By any
 * straight line one read of all would be the cheapest. */
static void a_curve_is_followed_where_no_line_goes(void **state)
{
	static const struct wick_wanted six[] = { { 0, 0 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 5, 5 } };
	uint8_t *const rows = (uint8_t *)(uintptr_t)4096;
	const struct wick_extent_layout layout = { 512, 1u << 20, rows, NULL, 0 };
	const struct wick_extent_price price = { 3, { 512, 1024, 1536 }, { 20, 21, 70 } };

	(void)state;
	assert_int_equal(wick_extent_plan(&layout, &price, six, 6, &arrays), 3);
	for (uint32_t e = 0; e < 3; e++)
		assert_int_equal(extents[e].count, 2);
	assert_float_equal(cost_us[6], 63, 1e-9);
}

static void the_price_of_a_read(void **state)
{
	const struct wick_extent_price price = { 3, { 1000, 2000, 4000 }, { 10, 12, 40 } };
	static const struct {
		uint64_t bytes;
		double us;
	} by_hand[] = { { 1, 10 }, { 1000, 10 }, { 1500, 11 }, { 2000, 12 }, { 3000, 26 }, { 4000, 40 }, { 8000, 80 } };

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(by_hand); i++)
		assert_float_equal(wick_extent_read_us(&price, by_hand[i].bytes), by_hand[i].us, 1e-9);
}

static int by_bundle(const void *a, const void *b)
{
	const struct wick_wanted *first = a, *second = b;

	return first->bundle < second->bundle ? -1 : first->bundle > second->bundle;
}

static void sorting(void **state)
{
	static struct wick_wanted expected[WANTED];

	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		uint64_t draws = seed;
		uint32_t count = seed < 20 ? (uint32_t)seed : 1 + (uint32_t)draw(&draws, WANTED);

		for (uint32_t k = 0; k < count; k++) { /* distinct: 7919 has no factor in common with BUNDLES */
			uint32_t bundle = (uint32_t)((k * 7919ull + seed) % BUNDLES);

			wanted[k] = expected[k] = (struct wick_wanted){ bundle, bundle ^ 0x5555 };
		}
		seed_in_use = seed;
		qsort(expected, count, sizeof(expected[0]), by_bundle);
		wick_extent_sort(wanted, count);
		CHECK(memcmp(wanted, expected, count * sizeof(wanted[0])) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_picture),
		cmocka_unit_test(the_price_of_a_read),
		cmocka_unit_test(right_rows_and_the_cheapest_cuts),
		cmocka_unit_test(a_curve_is_followed_where_no_line_goes),
		cmocka_unit_test(no_read_has_more_iovecs_than_the_kernel_takes),
		cmocka_unit_test(sorting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
