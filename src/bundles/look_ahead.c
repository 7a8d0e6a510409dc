/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Prefetch: at layer l the probable neurons of layer l + 1 are requested, behind l's own, so that they land while l is finished
 * and under the attention of l + 1.
 *
 *     drive      | demand l ......| ahead l+1 ...|.slack.| demand l+1 ..
 *     processor  | up, down l ....|waits| down l | attention l+1 | up ..
 *
 * Prefetching pays only where the drive would be idle and the processor would wait. Idle time, waiting, and the share of
 * prefetched neurons that were then chosen (hits) are measured all the time, and the number to prefetch follows from them.
 * Where hits are few, it falls to a handful that keeps the measurement going. A hit counts as waiting that was spared: a
 * prefetch that hides all waiting therefore does not shrink because of its own success. Whether prefetching pays at all, on
 * this drive and beside the machine's other work, is tried: now and then a stretch of layers goes without. */

#include "sparse.h"

#include "bits.h"
#include "clock.h"

#define USEFUL_LEAST 0.3 /* share of hits below which wasted reads cost the demand reads more than the hits save */
#define MEMORY 16        /* layers, over which averages move */

static void move(double *average, double value)
{
	*average += (value - *average) / MEMORY;
}

/* Bundles worth prefetching. */
static uint32_t how_many(const struct wick_sparse *sparse, const struct wick_cache *cache)
{
	const struct wick_prefetch_rates *rates = &sparse->rates;
	double worth_ns = WICK_MIN(rates->slack_ns, 2 * rates->need_ns);
	double count = rates->bundle_ns > 0 ? worth_ns / rates->bundle_ns : WICK_AHEAD_LEAST;
	uint32_t most = WICK_MIN(sparse->ahead[0].most, cache->capacity / WICK_AHEAD_SHARE);

	if (rates->useful < USEFUL_LEAST)
		count = WICK_AHEAD_LEAST;
	return (uint32_t)WICK_MIN(WICK_MAX(count, WICK_AHEAD_LEAST), (double)most);
}

/* What some rows think likely -> likely. A row alone needs no union. */
static uint32_t find_likely(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows)
{
	const struct wick_chooser *chooser = &sparse->chooser;

	if (rows->m == 1)
		return wick_choose_likely(chooser, layer, rows->x, sparse->likely, sparse->probability, sparse->likely_sorted);
	return wick_choose_likely_of_any(chooser, layer, rows->x, sparse->model->shape.d_model, rows->m, sparse->likely,
		sparse->probability, sparse->likely_sorted);
}

void wick_sparse_look_ahead(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows)
{
	struct wick_member *next = &sparse->member[layer + 1];
	struct wick_group *group = next->group;
	struct wick_draw *draw = &sparse->ahead[layer % 2];
	uint64_t begun = wick_now_ns(), guessed;
	uint32_t count, admitted;

	if (sparse->prefetch_stopped || !group || !wick_trial_way(&sparse->rates.trial) || !wick_choose_ahead(&sparse->chooser, layer))
		return;
	count = find_likely(sparse, layer, rows);
	guessed = wick_now_ns();
	sparse->counters.predict_ns += guessed - begun;
	if (!wick_draw_idle(draw))
		return; /* the drive is behind as it is */
	admitted = wick_policy_admit_probable(group->policy, &group->cache, next->first, sparse->likely, sparse->probability,
		count, how_many(sparse, &group->cache), sparse->likely_sorted, count, draw->wanted);
	wick_extent_sort(draw->wanted, admitted);
	sparse->counters.manage_ns += wick_now_ns() - guessed;
	wick_draw_start(draw, next, admitted, WICK_IO_PREFETCH);
	next->guessed = admitted;
	sparse->counters.bundles_prefetched += admitted;
}

void wick_sparse_stop_prefetch(struct wick_sparse *sparse)
{
	sparse->counters.prefetch_stops += !sparse->prefetch_stopped;
	sparse->prefetch_stopped = true;
}

/* Counts the bundles of a draw (ascending) that were then chosen, in whatever round. */
static uint32_t prefetch_hits(const struct wick_sparse *sparse, const struct wick_draw *draw)
{
	uint32_t useful = 0, k = 0;

	for (uint32_t i = 0; i < draw->count; i++) {
		while (k < sparse->chosen_count && sparse->chosen[k] < draw->wanted[i].bundle)
			k++;
		useful += k < sparse->chosen_count && sparse->chosen[k] == draw->wanted[i].bundle;
	}
	return useful;
}

void wick_sparse_score_prefetch(struct wick_sparse *sparse, struct wick_member *member)
{
	struct wick_prefetch_rates *rates = &sparse->rates;
	uint32_t useful = 0;

	rates->hits = 0;
	if (rates->demand_back_ns && sparse->demand.sent_ns > rates->demand_back_ns)
		move(&rates->slack_ns, (double)(sparse->demand.sent_ns - rates->demand_back_ns));
	for (unsigned i = 0; member->guessed && i < WICK_COUNT_OF(sparse->ahead); i++) {
		const struct wick_draw *draw = &sparse->ahead[i];

		if (draw->member != member)
			continue;
		useful = rates->hits = prefetch_hits(sparse, draw);
		move(&rates->useful, (double)useful / draw->count);
	}
	member->guessed = false;
	sparse->counters.bundles_useful += useful;
}

/* Learns the time of a layer against the number of bundles that were read for it, now or ahead. */
static void learn_ahead(struct wick_sparse *sparse, uint32_t bundles)
{
	struct wick_prefetch_rates *rates = &sparse->rates;
	uint64_t now = wick_now_ns();

	if (sparse->lookahead && rates->layer_back_ns)
		wick_trial_learn(&rates->trial, bundles, bundles, (double)(now - rates->layer_back_ns) / 1e3);
	rates->layer_back_ns = now;
}

void wick_sparse_note_wait(struct wick_sparse *sparse, uint64_t waited_ns)
{
	struct wick_draw *demand = &sparse->demand;
	struct wick_prefetch_rates *rates = &sparse->rates;

	wick_draw_learn(demand);
	if (wick_draw_is_timed(demand))
		move(&rates->bundle_ns, (double)(demand->back_ns - demand->sent_ns) / demand->count);
	move(&rates->need_ns, (double)waited_ns + rates->hits * rates->bundle_ns);
	rates->demand_back_ns = demand->back_ns;
	learn_ahead(sparse, demand->count + rates->hits);
}
