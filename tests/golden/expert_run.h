/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Runs of the models of expert_models.h: each test meets each family, and holds logits against those of a run with all experts in
 * memory. */

#include "expert_models.h"

#include <linux/limits.h>
#include <stddef.h>
#include <wick/wick.h>

#define EXPERT_TOKENS 60
#define EXPERT_LOGITS_BYTES ((size_t)EXPERT_TOKENS * EXPERT_VOCAB * sizeof(float))

struct CMUnitTest;
struct wick_routing;

/* Whose turn it is. */
struct expert_run {
	const struct expert_family *family;
	char scratch[PATH_MAX], model[PATH_MAX], routing_path[PATH_MAX];
	float *logits; /* (EXPERT_TOKENS, EXPERT_VOCAB): with all experts in memory */
};

extern struct expert_run run;

/* All tests on a new model of each family; the number of those that failed. */
int expert_run_tests(const struct CMUnitTest *tests, size_t count);

/* Modified long ago, so that the checksums that were learned of it count. */
void expert_model_backdate(void);

uint32_t expert_id(uint32_t position);
struct wick_options expert_options(uint64_t budget_bytes);
/* The same tokens, the first `prompt` at once and the others one by one: all their logits, or the code. */
int expert_eval(struct wick *wick, uint32_t prompt, float *logits, struct wick_diag *diag);

/* Writes a trace of made-up routing to run.routing_path, and loads it. */
void expert_make_routing(uint32_t experts, struct wick_routing *routing);

/* Where the down-projections of the last layer are in the file. */
void expert_find_downs(uint64_t at[EXPERT_COUNT]);
