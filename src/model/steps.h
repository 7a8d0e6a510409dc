/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A pass over a model as a list of steps, composed from its facts at open. The run executes the list; the sweep reads
 * in its order, the plan and the forecast walk it, training takes a layer out of it. steps.c is the only place that
 * knows what a transformer block is.
 *
 *     embed | norm linear linear linear attend linear add norm choose bundles add | ... | norm linear
 *     `---'   `---------------------------- layer 0 --------------------------'           `-- tail --'
 */

#include "bundle.h"
#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_model;

/* `out` is a buffer, and so is `in` where there is one. Buffers hold a row a token. */
enum wick_op {
	WICK_OP_EMBED,     /* out = the token's row of the matrix */
	WICK_OP_POSITION,  /* out += the position's row of the matrix */
	WICK_OP_NORM,      /* out = norm(in), with the vectors `tensor` and `bias` */
	WICK_OP_HEAD_NORM, /* each head of out, or all as one, = norm(head), with the vectors `tensor` and `bias` */
	WICK_OP_LINEAR,    /* out = matrix . in, plus the vector `bias` */
	WICK_OP_GATES,     /* the same of gates that are apart: bundles may be sent for while they are computed */
	WICK_OP_ROPE,      /* each head of out turned by its position */
	WICK_OP_ATTEND,    /* out = attention of the queries in Q over the context, to which K and V are added first; sinks are the vector `tensor` */
	WICK_OP_CHOOSE,    /* which bundles in wants, by the gates in GATE where these are apart; before attention, where they can be sent for so early */
	WICK_OP_BUNDLES,   /* out = the FFN of in over bundles: all of them, or those that are chosen */
	WICK_OP_ACT,       /* out = act(out) */
	WICK_OP_GLU,       /* out = act(out) * in */
	WICK_OP_ADD,       /* out += in */
	WICK_OP_ROUTE,     /* the experts of each row, and their weights, by the router's outputs in `in`; the vector `tensor` is added for the choice */
	WICK_OP_EXPERTS,   /* out = the experts of in that were chosen, weighed: gate, up and down are `matrix` and the next two */
	WICK_OP_SHARE,     /* each row of out times the sigmoid of (in . the vector `tensor`) */
	WICK_OP_SCALE,     /* out *= factor */
	WICK_OP_CAP,       /* out = factor * tanh(out / factor) */
	WICK_OP_CLIP,      /* out, bounded by -factor and factor */
	WICK_OP_COUNT,
};

enum wick_buffer {
	WICK_X,     /* the residual */
	WICK_Y,     /* what is added to it */
	WICK_Z,     /* likewise, of the FFN in a parallel block, and of an expert that all rows go through */
	WICK_XNORM, /* a norm of the residual; and the heads' outputs, once the norm is not needed any more */
	WICK_Q, WICK_K, WICK_V,
	WICK_HEADS, /* the heads' outputs, where XNORM is still needed */
	WICK_GATE, WICK_UP,
	WICK_ROUTES, /* the router's outputs */
	WICK_EMBEDDED, /* where an embedding has another width than the model */
	WICK_LOGITS,
	WICK_BUFFERS,
};

#define WICK_NO_MATRIX UINT32_MAX
#define WICK_NO_SET UINT32_MAX
#define WICK_NO_VECTOR UINT8_MAX

struct wick_step {
	uint8_t op, in, out;
	uint8_t tensor, bias; /* enum wick_tensor_id; WICK_NO_VECTOR: none */
	uint32_t layer;
	uint32_t matrix; /* WICK_NO_MATRIX: none */
	uint32_t width;  /* of ACT and GLU: numbers of a row */
	float factor;    /* of WICK_OP_SCALE, WICK_OP_CAP and WICK_OP_CLIP */
	uint32_t set;    /* of bundles; WICK_NO_SET: none */
};

/* A matrix that steps use, in the order of first use: what is looked up row by row, or else goes through the arithmetic
 * whole. The sweep is a walk along these. */
enum wick_keep { /* which are kept first when not all can be: see plan.c */
	WICK_KEEP_TABLE,
	WICK_KEEP_PROJECTION,
	WICK_KEEP_ATTENTION,
	WICK_KEEP_HEAD,
	WICK_KEEP_GATE, /* which say what of an FFN is read */
	WICK_KEEP_FFN,
	WICK_KEEP_EXPERTS, /* all, or by a cache of them */
	WICK_KEEP_EMBEDDING,
	WICK_KEEP_COUNT,
};

struct wick_step_matrix {
	uint8_t tensor; /* enum wick_tensor_id */
	uint8_t keep;
	bool lookup;  /* by the row */
	bool bundles; /* can be drawn one by one */
	uint32_t layer;
};

struct wick_steps {
	struct wick_step *step;
	uint32_t count;
	struct wick_step_matrix *matrix;
	uint32_t matrices;
	struct wick_bundle_set *set; /* bundles that steps choose from: an FFN's */
	uint32_t sets;
	struct wick_bundle_kind *kind; /* (kinds), of which they are */
	uint32_t kinds;
	uint32_t layers;
	uint32_t *first; /* (layers + 2): of each layer, of the tail, and the count */
	uint32_t *first_matrix; /* (layers + 2): likewise */
	uint32_t width[WICK_BUFFERS]; /* numbers of a row; 0: nothing uses the buffer */
	uint64_t memory_bytes;
};

/* The matrix of a layer's bundles; WICK_NO_MATRIX when its FFN has none. */
uint32_t wick_steps_bundles(const struct wick_steps *steps, uint32_t layer);

/* The first set that a layer chooses from; NULL: its FFN is not of bundles. */
const struct wick_bundle_set *wick_steps_set(const struct wick_steps *steps, uint32_t layer);

/* Composes the list for model->shape and the tensors that are there, into *steps. -ENOMEM. */
int wick_steps_make(struct wick_steps *steps, const struct wick_model *model, struct wick_diag *diag);
void wick_steps_free(struct wick_steps *steps); /* a zeroed one is fine */
