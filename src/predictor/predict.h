/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which neurons of a layer will fire (paper section 3.1): a low-rank product of the FFN's normalised input,
 *
 *     score = out . (in . x) + bias        in (rank, d_model), out (n_ff, rank), bias (n_ff); active: score > 0
 *
 * or, without `in`, out (n_ff, d_model): a copy of the up-projection in few bits, which needs no training. The
 * threshold is folded into the bias. Some published predictors have a ReLU between the two. Weights are always
 * resident. */

#include "compute.h"
#include "model.h"

struct wick_mem;

struct wick_predictor {
	struct wick_tensor in, out, bias; /* in.rows 0: there is none; where their bytes are in the file */
	const uint8_t *in_data, *out_data;
	const float *bias_data;
	bool relu; /* between in and out */
};

/* Floats of scratch for one token. */
size_t wick_predict_scratch_floats(const struct wick_predictor *predictor);

/* The active neurons for one x (d_model), ascending, into active (n_ff; all of it may be written). Returns how many.
 * Deterministic: bits do not depend on threads. scores (n_ff) may be NULL unless the caller wants them. */
uint32_t wick_predict(const struct wick_predictor *predictor, const struct wick_compute *compute, const float *x,
	float *scratch, float *scores, uint32_t *active);
