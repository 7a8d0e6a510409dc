/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cache of experts, rehearsed (see rehearse_experts.h). */

#include "rehearse_experts.h"

#include "cache.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BYTES 8 /* nothing is ever stored in slots */

struct rehearsing {
	const struct wick_expert_rehearsal *of;
	struct wick_mem mem;
	struct wick_expert_classes classes;
	struct wick_cache cache[WICK_EXPERT_CLASSES_MAX];
	struct wick_policy *policy[WICK_EXPERT_CLASSES_MAX];
	uint32_t *ids;              /* (chosen) */
	struct wick_wanted *wanted; /* (chosen) */
};

/* Of each class. */
static void make_caches(struct rehearsing *r, uint32_t keys)
{
	for (uint32_t i = 0; i < r->classes.count; i++) {
		wick_cache_init(&r->cache[i], keys, r->classes.at[i].slots, SLOT_BYTES, &r->mem);
		r->policy[i] = wick_policy_init(r->of->policy, keys, r->classes.at[i].slots, 0, &r->mem);
		wick_policy_set_layers(r->policy[i], r->of->routing->layers);
	}
}

static int begin(struct rehearsing *r, struct wick_diag *diag)
{
	const struct wick_routing *routing = r->of->routing;
	uint32_t keys = routing->layers * routing->experts;
	uint64_t bytes = 0;
	int err;

	r->classes = (struct wick_expert_classes){ .count = 1, .at[0].slots = r->of->capacity };
	if (r->of->model)
		wick_expert_classes_make(&r->classes, r->of->model, r->of->capacity);
	for (uint32_t i = 0; i < r->classes.count; i++)
		bytes += wick_cache_bytes(keys, r->classes.at[i].slots, SLOT_BYTES) + wick_policy_bytes(keys, r->classes.at[i].slots);
	err = wick_mem_reserve(&r->mem, bytes, diag);
	r->ids = calloc(routing->chosen, sizeof(*r->ids));
	r->wanted = calloc(routing->chosen, sizeof(*r->wanted));
	if (!err && (!r->ids || !r->wanted))
		err = wick_diag_say(diag, -ENOMEM, "no memory to foresee which experts are read");
	if (err)
		return err;
	make_caches(r, keys);
	return 0;
}

/* Experts that are not there. */
static uint32_t visit(struct rehearsing *r, uint32_t layer, const uint16_t *ids)
{
	uint32_t chosen = r->of->routing->chosen, absent;
	uint32_t class = r->of->model ? wick_expert_class_of(&r->classes, r->of->model, layer) : 0;

	for (uint32_t i = 0; i < chosen; i++)
		r->ids[i] = layer * r->of->routing->experts + ids[i];
	absent = wick_policy_admit(r->policy[class], &r->cache[class], 0, r->ids, chosen, r->wanted);
	for (uint32_t i = 0; i < absent; i++)
		r->cache[class].in_flight[r->wanted[i].row] = 0; /* it has landed */
	wick_policy_touch(r->policy[class], 0, r->ids, chosen);
	for (uint32_t i = 0; i < r->classes.count; i++)
		wick_policy_advance(r->policy[i], 1);
	return absent;
}

int wick_rehearse_experts(const struct wick_expert_rehearsal *rehearsal, uint32_t *missing, struct wick_diag *diag)
{
	const struct wick_routing *routing = rehearsal->routing;
	struct rehearsing r = { .of = rehearsal };
	int err = begin(&r, diag);

	memset(missing, 0, routing->layers * (routing->chosen + 1ull) * sizeof(*missing));
	for (uint32_t token = 0; !err && token < routing->tokens; token++)
		for (uint32_t layer = 0; layer < routing->layers; layer++) {
			const uint16_t *ids = wick_routing_at(routing, token, layer);
			uint32_t absent = ids ? visit(&r, layer, ids) : 0;

			if (ids && token >= rehearsal->warm_up)
				missing[layer * (routing->chosen + 1) + absent]++;
		}
	wick_mem_release(&r.mem);
	free(r.ids);
	free(r.wanted);
	return err;
}

double wick_rehearsed_hits(const struct wick_routing *routing, const uint32_t *missing)
{
	uint64_t visits = 0, absent = 0;

	for (uint32_t layer = 0; layer < routing->layers; layer++)
		for (uint32_t m = 0; m <= routing->chosen; m++) {
			visits += missing[layer * (routing->chosen + 1) + m];
			absent += (uint64_t)m * missing[layer * (routing->chosen + 1) + m];
		}
	return visits ? 1 - (double)absent / ((double)visits * routing->chosen) : 0;
}
