/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Everything a model answers: the logits of every position of prompts of 1, 31, 32, 33, 300 and 600 tokens, and of a few
 * tokens that follow each. What placement must not change by a bit. */

#include "wick/wick.h"

#include <stdint.h>

#define ANSWER_CTX 320      /* tokens; enough for a prompt of 300 and what follows; */
#define ANSWER_CTX_LONG 640 /* and of 600 */

struct answer {
	uint32_t vocab;
	uint64_t rows, capacity;
	float *logits; /* (rows, vocab) */
};

/* How a prompt is handed over: `first` tokens, then `step` at a time. */
struct answer_cut {
	uint32_t first, step;
};

/* So many rows at once, and prompts cut after so many tokens. */
#define ANSWER_CUTS 10
extern const struct answer_cut answer_cuts[ANSWER_CUTS];

/* Evaluates prompts no longer than prompt_max, each in one piece or as `cut` says (NULL: in one). Returns what wick_eval returned last: 0, or the error that ended it. */
int answer_take(struct answer *answer, struct wick *wick, uint32_t prompt_max, struct wick_diag *diag);
int answer_take_cut(struct answer *answer, struct wick *wick, uint32_t prompt_max, const struct answer_cut *cut,
	struct wick_diag *diag);
void answer_free(struct answer *answer);

/* The first row in which a bit differs, or -1. Both have the same shape. */
int64_t answer_differs(const struct answer *a, const struct answer *b);
