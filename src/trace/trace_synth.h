/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Made-up activations in the shape of the paper's: each neuron fires independently of the others and of the past,
 *
 *     p_i = min(0.98, c i^-zipf), c such that their mean is `active`; which neuron is the i-th is drawn for each layer
 *     it fires when z + Q(p_i) > 0, z standard normal for each neuron and token, Q the normal quantile
 *
 * The lookahead is a calibrated guess: it sees y = rho z + sqrt(1 - rho^2) e, e another normal number, rho = 0.81, and
 * so gives the probability P((Q(p_i) + rho y) / sqrt(1 - rho^2)), P the normal distribution. */

#include "trace.h"

#define WICK_SYNTH_ZIPF_MAX 16.0
#define WICK_SYNTH_ACTIVE_MAX 0.97 /* what is likelier than this cannot be solved for */
#define WICK_SYNTH_LIKELY_MIN (1 / 16.0) /* what is thought less likely is not worth a read, and is left out */

/* Whether shape->synthesis can be had; a sentence about --zipf or --active when not. */
int wick_synth_check(const struct wick_trace_synthesis *synthesis, struct wick_diag *diag);

/* c, the same for all layers of n_ff neurons; takes as long as 64 layers' chances. */
double wick_synth_solve(const struct wick_trace_synthesis *synthesis, uint32_t n_ff);

/* The chance of each neuron of a layer (n_ff), by that c. rank is scratch (n_ff). */
void wick_synth_chances(const struct wick_trace_synthesis *synthesis, double c, uint32_t layer, uint32_t n_ff,
	double *chance, uint32_t *rank);

/* A layer's tokens one after the other, without a file. */
struct wick_synth_token {
	uint32_t *ids, *likely; /* (n_ff) ascending */
	float *probability;     /* (n_ff), of the likely */
	uint32_t count, likely_count;
};

struct wick_synth_layer;
struct wick_synth_layer *wick_synth_layer_create(
	const struct wick_trace_synthesis *synthesis, uint32_t layer, uint32_t n_ff); /* NULL: no memory */
/* With chances of its own: the shares of tokens (n_ff) that its neurons fire for. */
struct wick_synth_layer *wick_synth_layer_of(const float *shares, uint64_t seed, uint32_t layer, uint32_t n_ff);
void wick_synth_layer_destroy(struct wick_synth_layer *layer); /* NULL is fine */
void wick_synth_layer_next(struct wick_synth_layer *layer, struct wick_synth_token *token);

/* Writes shape->tokens tokens. shape->synthetic and ->lookahead are taken as set. progress (bytes;
 * 0 of 0 before the first) may be NULL; a value of it other than 0 ends it with -ECANCELED. */
int wick_synth_write(const char *path, const struct wick_trace_shape *shape,
	int (*progress)(void *user, uint64_t bytes_done, uint64_t bytes_total), void *user, struct wick_diag *diag);
