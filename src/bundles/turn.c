/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A turn of a bundle set (see turn.h). */

#include "turn.h"

#include "bits.h"
#include "check.h"

void wick_turn_begin(struct wick_turn *turn, struct wick_member *member, const uint32_t *ids, uint32_t count)
{
	*turn = (struct wick_turn){ .member = member, .ids = ids, .count = count };
}

/* Slots in flight for prefetched bundles that may not be wanted: a round cannot have them. */
static uint32_t spoken_for(const struct wick_cache *cache)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < cache->used; slot++)
		count += cache->in_flight[slot];
	return count;
}

/* Bundles that a round can have. */
static uint32_t room(const struct wick_turn *turn, uint32_t most)
{
	const struct wick_group *group = turn->member->group;

	return group ? WICK_MIN(most, group->cache.capacity - spoken_for(&group->cache) + turn->early) : most;
}

uint32_t wick_turn_early(struct wick_turn *turn, uint32_t count, uint32_t end, uint32_t most, struct wick_wanted *wanted)
{
	struct wick_group *group = turn->member->group;
	uint32_t absent = wick_policy_admit_early(group->policy, &group->cache, turn->member->first, turn->ids,
		WICK_MIN(count, room(turn, most)), end, wanted);

	turn->early += absent;
	return absent;
}

bool wick_turn_next(struct wick_turn *turn, uint32_t most, struct wick_wanted *wanted)
{
	struct wick_group *group = turn->member->group;

	if (!wick_turn_left(turn))
		return false;
	turn->done += turn->n;
	turn->absent = 0;
	most = room(turn, most);
	turn->early = 0;
	wick_assert(most);
	turn->n = WICK_MIN(most, turn->count - turn->done);
	if (group)
		turn->absent = wick_policy_admit(
			group->policy, &group->cache, turn->member->first, turn->ids + turn->done, turn->n, wanted);
	return true;
}

void wick_turn_land(struct wick_turn *turn, const struct wick_wanted *wanted)
{
	for (uint32_t i = 0; i < turn->absent; i++)
		turn->member->group->cache.in_flight[wanted[i].row] = 0;
}

void wick_turn_end(struct wick_turn *turn)
{
	const struct wick_member *member = turn->member;

	if (!member->group)
		return;
	wick_policy_touch(member->group->policy, member->first, turn->ids, turn->count);
	if (member->last)
		wick_policy_advance(member->group->policy, 1);
}
