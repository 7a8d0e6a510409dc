/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A rehearsal: the matrices, policy and planner of sparse mode run over the neurons of some tokens, with no bytes and
 * no drive, and tell what would be read. The neurons are those of a trace or, without one, made up: by how often each fires, or
 * where that is not known one layer, which then stands for all. */

#include "diag.h"
#include "extent.h"
#include "sparse.h"
#include "trace.h"

/* Tokens, or all of a shorter trace. The first half of them fills the matrices, the other half counts. */
#define WICK_REHEARSAL_TOKENS 64

struct wick_rehearsal {
	const struct wick_shape *shape;
	const struct wick_sparse_shape *sparse;
	const uint32_t *slots; /* (layers), of bundle caches; of one layer that stands for all the average counts */
	struct wick_extent_price price;
	uint64_t chunk_bytes;
	bool bridge; /* gaps are read through */
	struct wick_trace *trace;              /* NULL: none */
	const float *firing;                   /* then (layers, n_ff), shares of tokens; NULL: not known */
	struct wick_trace_synthesis synthesis; /* then these */
	uint32_t ahead;                        /* bundles drawn ahead for a layer, at most */
};

/* Of one layer, per token. */
struct wick_rehearsed {
	double active;
	double drawn, reads, bytes;              /* bundles on demand, in this many reads of this many bytes together, */
	double rounds;                           /* sent in this many rounds */
	double ahead, ahead_reads, ahead_bytes;  /* the same ahead of the layer */
	double wasted;                           /* of those, bundles that the layer then does not want */
	double manage_us;                        /* what deciding all that took here */
};

/* layers (shape->layers). */
int wick_rehearse(const struct wick_rehearsal *rehearsal, struct wick_rehearsed *layers, struct wick_diag *diag);
