/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Synthetic traces (see synth.h). Everything random of a layer comes from one stream, seeded by the trace's seed and the
 * layer, so that a longer trace begins like a shorter one. */

#include "trace_synth.h"

#include "bits.h"
#include "check.h"
#include "memory_limits.h"
#include "normal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define CHANCE_MAX 0.98
#define SHARE_MIN 1e-9 /* of a neuron that a text has not made fire */
#define RHO 0.81

/* A layer as it goes on. */
struct wick_synth_layer {
	struct wick_random random;
	uint32_t n_ff;
	double *fires_above; /* (n_ff), -Q(p_i): what z must exceed */
};

struct synth {
	const struct wick_trace_shape *shape;
	int (*progress)(void *user, uint64_t bytes_done, uint64_t bytes_total);
	void *user;
	struct wick_synth_layer **layers;
	struct wick_synth_token token;
	struct wick_trace_writer *writer;
};

int wick_synth_check(const struct wick_trace_synthesis *synthesis, struct wick_diag *diag)
{
	if (!(synthesis->zipf >= 0 && synthesis->zipf <= WICK_SYNTH_ZIPF_MAX))
		return wick_diag_say(diag, -EINVAL, "an exponent of %g: 0 to %g are possible", synthesis->zipf,
			WICK_SYNTH_ZIPF_MAX);
	if (!(synthesis->active > 0 && synthesis->active <= WICK_SYNTH_ACTIVE_MAX))
		return wick_diag_say(diag, -EINVAL, "an active share of %g: above 0, up to %g is possible",
			synthesis->active, WICK_SYNTH_ACTIVE_MAX);
	return 0;
}

static double mean_chance(double c, double zipf, uint32_t n_ff)
{
	double sum = 0;

	for (uint32_t i = 1; i <= n_ff; i++)
		sum += fmin(CHANCE_MAX, c * pow(i, -zipf));
	return sum / n_ff;
}

/* c by bisection of its logarithm: at e^-64 the mean is below any share that is asked for, at n_ff^zipf it is CHANCE_MAX. */
double wick_synth_solve(const struct wick_trace_synthesis *synthesis, uint32_t n_ff)
{
	double low = -64, high = synthesis->zipf * log(n_ff);

	for (unsigned i = 0; i < 64; i++) {
		double middle = (low + high) / 2;

		if (mean_chance(exp(middle), synthesis->zipf, n_ff) < synthesis->active)
			low = middle;
		else
			high = middle;
	}
	return exp(high);
}

static void seed_layer(struct wick_random *random, uint64_t seed, uint32_t layer)
{
	wick_random_seed(random, seed);
	wick_random_seed(random, wick_random_next(random) + layer);
}

/* Draws the ranks of the neurons by shuffling them. */
static void draw_chances(struct wick_random *random, const struct wick_trace_synthesis *synthesis, double c, uint32_t n_ff,
	double *chance, uint32_t *rank)
{
	for (uint32_t i = 0; i < n_ff; i++) {
		uint32_t other = wick_random_below(random, i + 1);

		rank[i] = rank[other];
		rank[other] = i;
	}
	for (uint32_t i = 0; i < n_ff; i++)
		chance[i] = fmin(CHANCE_MAX, c * pow(rank[i] + 1.0, -synthesis->zipf));
}

void wick_synth_chances(const struct wick_trace_synthesis *synthesis, double c, uint32_t layer, uint32_t n_ff,
	double *chance, uint32_t *rank)
{
	struct wick_random random;

	seed_layer(&random, synthesis->seed, layer);
	draw_chances(&random, synthesis, c, n_ff, chance, rank);
}

void wick_synth_layer_destroy(struct wick_synth_layer *layer)
{
	if (layer)
		free(layer->fires_above);
	free(layer);
}

static struct wick_synth_layer *allocate(uint64_t seed, uint32_t number, uint32_t n_ff)
{
	struct wick_synth_layer *layer = calloc(1, sizeof(*layer));

	if (layer)
		*layer = (struct wick_synth_layer){ .n_ff = n_ff, .fires_above = calloc(n_ff, sizeof(double)) };
	if (!layer || !layer->fires_above) {
		free(layer);
		return NULL;
	}
	seed_layer(&layer->random, seed, number);
	return layer;
}

struct wick_synth_layer *wick_synth_layer_of(const float *shares, uint64_t seed, uint32_t number, uint32_t n_ff)
{
	struct wick_synth_layer *layer = allocate(seed, number, n_ff);

	for (uint32_t i = 0; layer && i < n_ff; i++)
		layer->fires_above[i] = -wick_normal_quantile(fmin(fmax((double)shares[i], SHARE_MIN), CHANCE_MAX));
	return layer;
}

static struct wick_synth_layer *create(const struct wick_trace_synthesis *synthesis, double c, uint32_t number, uint32_t n_ff)
{
	struct wick_synth_layer *layer = allocate(synthesis->seed, number, n_ff);
	uint32_t *rank = calloc(n_ff, sizeof(*rank));

	if (!layer || !rank) {
		wick_synth_layer_destroy(layer);
		free(rank);
		return NULL;
	}
	draw_chances(&layer->random, synthesis, c, n_ff, layer->fires_above, rank);
	for (uint32_t i = 0; i < n_ff; i++)
		layer->fires_above[i] = -wick_normal_quantile(layer->fires_above[i]);
	free(rank);
	return layer;
}

struct wick_synth_layer *wick_synth_layer_create(
	const struct wick_trace_synthesis *synthesis, uint32_t layer, uint32_t n_ff)
{
	return create(synthesis, wick_synth_solve(synthesis, n_ff), layer, n_ff);
}

/* Most neurons are too unlikely for their probability to be worth its computation: that is seen from its argument. */
void wick_synth_layer_next(struct wick_synth_layer *layer, struct wick_synth_token *token)
{
	const double noise = sqrt(1 - RHO * RHO), worth = wick_normal_quantile(WICK_SYNTH_LIKELY_MIN);

	token->count = token->likely_count = 0;
	for (uint32_t i = 0; i < layer->n_ff; i++) {
		double z = wick_random_normal(&layer->random);
		double y = RHO * z + noise * wick_random_normal(&layer->random);
		double guess = (RHO * y - layer->fires_above[i]) / noise;

		if (z > layer->fires_above[i])
			token->ids[token->count++] = i;
		if (guess > worth) {
			token->likely[token->likely_count] = i;
			token->probability[token->likely_count++] = (float)wick_normal_cdf(guess);
		}
	}
}

/* All layers are in memory at once: what has no room there would take hours to be found out. */
static int check_room(const struct wick_trace_shape *shape, const char *path, struct wick_diag *diag)
{
	uint64_t layers = wick_mul(shape->layers, wick_mul(shape->n_ff, sizeof(double))), free_bytes = wick_free_bytes();
	uint64_t bytes = wick_add(layers, wick_add(shape->n_ff * 4ull * sizeof(uint32_t), wick_trace_writer_bytes(shape)));

	if (!free_bytes || bytes <= free_bytes) /* 0: not known */
		return 0;
	return wick_diag_say(diag, -ENOMEM, "%s: making it up takes %llu bytes of memory, and %llu are free", path,
		(unsigned long long)bytes, (unsigned long long)free_bytes);
}

static bool is_stopped(const struct synth *synth, uint64_t bytes_done, uint64_t bytes_total)
{
	return synth->progress && synth->progress(synth->user, bytes_done, bytes_total);
}

static int make_layers(struct synth *synth, const char *path, struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = synth->shape;
	double c = wick_synth_solve(&shape->synthesis, shape->n_ff);

	for (uint32_t l = 0; l < shape->layers; l++) {
		if (is_stopped(synth, 0, 0))
			return -ECANCELED;
		synth->layers[l] = create(&shape->synthesis, c, l, shape->n_ff);
		if (!synth->layers[l])
			return wick_diag_say(diag, -ENOMEM, "%s: no memory to make it up", path);
	}
	return 0;
}

static int begin(struct synth *synth, const char *path, struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = synth->shape;
	int rc;

	synth->layers = calloc(shape->layers, sizeof(*synth->layers));
	synth->token.ids = calloc(shape->n_ff, sizeof(uint32_t));
	synth->token.likely = calloc(shape->n_ff, sizeof(uint32_t));
	synth->token.probability = calloc(shape->n_ff, sizeof(float));
	if (!synth->layers || !synth->token.ids || !synth->token.likely || !synth->token.probability)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to make it up", path);
	rc = make_layers(synth, path, diag);
	return rc ? rc : wick_trace_create(&synth->writer, path, shape, diag);
}

static void end(struct synth *synth)
{
	wick_trace_discard(synth->writer);
	for (uint32_t l = 0; synth->layers && l < synth->shape->layers; l++)
		wick_synth_layer_destroy(synth->layers[l]);
	free(synth->layers);
	free(synth->token.ids);
	free(synth->token.likely);
	free(synth->token.probability);
}

static int add_layer(struct synth *synth, uint32_t l, struct wick_diag *diag)
{
	struct wick_synth_token *token = &synth->token;

	wick_synth_layer_next(synth->layers[l], token);
	return wick_trace_add(
		synth->writer, l, token->ids, token->count, token->likely, token->probability, token->likely_count, diag);
}

int wick_synth_write(const char *path, const struct wick_trace_shape *shape,
	int (*progress)(void *user, uint64_t bytes_done, uint64_t bytes_total), void *user, struct wick_diag *diag)
{
	struct wick_trace_shape made = *shape;
	struct synth synth = { .shape = &made, .progress = progress, .user = user };
	int rc;

	made.synthetic = made.lookahead = true;
	rc = wick_synth_check(&made.synthesis, diag);
	if (!rc)
		rc = check_room(&made, path, diag);
	if (!rc)
		rc = begin(&synth, path, diag);
	for (uint32_t token = 0; !rc && token < made.tokens; token++) {
		uint64_t bytes = wick_trace_written(synth.writer);

		for (uint32_t l = 0; !rc && l < made.layers; l++)
			rc = add_layer(&synth, l, diag);
		if (!rc && token && is_stopped(&synth, bytes, bytes / token * made.tokens))
			rc = -ECANCELED;
	}
	if (!rc) {
		rc = wick_trace_commit(synth.writer, diag);
		synth.writer = NULL;
	}
	end(&synth);
	return rc;
}
