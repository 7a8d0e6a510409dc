/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Counts chosen neurons and firing ones (see recall.h). */

#include "recall.h"

#include "bits.h"
#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wick/wick.h>

struct counts {
	uint64_t chosen, fired, both; /* neurons, over tokens */
	uint64_t seen;                /* neurons computed */
};

struct recall {
	struct wick *wick;
	struct wick_watch watch;
	uint32_t layers, tokens; /* of a batch, at most */
	uint64_t words;          /* of a token's bits */
	uint32_t begun;          /* position of the batch's first token */
	uint64_t *bits;          /* (tokens, words): the neurons chosen in the current layer */
	struct counts *counts;   /* (layers) */
};

static void begin_layer(void *user, uint32_t layer, uint32_t position, uint32_t m, const float *x)
{
	struct recall *recall = user;

	(void)layer;
	(void)x;
	recall->begun = position;
	memset(recall->bits, 0, WICK_MIN(m, recall->tokens) * recall->words * sizeof(*recall->bits));
}

static void note_chosen(void *user, uint32_t layer, uint32_t position, const uint32_t *ids, uint32_t count)
{
	struct recall *recall = user;
	uint64_t *bits = recall->bits + (position - recall->begun) * recall->words;

	(void)layer;
	for (uint32_t i = 0; position - recall->begun < recall->tokens && i < count; i++)
		bits[ids[i] / 64] |= 1ull << ids[i] % 64;
}

static void compare_fired(void *user, uint32_t layer, uint32_t position, uint32_t m, uint32_t first, uint32_t count,
	const float *h, size_t ldh)
{
	struct recall *recall = user;
	struct counts *counts = &recall->counts[layer];

	(void)position;
	for (uint32_t i = 0; i < m && i < recall->tokens; i++)
		for (uint32_t k = 0; k < count; k++) {
			uint64_t neuron = first + k;
			bool chosen = recall->bits[i * recall->words + neuron / 64] >> neuron % 64 & 1;
			bool fired = h[i * ldh + k] != 0;

			counts->chosen += chosen;
			counts->fired += fired;
			counts->both += chosen && fired;
		}
	counts->seen += (uint64_t)WICK_MIN(m, recall->tokens) * count;
}

uint64_t recall_bytes(uint32_t layers, uint32_t n_ff, uint32_t ctx)
{
	return sizeof(struct recall) + layers * sizeof(struct counts) + ctx * wick_div_up(n_ff, 64) * sizeof(uint64_t);
}

int recall_begin(struct recall **out, struct wick *wick, struct wick_diag *diag)
{
	const struct wick_report *report = wick_report_of(wick);
	struct recall *recall = calloc(1, sizeof(*recall));

	*out = recall;
	if (!recall)
		return wick_diag_say(diag, -ENOMEM, "no memory to count what is chosen");
	recall->layers = report->layers;
	recall->tokens = wick_plan_of(wick)->ctx;
	recall->words = wick_div_up(report->n_ff, 64);
	recall->bits = calloc(recall->tokens * recall->words, sizeof(*recall->bits));
	recall->counts = calloc(recall->layers, sizeof(*recall->counts));
	if (!recall->bits || !recall->counts)
		return wick_diag_say(diag, -ENOMEM, "no memory to count what is chosen");
	recall->watch = (struct wick_watch){ .user = recall, .inputs = begin_layer, .chosen = note_chosen,
		.fired = compare_fired };
	recall->wick = wick;
	wick_watch(wick, &recall->watch);
	return 0;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void put(json_t *into, const struct counts *counts)
{
	json_object_set_new(into, "recall", json_real(share(counts->both, counts->fired)));
	json_object_set_new(into, "precision", json_real(share(counts->both, counts->chosen)));
	json_object_set_new(into, "predicted_per_active", json_real(share(counts->chosen, counts->fired)));
	json_object_set_new(into, "active_share", json_real(share(counts->fired, counts->seen)));
}

void recall_report(const struct recall *recall, json_t *into)
{
	json_t *layers = json_array();
	struct counts all = { 0 };
	uint32_t worst = 0;

	for (uint32_t i = 0; i < recall->layers; i++) {
		const struct counts *counts = &recall->counts[i], *least = &recall->counts[worst];
		json_t *layer = json_object();

		all.chosen += counts->chosen;
		all.fired += counts->fired;
		all.both += counts->both;
		all.seen += counts->seen;
		if (share(counts->both, counts->fired) < share(least->both, least->fired))
			worst = i;
		put(layer, counts);
		json_array_append_new(layers, layer);
	}
	if (all.seen) {
		put(into, &all);
		json_object_set_new(into, "worst_layer", json_integer(worst));
		json_object_set_new(into, "worst_recall",
			json_real(share(recall->counts[worst].both, recall->counts[worst].fired)));
		json_object_set(into, "layers", layers);
	}
	json_decref(layers);
}

void recall_end(struct recall *recall)
{
	if (!recall)
		return;
	if (recall->wick)
		wick_watch(recall->wick, NULL);
	free(recall->bits);
	free(recall->counts);
	free(recall);
}
