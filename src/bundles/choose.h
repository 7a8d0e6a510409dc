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

#define WICK_SPARSE_TOGETHER 8 /* rows of a batch that are chosen and drawn for, and computed, together; of a replay all there are */

struct wick_chooser {
	const struct wick_compute *compute;
	uint32_t layers, n_ff;
	const struct wick_ffn_facts *gated;  /* gates say which neurons fire; or NULL */
	const struct wick_predictor *active; /* (layers) or NULL */
	bool residual; /* they are given what the FFN's norm is given */
	const struct wick_predictor *likely; /* (layers): of the layer that follows; or NULL */
	struct wick_trace *trace[WICK_SPARSE_TOGETHER]; /* of each row of a batch, which may be far apart; or NULL */
	float *scratch, *scores;             /* (of any predictor), (n_ff) */
};

/* Of a replay: goes to the token that a row of the batch has there. */
int wick_choose_begin(struct wick_chooser *chooser, uint32_t row, uint32_t token, struct wick_diag *diag);

/* The neurons to compute for x, a row of the batch, or of predictors that want it the residual, ascending, gate (n_ff) its gates, or NULL;
 * ids has room for n_ff. */
uint32_t wick_choose(const struct wick_chooser *chooser, uint32_t layer, uint32_t row, const float *x, const float *gate, uint32_t *ids);

/* The same where gates choose, of those below `end`, whose gates are known. */
uint32_t wick_choose_early(const struct wick_chooser *chooser, uint32_t layer, uint32_t row, const float *gate, uint32_t end,
	uint32_t *ids);

/* Sorts neurons with their probabilities, in place. */
void wick_choose_likeliest_first(uint32_t *ids, float *probability, uint32_t count);

/* Whether the neurons of layer + 1 can be guessed at layer. */
bool wick_choose_ahead(const struct wick_chooser *chooser, uint32_t layer);
/* The neurons of layer + 1 that are likely, by layer's x, the first row of a batch or the only one: ids and probability (n_ff), likeliest
 * first, and the same ids ascending in sorted (n_ff). */
uint32_t wick_choose_likely(const struct wick_chooser *chooser, uint32_t layer, const float *x, uint32_t *ids,
	float *probability, uint32_t *sorted);
/* The same of the first m rows, x (m, ldx): as likely as the row to which it is likeliest says. */
uint32_t wick_choose_likely_of_any(const struct wick_chooser *chooser, uint32_t layer, const float *x, size_t ldx, uint32_t m,
	uint32_t *ids, float *probability, uint32_t *sorted);
