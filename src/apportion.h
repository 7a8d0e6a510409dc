/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How many rows each layer's neuron matrix gets, when memory holds so many in all: where a row more saves the most
 * reads. Layers differ: a row that is worth little in one that is already resident saves much in another. */

#include <stdint.h>

/* misses (layers, points): what a layer would read for a token with rows[p] rows, which ascend; falling along a layer.
 * Sets chosen[layer] to a point, all of which together have at most total_rows. A layer begins at its first point, so
 * layers * rows[0] must fit. Returns the rows given. Pure and deterministic. */
uint64_t wick_apportion(const double *misses, const uint32_t *rows, uint32_t layers, uint32_t points, uint64_t total_rows,
	uint32_t *chosen);
