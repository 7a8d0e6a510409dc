/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attention of one layer over a batch whose queries, keys and values are computed. */

#include "bits.h"
#include "compute.h"
#include "facts.h"
#include "kv.h"

struct wick_attention {
	const struct wick_compute *compute;
	const struct wick_attn_facts *facts;
	const struct wick_kv_layer *kv;
	uint32_t ctx;
	const float *q;      /* (m, heads, k_dim) */
	const float *k, *v;  /* (m, kv_heads, k_dim), (m, kv_heads, v_dim) */
	float *out;          /* (m, heads, v_dim) */
	float *scores;       /* (threads, scores_floats): scratch */
	size_t scores_floats;
	uint32_t m, position; /* of the first row */
};

/* Floats of scratch that a thread needs, a multiple of 16. */
size_t wick_attention_scratch_floats(const struct wick_attn_facts *facts, uint32_t ctx);

/* Adds k and v to the context, and leaves the heads' outputs in out. */
void wick_attend(const struct wick_attention *attention);
