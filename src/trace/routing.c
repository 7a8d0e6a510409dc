/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A trace of routing in memory (see routing.h). */

#include "routing.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Two numbers for each token, layer and expert of it, and twice as many guesses. */
static uint64_t entries(const struct wick_routing *routing, uint32_t of)
{
	return wick_mul(wick_mul(routing->tokens, routing->layers), of);
}

uint64_t wick_routing_bytes(const struct wick_routing *routing)
{
	return (entries(routing, routing->chosen) + entries(routing, routing->guessed)) * sizeof(uint16_t);
}

void wick_routing_free(struct wick_routing *routing)
{
	free(routing->ids);
	free(routing->guesses);
	*routing = (struct wick_routing){ 0 };
}

static void copy(uint16_t *into, const uint32_t *ids, uint32_t count, uint32_t most)
{
	for (uint32_t i = 0; i < most; i++)
		into[i] = i < count ? (uint16_t)ids[i] : WICK_NO_EXPERT;
}

static int load_token(struct wick_routing *routing, const struct wick_trace *trace, uint32_t token, uint32_t *ids,
	float *probability, struct wick_diag *diag)
{
	for (uint32_t layer = 0; layer < routing->layers; layer++) {
		uint64_t at = (uint64_t)token * routing->layers + layer;
		uint32_t count = wick_trace_active(trace, layer, ids);

		if (count && count != routing->chosen)
			return wick_diag_say(diag, -EINVAL, "%s: token %u, layer %u: %u experts are chosen, and %u of others",
				wick_trace_path(trace), token, layer, count, routing->chosen);
		copy(routing->ids + at * routing->chosen, ids, count, routing->chosen);
		if (!routing->guessed)
			continue;
		count = wick_trace_likely(trace, layer, ids, probability, routing->guessed);
		copy(routing->guesses + at * routing->guessed, ids, count, routing->guessed);
	}
	return 0;
}

int wick_routing_load(struct wick_routing *routing, struct wick_trace *trace, struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = wick_trace_shape(trace);
	uint32_t *ids = calloc(shape->n_ff, sizeof(*ids));
	float *probability = calloc(shape->n_ff, sizeof(*probability));
	int err = 0;

	*routing = (struct wick_routing){ .layers = shape->layers, .experts = shape->n_ff, .chosen = shape->chosen,
		.tokens = shape->tokens, .guessed = shape->lookahead ? WICK_MIN(2 * shape->chosen, shape->n_ff) : 0 };
	routing->ids = calloc(entries(routing, routing->chosen) + 1, sizeof(uint16_t));
	routing->guesses = calloc(entries(routing, routing->guessed) + 1, sizeof(uint16_t));
	if (!ids || !probability || !routing->ids || !routing->guesses)
		err = wick_diag_say(diag, -ENOMEM, "%s: no memory to replay it", wick_trace_path(trace));
	for (uint32_t token = 0; !err && token < routing->tokens; token++) {
		err = wick_trace_seek(trace, token, diag);
		if (!err)
			err = load_token(routing, trace, token, ids, probability, diag);
	}
	free(ids);
	free(probability);
	if (err)
		wick_routing_free(routing);
	return err;
}

static uint64_t place(const struct wick_routing *routing, uint32_t position, uint32_t layer)
{
	return (uint64_t)(position % routing->tokens) * routing->layers + layer;
}

const uint16_t *wick_routing_at(const struct wick_routing *routing, uint32_t position, uint32_t layer)
{
	const uint16_t *ids = routing->ids + place(routing, position, layer) * routing->chosen;

	return ids[0] == WICK_NO_EXPERT ? NULL : ids;
}

const uint16_t *wick_routing_guessed(const struct wick_routing *routing, uint32_t position, uint32_t layer, uint32_t *count)
{
	const uint16_t *guesses = routing->guesses + place(routing, position, layer) * routing->guessed;

	for (*count = 0; *count < routing->guessed && guesses[*count] != WICK_NO_EXPERT;)
		++*count;
	return guesses;
}
