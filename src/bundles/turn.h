/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One turn of a bundle set: what is chosen of it gets slots, round by round as many as there are, and counts as used at the
 * end. The run draws what is absent in between, a rehearsal counts the reads, a replay the bundles: what stays in a cache
 * and what is read does not depend on who asks.
 *
 *     wick_turn_begin(&turn, member, ids, count);
 *     while (wick_turn_next(&turn, most, wanted))        turn.ids[turn.done ..] are turn.n bundles with slots, of
 *             ... turn.absent of wanted are read ...     which those in wanted have no bytes yet
 *     wick_turn_end(&turn);
 */

#include "group.h"

struct wick_turn {
	struct wick_member *member;
	const uint32_t *ids; /* (count), ascending */
	uint32_t count;
	uint32_t done;       /* of them in rounds before this one */
	uint32_t n, absent;  /* of this round */
	uint32_t early;      /* of the next round: have slots already */
};

void wick_turn_begin(struct wick_turn *turn, struct wick_member *member, const uint32_t *ids, uint32_t count);
/* Whether another round is left. */
static inline bool wick_turn_left(const struct wick_turn *turn)
{
	return turn->done + turn->n < turn->count;
}
/* Goes to the next round, of `most` bundles at most; wanted (most) gets the absent, ascending. The group is not dirty.
 * False: there is none. */
bool wick_turn_next(struct wick_turn *turn, uint32_t most, struct wick_wanted *wanted);
/* Before the first round, while only ids below `end` are known, which are `count`: slots for those of them that are absent, as
 * far as bundles that are not chosen have some. wanted (most - turn->early) gets them; returns how many. */
uint32_t wick_turn_early(struct wick_turn *turn, uint32_t count, uint32_t end, uint32_t most, struct wick_wanted *wanted);
/* Then all of them are known. */
static inline void wick_turn_complete(struct wick_turn *turn, uint32_t count)
{
	turn->count = count;
}
/* What was wanted is here: for those who read nothing. */
void wick_turn_land(struct wick_turn *turn, const struct wick_wanted *wanted);
/* All that was chosen was used now. */
void wick_turn_end(struct wick_turn *turn);
