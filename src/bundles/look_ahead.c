/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Drawing ahead: at layer l the probable neurons of layer l + 1 are sent for, behind l's own, so that they land while l is
 * finished and under the attention of l + 1.
 *
 *     drive      | demand l ......| ahead l+1 ...|.slack.| demand l+1 ..
 *     processor  | up, down l ....|waits| down l | attention l+1 | up ..
 *
 * It pays only where both of two things are there: time in which the drive would have nothing to do, and waiting that
 * would be spared. Both are measured all the time, and so is the share of what was drawn ahead that was then wanted; the
 * number drawn follows. Whether it pays at all, on this drive and beside what else the machine does, is tried: now and then a
 * stretch of layers goes without. Where little of it is wanted, it goes down to a few that keep measuring; what was guessed right counts
 * as waiting spared, so that where half is right and there is time it keeps itself up. */

#include "sparse.h"

#include "bits.h"
#include "clock.h"

#define USEFUL_LEAST 0.3 /* below, reading for nothing takes more from the demand than it gives */
#define MEMORY 16        /* layers, over which averages move */

static void move(double *average, double value)
{
	*average += (value - *average) / MEMORY;
}

/* Bundles worth drawing ahead. */
static uint32_t how_many(const struct wick_sparse *sparse, const struct wick_cache *cache)
{
	const struct wick_pace *pace = &sparse->pace;
	double worth_ns = WICK_MIN(pace->slack_ns, 2 * pace->need_ns);
	double count = pace->bundle_ns > 0 ? worth_ns / pace->bundle_ns : WICK_AHEAD_LEAST;
	uint32_t most = WICK_MIN(sparse->ahead[0].most, cache->capacity / WICK_AHEAD_SHARE);

	if (pace->useful < USEFUL_LEAST)
		count = WICK_AHEAD_LEAST;
	return (uint32_t)WICK_MIN(WICK_MAX(count, WICK_AHEAD_LEAST), (double)most);
}

void wick_sparse_look_ahead(struct wick_sparse *sparse, uint32_t layer, const float *x)
{
	struct wick_sparse_layer *next = &sparse->layer[layer + 1];
	struct wick_draw *draw = &sparse->ahead[layer % 2];
	uint64_t begun = wick_now_ns(), guessed;
	uint32_t count, admitted;

	if (sparse->silent || !next->policy || !wick_trial_way(&sparse->pace.trial) || !wick_choose_ahead(&sparse->chooser, layer))
		return;
	count = wick_choose_likely(&sparse->chooser, layer, x, sparse->likely, sparse->probability, sparse->likely_sorted);
	guessed = wick_now_ns();
	sparse->counters.predict_ns += guessed - begun;
	if (!wick_draw_idle(draw))
		return; /* the drive is behind as it is */
	admitted = wick_policy_admit_probable(next->policy, &next->cache, sparse->likely, sparse->probability, count,
		how_many(sparse, &next->cache), sparse->likely_sorted, count, draw->wanted);
	wick_extent_sort(draw->wanted, admitted);
	sparse->counters.manage_ns += wick_now_ns() - guessed;
	wick_draw_start(draw, wick_matrices_bundles(sparse->matrices, layer + 1)->tensor, &next->cache, admitted,
		WICK_IO_PREFETCH);
	next->guessed = admitted;
	sparse->counters.bundles_prefetched += admitted;
}

void wick_sparse_silence(struct wick_sparse *sparse)
{
	sparse->counters.silences += !sparse->silent;
	sparse->silent = true;
}

/* Of what was drawn, sorted, as much as was then chosen, in whatever round. */
static uint32_t came_true(const struct wick_sparse *sparse, const struct wick_draw *draw)
{
	uint32_t useful = 0, k = 0;

	for (uint32_t i = 0; i < draw->count; i++) {
		while (k < sparse->chosen_count && sparse->chosen[k] < draw->wanted[i].bundle)
			k++;
		useful += k < sparse->chosen_count && sparse->chosen[k] == draw->wanted[i].bundle;
	}
	return useful;
}

void wick_sparse_judge(struct wick_sparse *sparse, struct wick_sparse_layer *layer)
{
	struct wick_pace *pace = &sparse->pace;
	uint32_t useful = 0;

	if (pace->demand_back_ns && sparse->demand.sent_ns > pace->demand_back_ns)
		move(&pace->slack_ns, (double)(sparse->demand.sent_ns - pace->demand_back_ns));
	for (unsigned i = 0; layer->guessed && i < WICK_COUNT_OF(sparse->ahead); i++) {
		const struct wick_draw *draw = &sparse->ahead[i];

		if (draw->cache != &layer->cache)
			continue;
		useful = came_true(sparse, draw);
		move(&pace->useful, (double)useful / draw->count);
	}
	layer->guessed = false;
	sparse->counters.bundles_useful += useful;
}

/* A layer that took so long had to have so many bundles brought, whenever that was. */
static void learn_ahead(struct wick_sparse *sparse, uint32_t bundles)
{
	struct wick_pace *pace = &sparse->pace;
	uint64_t now = wick_now_ns();

	if (sparse->lookahead && pace->layer_back_ns)
		wick_trial_learn(&pace->trial, bundles, bundles, (double)(now - pace->layer_back_ns) / 1e3);
	pace->layer_back_ns = now;
}

void wick_sparse_pace(struct wick_sparse *sparse, uint64_t waited_ns, uint32_t useful)
{
	struct wick_draw *demand = &sparse->demand;
	struct wick_pace *pace = &sparse->pace;

	wick_draw_learn(demand);
	if (wick_draw_is_timed(demand))
		move(&pace->bundle_ns, (double)(demand->back_ns - demand->sent_ns) / demand->count);
	move(&pace->need_ns, (double)waited_ns + useful * pace->bundle_ns);
	pace->demand_back_ns = demand->back_ns;
	learn_ahead(sparse, demand->count + useful);
}
