/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The experts of one strip on their way, a part of expert_cache.c: slots and reads for those that are absent, arithmetic as they
 * come. */

#include "expert_cache.h"

/* The first key of a layer's experts. */
uint32_t wick_expert_first_key(const struct wick_expert_cache *cache, uint32_t layer);

/* Sends the reads of an expert into a slot. */
void wick_expert_send(struct wick_expert_cache *cache, struct wick_landing *landing, const struct wick_expert_store *store,
	uint32_t key, uint32_t slot, uint32_t layer, enum wick_io_priority priority);

/* Slots in draw->store for the experts of draw->strip, and reads for those that are absent. Returns how many. */
uint32_t wick_expert_draw_begin(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_expert_room *room,
	uint32_t layer);

/* Computes them and adds them up. Returns as wick_fetch_finish(). */
int wick_expert_draw_finish(struct wick_expert_cache *cache, struct wick_expert_draw *draw, const struct wick_experts *experts,
	uint32_t layer, struct wick_diag *diag);

/* Their slots are given to nobody, or to whoever needs them. */
void wick_expert_draw_pin(const struct wick_expert_draw *draw, bool pinned);
