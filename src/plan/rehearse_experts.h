/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A simulation of the cache of experts, by the engine's own policies, over the routing of some tokens: how many experts each layer
 * has to read for a token. */

#include "diag.h"
#include "expert_sizes.h"
#include "policy.h"
#include "routing.h"

struct wick_expert_rehearsal {
	const struct wick_routing *routing;
	const struct wick_policy_ops *policy;
	uint32_t capacity; /* slots, at least as many as are chosen */
	const struct wick_model *model; /* whose experts may be of several sizes; NULL: all are of one */
	uint32_t warm_up;  /* tokens before those that count */
};

/* missing (layers, chosen + 1): for how many of the tokens that count a layer had to read so many experts. -ENOMEM. */
int wick_rehearse_experts(const struct wick_expert_rehearsal *rehearsal, uint32_t *missing, struct wick_diag *diag);

/* Of the experts chosen for those tokens, the share that was there. */
double wick_rehearsed_hits(const struct wick_routing *routing, const uint32_t *missing);
