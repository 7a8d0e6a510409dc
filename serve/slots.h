/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All slots, and the positions of the KV pool that they share.
 *
 * A job is admitted when there is room for its prompt and the beginning of an answer: most answers are short, and room for
 * the longest would let one conversation at a time have it. Where answers outgrow the pool all the same, idle sessions lose
 * their tokens, the ones unused for longest first (where they are kept, once their files are written, which nobody waits for who has
 * room); then the job that came last is parked, to begin again with all that it has
 * when there is room. What it answers is the same. */

#include "metrics.h"
#include "shelf.h"
#include "slot.h"

struct wick_slots {
	struct wick *wick;
	struct wick_metrics *metrics;
	struct wick_shelf *shelf; /* of idle sessions that had to go; NULL: they are lost */
	struct wick_slot *leaving; /* idle, whose session is being written there, and rests until it is; NULL: none */
	struct wick_slot *at;     /* (count) */
	uint32_t count;
};

int wick_slots_open(struct wick_slots *slots, struct wick *wick, const struct wick_shelf_options *keep,
	struct wick_metrics *metrics, struct wick_diag *diag);
void wick_slots_close(struct wick_slots *slots); /* keeps what is idle; a zeroed one is fine */

uint32_t wick_slots_active(const struct wick_slots *slots); /* that have a job */

/* Gives the job a slot, with as much of its prompt as any session has. false: none is free, or too few positions are. */
bool wick_slots_admit(struct wick_slots *slots, struct wick_job *job);

/* Before a pass: every job that is not parked afterwards has room for a step, a token or a block of its prompt; or there will be
 * room once the session that is leaving has left. */
void wick_slots_make_way(struct wick_slots *slots);

/* Where there is nothing to do until a session has left: waits for it. */
void wick_slots_wait(struct wick_slots *slots);
