/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which bundles are evicted (see policy.h). A policy is a worth for each cached bundle; those of the least go
 * first:
 *
 *     window    when it was last used; those not used by the last `window` tokens go even while there is room
 *     lru       when it was last used
 *     decay     how often it was used, a use counting half as much for every HALF_LIFE steps since
 *
 * Bundles that are used now or in flight are no candidates; of the rest the least are selected without sorting
 * (select.h), so a layer costs a few passes over its slots, however many bundles are missing.
 *
 * Time goes on by a step a token or, for experts, a layer (expert_cache.c).
 *
 * Rates are kept inflated: instead of shrinking every bundle's rate at each step, the amount that a use adds grows,
 * and once in a long while all rates are scaled down together. */

#include "policy.h"

#include "bits.h"
#include "check.h"
#include "mem.h"
#include "select.h"

#include <math.h>
#include <string.h>

#define HALF_LIFE 512.0 /* steps of wick_policy_advance(): of neurons tokens, of experts layers */
#define STEP_MAX 0x1p40 /* a use adds no more before all rates are scaled down */

struct wick_policy_ops {
	const char *name;
	const void *(*worth)(const struct wick_policy *policy); /* (keys), 32 bits that ascend with usefulness */
	bool shrinks;
};

struct wick_policy {
	const struct wick_policy_ops *ops;
	uint32_t keys, capacity, window;
	uint32_t now;       /* tokens so far, and 1 */
	uint32_t *last_used; /* (keys), 0: never */
	float *rate;         /* (keys), in units of step */
	double step;         /* what a use adds now */
	uint8_t *held;       /* (capacity + 1), of slots: not to be taken; the last stands for none; all 0 between calls */
	uint32_t *slots;     /* (capacity), candidates */
	uint32_t *worth;     /* (capacity), of the candidates, as ops->worth has it */
	uint32_t *victims;   /* (capacity), slots that go */
};

static const void *last_use_as_worth(const struct wick_policy *policy)
{
	return policy->last_used;
}

/* The bits of floats that are not negative are in their order. */
static const void *rate_as_worth(const struct wick_policy *policy)
{
	return policy->rate;
}

static const struct wick_policy_ops policies[] = {
	{ "decay", rate_as_worth, false }, /* the default: docs/measurements.md */
	{ "lru", last_use_as_worth, false },
	{ "window", last_use_as_worth, true },
};

const struct wick_policy_ops *wick_policy_find(const char *name)
{
	for (unsigned i = 0; i < WICK_COUNT_OF(policies); i++)
		if (!name || strcmp(policies[i].name, name) == 0)
			return &policies[i];
	return NULL;
}

const char *wick_policy_name(const struct wick_policy_ops *ops)
{
	return ops->name;
}

const char *wick_policy_names(void)
{
	return "decay, lru, window";
}

uint64_t wick_policy_bytes(uint32_t keys, uint32_t capacity)
{
	return wick_mem_cost(sizeof(struct wick_policy)) + wick_mem_cost(keys * sizeof(uint32_t)) +
		wick_mem_cost(keys * sizeof(float)) + wick_mem_cost(capacity + 1ull) +
		3 * wick_mem_cost(capacity * sizeof(uint32_t));
}

struct wick_policy *wick_policy_init(
	const struct wick_policy_ops *ops, uint32_t keys, uint32_t capacity, uint32_t window, struct wick_mem *mem)
{
	struct wick_policy *policy = wick_mem_take(mem, sizeof(*policy));

	*policy = (struct wick_policy){
		.ops = ops,
		.keys = keys,
		.capacity = capacity,
		.window = ops->shrinks ? window : 0,
		.last_used = wick_mem_take(mem, keys * sizeof(uint32_t)),
		.rate = wick_mem_take(mem, keys * sizeof(float)),
		.held = wick_mem_take(mem, capacity + 1ull),
		.slots = wick_mem_take(mem, capacity * sizeof(uint32_t)),
		.worth = wick_mem_take(mem, capacity * sizeof(uint32_t)),
		.victims = wick_mem_take(mem, capacity * sizeof(uint32_t)),
	};
	wick_policy_reset(policy);
	return policy;
}

void wick_policy_reset(struct wick_policy *policy)
{
	policy->now = 1;
	policy->step = 1;
	memset(policy->last_used, 0, policy->keys * sizeof(uint32_t));
	memset(policy->rate, 0, policy->keys * sizeof(float));
}

/* Holds the slots of ids; those that have none come into wanted. Returns how many. The loop does not branch: which
 * bundles are absent cannot be foreseen, and a branch would be missed for each of them. */
static uint32_t hold(struct wick_policy *policy, const struct wick_cache *cache, uint32_t first, const uint32_t *ids,
	uint32_t n, struct wick_wanted *wanted)
{
	const uint32_t *slot_of_id = cache->slot_of_key + first;
	uint32_t none = policy->capacity, absent = 0;
	uint8_t *held = policy->held;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = slot_of_id[ids[i]];

		held[WICK_MIN(slot, none)] = 1;
		wanted[absent].bundle = ids[i];
		absent += slot == WICK_NO_SLOT;
	}
	return absent;
}

void wick_policy_hold(struct wick_policy *policy, const struct wick_cache *cache, uint32_t first, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		policy->held[WICK_MIN(cache->slot_of_key[first + ids[i]], policy->capacity)] = 1;
}

static void let_go(struct wick_policy *policy)
{
	memset(policy->held, 0, policy->capacity + 1ull);
}

/* Gathers the slots that may be taken, with their worth, and lets go of what was held. Returns how many. */
static uint32_t gather(struct wick_policy *policy, const struct wick_cache *cache)
{
	const uint8_t *held = policy->held, *in_flight = cache->in_flight, *worth_of_key = policy->ops->worth(policy);
	const uint32_t *key_of_slot = cache->key_of_slot;
	uint32_t *slots = policy->slots, *worth = policy->worth, used = cache->used, count = 0;

	for (uint32_t slot = 0; slot < used; slot++) {
		slots[count] = slot;
		memcpy(&worth[count], worth_of_key + key_of_slot[slot] * sizeof(uint32_t), sizeof(uint32_t));
		count += !(held[slot] | in_flight[slot]);
	}
	let_go(policy);
	return count;
}

static bool is_expired(const struct wick_policy *policy, uint32_t last_used)
{
	return policy->window && policy->now - last_used >= policy->window;
}

/* How many slots change hands: as many as there is no free one for, and those the window has left behind. */
static uint32_t count_victims(const struct wick_policy *policy, const struct wick_cache *cache, uint32_t candidates,
	uint32_t absent)
{
	uint32_t free_slots = policy->capacity - cache->used, expired = 0;

	if (policy->window)
		for (uint32_t i = 0; i < candidates; i++)
			expired += is_expired(policy, policy->worth[i]);
	return WICK_MAX(absent > free_slots ? absent - free_slots : 0, WICK_MIN(absent, expired));
}

/* Gives the absent their slots. */
static void place(const struct wick_policy *policy, struct wick_cache *cache, uint32_t first, uint32_t absent,
	uint32_t victims, struct wick_wanted *wanted)
{
	for (uint32_t i = 0; i < victims; i++) {
		wanted[i].row = policy->victims[i];
		wick_cache_replace(cache, wanted[i].row, first + wanted[i].bundle);
	}
	for (uint32_t i = victims; i < absent; i++)
		wanted[i].row = wick_cache_append(cache, first + wanted[i].bundle);
}

/* Frees the slots of bundles that the window has left behind and that were not given away; from the last on, so that
 * a slot that moves has been looked at. A last slot in flight ends it: the rest goes at the next token. */
static void shrink(const struct wick_policy *policy, struct wick_cache *cache, uint32_t first, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		policy->last_used[first + ids[i]] = policy->now;
	for (uint32_t left = cache->used; left; left--) {
		uint32_t slot = left - 1;

		if (!cache->in_flight[slot] && is_expired(policy, policy->last_used[cache->key_of_slot[slot]]) &&
			wick_cache_delete(cache, slot))
			break;
	}
}

uint32_t wick_policy_admit(struct wick_policy *policy, struct wick_cache *cache, uint32_t first, const uint32_t *ids,
	uint32_t n, struct wick_wanted *wanted)
{
	uint32_t absent = hold(policy, cache, first, ids, n, wanted), candidates = 0, victims = 0;

	if (policy->window || absent > policy->capacity - cache->used) {
		candidates = gather(policy, cache);
		victims = count_victims(policy, cache, candidates, absent);
	} else {
		let_go(policy);
	}
	wick_require(victims <= candidates);
	if (victims)
		wick_select_least(policy->worth, policy->slots, candidates, victims, policy->victims);
	place(policy, cache, first, absent, victims, wanted);
	if (policy->window)
		shrink(policy, cache, first, ids, n);
	return absent;
}

/* The factor from a rate to the chance that the next token uses the bundle. */
static double chance_per_rate(const struct wick_policy *policy)
{
	double decay = exp2(-1 / HALF_LIFE);

	return (1 - decay) / (1 - pow(decay, policy->now)) / policy->step;
}

/* Collects into wanted the likeliest that are absent, at most `most`, and holds those likelier than the last of them.
 * Their probabilities are found again by their place, which is left in row. */
static uint32_t collect(struct wick_policy *policy, const struct wick_cache *cache, uint32_t first, const uint32_t *ids,
	uint32_t n, uint32_t most, struct wick_wanted *wanted)
{
	uint32_t absent = 0;

	for (uint32_t i = 0; i < n && absent < most; i++) {
		uint32_t slot = cache->slot_of_key[first + ids[i]];

		if (slot == WICK_NO_SLOT)
			wanted[absent++] = (struct wick_wanted){ .bundle = ids[i], .row = i };
		else
			policy->held[slot] = 1;
	}
	return absent;
}

uint32_t wick_policy_admit_probable(struct wick_policy *policy, struct wick_cache *cache, uint32_t first,
	const uint32_t *ids, const float *probability, uint32_t n, uint32_t most, const uint32_t *keep,
	uint32_t keep_count, struct wick_wanted *wanted)
{
	uint32_t absent = collect(policy, cache, first, ids, n, most, wanted), placed = 0, candidates, victims;
	double per_rate = chance_per_rate(policy);

	wick_policy_hold(policy, cache, first, keep, keep_count);
	candidates = gather(policy, cache);
	for (; placed < absent && cache->used < policy->capacity; placed++)
		wanted[placed].row = wick_cache_append(cache, first + wanted[placed].bundle);
	victims = WICK_MIN(absent - placed, candidates);
	if (victims)
		wick_select_least(policy->worth, policy->slots, candidates, victims, policy->victims);
	for (uint32_t i = 0; i < victims; i++) {
		uint32_t slot = policy->victims[i];

		/* Probabilities fall, so a victim that is too good for this one is too good for all that follow. */
		if (policy->rate[cache->key_of_slot[slot]] * per_rate >= (double)probability[wanted[placed].row])
			continue;
		wick_cache_replace(cache, slot, first + wanted[placed].bundle);
		wanted[placed++].row = slot;
	}
	return placed;
}

static void scale_down(struct wick_policy *policy)
{
	for (uint32_t i = 0; i < policy->keys; i++)
		policy->rate[i] /= (float)STEP_MAX;
	policy->step /= STEP_MAX;
}

void wick_policy_advance(struct wick_policy *policy, uint32_t tokens)
{
	for (uint32_t i = 0; i < tokens; i++) {
		policy->step *= exp2(1 / HALF_LIFE);
		if (policy->step > STEP_MAX)
			scale_down(policy);
	}
	policy->now += tokens;
}

void wick_policy_touch(struct wick_policy *policy, uint32_t first, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		policy->last_used[first + ids[i]] = policy->now;
		policy->rate[first + ids[i]] += policy->step;
	}
}
