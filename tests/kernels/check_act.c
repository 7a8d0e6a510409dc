/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What happens to each number of a vector. */

#include "check.h"

#include <math.h>
#include <string.h>

#define COUNT_MAX 5000

enum slots { START, WANT, GOT };

static const size_t lengths[] = { 0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 333, 1024, COUNT_MAX };

/* Relative error of a share of softmax, in units of CHECK_U. Plain C: one rounding and as much for the rest. Other
 * sets, for a number d below the largest: d from rounding the difference, 8 for a polynomial and its argument, the
 * same for the sum, whose d is their average weighted by the shares, 12 for adding it up, 2 for the division and the
 * reference. */
static double softmax_roundings(const struct check *check, double below_largest, double average_below)
{
	return check->plain ? 2 : below_largest + 8 + average_below + 8 + 12 + 2;
}

static void softmax_bounds(
	const struct check *check, const float *x, const float *shares, size_t count, double *bound)
{
	double largest = -INFINITY, average = 0;

	for (size_t i = 0; i < count; i++)
		largest = x[i] > largest ? x[i] : largest;
	for (size_t i = 0; i < count; i++)
		if (shares[i] > 0)
			average += (double)shares[i] * (largest - x[i]);
	for (size_t i = 0; i < count; i++)
		bound[i] = (check->plain ? 0x1p-149 : 0x1p-126) +
			(shares[i] > 0 ? softmax_roundings(check, largest - x[i], average) * CHECK_U * (double)shares[i]
				       : 0);
}

/* scale stretches the differences, shift moves all of them; every third number may be minus infinity, as a mask. */
static void check_softmax_of(struct check *check, size_t count, float scale, float shift, bool masked)
{
	float *x = check_buffer(check, START, count * sizeof(*x)), *want = check_buffer(check, WANT, count * sizeof(*want));
	float *got = check_buffer(check, GOT, count * sizeof(*got));
	double bound[COUNT_MAX];

	check_floats(check, x, count, CHECK_PLAIN);
	for (size_t i = 0; i < count; i++)
		x[i] = masked && i % 3 == 1 ? -INFINITY : x[i] * scale + shift;
	memcpy(want, x, count * sizeof(*x));
	memcpy(got, x, count * sizeof(*x));
	check_now(check, "softmax of %zu, scale %g, shift %g%s", count, (double)scale, (double)shift, masked ? ", masked" : "");
	check->truth->softmax(want, count);
	check->kernels->softmax(got, count);
	softmax_bounds(check, x, want, count, bound);
	check_near(check, want, got, bound, count);
	check_guards(check);
}

/* One number that has no share spoils them all, and is not hidden; nor is that there is nothing to share. */
static void check_softmax_spoilt(struct check *check, size_t count, float number, bool everywhere)
{
	float *got = check_buffer(check, GOT, count * sizeof(*got));
	size_t spoilt = 0;

	check_floats(check, got, count, CHECK_PLAIN);
	got[check_random(check, (uint32_t)count)] = number;
	for (size_t i = 0; everywhere && i < count; i++)
		got[i] = number;
	check->kernels->softmax(got, count);
	for (size_t i = 0; i < count; i++)
		spoilt += isnan(got[i]);
	check_now(check, "softmax of %zu with %g%s", count, (double)number, everywhere ? " alone" : "");
	check_bytes(check, "no number anywhere", &count, &spoilt, sizeof(count));
	check_guards(check);
}

static void check_softmax(struct check *check)
{
	for (size_t l = 0; l < WICK_COUNT_OF(lengths); l++) {
		for (unsigned masked = 0; masked < 2; masked++) {
			check_softmax_of(check, lengths[l], 1, 0, masked);
			check_softmax_of(check, lengths[l], 0, -5, masked);
			check_softmax_of(check, lengths[l], 20, 0, masked);
			check_softmax_of(check, lengths[l], 100, 4000, masked);
		}
		if (lengths[l]) {
			check_softmax_spoilt(check, lengths[l], NAN, false);
			check_softmax_spoilt(check, lengths[l], nanf("0xff"), false); /* its bits are taken for a number */
			check_softmax_spoilt(check, lengths[l], INFINITY, false);
			check_softmax_spoilt(check, lengths[l], -INFINITY, true);
		}
	}
}

static void check_relu_add(struct check *check, size_t count)
{
	float *x = check_buffer(check, START, count * sizeof(*x)), *want = check_buffer(check, WANT, count * sizeof(*want));
	float *got = check_buffer(check, GOT, count * sizeof(*got));

	check_floats(check, x, count, CHECK_EXTREME);
	check_floats(check, want, count, CHECK_EXTREME);
	if (count) {
		x[check_random(check, (uint32_t)count)] = NAN;
		x[check_random(check, (uint32_t)count)] = -INFINITY;
		x[check_random(check, (uint32_t)count)] = -0.0f;
	}
	memcpy(got, want, count * sizeof(*got));
	check_now(check, "add of %zu", count);
	check->truth->add(want, x, count);
	check->kernels->add(got, x, count);
	check_same(check, "exact", want, got, count);

	memcpy(got, x, count * sizeof(*got));
	memcpy(want, x, count * sizeof(*got));
	check_now(check, "relu of %zu", count);
	check->truth->relu(want, count);
	check->kernels->relu(got, count);
	check_same(check, "exact", want, got, count);
	check_guards(check);
}

void check_act(struct check *check)
{
	if (check->kernels->softmax != check->below->softmax)
		check_softmax(check);
	if (check->kernels->relu == check->below->relu && check->kernels->add == check->below->add)
		return;
	for (size_t count = 0; count < 70; count++)
		check_relu_add(check, count);
}
