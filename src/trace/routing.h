/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which experts of each layer were chosen for each token: a trace (trace.h) whose neurons are experts, in memory to be replayed,
 * or made up by a preset.
 *
 * Made up, the k experts of the largest z are chosen, of layer l, expert e, token t:
 *
 *     z = bias b + topic x + phrase y + n        b, n and the steps of x and y standard normal
 *     x(t) = topic_keep x(t - 1) + sqrt(1 - topic_keep^2) step, and y likewise
 *
 * b is what an expert is liked in general, x by what is spoken of, y by the last few words. All layers are alike, and do not know
 * of each other. A guess at one is z + guess noise. */

#include "trace.h"

struct wick_routing_preset {
	const char *name;
	uint32_t layers, experts, chosen; /* of the model that it is named after */
	double bias, topic, topic_keep, phrase, phrase_keep;
	double guess;
	const char *fit; /* what the numbers were fitted to */
};

/* NULL: there is none of that name, or behind the last. Presets are numbered from 1 on, as a trace's file has them. */
const struct wick_routing_preset *wick_routing_preset(const char *name);
const struct wick_routing_preset *wick_routing_preset_at(uint32_t number);
uint32_t wick_routing_number(const struct wick_routing_preset *preset);
/* The one whose model is most like one of so many experts, of which so many are chosen. */
const struct wick_routing_preset *wick_routing_nearest(uint32_t experts, uint32_t chosen);

/* A layer's tokens one after the other, without a file. */
struct wick_routing_layer;
struct wick_routing_layer *wick_routing_layer_create(const struct wick_routing_preset *preset, uint32_t layer, uint32_t experts,
	uint32_t chosen, uint64_t seed); /* NULL: no memory */
void wick_routing_layer_destroy(struct wick_routing_layer *layer); /* NULL is fine */
/* ids (chosen) ascending; guessed (2 chosen, or all experts where that is less), likeliest first: how many. */
uint32_t wick_routing_layer_next(struct wick_routing_layer *layer, uint32_t *ids, uint32_t *guessed);

/* Writes shape->tokens tokens: shape has layers, n_ff for experts, chosen, preset and the seed. dense_layers: of so many in front
 * nothing is chosen. progress as wick_synth_write()'s. */
int wick_routing_write(const char *path, const struct wick_trace_shape *shape, uint32_t dense_layers,
	int (*progress)(void *user, uint64_t bytes_done, uint64_t bytes_total), void *user, struct wick_diag *diag);

#define WICK_NO_EXPERT UINT16_MAX

/* A trace of routing in memory. */
struct wick_routing {
	uint32_t layers, experts, chosen, guessed, tokens;
	uint16_t *ids;     /* (tokens, layers, chosen) ascending, WICK_NO_EXPERT where a layer has none */
	uint16_t *guesses; /* (tokens, layers, guessed) likeliest first, then WICK_NO_EXPERT */
};

/* -EINVAL: a token has another number of experts than the trace says. */
int wick_routing_load(struct wick_routing *routing, struct wick_trace *trace, struct wick_diag *diag);
/* The same of a preset, without a file and without guesses. -ENOMEM. */
int wick_routing_make(struct wick_routing *routing, const struct wick_trace_shape *shape, uint32_t dense_layers,
	struct wick_diag *diag);
void wick_routing_free(struct wick_routing *routing); /* a zeroed one is fine */
uint64_t wick_routing_bytes(const struct wick_routing *routing); /* memory that it holds */
/* NULL: the layer has none. A position beyond the last token begins again. */
const uint16_t *wick_routing_at(const struct wick_routing *routing, uint32_t position, uint32_t layer);
const uint16_t *wick_routing_guessed(const struct wick_routing *routing, uint32_t position, uint32_t layer, uint32_t *count);
