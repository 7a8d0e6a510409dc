/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What is read ahead, and how much of that pays (see expert_ahead.h). */

#include "expert_ahead.h"

#include "bits.h"
#include "bundle.h"
#include "clock.h"
#include "mem.h"

#define MEMORY 32        /* layers, over which averages move */
#define LIKELY_FIRST 0.9f /* the chance of the likeliest guess, and how much less that of each after it is */
#define LIKELY_STEP 0.1f

uint64_t wick_expert_ahead_bytes(void)
{
	return wick_mem_cost(2 * WICK_EXPERTS_AHEAD * WICK_PARTS * sizeof(struct wick_landing));
}

void wick_expert_ahead_init(struct wick_expert_ahead *ahead, struct wick_mem *mem)
{
	*ahead = (struct wick_expert_ahead){ .landing = wick_mem_take(mem, 2 * WICK_EXPERTS_AHEAD * WICK_PARTS * sizeof(struct wick_landing)) };
	wick_trial_init(&ahead->trial, 2);
}

static uint32_t find(const struct wick_expert_guesses *set, uint32_t key)
{
	uint32_t i = 0;

	while (i < set->count && (set->claimed[i] || set->keys[i] != key))
		i++;
	return i < set->count ? i : WICK_NOT_AHEAD;
}

uint32_t wick_expert_ahead_claim(struct wick_expert_ahead *ahead, uint32_t key)
{
	for (uint32_t s = 0; s < WICK_COUNT_OF(ahead->set); s++) {
		uint32_t i = find(&ahead->set[s], key);

		if (i == WICK_NOT_AHEAD)
			continue;
		ahead->set[s].claimed[i] = true;
		return s * WICK_EXPERTS_AHEAD + i;
	}
	return WICK_NOT_AHEAD;
}

uint32_t wick_expert_ahead_score(struct wick_expert_ahead *ahead, uint32_t layer, uint32_t first, const uint32_t *ids, uint32_t count)
{
	const struct wick_expert_guesses *set = &ahead->set[layer % 2];
	uint32_t useful = 0;

	for (uint32_t i = 0; set->layer == layer && i < set->count; i++)
		for (uint32_t k = 0; k < count; k++)
			useful += first + ids[k] == set->keys[i];
	ahead->useful += useful;
	return useful;
}

uint32_t wick_expert_ahead_unclaimed(const struct wick_expert_ahead *ahead)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < WICK_COUNT_OF(ahead->set); s++)
		for (uint32_t i = 0; i < ahead->set[s].count; i++)
			count += !ahead->set[s].claimed[i];
	return count;
}

static bool has_landed(const struct wick_expert_ahead *ahead, uint32_t place)
{
	for (uint32_t part = 0; part < WICK_PARTS; part++)
		if (ahead->landing[place * WICK_PARTS + part].pending)
			return false;
	return true;
}

static bool has_failed(const struct wick_expert_ahead *ahead, uint32_t place)
{
	int err = 0;

	for (uint32_t part = 0; part < WICK_PARTS; part++)
		err |= ahead->landing[place * WICK_PARTS + part].err;
	return err;
}

bool wick_expert_ahead_settle(struct wick_expert_ahead *ahead, uint32_t layer)
{
	struct wick_expert_guesses *set = &ahead->set[layer % 2];

	for (uint32_t i = 0; i < set->count; i++)
		if (!has_landed(ahead, layer % 2 * WICK_EXPERTS_AHEAD + i))
			return false;
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->claimed[i])
			continue;
		set->store->unchecked[set->slots[i]] = has_failed(ahead, layer % 2 * WICK_EXPERTS_AHEAD + i) ? WICK_UNREAD : WICK_UNCHECKED;
		set->store->cache.in_flight[set->slots[i]] = 0;
	}
	set->count = 0;
	return true;
}

uint32_t wick_expert_ahead_room(const struct wick_expert_ahead *ahead)
{
	double room = ahead->expert_ns > 0 ? ahead->slack_ns / ahead->expert_ns : 0;

	return ahead->on && wick_trial_way(&ahead->trial) ?
		(uint32_t)WICK_MIN(room, (double)WICK_EXPERTS_AHEAD) : 0;
}

struct wick_expert_guesses *wick_expert_ahead_admit(struct wick_expert_ahead *ahead, struct wick_expert_store *store,
	uint32_t layer, const uint32_t *keys, uint32_t count, uint32_t most)
{
	struct wick_expert_guesses *set = &ahead->set[layer % 2];
	struct wick_wanted wanted[WICK_GUESSES];
	float probability[WICK_GUESSES];

	count = WICK_MIN(count, (uint32_t)WICK_COUNT_OF(wanted));
	for (uint32_t i = 0; i < count; i++)
		probability[i] = LIKELY_FIRST - LIKELY_STEP * (float)i;
	set->layer = layer;
	set->store = store;
	set->count = wick_policy_admit_probable(store->policy, &store->cache, 0, keys, probability, count, most, NULL, 0, wanted);
	for (uint32_t i = 0; i < set->count; i++) {
		set->keys[i] = wanted[i].bundle;
		set->slots[i] = wanted[i].row;
		set->claimed[i] = false;
		store->unchecked[wanted[i].row] = 0;
	}
	ahead->prefetched += set->count;
	ahead->sent_ahead = set->count;
	return set;
}

static void move(double *average, double value)
{
	*average += (value - *average) / MEMORY;
}

/* What is read ahead now would be idle time without. */
void wick_expert_ahead_note_sent(struct wick_expert_ahead *ahead, uint32_t experts, uint32_t useful, uint64_t busy_ns)
{
	uint64_t now = wick_now_ns();
	double busy = (double)(busy_ns - ahead->busy_ns), elapsed = (double)(now - ahead->sent_ns);
	uint32_t reads = ahead->sent + ahead->sent_ahead;

	if (ahead->sent_ns && reads)
		move(&ahead->expert_ns, busy / reads);
	if (ahead->sent_ns)
		move(&ahead->slack_ns, WICK_MAX(elapsed - busy, 0.0) + ahead->sent_ahead * ahead->expert_ns);
	ahead->token_reads += experts + useful;
	ahead->sent = experts;
	ahead->sent_ahead = 0;
	ahead->sent_ns = now;
	ahead->busy_ns = busy_ns;
}

/* Batches of as many rows are alike. */
void wick_expert_ahead_note_token(struct wick_expert_ahead *ahead, uint32_t rows)
{
	uint64_t now = wick_now_ns();

	if (ahead->on && ahead->token_ns && rows == ahead->token_rows)
		wick_trial_learn(&ahead->trial, ahead->token_reads, ahead->token_reads, (double)(now - ahead->token_ns) / 1e3);
	ahead->token_ns = rows ? now : 0;
	ahead->token_rows = rows;
	ahead->token_reads = 0;
	ahead->sent_ns = 0;
}

void wick_expert_ahead_reset(struct wick_expert_ahead *ahead)
{
	ahead->set[0].count = ahead->set[1].count = 0;
	ahead->token_ns = ahead->sent_ns = 0;
}
