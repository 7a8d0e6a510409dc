/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The keys of a stock GGUF file: one table of those that are understood. A key behind the architecture's name that is not
 * in it may change the arithmetic, and is refused by name. */

#include "stock_family.h"

#include <stdint.h>

#define WICK_STOCK_KEY 96 /* bytes of a key's name */

/* The numbers of a file, before they become facts; 0: neither it nor the
 * family says, but for scaling_factor, which is -1 then: some write a factor of 0. */
struct wick_stock_said {
	uint32_t layers, ctx_max, d_model, n_ff, vocab, heads, kv_heads, k_dim, v_dim, rope_dim, window, original_ctx;
	uint32_t leading_dense, nextn, experts, chosen, expert_n_ff, shared, shared_n_ff, gating, groups, groups_used;
	bool norm_weights[2], finetuned[2]; /* the second: the file says so */
	double expert_scale;
	double norm_eps, rope_base, scaling_factor, attn_factor, linear_scale;
	double softcap, logit_cap, local_rope_base, alibi, clip, yarn_fast, yarn_slow;
	double embed_scale, residual_scale, logit_scale, attn_scale;
};

/* The name of a key of the family: "llama.block_count". */
void wick_stock_key(char name[WICK_STOCK_KEY], const struct wick_stock_family *family, const char *key);

/* -EINVAL with a sentence: a key that is not known, missing, or holds what no model can have. */
int wick_stock_read(struct wick_stock_said *said, const struct wick_stock_family *family, const struct wick_gguf *gguf,
	struct wick_diag *diag);
