/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attention of one layer over a batch whose queries, keys and values are computed. */

#include "bits.h"
#include "compute.h"
#include "facts.h"
#include "kv.h"

#define WICK_ATTENTION_TOKENS 32 /* of a block, in long batches */

struct wick_attention {
	const struct wick_compute *compute;
	const struct wick_attn_facts *facts;
	const struct wick_kv_layer *kv;
	uint32_t ctx;
	const float *q;      /* (m, heads, k_dim) */
	const float *k, *v;  /* (m, kv_heads, k_dim), (m, kv_heads, v_dim) */
	float *out;          /* (m, heads, v_dim) */
	float *scores;       /* (threads, wick_attention_scores()) */
	uint32_t m, position; /* of the first row */
};

/* Floats of scratch that a thread needs. */
static inline size_t wick_attention_scores(uint32_t ctx)
{
	return (size_t)WICK_MIN(ctx, WICK_ATTENTION_TOKENS) * ctx;
}

/* Adds k and v to the context, and leaves the heads' outputs in out. */
void wick_attend(const struct wick_attention *attention);
