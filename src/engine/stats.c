/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The figures of an engine in use. */

#include "engine.h"

#include "bits.h"
#include "floor.h"
#include "forecast_experts.h"
#include "io.h"
#include "memory_limits.h"
#include "sized.h"

#include <stddef.h>

static struct wick_dependent dependent(const struct wick *wick)
{
	return (struct wick_dependent){ .shape = &wick->model->shape, .matrices = &wick->matrices, .drive = &wick->drive,
		.memory = wick->settings.memory_mb_per_s, .chunk_bytes = wick->settings.chunk_bytes,
		.queue_depth = wick->settings.queue_depth };
}

void wick_engine_note_visit(void *user, uint32_t layer, uint32_t computed, uint32_t missing)
{
	struct wick *wick = user;
	const struct wick_dependent of = dependent(wick);

	wick->layers_floor_us += wick_dependent_layer_us(&of, layer, computed, missing);
}

/* Every counter as it stands. */
static struct wick_stats counters(const struct wick *wick)
{
	const struct wick_io_counters *io = wick_io_counters(wick->io);
	const struct wick_sparse_counters *sparse = &wick->forward.sparse.counters;
	const struct wick_trial *gaps = &wick->forward.sparse.drawing.gaps, *ahead = wick->forward.expert_cache.ahead.on ? &wick->forward.expert_cache.ahead.trial :
		&wick->forward.sparse.rates.trial;
	struct wick_stats stats = wick->stats;

	stats.io_wait_ns = wick->fetch.wait_ns;
	stats.io_busy_ns = wick->fetch.busy_ns;
	stats.compute_ns = stats.eval_ns - wick->eval_wait_ns;
	stats.flash_bytes = io->bytes;
	stats.reads = io->reads;
	stats.retries = io->retries;
	stats.resumed = io->resumed;
	stats.repaired = wick->fetch.repaired;
	stats.bundles_active = sparse->bundles_active;
	stats.bundles_read = sparse->bundles_read;
	stats.bundles_prefetched = sparse->bundles_prefetched;
	stats.bundles_wasted = sparse->bundles_prefetched - sparse->bundles_useful;
	stats.experts_active = wick->forward.expert_cache.active;
	stats.experts_read = wick->forward.expert_cache.read;
	stats.expert_gates = wick->forward.experts.gates;
	stats.expert_zeros = wick->forward.experts.closed;
	stats.experts_prefetched = wick->forward.expert_cache.ahead.prefetched;
	stats.experts_wasted = stats.experts_prefetched - wick->forward.expert_cache.ahead.useful;
	stats.expert_bytes = wick->forward.expert_cache.bytes;
	stats.expert_wait_ns = wick->forward.expert_cache.wait_ns;
	if (wick->forward.expert_cache.visit) {
		const struct wick_dependent of = dependent(wick);

		stats.dependent_floor_ns = (uint64_t)(1e3 * (wick->layers_floor_us + (double)stats.passes * wick_dependent_rest_us(&of)));
	}
	stats.prefetch_stops = sparse->prefetch_stops;
	stats.gap_switches = gaps->switches;
	stats.gaps = wick->settings.bridge && gaps->on;
	stats.gaps_ratio = wick_trial_ratio(gaps);
	stats.ahead_switches = ahead->switches;
	stats.ahead = (wick->forward.sparse.lookahead || wick->forward.expert_cache.ahead.on) && ahead->on;
	stats.ahead_ratio = wick_trial_ratio(ahead);
	stats.predict_ns = sparse->predict_ns;
	stats.manage_ns = sparse->manage_ns;
	stats.bundles_ns = wick->drive.known ? (uint64_t)(wick->forward.sparse.drawing.cost_us * 1e3) : 0;
	return stats;
}

/* The figures that a reset sets to 0: 64-bit sums all. */
static const size_t sums[] = {
#define SUM(name) offsetof(struct wick_stats, name)
	SUM(tokens), SUM(passes), SUM(eval_ns), SUM(io_wait_ns), SUM(io_busy_ns), SUM(compute_ns), SUM(flash_bytes),
	SUM(reads), SUM(retries), SUM(resumed), SUM(repaired), SUM(bundles_active), SUM(bundles_read),
	SUM(bundles_prefetched), SUM(bundles_wasted), SUM(prefetch_stops), SUM(gap_switches), SUM(ahead_switches),
	SUM(predict_ns), SUM(manage_ns), SUM(bundles_ns), SUM(experts_active), SUM(experts_read), SUM(experts_prefetched),
	SUM(experts_wasted), SUM(expert_gates), SUM(expert_zeros),
	SUM(expert_bytes), SUM(expert_wait_ns), SUM(dependent_floor_ns),
#undef SUM
};

/* The floors of the passes and tokens that are counted. */
static void add_floors(const struct wick *wick, struct wick_stats *stats)
{
	const struct wick_shape *shape = &wick->model->shape;
	bool sparse = wick->settings.mode == WICK_MODE_SPARSE;
	double sweep_us = wick_floor_sweep_us(
		&wick->drive, &wick->plan, wick->settings.chunk_bytes, wick->settings.queue_depth);

	stats->flash_floor_ns = stats->passes * (uint64_t)(sweep_us * 1e3);
	if (stats->bundles_read)
		stats->flash_floor_ns += (uint64_t)((double)stats->bundles_ns *
			(double)(stats->bundles_read - WICK_MIN(stats->bundles_wasted, stats->bundles_read)) /
			(double)stats->bundles_read);
	stats->memory_bytes = stats->passes * wick_floor_pass_bytes(shape, &wick->matrices, &wick->plan, sparse);
	if (sparse)
		stats->memory_bytes += stats->bundles_active * shape->bundle_bytes;
}

void wick_stats_sized(const struct wick *wick, struct wick_stats *into)
{
	struct wick_stats all = counters(wick), *stats = &all;

	for (size_t i = 0; i < WICK_COUNT_OF(sums); i++)
		*(uint64_t *)((char *)stats + sums[i]) -= *(const uint64_t *)((const char *)&wick->stats_from + sums[i]);
	add_floors(wick, stats);
	if (into->size > offsetof(struct wick_stats, peak_bytes))
		stats->peak_bytes = wick_peak_bytes();
	wick_sized_give(into, stats, sizeof(*stats));
}

void wick_stats_reset(struct wick *wick)
{
	wick->stats_from = counters(wick);
}
