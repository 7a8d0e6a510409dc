/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Who gets a slot. */

#include "slots.h"

#include "slots_room.h"

#include <errno.h>
#include <stdlib.h>

#define STEP WICK_KV_POSITIONS_STEP

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

void wick_slots_close(struct wick_slots *slots)
{
	for (uint32_t i = 0; i < slots->count; i++) {
		wick_slots_wait(slots);
		if (!slots->at[i].job)
			wick_slots_put_away(slots, &slots->at[i]);
	}
	wick_slots_wait(slots);
	for (uint32_t i = 0; i < slots->count; i++)
		wick_slot_close(&slots->at[i]);
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

/* How much of a job's prompt each slot has and can go back to; all but the last token, whose logits are wanted. Returns the slot that
 * has most, busy or idle. */
static struct wick_slot *find_donor(struct wick_slots *slots, const struct wick_job *job, uint32_t *common)
{
	struct wick_slot *best = NULL;

	*common = 0;
	for (uint32_t i = 0; i < slots->count; i++) {
		struct wick_slot *slot = &slots->at[i];
		uint32_t some = wick_session_reach(
			slot->session, wick_ids_in_common(slot->ids, slot->count, job->prompt.ids, job->prompt.count - 1));

		if (!best || some > *common) {
			best = slot;
			*common = some;
		}
	}
	return best;
}

/* An idle slot but for the one that is spared: one without tokens, or the one whose last job ended first. NULL: there is none. */
static struct wick_slot *find_idle(const struct wick_slots *slots, const struct wick_slot *spared)
{
	struct wick_slot *best = NULL;

	for (uint32_t i = 0; i < slots->count; i++) {
		struct wick_slot *slot = &slots->at[i];

		if (!wick_slots_is_idle(slots, slot) || slot == spared)
			continue;
		if (!best || !slot->count || (best->count && slot->used_ns < best->used_ns))
			best = slot;
	}
	return best;
}

/* Positions that a job should have to begin with, in whole blocks. */
static uint32_t positions_of(const struct wick_job *job)
{
	return wick_whole_blocks(wick_slots_wanted(job, job->prompt.count));
}

static void share(struct wick_slot *slot, const struct wick_slot *donor, uint32_t common)
{
	if (!common || wick_session_share(slot->session, donor->session, common, NULL))
		return;
	slot->count = wick_session_position(slot->session);
	memcpy(slot->ids, donor->ids, slot->count * sizeof(*slot->ids));
}

/* Goes on in the slot that has the beginning of the prompt, and gives up what it has behind that; which it does not in vain. */
static bool go_on(struct wick_slots *slots, struct wick_slot *slot, const struct wick_job *job, uint32_t common)
{
	uint32_t given = wick_whole_blocks(slot->count) - wick_whole_blocks(common), more = positions_of(job) - common / STEP * STEP;

	if (!wick_slots_can_make_room(slots, more > given ? more - given : 0, slot))
		return false;
	slot->known = slot->count = wick_session_rewind(slot->session, common);
	return wick_slots_make_room(slots, positions_of(job) - slot->count / STEP * STEP, slot);
}

/* Begins in another slot, with a copy of what the donor has of the prompt. */
static bool copy(struct wick_slots *slots, struct wick_slot *slot, const struct wick_slot *donor, const struct wick_job *job,
	uint32_t common)
{
	uint32_t more = positions_of(job) - common / STEP * STEP;

	if (!wick_slots_make_room(slots, more, common ? donor : NULL) || !wick_slots_put_away(slots, slot))
		return false;
	share(slot, donor, common);
	return true;
}

/* Begins with what a file has of the prompt. */
static bool take_kept(struct wick_slots *slots, struct wick_slot *slot, const struct wick_job *job)
{
	if (!wick_slots_make_room(slots, positions_of(job), NULL) || !wick_slots_put_away(slots, slot))
		return false;
	slot->count = wick_shelf_take(slots->shelf, slot->session, job->prompt.ids, job->prompt.count - 1);
	memcpy(slot->ids, job->prompt.ids, slot->count * sizeof(*slot->ids));
	return true;
}

/* A slot that goes on where it was is the best. One that would lose half of what it has gives another a copy of the
 * beginning, as long as there is another. The slot; NULL: there is none, or not before the one that is leaving has left. */
static struct wick_slot *find_slot(struct wick_slots *slots, struct wick_job *job)
{
	uint32_t common;
	struct wick_slot *donor = find_donor(slots, job, &common), *slot;
	bool idle = wick_slots_is_idle(slots, donor);

	if (wick_shelf_has(slots->shelf, job->prompt.ids, job->prompt.count - 1) > common) {
		slot = find_idle(slots, NULL);
		return slot && take_kept(slots, slot, job) ? slot : NULL;
	}
	slot = idle && common && common >= donor->count / 2 ? NULL : find_idle(slots, common ? donor : NULL);
	if (slot && copy(slots, slot, donor, job, common))
		return slot;
	return idle && (!slot || !slots->leaving) && go_on(slots, donor, job, common) ? donor : NULL;
}

/* When a slot was last given up, by its job or its tokens: before that nothing changes for who found none. */
static uint64_t changed_ns(const struct wick_slots *slots)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < slots->count; i++)
		last = slots->at[i].used_ns > last ? slots->at[i].used_ns : last;
	return last;
}

bool wick_slots_admit(struct wick_slots *slots, struct wick_job *job)
{
	struct wick_slot *slot;

	wick_slots_settle(slots);
	if (wick_slots_active(slots) == slots->count || !wick_slots_unpark(slots))
		return false;
	if (job->refused_ns && job->refused_ns == changed_ns(slots))
		return false;
	slot = find_slot(slots, job);
	if (slot)
		wick_slot_begin(slot, job);
	else
		job->refused_ns = changed_ns(slots);
	return slot;
}
