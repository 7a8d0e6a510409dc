/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Bundle sets that share a cache (see group.h). */

#include "group.h"

#include "mem.h"

#include <string.h>

static uint64_t missing_bytes(const struct wick_group_shape *shape)
{
	return shape->blocks > 1 ? shape->capacity * sizeof(uint16_t) : 0;
}

uint64_t wick_group_bytes(const struct wick_group_shape *shape)
{
	return wick_cache_bytes(shape->keys, shape->capacity, shape->slot_bytes) +
		wick_policy_bytes(shape->keys, shape->capacity) + wick_mem_cost(missing_bytes(shape));
}

void wick_group_init(struct wick_group *group, const struct wick_group_shape *shape, struct wick_mem *mem)
{
	*group = (struct wick_group){ .blocks = shape->blocks };
	wick_cache_init(&group->cache, shape->keys, shape->capacity, shape->slot_bytes, mem);
	group->policy = wick_policy_init(shape->policy, shape->keys, shape->capacity, shape->window, mem);
	if (missing_bytes(shape))
		group->missing = wick_mem_take(mem, missing_bytes(shape));
}

void wick_group_sent(struct wick_group *group, uint32_t slot)
{
	if (group->missing)
		group->missing[slot] = (uint16_t)group->blocks;
}

void wick_group_landed(struct wick_group *group, uint32_t slot)
{
	if (!group->missing || !--group->missing[slot])
		group->cache.in_flight[slot] = 0;
}

void wick_group_empty(struct wick_group *group)
{
	memset(group->cache.in_flight, 0, group->cache.used);
	wick_cache_clear(&group->cache);
	wick_policy_reset(group->policy);
	group->dirty = false;
}
