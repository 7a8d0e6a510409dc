/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Published models by name, as the keys of their stock GGUF files say them: one row of a table each. */

#include "diag.h"

#include <stdbool.h>
#include <stdint.h>

#define WICK_STOCK_EXTRAS 9

/* A key of the architecture's that few have; a number with a fraction, a whole one, or a text. */
struct wick_stock_extra {
	const char *key;
	uint32_t number;
	double real;
	const char *text;
};

struct wick_stock_model {
	const char *name, *arch;
	uint32_t layers, d_model, heads, kv_heads, head_dim, n_ff, vocab, ctx;
	uint32_t experts, chosen, expert_n_ff; /* 0: none; expert_n_ff 0: n_ff is theirs */
	double rope_base, eps;
	bool layer_norm; /* else the root of the mean square */
	bool tied;       /* the head is the embedding */
	bool fused;      /* queries, keys and values are one tensor, gates and ups another */
	bool biased;     /* attention's matrices have biases */
	struct wick_stock_extra extra[WICK_STOCK_EXTRAS];
};

/* The row of "NAME" or "NAME,layers=N,experts=N,vocab=N", with as many of them instead of its own; what it lacks stays. -EINVAL
 * with a sentence. */
int wick_stock_model_find(struct wick_stock_model *model, const char *text, struct wick_diag *diag);
/* Whether the part before a comma is in the table. */
bool wick_stock_model_is(const char *text);
