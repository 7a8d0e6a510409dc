/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which bundles stay in a cache. Decides, reads nothing; allocates nothing after init.
 *
 * For each token and bundle set:
 *     count = wick_policy_admit(policy, cache, first, active, n, wanted);   slots for those absent; nothing active is evicted
 *     ... the wanted are read into their slots ...
 *     wick_policy_touch(policy, first, active, n);                          they were used now
 *     wick_policy_advance(policy, 1);                                       after the last set: time goes on by one token
 *
 * Bundles are named by their numbers in the set, of which the first has the key `first` in the cache.
 */

#include "cache.h"
#include "extent.h"

struct wick_policy_ops;

struct wick_policy; /* one cache's; see policy.c */

/* By name, NULL: the default. NULL when there is none of that name. wick_policy_names: for messages, separated by ",
 * ". */
const struct wick_policy_ops *wick_policy_find(const char *name);
const char *wick_policy_name(const struct wick_policy_ops *ops);
const char *wick_policy_names(void);

/* window: tokens whose bundles stay, 0: as many as there is room for. Only "window" ever makes the cache smaller. */
uint64_t wick_policy_bytes(uint32_t keys, uint32_t capacity);
struct wick_policy *wick_policy_init(
	const struct wick_policy_ops *ops, uint32_t keys, uint32_t capacity, uint32_t window, struct wick_mem *mem);

/* Keys are of so many layers in turn, each as many, and time goes on by a step a layer: of experts. Before anything else. */
void wick_policy_set_layers(struct wick_policy *policy, uint32_t layers);

/* Gives every bundle of ids (ascending, n <= capacity minus slots in flight that are not among them) that is absent a
 * slot, a free one or that of the least useful bundle that is neither among ids nor in flight. wanted (n) gets them in
 * ascending order. Returns how many. */
uint32_t wick_policy_admit(struct wick_policy *policy, struct wick_cache *cache, uint32_t first, const uint32_t *ids,
	uint32_t n, struct wick_wanted *wanted);
/* The same of a beginning of ids, while nothing is known of keys from `end` on: none of those is given up. Where there is
 * no slot the last ones go without: the call for all ids gives them theirs. */
uint32_t wick_policy_admit_early(struct wick_policy *policy, struct wick_cache *cache, uint32_t first, const uint32_t *ids,
	uint32_t n, uint32_t end, struct wick_wanted *wanted);
/* The same for bundles that may be needed, likeliest first, with their probabilities: at most `most` get a slot, and
 * none in place of a bundle that is more likely to be used itself or is among `keep` (ascending). wanted (n): likeliest
 * first. */
uint32_t wick_policy_admit_probable(struct wick_policy *policy, struct wick_cache *cache, uint32_t first,
	const uint32_t *ids, const float *probability, uint32_t n, uint32_t most, const uint32_t *keep,
	uint32_t keep_count, struct wick_wanted *wanted);
/* Bundles of another set that are being used: the next of these calls takes none of their slots. */
void wick_policy_hold(struct wick_policy *policy, const struct wick_cache *cache, uint32_t first, const uint32_t *ids,
	uint32_t n);
void wick_policy_touch(struct wick_policy *policy, uint32_t first, const uint32_t *ids, uint32_t n);
/* A key was used so many steps of wick_policy_advance() ago: of rows that count as if they had come one by one. A key's uses come in
 * the order of time. */
void wick_policy_touch_ago(struct wick_policy *policy, uint32_t key, uint32_t steps);
/* Time goes on. Several tokens at once: speculation. */
void wick_policy_advance(struct wick_policy *policy, uint32_t tokens);
void wick_policy_reset(struct wick_policy *policy);
