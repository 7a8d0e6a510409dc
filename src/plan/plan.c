/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How a budget is spent (see plan.h).
 *
 *     budget = process + metadata + vectors + KV + activations     fixed by the model and the options
 *            + staging                                             only when something is swept
 *            + resident weights                                    as many as are left room for
 *            + bundle caches                                       sparse mode: instead of resident bundles
 *            + a cache of experts                                  where they do not all fit: instead of resident experts
 *            + page tables                                         a 512th of all that; counted with the process
 *
 * Every byte kept saves one byte of reading a token, whichever it is, so the order of keeping has other reasons: tables
 * first (else each token waits for a row), then small tensors, then the matrices outside the FFN, then bundles,
 * evenly over layers so that every layer has arithmetic to hide its reads under.
 *
 * Sparse mode keeps in the same order, but for the smallest bundle caches, which come before everything: a byte of a
 * matrix outside the FFN saves a byte a token for certain, a byte of a bundle cache only when its neuron is wanted.
 */

#include "plan.h"

#include "bits.h"
#include "kv.h"
#include "mem.h"
#include "plan_keep.h"
#include "sample.h"
#include "vectors.h"

#include <errno.h>

#define UNIT_BYTES (1u << 20)          /* of a swept unit: from here on larger reads gain little */
#define UNIT_TILES 2                   /* for each thread: a long batch multiplies a tile of a unit a thread */
#define STAGING_BYTES_MAX (32u << 20)  /* of staging: enough in flight for several GB/s */
#define STAGING_SHARE 16               /* a sixteenth of the room for weights at most, beyond the minimum */
#define UNITS_MIN 2                    /* one computed, one in flight */
#define UNITS_MAX 64
#define WORTH_SAYING 8 /* of a budget that is too small, parts that could be done without */

const char *const wick_mode_names[WICK_MODE_COUNT] = { WICK_MODES };

/* The kernel's page tables for memory in 4 KiB pages, and the rest of a budget that they leave. */
static uint64_t table_bytes(uint64_t used_bytes)
{
	return wick_div_up(used_bytes, 512);
}

static uint64_t usable_bytes(uint64_t budget_bytes)
{
	return budget_bytes - wick_div_up(budget_bytes, 513);
}

/* Staging when so much is left for it and for weights: a share of that, or the minimum, which room 0 gives. */
static struct wick_sweep_shape staging(const struct wick_planner *planner, uint64_t room_bytes)
{
	uint64_t tile = wick_sweep_tile_bytes(planner->matrices);
	uint64_t share = WICK_MIN(room_bytes / STAGING_SHARE, STAGING_BYTES_MAX);
	uint64_t want = WICK_MAX(UNIT_BYTES, UNIT_TILES * (uint64_t)planner->input->size.threads * tile);
	uint64_t unit = WICK_MAX(tile, WICK_MIN(want, share / 4) / tile * tile);
	uint64_t count = WICK_MIN(UNITS_MAX, WICK_MAX(UNITS_MIN, share / unit));

	return (struct wick_sweep_shape){ .unit_bytes = unit, .unit_count = (uint32_t)count,
		.chunk_bytes = planner->input->chunk_bytes };
}

static uint64_t staging_bytes(const struct wick_planner *planner, const struct wick_sweep_shape *sweep)
{
	return wick_sweep_bytes(sweep) +
		wick_forward_lookup_bytes(planner->input->model, planner->input->chunk_bytes);
}

static bool may_keep_all(const struct wick_plan_input *input)
{
	return input->mode == WICK_MODE_SPARSE || input->mode == WICK_MODE_DENSE;
}

/* The budget in bytes. */
static uint64_t budget_of(const struct wick_plan_input *input, uint64_t whole_bytes)
{
	if (input->memory.bytes)
		return input->memory.bytes;
	if (input->memory.percent > 0)
		return input->process_bytes +
			(uint64_t)((double)input->model->shape.source_bytes * input->memory.percent / 100.0);
	return WICK_MIN(whole_bytes, input->free_bytes / 4 * 3);
}

static void sum_weights(const struct wick_planner *planner, struct wick_plan *plan)
{
	for (uint32_t i = 0; i < planner->matrices->count; i++) {
		const struct wick_matrix *matrix = &planner->matrices->at[i];

		plan->resident_bytes += wick_keep_rows_cost(matrix, matrix->resident_rows);
		plan->swept_bytes += wick_matrix_swept_rows(matrix, false) * matrix->tensor->row_bytes;
		if (matrix->keep == WICK_KEEP_GATE)
			plan->gate_bytes += wick_keep_rows_cost(matrix, matrix->rows);
		if (matrix->drawn || (matrix->tensor->experts && !matrix->resident_rows))
			plan->drawn_bytes += matrix->rows * matrix->tensor->row_bytes;
	}
	plan->weight_bytes = plan->resident_bytes + plan->swept_bytes + plan->drawn_bytes;
}

/* How many neurons the layers' caches have. */
static void sum_slots(const struct wick_planner *planner, struct wick_plan *plan)
{
	const struct wick_shape *shape = &planner->input->model->shape;
	uint64_t sum = 0;

	plan->cache_rows_least = shape->n_ff;
	for (uint32_t i = 0; i < shape->layers; i++) {
		uint32_t slots = planner->matrices->slots[i];

		sum += slots;
		plan->cache_rows_least = WICK_MIN(plan->cache_rows_least, slots);
		plan->cache_rows_most = WICK_MAX(plan->cache_rows_most, slots);
	}
	plan->cache_rows = (uint32_t)(sum / shape->layers);
	plan->cache_rows_by_firing = plan->drawn_bytes && planner->input->firing;
	plan->cache_bytes = planner->cache_bytes;
}

/* Room for resident weights under the mode: all that is left, half of the model at most, or none. */
static uint64_t room_of(const struct wick_plan_input *input, uint64_t left_bytes)
{
	if (input->mode == WICK_MODE_NAIVE)
		return 0;
	if (input->mode == WICK_MODE_HYBRID)
		return WICK_MIN(left_bytes, input->model->shape.source_bytes / 2);
	return left_bytes;
}

static uint64_t kv_bytes_of(const struct wick_plan_input *input, const struct wick_kv_shape *kv)
{
	const struct wick_shape *shape = &input->model->shape;

	return wick_kv_bytes(shape, kv) + (input->kv_f16.blocks ? wick_kv_bytes(shape, &input->kv_f16) : 0);
}

static void fixed_costs(struct wick_planner *planner, struct wick_plan *plan)
{
	const struct wick_plan_input *input = planner->input;
	const struct wick_shape *shape = &input->model->shape;

	*plan = (struct wick_plan){ .size = sizeof(*plan), .process_bytes = input->process_bytes, .metadata_bytes = input->metadata_bytes,
		.varies_bytes = input->varies_bytes, .source_bytes = shape->source_bytes, .free_bytes = input->free_bytes,
		.ctx = input->size.ctx, .sessions = input->size.sequences, .kv_positions = planner->kv.blocks * WICK_KV_BLOCK,
		.threads = input->size.threads };
	plan->vector_bytes = wick_vectors_bytes(input->model);
	plan->kv_bytes = kv_bytes_of(input, &planner->kv);
	plan->kv_window_bytes = wick_kv_window_bytes(shape, &planner->kv, &plan->kv_window_layers);
	plan->activation_bytes = wick_forward_bytes(input->model, &input->size) + wick_sampler_bytes(shape->vocab) +
		wick_mem_cost((uint64_t)input->size.sequences * shape->vocab * sizeof(float)); /* of the sessions */
	plan->predictor_bytes = input->predictor_bytes;
	if (input->mode == WICK_MODE_SPARSE) {
		plan->activation_bytes += wick_sparse_bytes(input->model, &input->sparse);
		plan->window = input->sparse.window;
	}
	planner->fixed_bytes = plan->process_bytes + plan->metadata_bytes + plan->vector_bytes + plan->kv_bytes +
		plan->activation_bytes + plan->predictor_bytes;
}

static int too_small(const struct wick_plan *plan, uint64_t limit_bytes, struct wick_diag *diag)
{
	const char *smaller_ctx = plan->kv_bytes > plan->minimum_bytes / WORTH_SAYING ? "; a smaller --ctx needs less" : "";
	const char *dense = plan->predictor_bytes > plan->minimum_bytes / WORTH_SAYING ? "; --mode dense needs less" : "";

	uint64_t least = plan->minimum_bytes + plan->varies_bytes;

	if (least > limit_bytes)
		return wick_diag_say(diag, -ENOSPC,
			"a budget of %.1f MB is too small for this model and context: the smallest that works is %.1f MB, more than the "
			"%.1f MB that a cgroup allows this process%s%s",
			(double)plan->budget_bytes / 1e6, (double)least / 1e6, (double)limit_bytes / 1e6,
			smaller_ctx, dense);
	return wick_diag_say(diag, -ENOSPC,
		"a budget of %.1f MB is too small for this model and context: the smallest that works is %.1f MB "
		"(--memory %llu)%s%s",
		(double)plan->budget_bytes / 1e6, (double)least / 1e6, (unsigned long long)least,
		smaller_ctx, dense);
}

/* Everything resident, or what fits beside staging. */
static void share_out(struct wick_planner *planner, struct wick_plan *plan, struct wick_layout *layout, bool all_fits)
{
	const struct wick_plan_input *input = planner->input;
	uint64_t left = usable_bytes(plan->budget_bytes) - planner->fixed_bytes;

	layout->sweep = (struct wick_sweep_shape){ .chunk_bytes = input->chunk_bytes };
	if (all_fits) {
		wick_keep_all(planner);
		wick_keep_slots(planner, input->model->shape.n_ff);
		return;
	}
	if (input->mode == WICK_MODE_SPARSE)
		left -= wick_keep_caches_min_bytes(planner);
	left -= wick_keep_experts_min_bytes(planner);
	layout->sweep = staging(planner, left);
	if (input->mode == WICK_MODE_DENSE && wick_has_experts(&input->model->shape) &&
		wick_keep_common_cost(planner) + staging_bytes(planner, &layout->sweep) <= left)
		layout->sweep = staging(planner, 0); /* nothing is swept */
	if (staging_bytes(planner, &layout->sweep) > left) /* what surrounds a small unit is larger than the unit */
		layout->sweep = staging(planner, 0);
	plan->staging_bytes = staging_bytes(planner, &layout->sweep);
	wick_keep_what_fits(planner, room_of(input, left - plan->staging_bytes));
}

/* Budget and limits, when the KV pool has so many blocks. */
static void find_limits(struct wick_planner *planner, struct wick_plan *plan, uint32_t kv_blocks)
{
	bool sparse = planner->input->mode == WICK_MODE_SPARSE;
	struct wick_sweep_shape least;
	uint64_t least_bytes, whole_bytes;

	planner->kv.blocks = kv_blocks;
	fixed_costs(planner, plan);
	least = staging(planner, 0);
	least_bytes = planner->fixed_bytes + staging_bytes(planner, &least) + (sparse ? wick_keep_caches_min_bytes(planner) : 0) +
		wick_keep_experts_min_bytes(planner);
	whole_bytes = planner->fixed_bytes + planner->all_bytes;
	if (may_keep_all(planner->input))
		least_bytes = WICK_MIN(least_bytes, whole_bytes);
	plan->whole_bytes = whole_bytes + table_bytes(whole_bytes) + 1;
	plan->minimum_bytes = least_bytes + table_bytes(least_bytes) + 1;
	plan->budget_bytes = budget_of(planner->input, plan->whole_bytes);
}

/* The most blocks that take no more than so many bytes, but no fewer than there have to be. */
static uint32_t kv_blocks_within(const struct wick_plan_input *input, uint64_t bytes)
{
	uint32_t least = input->kv_blocks_min, most = input->kv.blocks + 1; /* of what fits, below what does not */

	while (most - least > 1) {
		struct wick_kv_shape kv = input->kv;

		kv.blocks = least + (most - least) / 2;
		if (kv_bytes_of(input, &kv) <= bytes)
			least = kv.blocks;
		else
			most = kv.blocks;
	}
	return least;
}

/* All blocks where all else fits, too; as many as a quarter of the memory holds where it does not, as long as that leaves the
 * weights half of what the smallest budget does not need. */
static void share_with_kv(struct wick_planner *planner, struct wick_plan *plan)
{
	const struct wick_plan_input *input = planner->input;
	uint64_t budget, minimum, kv_bytes;

	find_limits(planner, plan, input->kv.blocks);
	if (input->kv.blocks <= input->kv_blocks_min || plan->budget_bytes >= plan->whole_bytes)
		return;
	budget = plan->budget_bytes;
	find_limits(planner, plan, input->kv_blocks_min);
	minimum = plan->minimum_bytes;
	kv_bytes = plan->kv_bytes;
	if (budget <= minimum || budget / 4 <= kv_bytes)
		return;
	kv_bytes += WICK_MIN(budget / 4 - kv_bytes, (budget - minimum) / 2);
	find_limits(planner, plan, kv_blocks_within(input, kv_bytes));
	plan->minimum_bytes = minimum;
}

int wick_plan_make(const struct wick_plan_input *input, struct wick_matrices *matrices, struct wick_plan *plan,
	struct wick_layout *layout, struct wick_diag *diag)
{
	struct wick_planner planner = { .input = input, .matrices = matrices, .kv = input->kv };

	planner.all_bytes = wick_keep_all_cost(&planner);
	share_with_kv(&planner, plan);
	if (plan->budget_bytes < plan->minimum_bytes)
		return too_small(plan, input->limit_bytes, diag);
	share_out(&planner, plan, layout, may_keep_all(input) && plan->budget_bytes >= plan->whole_bytes);
	sum_weights(&planner, plan);
	if (input->mode == WICK_MODE_SPARSE)
		sum_slots(&planner, plan);
	plan->cycle_bytes = wick_expert_cycle_bytes(input->model);
	if (planner.expert_slots) {
		plan->expert_slots = planner.expert_slots;
		plan->cache_bytes = planner.cache_bytes;
	}
	layout->experts = (struct wick_expert_cache_shape){ .capacity = planner.expert_slots, .chunk_bytes = input->chunk_bytes };
	layout->sparse = input->sparse;
	plan->unit_count = layout->sweep.unit_count;
	plan->unit_bytes = layout->sweep.unit_count ? layout->sweep.unit_bytes : 0;
	plan->total_bytes = planner.fixed_bytes + plan->staging_bytes + plan->resident_bytes + plan->cache_bytes;
	layout->reserve_bytes = plan->total_bytes - plan->process_bytes - plan->metadata_bytes;
	plan->process_bytes += table_bytes(plan->total_bytes);
	plan->total_bytes += table_bytes(plan->total_bytes);
	return 0;
}
