/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which neurons a layer computes: those that its predictor chooses, those that its gates let through or, when a trace is
 * replayed, those of the trace for that token. The predictor is multiplied in either case, so that a replay takes the time
 * that a run would. */

#include "compute.h"
#include "predict.h"
#include "trace.h"

/* A neuron less likely than this is not worth a prefetch: more often than not it would be wasted. */
#define WICK_LIKELY 0.5f

struct wick_chooser {
	const struct wick_compute *compute;
	uint32_t layers, n_ff;
	const struct wick_ffn_facts *gated;  /* gates say which neurons fire; or NULL */
	const struct wick_predictor *active; /* (layers) or NULL */
	bool residual; /* they are given what the FFN's norm is given */
	const struct wick_predictor *likely; /* (layers): of the layer that follows; or NULL */
	struct wick_trace *trace;            /* or NULL */
	float *scratch, *scores;             /* (of any predictor), (n_ff) */
};

/* Goes to a token. Only a replay can fail. */
int wick_choose_begin(struct wick_chooser *chooser, uint32_t position, struct wick_diag *diag);

/* The neurons to compute for x, or of predictors that want it the residual, ascending, gate (n_ff) its gates, or NULL; ids has room for n_ff. */
uint32_t wick_choose(const struct wick_chooser *chooser, uint32_t layer, const float *x, const float *gate, uint32_t *ids);

/* Sorts neurons with their probabilities, in place. */
void wick_choose_likeliest_first(uint32_t *ids, float *probability, uint32_t count);

/* Whether the neurons of layer + 1 can be guessed at layer. */
bool wick_choose_ahead(const struct wick_chooser *chooser, uint32_t layer);
/* The neurons of layer + 1 that are likely, by layer's x: ids and probability (n_ff), likeliest first, and the same ids
 * ascending in sorted (n_ff). */
uint32_t wick_choose_likely(const struct wick_chooser *chooser, uint32_t layer, const float *x, uint32_t *ids,
	float *probability, uint32_t *sorted);
