/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Who gets a slot, and who has to give up positions. */

#include "slots.h"

#include <errno.h>
#include <stdlib.h>

#define STEP WICK_KV_POSITIONS_STEP
#define ANSWER_TOKENS 128 /* of an answer that there is room for from the beginning */

int wick_slots_open(struct wick_slots *slots, struct wick *wick, const struct wick_shelf_options *keep,
	struct wick_metrics *metrics, struct wick_diag *diag)
{
	uint32_t count = wick_plan_of(wick)->sessions;
	int rc;

	*slots = (struct wick_slots){ .wick = wick, .metrics = metrics, .at = calloc(count, sizeof(*slots->at)) };
	if (!slots->at)
		return -ENOMEM;
	rc = wick_shelf_open(&slots->shelf, wick, keep, diag);
	for (; !rc && slots->count < count; slots->count++)
		rc = wick_slot_open(&slots->at[slots->count], wick, diag);
	return rc;
}

/* An idle session gives its place up, and is kept if there is a place for that. */
static void put_away(const struct wick_slots *slots, struct wick_slot *slot)
{
	wick_shelf_put(slots->shelf, slot->session, slot->ids);
	wick_slot_empty(slot);
}

void wick_slots_close(struct wick_slots *slots)
{
	for (uint32_t i = 0; i < slots->count; i++) {
		if (!slots->at[i].job && slots->at[i].count)
			put_away(slots, &slots->at[i]);
		wick_slot_close(&slots->at[i]);
	}
	wick_shelf_close(slots->shelf);
	free(slots->at);
	*slots = (struct wick_slots){ 0 };
}

uint32_t wick_slots_active(const struct wick_slots *slots)
{
	uint32_t active = 0;

	for (uint32_t i = 0; i < slots->count; i++)
		active += slots->at[i].job != NULL;
	return active;
}

static uint32_t whole_blocks(uint32_t positions)
{
	return (positions + STEP - 1) / STEP * STEP;
}

/* Positions that a job should have to begin with, of which it has `known` tokens. */
static uint32_t wanted(const struct wick_job *job, uint32_t known)
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
		uint32_t most = slot->job ? wanted(slot->job, slot->job->prompt.count) : 0;

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

		if (!slot->job && slot->count && slot != spared && (!oldest || slot->used_ns < oldest->used_ns))
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
			positions += whole_blocks(slots->at[i].count);
	return positions;
}

static bool works(const struct wick_slots *slots)
{
	for (uint32_t i = 0; i < slots->count; i++)
		if (slots->at[i].job && !slots->at[i].parked)
			return true;
	return false;
}

/* Makes room for so many positions more by emptying idle slots, one of which is spared, if that is enough; none where it is not.
 * A job that nobody is at work beside has it always: the pool holds a whole context. */
static bool make_room(struct wick_slots *slots, uint64_t positions, const struct wick_slot *spared)
{
	bool alone = !works(slots);
	struct wick_slot *oldest;

	positions += promised(slots);
	if (!alone && could_be_free(slots, spared) < positions)
		return false;
	while (wick_free_positions(slots->wick) < positions && (oldest = find_oldest(slots, spared)))
		put_away(slots, oldest);
	return alone || wick_free_positions(slots->wick) >= positions;
}

/* How much of a job's prompt each slot has; all but the last token, whose logits are wanted. Returns the slot that has most, busy
 * or idle. */
static struct wick_slot *find_donor(struct wick_slots *slots, const struct wick_job *job, uint32_t *common)
{
	struct wick_slot *best = NULL;

	*common = 0;
	for (uint32_t i = 0; i < slots->count; i++) {
		struct wick_slot *slot = &slots->at[i];
		uint32_t some = wick_ids_in_common(slot->ids, slot->count, job->prompt.ids, job->prompt.count - 1);

		if (!best || some > *common) {
			best = slot;
			*common = some;
		}
	}
	return best;
}

/* An idle slot but for the one that is spared: one without tokens, or the one whose last job ended first. NULL: all are busy. */
static struct wick_slot *find_idle(const struct wick_slots *slots, const struct wick_slot *spared)
{
	struct wick_slot *best = NULL;

	for (uint32_t i = 0; i < slots->count; i++) {
		struct wick_slot *slot = &slots->at[i];

		if (slot->job || slot == spared)
			continue;
		if (!best || !slot->count || (best->count && slot->used_ns < best->used_ns))
			best = slot;
	}
	return best;
}

static void share(const struct wick_slots *slots, struct wick_slot *slot, const struct wick_slot *donor, uint32_t common)
{
	put_away(slots, slot);
	if (!common || wick_session_share(slot->session, donor->session, common, NULL))
		return;
	memcpy(slot->ids, donor->ids, common * sizeof(*slot->ids));
	slot->count = common;
}

/* Goes on in the slot that has the beginning of the prompt. */
static bool go_on(struct wick_slots *slots, struct wick_slot *slot, const struct wick_job *job, uint32_t common)
{
	uint32_t most = whole_blocks(wanted(job, job->prompt.count)), has = common / STEP * STEP;

	if (!make_room(slots, most - has, slot))
		return false;
	slot->count = wick_session_rewind(slot->session, common);
	return true;
}

/* Begins in another slot, with a copy of what the donor has of the prompt. */
static bool copy(struct wick_slots *slots, struct wick_slot *slot, const struct wick_slot *donor, const struct wick_job *job,
	uint32_t common)
{
	uint32_t most = whole_blocks(wanted(job, job->prompt.count)), has = common / STEP * STEP;

	if (!make_room(slots, most - has, common ? donor : NULL))
		return false;
	share(slots, slot, donor, common);
	return true;
}

/* Begins with what a file has of the prompt. */
static bool take_kept(struct wick_slots *slots, struct wick_slot *slot, const struct wick_job *job)
{
	if (!make_room(slots, whole_blocks(wanted(job, job->prompt.count)), NULL))
		return false;
	put_away(slots, slot);
	slot->count = wick_shelf_take(slots->shelf, slot->session, job->prompt.ids, job->prompt.count - 1);
	memcpy(slot->ids, job->prompt.ids, slot->count * sizeof(*slot->ids));
	return true;
}

/* A job that was parked comes before all that wait. true: none is parked any more. */
static bool unpark(struct wick_slots *slots)
{
	bool all = true;

	for (uint32_t i = 0; i < slots->count; i++) {
		struct wick_slot *slot = &slots->at[i];

		if (!slot->parked)
			continue;
		slot->parked = !make_room(slots, whole_blocks(wanted(slot->job, slot->known)), NULL);
		all = all && !slot->parked;
	}
	return all;
}

/* A slot that goes on where it was is the best. One that would lose half of what it has gives another a copy of the
 * beginning, as long as there is another. The slot; NULL: there is none. */
static struct wick_slot *find_slot(struct wick_slots *slots, struct wick_job *job)
{
	uint32_t common;
	struct wick_slot *donor = find_donor(slots, job, &common), *slot;
	bool goes_on;

	if (wick_shelf_has(slots->shelf, job->prompt.ids, job->prompt.count - 1) > common) {
		slot = find_idle(slots, NULL);
		return take_kept(slots, slot, job) ? slot : NULL;
	}
	goes_on = !donor->job && common && common >= donor->count / 2;
	slot = goes_on ? NULL : find_idle(slots, common ? donor : NULL);
	if (slot && copy(slots, slot, donor, job, common))
		return slot;
	return !donor->job && go_on(slots, donor, job, common) ? donor : NULL;
}

bool wick_slots_admit(struct wick_slots *slots, struct wick_job *job)
{
	struct wick_slot *slot;

	if (wick_slots_active(slots) == slots->count || !unpark(slots))
		return false;
	slot = find_slot(slots, job);
	if (slot)
		wick_slot_begin(slot, job);
	return slot;
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

void wick_slots_make_way(struct wick_slots *slots)
{
	unpark(slots);
	while (wick_free_positions(slots->wick) < step_need(slots)) {
		struct wick_slot *oldest = find_oldest(slots, NULL);
		bool parks = !oldest;

		if (parks)
			oldest = find_last(slots);
		if (!oldest)
			return;
		if (parks) {
			wick_slot_empty(oldest);
			wick_metrics_add(slots->metrics, WICK_METRIC_PARKED, 1);
		} else {
			put_away(slots, oldest);
		}
	}
}
