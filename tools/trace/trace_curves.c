/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The curves of the paper: how many neurons are used, again, within k tokens, and together. */

#include "bits.h"
#include "trace_stats.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HOT 0.5              /* fires at more than this share of the tokens */
#define FRIENDS_OF_MAX 128u  /* neurons of a layer whose friends are looked for */
#define FRIENDS_FIRES_MIN 32 /* of fewer than this the closest friend is chance */

const uint32_t stats_friend_ranks[STATS_FRIENDS] = { 1, 2, 4, 8 };

#define CLOSEST_MAX 8

int stats_curves_begin(struct stats *stats, struct wick_diag *diag)
{
	stats->curves.active = calloc(stats->shape->layers, sizeof(double));
	return stats->curves.active ? 0 : wick_diag_say(diag, -ENOMEM, "no memory for the figures");
}

/* Of one layer, allocated together. */
struct scratch {
	uint32_t *last;     /* (n_ff), token of the last use, and 1; 0: none */
	uint32_t *fires;    /* (n_ff) */
	uint32_t *together; /* (n_ff), with one neuron */
};

static bool take(struct scratch *scratch, uint32_t n_ff)
{
	scratch->last = calloc(n_ff, sizeof(uint32_t));
	scratch->fires = calloc(n_ff, sizeof(uint32_t));
	scratch->together = calloc(n_ff, sizeof(uint32_t));
	return scratch->last && scratch->fires && scratch->together;
}

static void drop(struct scratch *scratch)
{
	free(scratch->last);
	free(scratch->fires);
	free(scratch->together);
}

/* A use at token t counts until the next one: at age a in every window of more than a tokens that ends at t + a. All
 * windows end where the longest fits, so that every length is averaged over the same tokens. */
static void count_ages(uint64_t *ages, uint32_t windows, uint32_t t, uint32_t until)
{
	uint32_t first = t < windows - 1 ? windows - 1 - t : 0;

	for (uint32_t age = first; age < WICK_MIN(windows, until - t); age++)
		ages[age]++;
}

uint32_t stats_distinct(const struct stats_layer *layer, double count[STATS_WINDOW_MAX + 1])
{
	uint32_t windows = WICK_MAX(WICK_MIN(STATS_WINDOW_MAX, layer->tokens / 2), 1);
	uint32_t *last = calloc(layer->n_ff, sizeof(*last));
	uint64_t ages[STATS_WINDOW_MAX] = { 0 }, sum = 0;

	if (!last)
		return 0;
	for (uint32_t t = 0; t < layer->tokens; t++)
		for (uint64_t i = layer->start[t]; i < layer->start[t + 1]; i++) {
			uint32_t id = layer->ids[i];

			if (last[id])
				count_ages(ages, windows, last[id] - 1, t);
			last[id] = t + 1;
		}
	for (uint32_t id = 0; id < layer->n_ff; id++)
		if (last[id])
			count_ages(ages, windows, last[id] - 1, layer->tokens);
	free(last);
	for (uint32_t k = 1; k <= windows; k++) {
		sum += ages[k - 1];
		count[k] = (double)sum / (layer->tokens - windows + 1);
	}
	return windows;
}

/* Uses that follow one at the token before. */
static uint64_t count_reused(const struct stats_layer *layer, struct scratch *scratch)
{
	uint64_t reused = 0;

	for (uint32_t t = 0; t < layer->tokens; t++)
		for (uint64_t i = layer->start[t]; i < layer->start[t + 1]; i++) {
			reused += t && scratch->last[layer->ids[i]] == t;
			scratch->last[layer->ids[i]] = t + 1;
			scratch->fires[layer->ids[i]]++;
		}
	return reused;
}

static bool fires_in(const struct stats_layer *layer, uint32_t token, uint32_t neuron)
{
	uint64_t low = layer->start[token], high = layer->start[token + 1];

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (layer->ids[middle] < neuron)
			low = middle + 1;
		else
			high = middle;
	}
	return low < layer->start[token + 1] && layer->ids[low] == neuron;
}

/* Keeps the largest, in falling order. */
static void keep_largest(uint32_t largest[CLOSEST_MAX], uint32_t value)
{
	for (unsigned i = 0; i < CLOSEST_MAX; i++)
		if (value > largest[i]) {
			uint32_t pushed = largest[i];

			largest[i] = value;
			value = pushed;
		}
}

/* How often each neuron fires with this one, of its own firings: the largest shares, of all and of those that are not hot. */
static void find_friends(struct stats_curves *curves, const struct stats_layer *layer, struct scratch *scratch,
	uint32_t neuron)
{
	uint32_t all[CLOSEST_MAX] = { 0 }, cold[CLOSEST_MAX] = { 0 };

	memset(scratch->together, 0, layer->n_ff * sizeof(uint32_t));
	for (uint32_t t = 0; t < layer->tokens; t++) {
		if (!fires_in(layer, t, neuron))
			continue;
		for (uint64_t i = layer->start[t]; i < layer->start[t + 1]; i++)
			scratch->together[layer->ids[i]]++;
	}
	scratch->together[neuron] = 0;
	for (uint32_t id = 0; id < layer->n_ff; id++) {
		keep_largest(all, scratch->together[id]);
		if (scratch->fires[id] <= HOT * layer->tokens)
			keep_largest(cold, scratch->together[id]);
	}
	for (unsigned i = 0; i < STATS_FRIENDS; i++) {
		curves->friends[i] += (double)all[stats_friend_ranks[i] - 1] / scratch->fires[neuron];
		curves->friends_cold[i] += (double)cold[stats_friend_ranks[i] - 1] / scratch->fires[neuron];
	}
	curves->friends_of++;
}

/* Of some of the neurons, evenly spread. */
static int find_all_friends(struct stats *stats, const struct stats_layer *layer, struct scratch *scratch)
{
	int rc = 0;

	for (uint32_t id = 0; !rc && id < layer->n_ff; id += wick_div_up(layer->n_ff, FRIENDS_OF_MAX)) {
		if (scratch->fires[id] >= FRIENDS_FIRES_MIN && scratch->fires[id] <= HOT * layer->tokens)
			find_friends(&stats->curves, layer, scratch, id);
		rc = stats_stopped(stats);
	}
	return rc;
}

int stats_curves_add(struct stats *stats, const struct stats_layer *layer, struct wick_diag *diag)
{
	struct stats_curves *curves = &stats->curves;
	double distinct[STATS_WINDOW_MAX + 1] = { 0 };
	uint64_t uses = layer->start[layer->tokens], reusable = uses - layer->start[1];
	struct scratch scratch = { 0 };
	int rc;

	curves->windows = stats_distinct(layer, distinct);
	if (!take(&scratch, layer->n_ff) || !curves->windows) {
		drop(&scratch);
		return wick_diag_say(diag, -ENOMEM, "no memory for the figures");
	}
	for (uint32_t k = 1; k <= curves->windows; k++)
		curves->distinct[k] += distinct[k] / layer->n_ff / stats->shape->layers;
	curves->active[layer->layer] = (double)uses / layer->tokens / layer->n_ff;
	curves->reused_uses += count_reused(layer, &scratch);
	curves->reusable_uses += reusable;
	rc = find_all_friends(stats, layer, &scratch);
	drop(&scratch);
	return rc;
}

/* Sums become means. */
void stats_curves_end(struct stats *stats)
{
	struct stats_curves *curves = &stats->curves;

	for (unsigned i = 0; i < STATS_FRIENDS && curves->friends_of; i++) {
		curves->friends[i] /= curves->friends_of;
		curves->friends_cold[i] /= curves->friends_of;
	}
}
