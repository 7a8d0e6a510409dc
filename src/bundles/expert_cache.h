/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Experts in memory and in flash: a cache for the experts of all layers, and the reads of those that are not in it.
 *
 *     slot        [ gate ...... | up ........ | down ...... ]      each part with room for the blocks of the drive around it
 *     key of it   layer * experts + expert
 *
 * Where layers' experts are of several sizes there is a store for each (expert_sizes.h).
 *
 * The experts of a strip (experts.h) are begun together: those that are absent get slots, and all their reads go out at
 * once, expert by expert. Those that are here are computed meanwhile, then the others as they come. While one strip is
 * computed the next one, if there is room for both, is on its way. */

#include "expert_ahead.h"
#include "expert_sizes.h"
#include "expert_store.h"
#include "experts.h"
#include "fetch.h"

struct wick_mem;

#define WICK_EXPERTS_AT_ONCE 64 /* of a strip, at most */

struct wick_expert_cache_shape {
	uint32_t capacity; /* slots; 0: all experts are resident matrices, or there are none */
	const struct wick_policy_ops *policy;
	uint64_t chunk_bytes;
};

/* A strip's experts on their way. */
struct wick_expert_draw {
	struct wick_strip strip;
	struct wick_expert_store *store; /* of the layer */
	uint32_t count;
	uint32_t *keys, *slots;       /* (most) */
	uint8_t *state;               /* (most): what becomes of an expert, of expert_draw.c */
	uint8_t *ahead;               /* (most): 1 + its place in what was read ahead; 0: its landings are the draw's own */
	struct wick_wanted *wanted;   /* (most) */
	struct wick_landing *landing; /* (most, WICK_PARTS) */
};

struct wick_expert_cache {
	const struct wick_model *model;
	struct wick_fetch *fetch;
	struct wick_expert_classes classes;
	struct wick_expert_store store[WICK_EXPERT_CLASSES_MAX]; /* of each class */
	uint32_t capacity, most; /* slots; experts of a strip */
	struct wick_expert_draw draw[2];
	uint32_t *which;      /* (most) */
	const uint8_t **data; /* (most, WICK_PARTS) */
	bool overlap;         /* experts are computed as they come, not when all have; */
	bool gate_first;      /* and gate and up of one before its down-projection has come */
	struct wick_expert_ahead ahead;
	uint32_t layer; /* the last one that was run */
	uint32_t rows;  /* of the batch */
	uint32_t row_steps; /* of the policy's time, that a row takes: one for each layer with experts */
	/* Experts of the layer that follows, likeliest first, and how many; NULL: nothing is read ahead for it. */
	uint32_t (*guess)(void *user, uint32_t layer, uint32_t *ids, uint32_t most);
	void *guess_user;
	uint64_t active, read; /* experts, of each layer and batch */
	uint64_t bytes, wait_ns; /* of those read; waiting for them */
	void (*visit)(void *user, uint32_t layer, uint32_t computed, uint32_t missing); /* told of each layer; or NULL */
	void *visit_user;
};

/* Memory that wick_expert_cache_init() takes. */
uint64_t wick_expert_cache_bytes(const struct wick_model *model, const struct wick_expert_cache_shape *shape);
void wick_expert_cache_init(struct wick_expert_cache *cache, const struct wick_expert_cache_shape *shape,
	const struct wick_model *model, struct wick_fetch *fetch, struct wick_mem *mem);

/* Computes the experts that the rows of a batch chose, room->chosen, and adds them to y. Returns as wick_fetch_finish(); after
 * an error the cache is empty. */
int wick_expert_cache_run(struct wick_expert_cache *cache, const struct wick_experts *experts, uint32_t layer,
	struct wick_diag *diag);
/* Nothing is kept: all is read again. Between two evaluations. */
void wick_expert_cache_forget(struct wick_expert_cache *cache);
