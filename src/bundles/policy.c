/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which bundles are evicted (see policy.h). A policy is a worth for each cached bundle; those of the least go
 * first:
 *
 *     window    when it was last used; those not used by the last `window` tokens go even while there is room
 *     lru       when it was last used
 *     decay     how often it was used, a use counting half as much for every HALF_LIFE steps since
 *     stale     of experts: when it was last used, but those of layers that this token has still before it stay longest
 *     nextuse   of experts: how soon it will be used again, by how often it was used of late and by how far its layer is
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
#define NOW_MAX (1u << 24) /* steps, after which the first half of them is forgotten: 32 bits are not for ever */

/* nextuse: an expert's chance at a token is a blend of how often it was used in the last few tokens and in the last hundred.
 * docs/experts.md has what other numbers do. */
#define FAST_HALF_LIFE 2.0 /* tokens */
#define SLOW_HALF_LIFE 64.0
#define FAST_SHARE 0.4f
#define CHANCE_MIN 1e-4f
#define CHANCE_MAX 0.999f

struct wick_policy_ops {
	const char *name;
	const void *(*worth)(const struct wick_policy *policy); /* (keys), 32 bits that ascend with usefulness; NULL: */
	void (*weigh)(struct wick_policy *policy, const struct wick_cache *cache); /* writes those of all slots to policy->worth */
	bool shrinks;
	bool fast; /* has fast rates in place of last uses */
};

struct wick_policy {
	const struct wick_policy_ops *ops;
	uint32_t keys, capacity, window;
	uint32_t now;       /* steps so far, and 1; up to NOW_MAX and what comes at once */
	union {
		uint32_t *last_used; /* (keys), 0: never */
		float *fast;         /* (keys), in units of fast_step */
	};
	float *rate;         /* (keys), in units of step */
	double step, fast_step; /* what a use adds now */
	double half_life, fast_half_life; /* steps */
	uint32_t layers, per_layer; /* of experts: keys are of so many layers in turn */
	uint32_t layer;      /* that is computed */
	uint8_t *held;       /* (capacity + 1), of slots: not to be taken; the last stands for none; all 0 between calls */
	uint32_t *slots;     /* (capacity), candidates */
	uint32_t *worth;     /* (capacity), of the candidates, as ops->worth or ->weigh has it */
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

/* Layers from the one that is computed to the next time that a key's is. */
static uint32_t layers_until(const struct wick_policy *policy, uint32_t key)
{
	uint32_t layer = key / policy->per_layer;

	return layer > policy->layer ? layer - policy->layer : layer + policy->layers - policy->layer;
}

static void weigh_stale(struct wick_policy *policy, const struct wick_cache *cache)
{
	for (uint32_t slot = 0; slot < cache->used; slot++) {
		uint32_t key = cache->key_of_slot[slot], layer = key / policy->per_layer;

		policy->worth[slot] = layer > policy->layer ? UINT32_MAX - layers_until(policy, key) : policy->last_used[key];
	}
}

/* Of chance p at each token, and d layers before its turn, an expert is used in d + layers * (1 - p) / p layers on
 * average: the sooner, the more it is worth. */
static void weigh_next_use(struct wick_policy *policy, const struct wick_cache *cache)
{
	double fast = (1 - exp2(-1 / FAST_HALF_LIFE)) / policy->fast_step, slow = (1 - exp2(-1 / SLOW_HALF_LIFE)) / policy->step;
	double seen = 1 - exp2(-(1 + (double)policy->now / policy->layers) / SLOW_HALF_LIFE);
	float per_fast = (float)(FAST_SHARE * fast), per_slow = (float)((1 - FAST_SHARE) * slow / seen);

	for (uint32_t slot = 0; slot < cache->used; slot++) {
		uint32_t key = cache->key_of_slot[slot];
		float p = policy->fast[key] * per_fast + policy->rate[key] * per_slow, worth;

		p = WICK_MIN(WICK_MAX(p, CHANCE_MIN), CHANCE_MAX);
		worth = p / ((float)layers_until(policy, key) * p + (float)policy->layers * (1 - p));
		memcpy(&policy->worth[slot], &worth, sizeof(worth));
	}
}

static const struct wick_policy_ops policies[] = {
	{ "decay", rate_as_worth }, /* the default for neurons: docs/measurements.md */
	{ "lru", last_use_as_worth },
	{ "window", last_use_as_worth, .shrinks = true },
	{ "stale", .weigh = weigh_stale },
	{ "nextuse", .weigh = weigh_next_use, .fast = true },
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
	return "decay, lru, window, stale, nextuse";
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
	wick_policy_set_layers(policy, 1);
	wick_policy_reset(policy);
	return policy;
}

void wick_policy_set_layers(struct wick_policy *policy, uint32_t layers)
{
	policy->layers = layers;
	policy->per_layer = policy->keys / layers;
	policy->fast_half_life = FAST_HALF_LIFE * layers;
	policy->half_life = policy->ops->fast ? SLOW_HALF_LIFE * layers : HALF_LIFE;
}

void wick_policy_reset(struct wick_policy *policy)
{
	policy->now = 1;
	policy->step = policy->fast_step = 1;
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
	const uint8_t *held = policy->held, *in_flight = cache->in_flight;
	const uint8_t *worth_of_key = policy->ops->worth ? policy->ops->worth(policy) : NULL;
	uint32_t *slots = policy->slots, *worth = policy->worth, used = cache->used, count = 0;

	if (!worth_of_key)
		policy->ops->weigh(policy, cache);
	for (uint32_t slot = 0; slot < used; slot++) {
		slots[count] = slot;
		if (worth_of_key)
			memcpy(&worth[count], worth_of_key + cache->key_of_slot[slot] * sizeof(uint32_t), sizeof(uint32_t));
		else
			worth[count] = worth[slot];
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

	if (n)
		policy->layer = (first + ids[0]) / policy->per_layer;
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

static void hold_from(struct wick_policy *policy, const struct wick_cache *cache, uint32_t end)
{
	for (uint32_t slot = 0; slot < cache->used; slot++)
		policy->held[slot] |= cache->key_of_slot[slot] >= end;
}

uint32_t wick_policy_admit_early(struct wick_policy *policy, struct wick_cache *cache, uint32_t first, const uint32_t *ids,
	uint32_t n, uint32_t end, struct wick_wanted *wanted)
{
	uint32_t absent = hold(policy, cache, first, ids, n, wanted), candidates, victims;

	hold_from(policy, cache, first + end);
	candidates = gather(policy, cache);
	absent = WICK_MIN(absent, policy->capacity - cache->used + candidates);
	victims = count_victims(policy, cache, candidates, absent);
	if (victims)
		wick_select_least(policy->worth, policy->slots, candidates, victims, policy->victims);
	place(policy, cache, first, absent, victims, wanted);
	return absent;
}

/* The factor from a rate to the chance that the next token uses the bundle. */
static double chance_per_rate(const struct wick_policy *policy)
{
	double decay = exp2(-1 / policy->half_life);

	return (1 - decay) / (1 - pow(decay, policy->now)) / policy->step * policy->layers;
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

static void scale_down(float *rates, uint32_t count, double *step)
{
	for (uint32_t i = 0; i < count; i++)
		rates[i] /= (float)STEP_MAX;
	*step /= STEP_MAX;
}

/* The order of last uses stays, but of those that are forgotten. */
static void forget_half(struct wick_policy *policy)
{
	uint32_t back = NOW_MAX / 2;

	for (uint32_t key = 0; !policy->ops->fast && key < policy->keys; key++)
		policy->last_used[key] = policy->last_used[key] > back ? policy->last_used[key] - back : 0;
	policy->now -= back;
}

void wick_policy_advance(struct wick_policy *policy, uint32_t tokens)
{
	double more = exp2(1 / policy->half_life), fast_more = policy->ops->fast ? exp2(1 / policy->fast_half_life) : 1;

	for (uint32_t i = 0; i < tokens; i++) {
		policy->step *= more;
		if (policy->step > STEP_MAX)
			scale_down(policy->rate, policy->keys, &policy->step);
		policy->fast_step *= fast_more;
		if (policy->fast_step > STEP_MAX)
			scale_down(policy->fast, policy->keys, &policy->fast_step);
	}
	policy->now += tokens;
	while (policy->now > NOW_MAX)
		forget_half(policy);
}

void wick_policy_touch(struct wick_policy *policy, uint32_t first, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (policy->ops->fast)
			policy->fast[first + ids[i]] += (float)policy->fast_step;
		else
			policy->last_used[first + ids[i]] = policy->now;
		policy->rate[first + ids[i]] += (float)policy->step;
	}
}

/* Time begins at step 1, also where a reset came since. */
void wick_policy_touch_ago(struct wick_policy *policy, uint32_t key, uint32_t steps)
{
	if (policy->ops->fast)
		policy->fast[key] += (float)(policy->fast_step * exp2(-(double)steps / policy->fast_half_life));
	else
		policy->last_used[key] = policy->now > steps ? policy->now - steps : 1;
	policy->rate[key] += (float)(policy->step * exp2(-(double)steps / policy->half_life));
}
