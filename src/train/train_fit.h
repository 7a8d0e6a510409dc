/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Learning one predictor: a low rank, in to hidden to out, from the inputs of an FFN and the neurons that fired.
 *
 *     start     the low rank that is closest to the up-projection on a sample of the inputs
 *     steps     AdamW on a binary cross-entropy in which a neuron that fires counts POSITIVE_WEIGHT times;
 *               in the second half with the weights rounded as they will be stored
 *     measure   scores of held-out tokens, counted by value, apart for those that fired and those that did not
 *
 * Work is cut the same way whatever the number of threads, so that the predictors depend on text and options
 * alone. */

#include "diag.h"
#include "kernels.h"

struct wick_pool;

#define WICK_FIT_BATCH 512
#define WICK_FIT_BINS 2048 /* of scores */
#define WICK_FIT_REACH 16  /* scores beyond +-16 count as that */

/* Tokens of one layer; the first `train` of them are for training, the rest is held out. */
struct wick_fit_data {
	const uint16_t *x;    /* (tokens, d_model), f16: what the prediction is made from */
	const uint8_t *fired; /* (tokens, fired_bytes): a bit a neuron */
	size_t fired_bytes;
	uint32_t tokens, train;
	uint32_t d_model, n_ff;
	const float *up;      /* (n_ff, d_model) the up-projection of those neurons: where to start */
	const float *up_bias; /* (n_ff) or NULL */
};

struct wick_fit_options {
	uint32_t rank, steps;
	enum wick_type type; /* as which it will be stored */
	uint64_t seed;
	int (*progress)(void *user, uint32_t step, uint32_t steps); /* other than 0 stops: -ECANCELED */
	void *user;
};

/* The learned predictor; the caller's buffers. */
struct wick_fitted {
	uint8_t *in, *out; /* (rank, d_model), (n_ff, rank) as stored */
	float *bias;       /* (n_ff) */
	uint64_t (*counts)[WICK_FIT_BINS]; /* (2): of held-out scores; [1]: of neurons that fired */
	uint32_t steps;    /* that it took */
};

int wick_fit(struct wick_fitted *fitted, const struct wick_fit_data *data, const struct wick_fit_options *options,
	const struct wick_kernels *kernels, struct wick_pool *pool, struct wick_diag *diag);
