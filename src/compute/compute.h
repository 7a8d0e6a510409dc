/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Arithmetic over rows of weights, shared by attention, FFN and head.
 *
 * A batch is m vectors. Each gets, to the bit, what it would get alone: one order of sums for each row of weights and
 * each vector, whatever m is and however rows arrive (kernels.h: matvec and matmul, accumulate_rows and
 * accumulate_batch).
 */

#include "kernels.h"
#include "model.h"
#include "sweep.h"

#include <stddef.h>
#include <stdint.h>

struct wick_pool;
struct wick_watch;

/* A longer prompt is cut into batches of this. */
static inline uint32_t wick_batch_tokens(const struct wick_shape *shape)
{
	return shape->d_model < 1024 ? 256 : 512;
}

/* Rows of a batch at most, where so many sequences have a context of ctx. */
static inline uint32_t wick_batch_rows(const struct wick_shape *shape, uint32_t ctx, uint32_t sequences)
{
	uint64_t all = (uint64_t)ctx * sequences;

	return all < wick_batch_tokens(shape) ? (uint32_t)all : wick_batch_tokens(shape);
}

struct wick_compute {
	const struct wick_kernels *kernels;
	struct wick_pool *pool;
	float *packed;  /* (wick_compute_packed_floats()): the batch that is being multiplied, for matmul */
	float *scratch; /* (threads, scratch_floats) */
	size_t scratch_floats;
};

/* Floats of a packed batch of `tokens`, and of what one thread needs to multiply it, for any matrix of the model. */
size_t wick_compute_packed_floats(const struct wick_model *model, uint32_t tokens);
size_t wick_compute_scratch_floats(const struct wick_model *model, uint32_t tokens);

/* x = act(x), in place; act is one of those that need no gate. */
void wick_activate(const struct wick_kernels *kernels, enum wick_act act, float *x, size_t count);
/* x = act(x) * up, or what else act makes of both. */
void wick_activate_gated(const struct wick_kernels *kernels, enum wick_act act, float *x, const float *up, size_t count);
/* The same in two steps: what act makes of gates alone, in place; then gates that are not 0 times what it makes of their ups, which of
 * the others are not looked at. */
void wick_activate_gate(const struct wick_kernels *kernels, enum wick_act act, float *gate, size_t count);
void wick_let_open_through(enum wick_act act, float *gate, const float *up, size_t count);
/* x *= up, or relu(up). */
void wick_let_through(const struct wick_ffn_facts *facts, float *x, const float *up, size_t count);
/* What an FFN makes of its neurons' products: x = act(x), or with up, which is not NULL then, what the facts say of a gate x. */
void wick_activate_ffn(const struct wick_kernels *kernels, const struct wick_ffn_facts *facts, float *x, const float *up,
	size_t count);
/* The same by all threads. */
void wick_gate(const struct wick_compute *compute, const struct wick_ffn_facts *facts, float *x, const float *up, size_t count);
/* gate = act(gate), in place, by all threads; what is nearer to 0 than the threshold becomes 0 (CATS, arXiv 2404.08763). */
void wick_activate_gates(const struct wick_compute *compute, enum wick_act act, float threshold, float *gate, size_t count);
/* x = cap * tanh(x / cap), in place, by all threads. */
void wick_cap(const struct wick_compute *compute, float cap, float *x, size_t count);

/* y[i][r] = w[r] . x[i] for the rows given: x (m, ldx), y (m, ldy) with column r the row's number in the matrix.
 * Each row of w is `cols` numbers of `type`, `stride` bytes apart. */
struct wick_linear {
	struct wick_compute *compute;
	enum wick_type type;
	size_t cols, stride;
	const float *x;
	size_t ldx;
	float *y;
	size_t ldy;
	uint32_t m;
};

/* Once before the rows of a matrix, which may come in pieces: packs x. */
void wick_linear_begin(const struct wick_linear *linear);
void wick_linear_rows(const struct wick_linear *linear, const struct wick_rows *rows);
/* The same in two steps, as wick_pool_begin() has them; wick_pool_finish() is the second. */
struct wick_linear_job {
	const struct wick_linear *linear;
	const struct wick_rows *rows;
	uint64_t task_rows;
};
void wick_linear_rows_begin(struct wick_linear_job *job, const struct wick_linear *linear, const struct wick_rows *rows);

/* The part of one thread: y[i * ldy + r] for `count` rows from w on. */
void wick_linear_some(
	const struct wick_linear *linear, const uint8_t *w, float *y, uint64_t count, uint32_t thread);
/* Rows of such a part: enough to be worth it, few enough to keep all threads busy to the end. */
uint64_t wick_linear_task_rows(const struct wick_linear *linear, uint64_t rows);
/* The same for one vector and `rows` rows of `stride` bytes, of one matrix or of several. */
uint64_t wick_task_rows(const struct wick_pool *pool, size_t stride, uint64_t rows);

/* The FFN of one layer over some of its bundles, which are neurons, in ascending order:
 *     y[i] += down . act(up . x[i] + up_bias),  or with a gate  down . (act(gate . x[i] + gate_bias) * (up . x[i] + up_bias))
 * h is scratch of h_floats, enough for m vectors of 64 bundles, twice that with a gate. */
struct wick_ffn {
	struct wick_compute *compute;
	const struct wick_bundle_kind *kind;
	const struct wick_ffn_facts *facts;
	size_t d_model;
	const float *up_bias, *gate_bias; /* (n_ff) or NULL */
	const float *gate;    /* (m, n_ff), biased, and activated where they are not of ReLU; NULL: gates are in the bundles, or there are none */
	size_t n_ff;
	const float *x;       /* (m, d_model) */
	float *y;             /* (m, d_model) */
	float *h;
	size_t h_floats;
	uint32_t m;
	const uint64_t *mask;           /* (m, mask_words) or NULL: bit k of word w is neuron 64 w + k; 0: h is 0 */
	size_t mask_words;
	const struct wick_watch *watch; /* or NULL; layer and position are for it */
	uint32_t layer, position;
};

size_t wick_ffn_scratch_floats(const struct wick_shape *shape, uint32_t batch_tokens, uint32_t threads);
/* Once before the bundles of a layer: packs x. */
void wick_ffn_begin(const struct wick_ffn *ffn);
void wick_ffn_rows(const struct wick_ffn *ffn, const struct wick_rows *rows);
