/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How many slots the bundle cache of each layer gets, where it is known how often neurons fire.
 *
 *     share of tokens   |x                    a cache that keeps those that fire most often hits, at each token, as
 *                       |x x    y             many as the sum of their shares; one slot more is worth the share of
 *                       |x x x  y y y y       the next neuron, which is never more than that of the one before
 *                       +----------------
 *                        layer 0  layer 1
 */

#include <stdint.h>

/* Divides `total` slots, at least layers * least and at most layers * n_ff, so that the most hits are expected: one after the
 * other goes to the layer that gains most by it, of equal ones to the first. firing (layers, n_ff): shares of tokens, descending
 * in each layer. Fills slots (layers): from least to n_ff each. */
void wick_cache_slots_divide(
	const float *firing, uint32_t layers, uint32_t n_ff, uint32_t least, uint64_t total, uint32_t *slots);
