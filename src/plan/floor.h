/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The floors of a token's time, however well everything else is hidden: the drive's time for the bytes that must be
 * read, and the bytes that arithmetic must take from memory. For figures and plans. */

#include "drive.h"
#include "matrix.h"

#include <wick/wick.h>

/* Reading once what a plan sweeps, with reads of its units cut into chunks and as many in flight as staging has room
 * for, microseconds; 0 when nothing is known of the drive. */
double wick_floor_sweep_us(
	const struct wick_drive *drive, const struct wick_plan *plan, uint64_t chunk_bytes, uint32_t queue_depth);

/* Bytes that one pass multiplies with, whatever the token: matrices, predictors, and of bundles that are not chosen one
 * by one the part that is always read (of a ReLU model the up-projections). */
uint64_t wick_floor_pass_bytes(const struct wick_shape *shape, const struct wick_matrices *matrices,
	const struct wick_plan *plan, bool sparse);
