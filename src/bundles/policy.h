/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which bundles stay in a layer's cache. Decides, reads nothing; allocates nothing after init.
 *
 * For each token:
 *     count = wick_policy_admit(policy, cache, active, n, wanted);   rows for those absent; nothing active is evicted
 *     ... the wanted are read into their rows ...
 *     wick_policy_touch(policy, cache, active, n);                    they were used now; time goes on by one token
 */

#include "cache.h"
#include "extent.h"

struct wick_policy_ops;

struct wick_policy; /* one layer's; see policy.c */

/* By name, NULL: the default. NULL when there is none of that name. wick_policy_names: for messages, separated by ",
 * ". */
const struct wick_policy_ops *wick_policy_find(const char *name);
const char *wick_policy_name(const struct wick_policy_ops *ops);
const char *wick_policy_names(void);

/* window: tokens whose neurons stay, 0: as many as there is room for. Only "window" ever makes the matrix smaller. */
uint64_t wick_policy_bytes(uint32_t neurons, uint32_t capacity);
struct wick_policy *wick_policy_init(
	const struct wick_policy_ops *ops, uint32_t neurons, uint32_t capacity, uint32_t window, struct wick_mem *mem);

/* Gives every neuron of ids (ascending, n <= capacity minus rows in flight that are not among them) that is absent a
 * row, in a free place or in that of the least useful neuron that is neither among ids nor in flight. wanted (n) gets
 * them in ascending order. Returns how many. */
uint32_t wick_policy_admit(struct wick_policy *policy, struct wick_cache *cache, const uint32_t *ids, uint32_t n,
	struct wick_wanted *wanted);
/* The same for neurons that may be needed, likeliest first, with their probabilities: at most `most` get a row, and
 * none in place of a neuron that is more likely to be used itself or is among `keep` (ascending). wanted (n): likeliest
 * first. */
uint32_t wick_policy_admit_probable(struct wick_policy *policy, struct wick_cache *cache, const uint32_t *ids,
	const float *probability, uint32_t n, uint32_t most, const uint32_t *keep, uint32_t keep_count,
	struct wick_wanted *wanted);
void wick_policy_touch(struct wick_policy *policy, struct wick_cache *cache, const uint32_t *ids, uint32_t n);
/* Several tokens at once (speculation): time goes on by `tokens`. */
void wick_policy_advance(struct wick_policy *policy, uint32_t tokens);
void wick_policy_reset(struct wick_policy *policy);
