/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A group: bundle sets that share a cache. The neurons of a layer are a group by themselves; the experts of all layers
 * whose bundles take slots of one size are one.
 *
 *     sets     [ layer 0: 0 1 2 3 ][ layer 1: 0 1 2 3 ][ layer 2: ...
 *     keys       0 1 2 3             4 5 6 7             8 ...
 */

#include "bundle.h"
#include "cache.h"
#include "policy.h"

struct wick_group {
	struct wick_cache cache;
	struct wick_policy *policy;
	uint32_t blocks;   /* of a bundle */
	uint16_t *missing; /* (capacity): check blocks of a bundle in flight that are not here yet; NULL: bundles have one */
	bool dirty;        /* slots wait for bytes that will not come: emptied before the next use */
};

/* A set's place: bundle i has the key first + i. */
struct wick_member {
	const struct wick_bundle_set *set;
	struct wick_group *group; /* NULL: the set's bundles are all resident */
	uint32_t first;
	bool last;    /* of the group: after it a token is over */
	bool guessed; /* some of its bundles were prefetched for the current token */
};

struct wick_group_shape {
	uint32_t keys, capacity; /* bundles of all sets; slots */
	uint32_t blocks;         /* of a bundle */
	uint64_t slot_bytes;
	uint32_t window;
	const struct wick_policy_ops *policy;
};

/* Memory that wick_group_init() takes from mem. */
uint64_t wick_group_bytes(const struct wick_group_shape *shape);
void wick_group_init(struct wick_group *group, const struct wick_group_shape *shape, struct wick_mem *mem);

/* The reads for a slot are sent; one of its check blocks is here, and right. */
void wick_group_sent(struct wick_group *group, uint32_t slot);
void wick_group_landed(struct wick_group *group, uint32_t slot);
/* Forgets every bundle, those in flight too: no read of theirs may be. */
void wick_group_empty(struct wick_group *group);
