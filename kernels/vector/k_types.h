/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The K types, whose scales are whole numbers themselves: of a block's 256 numbers each 16 or 32 have one, so many units of
 * the block. x meets a block in steps of one size, K_REACH of which are its largest magnitude there, and what a lane gets of a
 * block is one sum of whole numbers:
 *
 *     unit * step of x * (sum of scale * level * level of x) - sum over parts of minimum * (sum of x in steps)
 *
 * Whole numbers are summed up in any order. So how the products come about is free, as long as a lane gets the same columns:
 * one vector meets the bytes of a row as two bytes a number, 128 * high + low; a batch may meet words, scale * level, that are
 * made once for all its vectors. No sum leaves 32 bits: a lane has 32 products at most, of |scale * level| up to 4096 (q6_k)
 * and x up to K_REACH, which is less than 2^31.
 *
 * What it takes of an instruction set, beside what levels.h does:
 *
 *     part_at(type, place)               which 32 numbers of a block are the place-th of x, and of levels
 *     k_excess(x, over)                  x->excess: products of x->halves and `over`, as dot_block_k wants them
 *     dot_block_k(type, sum, block, x)   the sum with what a block adds to it
 *     struct x_batch, pack_batch(x, levels)    x for a batch, with a struct x_sums `sums`: K_COLS levels, which are in the low 16
 *                                        bits of lanes
 *     K_TILE                             vectors of a batch, beside ROWS rows, that registers have room for: 1, 2 or 6
 *     struct ready_k, make_ready_k(type, ready, block)    a block made ready for a batch
 *     dot_tile_k(type, width, sums, ready, x)    sums[t * K_ROWS_ONCE + r] with what block r of ROWS adds to it with x[t],
 *                                        t < width */

#include "levels.h"

#define K_REACH 16256.f /* 127 * 128: its halves are bytes */
#define K_ROWS_ONCE 8   /* of a batch, a multiple of ROWS; ready, they are 5 KiB */

INLINE vec less_minima(enum wick_type type, vec sum, const float *minima, const struct x_sums *x)
{
	if (!has_minima(type))
		return sum;
	if (!has_halves(type))
		return less_eight(sum, minima, x->each_32);
	return less_eight(less_eight(sum, minima, x->each_16), minima + 8, x->each_16 + 8);
}
