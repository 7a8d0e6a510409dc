/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An order of a layer's neurons in which those that fire together lie together, so that those wanted for a token are
 * fewer and longer stretches of the file.
 *
 *     natural      . x . . x . x . . x .         the 4 neurons of a token: 4 reads, or gaps read through
 *     ordered      h h h | x x x x . . .         1
 *                  hot
 *
 * The neurons that fire for more than every other token are set aside in front: they stay in memory, and in between
 * others they would only be gaps. The rest is a path: it begins with the neuron that fires most, and goes on with the
 * one that fires together with the last most often (greedy over 1 - P(i and j)); of equal ones the one that fires more,
 * then the lower. A path, because reads are saved between neighbours: for one token, the stretches are the neurons that
 * fire less the pairs of neighbours that both do. */

#include "diag.h"

#include <stdint.h>

struct wick_order_left { /* scratch */
	uint32_t neuron, fired;
};

/* Called now and then; other than 0 ends the work, and is returned. */
typedef int (*wick_order_tick_fn)(void *user);

/* fired (n, tokens) bits, in words: bit t % 64 of word t / 64 of row i says that neuron i fired for token t. Writes the
 * neurons in their order; left (n). */
int wick_order_find(uint32_t *order, struct wick_order_left *left, const uint64_t *fired, uint32_t n, uint32_t tokens,
	wick_order_tick_fn tick, void *user);

/* Orders from a trace, a layer at a time. */
struct wick_order;

/* The trace must be of this model. */
int wick_order_open(struct wick_order **order, const char *trace, uint32_t layers, uint32_t n_ff, uint32_t model_crc,
	struct wick_diag *diag);
void wick_order_close(struct wick_order *order); /* NULL is fine */
uint64_t wick_order_bytes(uint32_t n_ff);        /* of memory, at most */
int wick_order_layer(struct wick_order *order, uint32_t layer, uint32_t *neurons, wick_order_tick_fn tick, void *user,
	struct wick_diag *diag);
