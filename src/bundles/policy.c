/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which neurons are evicted (see policy.h). A policy is a key for each cached neuron; those of the smallest keys go
 * first:
 *
 *     window    when it was last used; those not used by the last `window` tokens go even while there is room
 *     lru       when it was last used
 *     decay     how often it was used, a use counting half as much for every HALF_LIFE tokens since
 *
 * Neurons that are used now or in flight are no candidates; of the rest the smallest keys are selected without sorting
 * (select.h), so a layer costs a few passes over its rows, however many neurons are missing.
 *
 * Rates are kept inflated: instead of shrinking every neuron's rate at each token, the amount that a use adds grows,
 * and once in a long while all rates are scaled down together. */

#include "policy.h"

#include "bits.h"
#include "check.h"
#include "mem.h"
#include "select.h"

#include <math.h>
#include <string.h>

#define HALF_LIFE 512.0 /* tokens */
#define STEP_MAX 0x1p40 /* a use adds no more before all rates are scaled down */

struct wick_policy_ops {
	const char *name;
	const void *(*keys)(const struct wick_policy *policy); /* (neurons), 32 bits that ascend with usefulness */
	bool shrinks;
};

struct wick_policy {
	const struct wick_policy_ops *ops;
	uint32_t neurons, capacity, window;
	uint32_t now;       /* tokens so far, and 1 */
	uint32_t *last_used; /* (neurons), 0: never */
	float *rate;         /* (neurons), in units of step */
	double step;         /* what a use adds now */
	uint8_t *held;       /* (capacity + 1), of rows: not to be taken; the last stands for none; all 0 between calls */
	uint32_t *rows;      /* (capacity), candidates */
	uint32_t *keys;      /* (capacity), of the candidates */
	uint32_t *victims;   /* (capacity), rows that go */
};

static const void *last_use_as_key(const struct wick_policy *policy)
{
	return policy->last_used;
}

/* The bits of floats that are not negative are in their order. */
static const void *rate_as_key(const struct wick_policy *policy)
{
	return policy->rate;
}

static const struct wick_policy_ops policies[] = {
	{ "decay", rate_as_key, false }, /* the default: docs/measurements.md */
	{ "lru", last_use_as_key, false },
	{ "window", last_use_as_key, true },
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

uint64_t wick_policy_bytes(uint32_t neurons, uint32_t capacity)
{
	return wick_mem_cost(sizeof(struct wick_policy)) + wick_mem_cost(neurons * sizeof(uint32_t)) +
		wick_mem_cost(neurons * sizeof(float)) + wick_mem_cost(capacity + 1ull) +
		3 * wick_mem_cost(capacity * sizeof(uint32_t));
}

struct wick_policy *wick_policy_init(
	const struct wick_policy_ops *ops, uint32_t neurons, uint32_t capacity, uint32_t window, struct wick_mem *mem)
{
	struct wick_policy *policy = wick_mem_take(mem, sizeof(*policy));

	*policy = (struct wick_policy){
		.ops = ops,
		.neurons = neurons,
		.capacity = capacity,
		.window = ops->shrinks ? window : 0,
		.last_used = wick_mem_take(mem, neurons * sizeof(uint32_t)),
		.rate = wick_mem_take(mem, neurons * sizeof(float)),
		.held = wick_mem_take(mem, capacity + 1ull),
		.rows = wick_mem_take(mem, capacity * sizeof(uint32_t)),
		.keys = wick_mem_take(mem, capacity * sizeof(uint32_t)),
		.victims = wick_mem_take(mem, capacity * sizeof(uint32_t)),
	};
	wick_policy_reset(policy);
	return policy;
}

void wick_policy_reset(struct wick_policy *policy)
{
	policy->now = 1;
	policy->step = 1;
	memset(policy->last_used, 0, policy->neurons * sizeof(uint32_t));
	memset(policy->rate, 0, policy->neurons * sizeof(float));
}

/* Holds the rows of ids; those that have none come into wanted. Returns how many. The loop does not branch: which
 * neurons are absent cannot be foreseen, and a branch would be missed for each of them. */
static uint32_t hold(struct wick_policy *policy, const struct wick_cache *cache, const uint32_t *ids, uint32_t n,
	struct wick_wanted *wanted)
{
	const uint32_t *row_of_neuron = cache->row_of_neuron;
	uint32_t none = policy->capacity, absent = 0;
	uint8_t *held = policy->held;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = row_of_neuron[ids[i]];

		held[WICK_MIN(row, none)] = 1;
		wanted[absent].bundle = ids[i];
		absent += row == WICK_NO_ROW;
	}
	return absent;
}

static void let_go(struct wick_policy *policy)
{
	memset(policy->held, 0, policy->capacity + 1ull);
}

/* Gathers the rows that may be taken, with their keys, and lets go of what was held. Returns how many. */
static uint32_t gather(struct wick_policy *policy, const struct wick_cache *cache)
{
	const uint8_t *held = policy->held, *in_flight = cache->in_flight, *key = policy->ops->keys(policy);
	const uint32_t *neuron_of_row = cache->neuron_of_row;
	uint32_t *rows = policy->rows, *keys = policy->keys, used = cache->used, count = 0;

	for (uint32_t row = 0; row < used; row++) {
		rows[count] = row;
		memcpy(&keys[count], key + neuron_of_row[row] * sizeof(uint32_t), sizeof(uint32_t));
		count += !(held[row] | in_flight[row]);
	}
	let_go(policy);
	return count;
}

static bool is_expired(const struct wick_policy *policy, uint32_t last_used)
{
	return policy->window && policy->now - last_used >= policy->window;
}

/* How many rows change hands: as many as there is no free row for, and those the window has left behind. */
static uint32_t count_victims(const struct wick_policy *policy, const struct wick_cache *cache, uint32_t candidates,
	uint32_t absent)
{
	uint32_t free_rows = policy->capacity - cache->used, expired = 0;

	if (policy->window)
		for (uint32_t i = 0; i < candidates; i++)
			expired += is_expired(policy, policy->keys[i]);
	return WICK_MAX(absent > free_rows ? absent - free_rows : 0, WICK_MIN(absent, expired));
}

/* Gives the absent their rows. */
static void place(const struct wick_policy *policy, struct wick_cache *cache, uint32_t absent, uint32_t victims,
	struct wick_wanted *wanted)
{
	for (uint32_t i = 0; i < victims; i++) {
		wanted[i].row = policy->victims[i];
		wick_cache_replace(cache, wanted[i].row, wanted[i].bundle);
	}
	for (uint32_t i = victims; i < absent; i++)
		wanted[i].row = wick_cache_append(cache, wanted[i].bundle);
}

/* Frees the rows of neurons that the window has left behind and that were not given away; from the last row on, so that
 * a row that moves has been looked at. A last row in flight ends it: the rest goes at the next token. */
static void shrink(const struct wick_policy *policy, struct wick_cache *cache, const uint32_t *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		policy->last_used[ids[i]] = policy->now;
	for (uint32_t left = cache->used; left; left--) {
		uint32_t row = left - 1;

		if (!cache->in_flight[row] && is_expired(policy, policy->last_used[cache->neuron_of_row[row]]) &&
			wick_cache_delete(cache, row))
			break;
	}
}

uint32_t wick_policy_admit(struct wick_policy *policy, struct wick_cache *cache, const uint32_t *ids, uint32_t n,
	struct wick_wanted *wanted)
{
	uint32_t absent = hold(policy, cache, ids, n, wanted), candidates = 0, victims = 0;

	if (policy->window || absent > policy->capacity - cache->used) {
		candidates = gather(policy, cache);
		victims = count_victims(policy, cache, candidates, absent);
	} else {
		let_go(policy);
	}
	wick_require(victims <= candidates);
	if (victims)
		wick_select_least(policy->keys, policy->rows, candidates, victims, policy->victims);
	place(policy, cache, absent, victims, wanted);
	if (policy->window)
		shrink(policy, cache, ids, n);
	return absent;
}

/* The factor from a rate to the chance that the next token uses the neuron. */
static double chance_per_rate(const struct wick_policy *policy)
{
	double decay = exp2(-1 / HALF_LIFE);

	return (1 - decay) / (1 - pow(decay, policy->now)) / policy->step;
}

/* Collects into wanted the likeliest that are absent, at most `most`, and holds those likelier than the last of them.
 * Their probabilities are found again by their place, which is left in row. */
static uint32_t collect(struct wick_policy *policy, const struct wick_cache *cache, const uint32_t *ids, uint32_t n,
	uint32_t most, struct wick_wanted *wanted)
{
	uint32_t absent = 0;

	for (uint32_t i = 0; i < n && absent < most; i++) {
		uint32_t row = cache->row_of_neuron[ids[i]];

		if (row == WICK_NO_ROW)
			wanted[absent++] = (struct wick_wanted){ .bundle = ids[i], .row = i };
		else
			policy->held[row] = 1;
	}
	return absent;
}

uint32_t wick_policy_admit_probable(struct wick_policy *policy, struct wick_cache *cache, const uint32_t *ids,
	const float *probability, uint32_t n, uint32_t most, const uint32_t *keep, uint32_t keep_count,
	struct wick_wanted *wanted)
{
	uint32_t absent = collect(policy, cache, ids, n, most, wanted), placed = 0, candidates, victims;
	double per_rate = chance_per_rate(policy);

	for (uint32_t i = 0; i < keep_count; i++)
		policy->held[WICK_MIN(cache->row_of_neuron[keep[i]], policy->capacity)] = 1;
	candidates = gather(policy, cache);
	for (; placed < absent && cache->used < policy->capacity; placed++)
		wanted[placed].row = wick_cache_append(cache, wanted[placed].bundle);
	victims = WICK_MIN(absent - placed, candidates);
	if (victims)
		wick_select_least(policy->keys, policy->rows, candidates, victims, policy->victims);
	for (uint32_t i = 0; i < victims; i++) {
		uint32_t row = policy->victims[i];

		/* Probabilities fall, so a victim that is too good for this one is too good for all that follow. */
		if (policy->rate[cache->neuron_of_row[row]] * per_rate >= (double)probability[wanted[placed].row])
			continue;
		wick_cache_replace(cache, row, wanted[placed].bundle);
		wanted[placed++].row = row;
	}
	return placed;
}

static void scale_down(struct wick_policy *policy)
{
	for (uint32_t i = 0; i < policy->neurons; i++)
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

void wick_policy_touch(struct wick_policy *policy, struct wick_cache *cache, const uint32_t *ids, uint32_t n)
{
	(void)cache;
	for (uint32_t i = 0; i < n; i++) {
		policy->last_used[ids[i]] = policy->now;
		policy->rate[ids[i]] += policy->step;
	}
	wick_policy_advance(policy, 1);
}
