/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attention of one layer over a batch whose queries, keys and values are computed. */

#include "bits.h"
#include "compute.h"
#include "facts.h"
#include "kv.h"

/* A row of a batch: a token of a sequence. Rows of a sequence that follow each other have positions that do. */
struct wick_batch_row {
	const struct wick_kv_seq *seq; /* with a block for the position */
	uint32_t id, position;
	uint32_t number; /* the caller's */
	uint32_t token;  /* of a trace that is replayed */
	bool want;       /* its logits */
	int err;         /* what it alone needs could not be read: nor is anything computed for its sequence */
};

struct wick_attention {
	const struct wick_compute *compute;
	const struct wick_attn_facts *facts;
	const struct wick_batch_row *rows; /* (m) */
	const float *q;      /* (m, heads, k_dim) */
	const float *k, *v;  /* (m, kv_heads, k_dim), (m, kv_heads, v_dim) */
	float *out;          /* (m, heads, v_dim) */
	const float *sinks;  /* (heads), or NULL */
	float *scores;       /* (threads, scores_floats): scratch */
	size_t scores_floats;
	uint32_t *spans;     /* (m + 1): scratch */
	uint32_t m, layer;
};

/* Floats of scratch that a thread needs, a multiple of 16. */
size_t wick_attention_scratch_floats(const struct wick_attn_facts *facts, uint32_t ctx);

/* Adds k and v to the rows' sequences, and leaves the heads' outputs in out. */
void wick_attend(const struct wick_attention *attention);
