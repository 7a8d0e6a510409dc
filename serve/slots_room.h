/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The positions of the pool: who has them, and who gives them up. */

#include "slots.h"

static inline bool wick_slots_is_idle(const struct wick_slots *slots, const struct wick_slot *slot)
{
	return !slot->job && slot != slots->leaving;
}

/* So many positions in whole blocks. */
uint32_t wick_whole_blocks(uint32_t positions);

/* Positions that a job should have to begin with, of which it has `known` tokens. */
uint32_t wick_slots_wanted(const struct wick_job *job, uint32_t known);

/* An idle session gives its place up, and is kept if there is a place for that. false: it, or another, is being written, and has
 * its place until then. */
bool wick_slots_put_away(struct wick_slots *slots, struct wick_slot *slot);
void wick_slots_settle(struct wick_slots *slots); /* the one that was leaving may have left */

/* Whether emptying idle slots, but for one that is spared, makes room for so many positions more. A job that nobody is at work
 * beside has it always: the pool holds a whole context. */
bool wick_slots_can_make_room(const struct wick_slots *slots, uint64_t positions, const struct wick_slot *spared);

/* Makes it; nothing is emptied where that would not be enough. false: it is not there, or not yet. */
bool wick_slots_make_room(struct wick_slots *slots, uint64_t positions, const struct wick_slot *spared);

/* A job that was parked comes before all that wait. true: none is parked any more. */
bool wick_slots_unpark(struct wick_slots *slots);
