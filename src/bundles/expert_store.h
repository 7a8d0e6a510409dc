/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Slots for experts of one size (a class of expert_sizes.h), which of them stay there, and what has not been checked. */

#include "cache.h"
#include "expert_sizes.h"
#include "policy.h"

enum { WICK_UNCHECKED = 1, WICK_UNREAD }; /* WICK_UNREAD: its read failed */

struct wick_expert_store {
	struct wick_cache cache; /* keys are of all layers, whatever their class */
	struct wick_policy *policy;
	uint64_t part_at[WICK_PARTS]; /* of a slot */
	uint8_t *unchecked; /* (slots): 0, or what is to be done before it is used: it was read ahead, and for nothing */
};

/* Memory that wick_expert_store_init() takes. */
uint64_t wick_expert_store_bytes(const struct wick_model *model, const struct wick_expert_class *class);
void wick_expert_store_init(struct wick_expert_store *store, const struct wick_model *model, const struct wick_expert_class *class,
	const struct wick_policy_ops *policy, struct wick_mem *mem);

static inline uint8_t *wick_expert_store_at(const struct wick_expert_store *store, uint32_t slot, uint32_t part)
{
	return wick_cache_at(&store->cache, slot) + store->part_at[part];
}

/* Nothing is kept; nothing is on its way. */
void wick_expert_store_forget(struct wick_expert_store *store);
