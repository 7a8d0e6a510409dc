/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Simulates the reads of sparse mode (see rehearse.h). */

#include "rehearse.h"

#include "bits.h"
#include "choose.h"
#include "clock.h"
#include "mem.h"
#include "trace_synth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BYTES 8 /* nothing is ever stored in slots */

/* A simulated layer: its bundle cache, without bundles. */
struct layer {
	struct wick_group group;
	struct wick_member member;
	struct wick_synth_layer *synth; /* without a trace */
};

struct simulation {
	const struct wick_rehearsal *rehearsal;
	uint32_t layers; /* simulated: where it is known how each fires all, else one for all */
	struct layer *layer; /* (layers) */
	struct wick_rehearsed *into;
	struct wick_synth_token token;
	uint32_t *sorted;           /* (n_ff), the likely ascending */
	float *scores;              /* (n_ff), scratch */
	uint8_t *wanted_ahead;      /* (n_ff), prefetched for the current token */
	struct wick_wanted *wanted; /* (n_ff) */
	struct wick_extent_arrays arrays;
	struct wick_mem mem;
	struct wick_mem space; /* addresses for the planner, never touched */
	bool counts;
};

/* Whether layers are told apart. */
static bool is_told(const struct wick_rehearsal *rehearsal)
{
	return rehearsal->trace || rehearsal->firing;
}

static uint32_t slots_of(const struct wick_rehearsal *rehearsal, uint32_t layer)
{
	uint64_t sum = 0;

	if (is_told(rehearsal))
		return rehearsal->slots[layer];
	for (uint32_t i = 0; i < rehearsal->shape->layers; i++)
		sum += rehearsal->slots[i];
	return (uint32_t)(sum / rehearsal->shape->layers);
}

static struct wick_group_shape group_shape(const struct wick_rehearsal *rehearsal, uint32_t layer)
{
	const struct wick_sparse_shape *sparse = rehearsal->sparse;

	return (struct wick_group_shape){ .keys = rehearsal->shape->n_ff, .capacity = slots_of(rehearsal, layer),
		.slot_bytes = SLOT_BYTES, .blocks = 1, .window = sparse->window, .policy = sparse->policy };
}

/* All caches and the scratch in one reservation; only the part that is used becomes memory. */
static int reserve(struct simulation *sim, struct wick_diag *diag)
{
	const struct wick_rehearsal *rehearsal = sim->rehearsal;
	uint32_t n_ff = rehearsal->shape->n_ff;
	uint64_t n = n_ff, bytes = 3 * wick_mem_cost(n * sizeof(uint32_t)) + 2 * wick_mem_cost(n * sizeof(float)) + wick_mem_cost(n) +
		wick_mem_cost(n * sizeof(struct wick_wanted)) + wick_mem_cost(n * sizeof(struct wick_extent)) +
		wick_mem_cost(2 * n * sizeof(struct iovec)) + wick_mem_cost((n + 1) * sizeof(double)) +
		wick_mem_cost((n + 1) * sizeof(uint32_t));
	int rc;

	for (uint32_t i = 0; i < sim->layers; i++) {
		const struct wick_group_shape group = group_shape(rehearsal, i);

		bytes += wick_group_bytes(&group);
	}
	rc = wick_mem_reserve(&sim->mem, bytes, diag);
	return rc ? rc : wick_mem_reserve(&sim->space, (uint64_t)n_ff * rehearsal->shape->stride, diag);
}

static void take_lists(struct simulation *sim)
{
	struct wick_mem *mem = &sim->mem;
	uint64_t n = sim->rehearsal->shape->n_ff;

	sim->token.ids = wick_mem_take(mem, n * sizeof(uint32_t));
	sim->token.likely = wick_mem_take(mem, n * sizeof(uint32_t));
	sim->token.probability = wick_mem_take(mem, n * sizeof(float));
	sim->sorted = wick_mem_take(mem, n * sizeof(uint32_t));
	sim->scores = wick_mem_take(mem, n * sizeof(float));
	sim->wanted_ahead = wick_mem_take(mem, n);
	sim->wanted = wick_mem_take(mem, n * sizeof(struct wick_wanted));
	sim->arrays.extents = wick_mem_take(mem, n * sizeof(struct wick_extent));
	sim->arrays.iov = wick_mem_take(mem, 2 * n * sizeof(struct iovec));
	sim->arrays.cost_us = wick_mem_take(mem, (n + 1) * sizeof(double));
	sim->arrays.begin = wick_mem_take(mem, (n + 1) * sizeof(uint32_t));
}

/* What makes the neurons of each layer up. */
static bool make_synths(struct simulation *sim)
{
	const struct wick_rehearsal *rehearsal = sim->rehearsal;
	uint32_t n_ff = rehearsal->shape->n_ff;
	bool made = true;

	for (uint32_t i = 0; made && i < sim->layers; i++) {
		sim->layer[i].synth = rehearsal->firing ?
			wick_synth_layer_of(rehearsal->firing + (size_t)i * n_ff, rehearsal->synthesis.seed, i, n_ff) :
			wick_synth_layer_create(&rehearsal->synthesis, i, n_ff);
		made = sim->layer[i].synth;
	}
	return made;
}

static int begin(struct simulation *sim, struct wick_diag *diag)
{
	const struct wick_rehearsal *rehearsal = sim->rehearsal;
	int rc;

	sim->layer = calloc(sim->layers, sizeof(*sim->layer));
	if (!sim->layer || (!rehearsal->trace && !make_synths(sim)))
		return wick_diag_say(diag, -ENOMEM, "no memory to foresee what a token reads");
	rc = reserve(sim, diag);
	if (rc)
		return rc;
	take_lists(sim);
	for (uint32_t i = 0; i < sim->layers; i++) {
		const struct wick_group_shape shape = group_shape(rehearsal, i);

		wick_group_init(&sim->layer[i].group, &shape, &sim->mem);
		sim->layer[i].member = (struct wick_member){ .group = &sim->layer[i].group, .last = true };
	}
	return 0;
}

static void end(struct simulation *sim)
{
	for (uint32_t i = 0; sim->layer && i < sim->layers; i++)
		wick_synth_layer_destroy(sim->layer[i].synth);
	wick_mem_release(&sim->mem);
	wick_mem_release(&sim->space);
	free(sim->layer);
}

/* Plans the reads of sim->wanted, and counts them. */
static void read_all(struct simulation *sim, uint32_t count, double *reads, double *bytes)
{
	const struct wick_rehearsal *rehearsal = sim->rehearsal;
	uint64_t stride = rehearsal->shape->stride;
	struct wick_extent_layout layout = wick_draw_layout(
		stride, rehearsal->chunk_bytes, rehearsal->bridge, sim->space.base, sim->space.base);
	uint32_t extents = count ? wick_extent_plan(&layout, &rehearsal->price, sim->wanted, count, &sim->arrays) : 0;

	*reads += extents;
	for (uint32_t i = 0; i < extents; i++)
		*bytes += (double)(sim->arrays.extents[i].count * stride);
}

/* Prefetches the likely neurons, for a share of the cache at most, as the engine does. */
static void look_ahead(struct simulation *sim, struct layer *layer, struct wick_rehearsed *seen)
{
	const struct wick_rehearsal *rehearsal = sim->rehearsal;
	struct wick_synth_token *token = &sim->token;
	uint32_t most = WICK_MIN(rehearsal->ahead, layer->group.cache.capacity / WICK_AHEAD_SHARE);
	uint32_t likely = token->likely_count, count;

	if (!most || !likely)
		return;
	count = wick_policy_admit_probable(layer->group.policy, &layer->group.cache, 0, token->likely, token->probability, likely,
		most, sim->sorted, likely, sim->wanted);
	wick_extent_sort(sim->wanted, count);
	for (uint32_t i = 0; i < count; i++)
		sim->wanted_ahead[sim->wanted[i].bundle] = 1;
	for (uint32_t i = 0; i < count; i++)
		layer->group.cache.in_flight[sim->wanted[i].row] = 0;
	read_all(sim, count, &seen->ahead_reads, &seen->ahead_bytes);
	seen->ahead += count;
	seen->wasted += count;
}

/* Draws the chosen neurons in rounds of as many as the cache holds, as the engine does. */
static void draw(struct simulation *sim, struct layer *layer, struct wick_rehearsed *seen)
{
	const struct wick_synth_token *token = &sim->token;
	struct wick_turn turn;

	wick_turn_begin(&turn, &layer->member, token->ids, token->count);
	while (wick_turn_next(&turn, token->count, sim->wanted)) {
		wick_turn_land(&turn, sim->wanted);
		read_all(sim, turn.absent, &seen->reads, &seen->bytes);
		seen->drawn += turn.absent;
		seen->rounds++;
	}
	for (uint32_t i = 0; i < token->count; i++)
		seen->wasted -= sim->wanted_ahead[token->ids[i]];
	memset(sim->wanted_ahead, 0, sim->rehearsal->shape->n_ff);
	wick_turn_end(&turn);
	seen->active += token->count;
}

static void simulate_layer(struct simulation *sim, uint32_t layer)
{
	struct wick_rehearsed unseen, *seen = sim->counts ? &sim->into[layer] : &unseen;
	uint64_t begun_ns = wick_now_ns();

	unseen = (struct wick_rehearsed){ 0 };
	look_ahead(sim, &sim->layer[layer], seen);
	draw(sim, &sim->layer[layer], seen);
	seen->manage_us += (double)(wick_now_ns() - begun_ns) / 1e3;
}

/* The neurons of a trace. No layer comes before the first that could predict its neurons. */
static void take_from_trace(struct simulation *sim, uint32_t layer)
{
	struct wick_synth_token *token = &sim->token;
	struct wick_chooser chooser = { .trace = { sim->rehearsal->trace }, .layers = sim->rehearsal->shape->layers,
		.n_ff = sim->rehearsal->shape->n_ff, .scores = sim->scores };

	token->count = wick_choose(&chooser, layer, 0, NULL, NULL, token->ids);
	token->likely_count = 0;
	if (layer && sim->rehearsal->ahead && wick_choose_ahead(&chooser, layer - 1))
		token->likely_count = wick_choose_likely(
			&chooser, layer - 1, NULL, token->likely, token->probability, sim->sorted);
}

/* The same where they are made up. */
static void synthesize(struct simulation *sim, uint32_t layer)
{
	struct wick_synth_token *token = &sim->token;
	uint32_t kept = 0;

	wick_synth_layer_next(sim->layer[layer].synth, token);
	for (uint32_t i = 0; i < token->likely_count; i++)
		if (token->probability[i] >= WICK_LIKELY) {
			sim->sorted[kept] = token->likely[kept] = token->likely[i];
			token->probability[kept++] = token->probability[i];
		}
	token->likely_count = kept;
	wick_choose_likeliest_first(token->likely, token->probability, kept);
}

static int simulate_token(struct simulation *sim, uint32_t token, struct wick_diag *diag)
{
	struct wick_trace *trace = sim->rehearsal->trace;
	int rc = trace ? wick_trace_seek(trace, token, diag) : 0;

	for (uint32_t layer = 0; !rc && layer < sim->layers; layer++) {
		if (trace)
			take_from_trace(sim, layer);
		else
			synthesize(sim, layer);
		simulate_layer(sim, layer);
	}
	return rc;
}

/* Turns sums over tokens into means. */
static void divide(struct wick_rehearsed *seen, double by)
{
	double *figures = (double *)seen;

	for (size_t i = 0; i < sizeof(*seen) / sizeof(*figures); i++)
		figures[i] /= by;
}

int wick_rehearse(const struct wick_rehearsal *rehearsal, struct wick_rehearsed *layers, struct wick_diag *diag)
{
	uint32_t all = rehearsal->shape->layers;
	uint32_t tokens = rehearsal->trace ? WICK_MIN(wick_trace_shape(rehearsal->trace)->tokens, WICK_REHEARSAL_TOKENS) :
		WICK_REHEARSAL_TOKENS;
	struct simulation sim = { .rehearsal = rehearsal, .layers = is_told(rehearsal) ? all : 1, .into = layers };
	int rc = begin(&sim, diag);

	memset(layers, 0, all * sizeof(*layers));
	for (uint32_t token = 0; !rc && token < tokens; token++) {
		sim.counts = token >= tokens / 2;
		rc = simulate_token(&sim, token, diag);
	}
	end(&sim);
	for (uint32_t layer = 0; layer < sim.layers; layer++)
		divide(&layers[layer], tokens - tokens / 2);
	for (uint32_t layer = sim.layers; layer < all; layer++)
		layers[layer] = layers[0];
	return rc;
}
