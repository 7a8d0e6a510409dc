/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What sparse mode would read (see rehearse.h). */

#include "rehearse.h"

#include "bits.h"
#include "choose.h"
#include "clock.h"
#include "mem.h"
#include "trace_synth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BYTES 8 /* of rows that nobody reads */

/* A layer's matrix. */
struct actor {
	struct wick_cache cache;
	struct wick_policy *policy;
};

struct play {
	const struct wick_rehearsal *rehearsal;
	uint32_t layers; /* that are played */
	struct actor *actors;
	struct wick_rehearsed *into;
	struct wick_synth_layer *synth;
	struct wick_synth_token token;
	uint32_t *sorted;           /* (n_ff), the likely ascending */
	float *scores;              /* (n_ff), scratch */
	uint8_t *wanted_ahead;      /* (n_ff), drawn ahead for the token at hand */
	struct wick_wanted *wanted; /* (n_ff) */
	struct wick_extent_arrays arrays;
	struct wick_mem mem;
	struct wick_mem space; /* addresses for the planner, never touched */
	bool counts;
};

/* All matrices and the scratch, in one reservation of which only what is used becomes memory. */
static int reserve(struct play *play, struct wick_diag *diag)
{
	const struct wick_rehearsal *rehearsal = play->rehearsal;
	uint32_t n_ff = rehearsal->shape->n_ff, capacity = rehearsal->sparse->capacity;
	uint64_t n = n_ff, lists = 3 * wick_mem_cost(n * sizeof(uint32_t)) + 2 * wick_mem_cost(n * sizeof(float)) + wick_mem_cost(n) +
		wick_mem_cost(n * sizeof(struct wick_wanted)) + wick_mem_cost(n * sizeof(struct wick_extent)) +
		wick_mem_cost(2 * n * sizeof(struct iovec)) + wick_mem_cost((n + 1) * sizeof(double)) +
		wick_mem_cost((n + 1) * sizeof(uint32_t));
	uint64_t matrix = wick_cache_bytes(n_ff, capacity, ROW_BYTES) + wick_policy_bytes(n_ff, capacity);
	int rc = wick_mem_reserve(&play->mem, lists + play->layers * matrix, diag);

	return rc ? rc : wick_mem_reserve(&play->space, (uint64_t)n_ff * rehearsal->shape->stride, diag);
}

static void take_lists(struct play *play)
{
	struct wick_mem *mem = &play->mem;
	uint64_t n = play->rehearsal->shape->n_ff;

	play->token.ids = wick_mem_take(mem, n * sizeof(uint32_t));
	play->token.likely = wick_mem_take(mem, n * sizeof(uint32_t));
	play->token.probability = wick_mem_take(mem, n * sizeof(float));
	play->sorted = wick_mem_take(mem, n * sizeof(uint32_t));
	play->scores = wick_mem_take(mem, n * sizeof(float));
	play->wanted_ahead = wick_mem_take(mem, n);
	play->wanted = wick_mem_take(mem, n * sizeof(struct wick_wanted));
	play->arrays.extents = wick_mem_take(mem, n * sizeof(struct wick_extent));
	play->arrays.iov = wick_mem_take(mem, 2 * n * sizeof(struct iovec));
	play->arrays.cost_us = wick_mem_take(mem, (n + 1) * sizeof(double));
	play->arrays.begin = wick_mem_take(mem, (n + 1) * sizeof(uint32_t));
}

static int begin(struct play *play, struct wick_diag *diag)
{
	const struct wick_rehearsal *rehearsal = play->rehearsal;
	const struct wick_sparse_shape *sparse = rehearsal->sparse;
	uint32_t n_ff = rehearsal->shape->n_ff;
	int rc;

	play->actors = calloc(play->layers, sizeof(*play->actors));
	if (!rehearsal->trace)
		play->synth = wick_synth_layer_create(&rehearsal->synthesis, 0, n_ff);
	if (!play->actors || (!rehearsal->trace && !play->synth))
		return wick_diag_say(diag, -ENOMEM, "no memory to foresee what a token reads");
	rc = reserve(play, diag);
	if (rc)
		return rc;
	take_lists(play);
	for (uint32_t i = 0; i < play->layers; i++) {
		wick_cache_init(&play->actors[i].cache, n_ff, sparse->capacity, ROW_BYTES, &play->mem);
		play->actors[i].policy = wick_policy_init(sparse->policy, n_ff, sparse->capacity, sparse->window, &play->mem);
	}
	return 0;
}

static void end(struct play *play)
{
	wick_synth_layer_destroy(play->synth);
	wick_mem_release(&play->mem);
	wick_mem_release(&play->space);
	free(play->actors);
}

/* Plans the reads and lets the bundles arrive. */
static void read_all(struct play *play, struct actor *actor, uint32_t count, double *reads, double *bytes)
{
	const struct wick_rehearsal *rehearsal = play->rehearsal;
	uint64_t stride = rehearsal->shape->stride;
	struct wick_extent_layout layout = { .stride = stride, .chunk_bytes = WICK_MAX(rehearsal->chunk_bytes, stride),
		.rows = play->space.base, .scratch = play->space.base, .scratch_bytes = rehearsal->bridge ? wick_drawing_gap_bytes(stride) : 0 };
	uint32_t extents = count ? wick_extent_plan(&layout, &rehearsal->price, play->wanted, count, &play->arrays) : 0;

	for (uint32_t i = 0; i < count; i++)
		actor->cache.in_flight[play->wanted[i].row] = 0;
	*reads += extents;
	for (uint32_t i = 0; i < extents; i++)
		*bytes += (double)(play->arrays.extents[i].count * stride);
}

/* Draws ahead what is likely. */
static void look_ahead(struct play *play, struct actor *actor, struct wick_rehearsed *seen)
{
	const struct wick_rehearsal *rehearsal = play->rehearsal;
	struct wick_synth_token *token = &play->token;
	uint32_t likely = token->likely_count, count;

	if (!rehearsal->ahead || !likely)
		return;
	count = wick_policy_admit_probable(actor->policy, &actor->cache, token->likely, token->probability, likely,
		rehearsal->ahead, play->sorted, likely, play->wanted);
	wick_extent_sort(play->wanted, count);
	for (uint32_t i = 0; i < count; i++)
		play->wanted_ahead[play->wanted[i].bundle] = 1;
	read_all(play, actor, count, &seen->ahead_reads, &seen->ahead_bytes);
	seen->ahead += count;
	seen->wasted += count;
}

/* In rounds that the matrix has room for, as the engine does. */
static void draw(struct play *play, struct actor *actor, struct wick_rehearsed *seen)
{
	const struct wick_synth_token *token = &play->token;
	uint32_t n;

	for (uint32_t done = 0; done < token->count; done += n) {
		uint32_t absent;

		n = WICK_MIN(actor->cache.capacity, token->count - done);
		absent = wick_policy_admit(actor->policy, &actor->cache, token->ids + done, n, play->wanted);
		read_all(play, actor, absent, &seen->reads, &seen->bytes);
		seen->drawn += absent;
		seen->rounds++;
	}
	for (uint32_t i = 0; i < token->count; i++)
		seen->wasted -= play->wanted_ahead[token->ids[i]];
	memset(play->wanted_ahead, 0, play->rehearsal->shape->n_ff);
	wick_policy_touch(actor->policy, &actor->cache, token->ids, token->count);
	seen->active += token->count;
}

static void play_layer(struct play *play, uint32_t layer)
{
	struct wick_rehearsed unseen, *seen = play->counts ? &play->into[layer] : &unseen;
	uint64_t begun_ns = wick_now_ns();

	unseen = (struct wick_rehearsed){ 0 };
	look_ahead(play, &play->actors[layer], seen);
	draw(play, &play->actors[layer], seen);
	seen->manage_us += (double)(wick_now_ns() - begun_ns) / 1e3;
}

/* As a trace has them. The first layer has none before it that could guess. */
static void learn_from_trace(struct play *play, uint32_t layer)
{
	struct wick_synth_token *token = &play->token;
	struct wick_chooser chooser = { .trace = play->rehearsal->trace, .layers = play->rehearsal->shape->layers,
		.n_ff = play->rehearsal->shape->n_ff, .scores = play->scores };

	token->count = wick_choose(&chooser, layer, NULL, token->ids);
	token->likely_count = 0;
	if (layer && play->rehearsal->ahead && wick_choose_ahead(&chooser, layer - 1))
		token->likely_count = wick_choose_likely(
			&chooser, layer - 1, NULL, token->likely, token->probability, play->sorted);
}

static void make_up(struct play *play)
{
	struct wick_synth_token *token = &play->token;
	uint32_t kept = 0;

	wick_synth_layer_next(play->synth, token);
	for (uint32_t i = 0; i < token->likely_count; i++)
		if (token->probability[i] >= WICK_LIKELY) {
			play->sorted[kept] = token->likely[kept] = token->likely[i];
			token->probability[kept++] = token->probability[i];
		}
	token->likely_count = kept;
	wick_choose_likeliest_first(token->likely, token->probability, kept);
}

static int play_token(struct play *play, uint32_t token, struct wick_diag *diag)
{
	struct wick_trace *trace = play->rehearsal->trace;
	int rc = trace ? wick_trace_seek(trace, token, diag) : 0;

	for (uint32_t layer = 0; !rc && layer < play->layers; layer++) {
		if (trace)
			learn_from_trace(play, layer);
		else
			make_up(play);
		play_layer(play, layer);
	}
	return rc;
}

/* A sum over tokens becomes a mean. */
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
	struct play play = { .rehearsal = rehearsal, .layers = rehearsal->trace ? all : 1, .into = layers };
	int rc = begin(&play, diag);

	memset(layers, 0, all * sizeof(*layers));
	for (uint32_t token = 0; !rc && token < tokens; token++) {
		play.counts = token >= tokens / 2;
		rc = play_token(&play, token, diag);
	}
	end(&play);
	for (uint32_t layer = 0; layer < play.layers; layer++)
		divide(&layers[layer], tokens - tokens / 2);
	for (uint32_t layer = play.layers; layer < all; layer++)
		layers[layer] = layers[0];
	return rc;
}
