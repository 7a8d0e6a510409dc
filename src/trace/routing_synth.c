/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Made-up routing (see routing.h). Everything random of a layer comes from one stream, seeded by the trace's seed and the layer,
 * so that a longer trace begins like a shorter one. */

#include "routing.h"

#include "bits.h"
#include "normal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fitted to lag overlaps and LRU hits of recordings, which are of fewer experts a token than the models have (routing of k 6 for
 * qwen3-30b, 2 for gpt-oss-120b). guess is such that of the k likeliest guesses 0.886 are right, as was measured of the next
 * router on this one's input in Qwen3-30B; of kimi-linear 0.59, as in Kimi K3. */
static const struct wick_routing_preset presets[] = {
	{ "qwen3-30b", 48, 128, 8, 1.45, 0.11, 0.90, 0.91, 0.63, 0.255, "a recording of Qwen3-30B-A3B with 6 experts a token" },
	{ "olmoe", 16, 64, 8, 1.38, 0.19, 0.90, 1.77, 0.54, 0.382, "a recording of OLMoE-1B-7B" },
	{ "gpt-oss-120b", 36, 128, 4, 1.03, 0.96, 0.99, 0.75, 0.66, 0.169, "a recording of gpt-oss-120b with 2 experts a token" },
	{ "gpt-oss-20b", 24, 32, 4, 1.03, 0.96, 0.99, 0.75, 0.66, 0.169, "no recording: the numbers are gpt-oss-120b's" },
	{ "gemma-4-26b", 30, 128, 6, 1.49, 0.10, 0.90, 0.98, 0.50, 0.241, "a recording of Gemma-4-26B-A4B" },
	{ "kimi-linear", 26, 256, 8, 1.59, 0.10, 0.99, 1.83, 0.65, 1.278, "a recording of Kimi-Linear" },
	{ "mixtral-8x7b", 32, 8, 2, 1.38, 0.19, 0.90, 1.77, 0.54, 0.382, "no recording: the numbers are OLMoE's" },
	{ "smallthinker-21b", 52, 64, 6, 1.38, 0.19, 0.90, 1.77, 0.54, 0.382, "no recording: the numbers are OLMoE's" },
	{ "uniform", 48, 128, 8, 0, 0, 0, 0, 0, 0.255, "nothing: every expert is as likely as any other" },
};

struct wick_routing_layer {
	const struct wick_routing_preset *preset;
	struct wick_random random;
	uint32_t experts, chosen;
	double *b, *x, *y, *z; /* (experts) each */
	uint32_t *order;       /* (experts) */
};

const struct wick_routing_preset *wick_routing_preset_at(uint32_t number)
{
	return number >= 1 && number <= WICK_COUNT_OF(presets) ? &presets[number - 1] : NULL;
}

const struct wick_routing_preset *wick_routing_preset(const char *name)
{
	for (size_t i = 0; i < WICK_COUNT_OF(presets); i++)
		if (!strcmp(presets[i].name, name))
			return &presets[i];
	return NULL;
}

uint32_t wick_routing_number(const struct wick_routing_preset *preset)
{
	return (uint32_t)(preset - presets) + 1;
}

/* uniform is taken only where it is asked for. */
const struct wick_routing_preset *wick_routing_nearest(uint32_t experts, uint32_t chosen)
{
	const struct wick_routing_preset *best = &presets[0];
	double least = INFINITY;

	for (size_t i = 0; i < WICK_COUNT_OF(presets); i++) {
		double far = fabs(log((double)experts / presets[i].experts)) + fabs(log((double)chosen / presets[i].chosen));

		if (presets[i].bias > 0 && far < least) {
			least = far;
			best = &presets[i];
		}
	}
	return best;
}

void wick_routing_layer_destroy(struct wick_routing_layer *layer)
{
	if (layer) {
		free(layer->b);
		free(layer->order);
	}
	free(layer);
}

struct wick_routing_layer *wick_routing_layer_create(const struct wick_routing_preset *preset, uint32_t number, uint32_t experts,
	uint32_t chosen, uint64_t seed)
{
	struct wick_routing_layer *layer = calloc(1, sizeof(*layer));

	if (!layer)
		return NULL;
	*layer = (struct wick_routing_layer){ .preset = preset, .experts = experts, .chosen = chosen,
		.b = calloc(4 * (size_t)experts, sizeof(double)), .order = calloc(experts, sizeof(uint32_t)) };
	if (!layer->b || !layer->order) {
		wick_routing_layer_destroy(layer);
		return NULL;
	}
	layer->x = layer->b + experts;
	layer->y = layer->x + experts;
	layer->z = layer->y + experts;
	wick_random_seed(&layer->random, seed);
	wick_random_seed(&layer->random, wick_random_next(&layer->random) + number);
	for (uint32_t e = 0; e < experts; e++) {
		layer->b[e] = preset->bias * wick_random_normal(&layer->random);
		layer->x[e] = wick_random_normal(&layer->random);
		layer->y[e] = wick_random_normal(&layer->random);
	}
	return layer;
}

static void step(double *at, double keep, struct wick_random *random)
{
	*at = keep * *at + sqrt(1 - keep * keep) * wick_random_normal(random);
}

/* The ids of the `most` largest z, largest first. */
static void pick(const struct wick_routing_layer *layer, uint32_t *ids, uint32_t most)
{
	uint32_t held = 0;

	for (uint32_t e = 0; e < layer->experts; e++) {
		uint32_t at = held < most ? held++ : most;

		for (; at && layer->z[e] > layer->z[ids[at - 1]]; at--)
			if (at < most)
				ids[at] = ids[at - 1];
		if (at < most)
			ids[at] = e;
	}
}

static int is_above(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

uint32_t wick_routing_layer_next(struct wick_routing_layer *layer, uint32_t *ids, uint32_t *guessed)
{
	const struct wick_routing_preset *preset = layer->preset;
	uint32_t most = WICK_MIN(2 * layer->chosen, layer->experts);

	for (uint32_t e = 0; e < layer->experts; e++) {
		step(&layer->x[e], preset->topic_keep, &layer->random);
		step(&layer->y[e], preset->phrase_keep, &layer->random);
		layer->z[e] = layer->b[e] + preset->topic * layer->x[e] + preset->phrase * layer->y[e] + wick_random_normal(&layer->random);
	}
	pick(layer, layer->order, layer->chosen);
	memcpy(ids, layer->order, layer->chosen * sizeof(*ids));
	qsort(ids, layer->chosen, sizeof(*ids), is_above);
	for (uint32_t e = 0; e < layer->experts; e++)
		layer->z[e] += preset->guess * wick_random_normal(&layer->random);
	pick(layer, guessed, most);
	return most;
}

struct writing {
	const struct wick_trace_shape *shape;
	struct wick_routing_layer **layers; /* NULL: of no experts */
	uint32_t *ids, *guessed;
	float *probability;
	struct wick_trace_writer *writer;
};

/* Which guess is right how often is not said: probabilities only put them in order. */
static int add_layer(struct writing *writing, uint32_t layer, struct wick_diag *diag)
{
	uint32_t count = 0;

	if (writing->layers[layer])
		count = wick_routing_layer_next(writing->layers[layer], writing->ids, writing->guessed);
	for (uint32_t i = 0; i < count; i++)
		writing->probability[i] = (float)(count - i) / (float)(count + 1);
	return wick_trace_add(writing->writer, layer, writing->ids, count ? writing->shape->chosen : 0, writing->guessed,
		writing->probability, count, diag);
}

static int make_layers(struct writing *writing, uint32_t dense_layers)
{
	const struct wick_trace_shape *shape = writing->shape;

	writing->layers = calloc(shape->layers, sizeof(*writing->layers));
	writing->ids = calloc(shape->chosen, sizeof(uint32_t));
	writing->guessed = calloc(2 * (size_t)shape->chosen, sizeof(uint32_t));
	writing->probability = calloc(2 * (size_t)shape->chosen, sizeof(float));
	if (!writing->layers || !writing->ids || !writing->guessed || !writing->probability)
		return -ENOMEM;
	for (uint32_t l = dense_layers; l < shape->layers; l++) {
		writing->layers[l] = wick_routing_layer_create(
			wick_routing_preset_at(shape->preset), l, shape->n_ff, shape->chosen, shape->synthesis.seed);
		if (!writing->layers[l])
			return -ENOMEM;
	}
	return 0;
}

/* One layer's tokens after the other. */
static void fill(struct wick_routing *routing, struct writing *writing, uint32_t layer)
{
	for (uint32_t t = 0; t < routing->tokens; t++) {
		uint16_t *into = routing->ids + ((uint64_t)t * routing->layers + layer) * routing->chosen;

		if (writing->layers[layer])
			wick_routing_layer_next(writing->layers[layer], writing->ids, writing->guessed);
		for (uint32_t i = 0; i < routing->chosen; i++)
			into[i] = writing->layers[layer] ? (uint16_t)writing->ids[i] : WICK_NO_EXPERT;
	}
}

static void end(struct writing *writing)
{
	wick_trace_discard(writing->writer);
	for (uint32_t l = 0; writing->layers && l < writing->shape->layers; l++)
		wick_routing_layer_destroy(writing->layers[l]);
	free(writing->layers);
	free(writing->ids);
	free(writing->guessed);
	free(writing->probability);
}

int wick_routing_write(const char *path, const struct wick_trace_shape *shape, uint32_t dense_layers,
	int (*progress)(void *user, uint64_t bytes_done, uint64_t bytes_total), void *user, struct wick_diag *diag)
{
	struct wick_trace_shape made = *shape;
	struct writing writing = { .shape = &made };
	int rc = make_layers(&writing, dense_layers);

	made.synthetic = made.lookahead = true;
	if (rc)
		wick_diag_say(diag, rc, "%s: no memory to make it up", path);
	if (!rc)
		rc = wick_trace_create(&writing.writer, path, &made, diag);
	for (uint32_t t = 0; !rc && t < made.tokens; t++) {
		for (uint32_t l = 0; !rc && l < made.layers; l++)
			rc = add_layer(&writing, l, diag);
		if (!rc && progress && progress(user, wick_trace_written(writing.writer),
				   wick_trace_written(writing.writer) / (t + 1) * made.tokens))
			rc = -ECANCELED;
	}
	if (!rc) {
		rc = wick_trace_commit(writing.writer, diag);
		writing.writer = NULL;
	}
	end(&writing);
	return rc;
}

int wick_routing_make(struct wick_routing *routing, const struct wick_trace_shape *shape, uint32_t dense_layers,
	struct wick_diag *diag)
{
	struct writing writing = { .shape = shape };
	int rc = make_layers(&writing, dense_layers);

	*routing = (struct wick_routing){ .layers = shape->layers, .experts = shape->n_ff, .chosen = shape->chosen,
		.tokens = shape->tokens };
	routing->ids = calloc((uint64_t)shape->tokens * shape->layers * shape->chosen, sizeof(*routing->ids));
	if (rc || !routing->ids)
		rc = wick_diag_say(diag, -ENOMEM, "no memory to foresee which experts are chosen");
	for (uint32_t l = 0; !rc && l < shape->layers; l++)
		fill(routing, &writing, l);
	end(&writing);
	if (rc) {
		free(routing->ids);
		routing->ids = NULL;
	}
	return rc;
}
