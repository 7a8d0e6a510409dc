/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Who has to give up positions. */

#include "slots_room.h"

#define STEP WICK_KV_POSITIONS_STEP
#define ANSWER_TOKENS 128 /* of an answer that there is room for from the beginning */

static void count_lost(const struct wick_slots *slots, int rc)
{
	if (rc < 0)
		wick_metrics_add(slots->metrics, WICK_METRIC_LOST, 1);
}

bool wick_slots_put_away(struct wick_slots *slots, struct wick_slot *slot)
{
	int begun;

	if (!slot->count)
		return true;
	if (slots->leaving)
		return false;
	begun = wick_shelf_begin(slots->shelf, slot->session, slot->ids);
	count_lost(slots, begun);
	if (begun > 0)
		slots->leaving = slot;
	else
		wick_slot_empty(slot);
	return !slots->leaving;
}

void wick_slots_wait(struct wick_slots *slots)
{
	if (!slots->leaving)
		return;
	count_lost(slots, wick_shelf_end(slots->shelf));
	wick_slot_empty(slots->leaving);
	slots->leaving = NULL;
}

void wick_slots_settle(struct wick_slots *slots)
{
	if (slots->leaving && wick_shelf_is_done(slots->shelf))
		wick_slots_wait(slots);
}

uint32_t wick_whole_blocks(uint32_t positions)
{
	return (positions + STEP - 1) / STEP * STEP;
}

uint32_t wick_slots_wanted(const struct wick_job *job, uint32_t known)
{
	uint32_t all = job->prompt.count + job->max_tokens;

	return known + ANSWER_TOKENS < all ? known + ANSWER_TOKENS : all;
}

/* What jobs at work were promised when they were admitted, and have not taken yet. */
static uint64_t promised(const struct wick_slots *slots)
{
	uint64_t positions = 0;

	for (uint32_t i = 0; i < slots->count; i++) {
		const struct wick_slot *slot = &slots->at[i];
		uint32_t most = slot->job ? wick_slots_wanted(slot->job, slot->job->prompt.count) : 0;

		if (slot->job && most < slot->known)
			most = slot->known; /* it was parked */
		if (slot->job && !slot->parked && slot->count < most)
			positions += wick_session_need(slot->session, most - slot->count);
	}
	return positions;
}

/* The idle slot with tokens that was unused for longest, but for one that is spared. NULL: there is none. */
static struct wick_slot *find_oldest(const struct wick_slots *slots, const struct wick_slot *spared)
{
	struct wick_slot *oldest = NULL;

	for (uint32_t i = 0; i < slots->count; i++) {
		struct wick_slot *slot = &slots->at[i];

		if (wick_slots_is_idle(slots, slot) && slot->count && slot != spared && (!oldest || slot->used_ns < oldest->used_ns))
			oldest = slot;
	}
	return oldest;
}

/* At most so many positions are free when all idle slots but one are empty: those that they share with others are not. */
static uint64_t could_be_free(const struct wick_slots *slots, const struct wick_slot *spared)
{
	uint64_t positions = wick_free_positions(slots->wick);

	for (uint32_t i = 0; i < slots->count; i++)
		if (!slots->at[i].job && &slots->at[i] != spared)
			positions += wick_whole_blocks(slots->at[i].count);
	return positions;
}

static bool works(const struct wick_slots *slots)
{
	for (uint32_t i = 0; i < slots->count; i++)
		if (slots->at[i].job && !slots->at[i].parked)
			return true;
	return false;
}

bool wick_slots_can_make_room(const struct wick_slots *slots, uint64_t positions, const struct wick_slot *spared)
{
	return !works(slots) || could_be_free(slots, spared) >= positions + promised(slots);
}

bool wick_slots_make_room(struct wick_slots *slots, uint64_t positions, const struct wick_slot *spared)
{
	bool alone = !works(slots);
	struct wick_slot *oldest;

	if (!wick_slots_can_make_room(slots, positions, spared))
		return false;
	positions += promised(slots);
	while (wick_free_positions(slots->wick) < positions && (oldest = find_oldest(slots, spared)))
		if (!wick_slots_put_away(slots, oldest))
			return false;
	return wick_free_positions(slots->wick) >= positions || (alone && !slots->leaving);
}

bool wick_slots_unpark(struct wick_slots *slots)
{
	bool all = true;

	for (uint32_t i = 0; i < slots->count; i++) {
		struct wick_slot *slot = &slots->at[i];

		if (!slot->parked)
			continue;
		slot->parked = !wick_slots_make_room(slots, wick_whole_blocks(wick_slots_wanted(slot->job, slot->known)), NULL);
		all = all && !slot->parked;
	}
	return all;
}

/* What the next step of each job takes, a token or a block of its prompt. */
static uint64_t step_need(const struct wick_slots *slots)
{
	uint64_t positions = 0;

	for (uint32_t i = 0; i < slots->count; i++) {
		const struct wick_slot *slot = &slots->at[i];
		uint32_t left = slot->known - slot->count;

		if (slot->job && !slot->parked)
			positions += wick_session_need(slot->session, left < STEP ? left : STEP);
	}
	return positions;
}

/* Of two jobs at work or more the one that came last; NULL: there is at most one. */
static struct wick_slot *find_last(const struct wick_slots *slots)
{
	struct wick_slot *last = NULL;
	uint32_t working = 0;

	for (uint32_t i = 0; i < slots->count; i++) {
		struct wick_slot *slot = &slots->at[i];

		if (!slot->job || slot->parked)
			continue;
		working++;
		if (!last || slot->job->submitted_ns > last->job->submitted_ns)
			last = slot;
	}
	return working > 1 ? last : NULL;
}

/* false: there is at most one at work, which has room. */
static bool park_last(struct wick_slots *slots)
{
	struct wick_slot *last = find_last(slots);

	if (!last)
		return false;
	wick_slot_empty(last);
	wick_metrics_add(slots->metrics, WICK_METRIC_PARKED, 1);
	return true;
}

/* Who has no room has no row while a session is leaving. */
void wick_slots_make_way(struct wick_slots *slots)
{
	bool more = true;

	wick_slots_settle(slots);
	wick_slots_unpark(slots);
	while (more && !slots->leaving && wick_free_positions(slots->wick) < step_need(slots)) {
		struct wick_slot *oldest = find_oldest(slots, NULL);

		more = oldest ? wick_slots_put_away(slots, oldest) : park_last(slots);
	}
}
