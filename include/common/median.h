/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The middle of some figures. */

#include <stddef.h>
#include <stdlib.h>

static inline int wick_median_order(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the values, one at least, upwards; of an even number it is the mean of the two in the middle. */
static inline double wick_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), wick_median_order);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}
