/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Observer hooks: the input of each FFN, its gates, the neurons chosen for it, and those that fired. They serve to record traces,
 * train predictors and measure recall. All are called by the thread that evaluates; pointers are valid during the call;
 * any function may be NULL. For each layer the inputs come first, then the chosen, then the fired; the layers of a
 * batch come in order. */

#include <stddef.h>
#include <stdint.h>

struct wick;

struct wick_watch {
	void *user;

	/* x (m, d_model), normalised, for the tokens at position .. position + m - 1
	 * (of one session: a batch of several is told of by the position of its first row). */
	void (*inputs)(void *user, uint32_t layer, uint32_t position, uint32_t m, const float *x);

	/* gate (m, n_ff), where gates are apart from bundles: before any activation or threshold. */
	void (*gates)(void *user, uint32_t layer, uint32_t position, uint32_t m, const float *gate);

	/* gate (pairs, n_ff) of an expert of a layer and of the rows that it computes, before any activation or threshold; experts come in
	 * any order, and in parts where they have many rows. */
	void (*expert_gates)(void *user, uint32_t layer, uint32_t pairs, const float *gate);

	/* Sparse mode: the neurons to be computed for one token, ascending. */
	void (*chosen)(void *user, uint32_t layer, uint32_t position, const uint32_t *ids, uint32_t count);

	/* The experts of each token, ascending: ids[i * chosen + k]. */
	void (*routed)(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen);

	/* The activations (after up-projection and ReLU or gelu) of neurons first .. first + count - 1: h[i * ldh + k]
	 * for token i and neuron first + k, whether it was chosen or not. The pieces of a layer come in ascending
	 * order. Not called for the batches of sparse mode that compute only chosen neurons: those below
	 * WICK_SWEEP_TOKENS. */
	void (*fired)(void *user, uint32_t layer, uint32_t position, uint32_t m, uint32_t first, uint32_t count,
		const float *h, size_t ldh);
};

/* From now on; NULL: no longer. The watch stays the caller's and must outlive that. */
void wick_watch(struct wick *wick, const struct wick_watch *watch);

/* From now on so many per cent of the gates are cut, in an engine that was opened with options.gate_percent: 0 is the model as it
 * is, to compare with. */
void wick_cut_gates_to(struct wick *wick, float percent);
