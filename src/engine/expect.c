/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A plan without a run, and the expected time of a token that follows it. */

#include "expect.h"

#include "bits.h"
#include "floor.h"
#include "forecast_experts.h"
#include "rehearse_experts.h"
#include "sized.h"
#include "trace_synth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUTING_WARM_UP 96u /* tokens of a preset before those that count */
#define ROUTING_TOKENS 96u

static void expect_dense(struct wick *wick, const struct wick_rates *rates, double sweep_us)
{
	struct wick_forecast forecast;

	wick_forecast_dense(&forecast, rates, &wick->model->shape, &wick->matrices, sweep_us);
	wick_expect_keep(wick, &forecast);
}

/* Routing that a plan reckons with: the trace's, or as a preset has it. */
static int find_routing(const struct wick *wick, const char *name, struct wick_routing *routing, char said[192], struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	const struct wick_expert_facts *experts = wick_experts_of(shape);
	const struct wick_routing_preset *preset = name ? wick_routing_preset(name) :
		wick_routing_nearest(experts->count, experts->chosen);
	struct wick_trace_shape made = { .layers = shape->layers, .n_ff = experts->count, .chosen = experts->chosen,
		.tokens = ROUTING_WARM_UP + ROUTING_TOKENS, .synthesis.seed = 1 };
	uint32_t dense_layers = 0;

	if (wick->routing.tokens) {
		*routing = wick->routing;
		snprintf(said, 192, "experts that are chosen are those of the trace");
		return 0;
	}
	if (!preset)
		return wick_diag_say(diag, -EINVAL, "routing \"%.40s\": there is no such preset", name);
	made.preset = wick_routing_number(preset);
	while (!wick_kind(shape, dense_layers)->ffn.experts.count)
		dense_layers++;
	snprintf(said, 192, "experts are chosen as preset %s has it, fitted to %s", preset->name, preset->fit);
	return wick_routing_make(routing, &made, dense_layers, diag);
}

/* What it is like when the cache is warm. */
static int rehearse_routing(struct wick *wick, const struct wick_routing *routing, uint32_t *missing, struct wick_diag *diag)
{
	const struct wick_expert_rehearsal rehearsal = { .routing = routing, .policy = wick->settings.policy,
		.capacity = wick->plan.expert_slots, .model = wick->model, .warm_up = WICK_MIN(ROUTING_WARM_UP, routing->tokens / 2) };
	struct wick_plan *plan = &wick->plan;
	int err = wick_rehearse_experts(&rehearsal, missing, diag);

	if (err)
		return err;
	plan->predicted_hit_share = wick_rehearsed_hits(routing, missing);
	plan->predicted_experts_read = (1 - plan->predicted_hit_share) * (double)plan->cycle_bytes /
		((double)wick_expert_bytes(wick->model));
	plan->predicted_flash_bytes = (1 - plan->predicted_hit_share) * (double)plan->cycle_bytes + (double)plan->swept_bytes;
	return 0;
}

static int expect_experts(struct wick *wick, const struct wick_rates *rates, double sweep_us, const char *preset,
	struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	struct wick_expert_outlook outlook = { .rates = rates, .dependent = { .shape = shape, .matrices = &wick->matrices,
		.drive = &wick->drive, .chunk_bytes = wick->settings.chunk_bytes, .queue_depth = wick->settings.queue_depth } };
	struct wick_routing routing = { 0 };
	struct wick_forecast forecast;
	uint32_t *missing = NULL;
	double memory_mb_per_s = 0, floor_ms;
	int err = find_routing(wick, preset, &routing, wick->plan.firing, diag);

	if (!err && !(missing = calloc(routing.layers * (routing.chosen + 1ull), sizeof(*missing))))
		err = wick_diag_say(diag, -ENOMEM, "no memory to foresee which experts are read");
	if (!err)
		err = rehearse_routing(wick, &routing, missing, diag);
	if (!err)
		err = wick_memory_rate(wick->settings.threads, &memory_mb_per_s, diag);
	if (!err) {
		outlook.dependent.memory = WICK_MAX(memory_mb_per_s, rates->resident); /* weights that fit in a cache are read faster than memory */
		outlook.missing = missing;
		outlook.chosen = routing.chosen;
		wick_forecast_experts(&forecast, &outlook, sweep_us, &floor_ms);
		wick_expect_keep(wick, &forecast);
		wick->plan.predicted_floor_ms = wick->drive.known ? floor_ms : 0;
	}
	free(missing);
	if (routing.ids != wick->routing.ids)
		wick_routing_free(&routing);
	return err;
}

/* Gates that say what fires can be packed in two ways. */
static int expect_neurons(struct wick *wick, const struct wick_options *options, const struct wick_rates *rates,
	const struct wick_layout *layout, struct wick_diag *diag)
{
	int err = wick_expect_sparse(wick, rates, layout, options->trace, diag);

	if (err || !wick_gate_can_be_apart(&wick->model->shape))
		return err;
	return wick_expect_repacked(wick, options, rates, diag);
}

static int expect(struct wick *wick, const struct wick_options *options, const struct wick_layout *layout,
	struct wick_diag *diag)
{
	struct wick_rates rates = { 0 };
	double sweep_us;
	int err = wick_expect_read(wick, &rates, diag);

	if (err)
		return err;
	wick_engine_look(wick);
	snprintf(wick->plan.profile, sizeof(wick->plan.profile), "%s", wick->drive.said);
	wick_kernels_init(&wick->kernels, wick->settings.cpu_mask);
	err = wick_expect_rates(wick, &rates, diag);
	if (err)
		return err;
	sweep_us = wick_floor_sweep_us(
		&wick->drive, &wick->plan, wick->settings.chunk_bytes, wick->settings.queue_depth);
	if (layout->sparse.on)
		return expect_neurons(wick, options, &rates, layout, diag);
	if (wick->plan.expert_slots)
		return expect_experts(wick, &rates, sweep_us, options->routing, diag);
	expect_dense(wick, &rates, sweep_us);
	return 0;
}

int wick_plan_sized(const char *path, const struct wick_options *given, struct wick_plan *plan, struct wick_diag *diag)
{
	const struct wick_plan nothing = { 0 };
	struct wick_options options;
	struct wick_layout layout;
	struct wick *wick;
	int err;

	wick_sized_give(plan, &nothing, sizeof(nothing));
	if (diag)
		diag->text[0] = 0;
	err = wick_sized_take(&options, sizeof(options), given, "struct wick_options", diag);
	if (err)
		return err;
	wick = calloc(1, sizeof(*wick));
	if (!wick)
		return wick_diag_say(diag, -ENOMEM, "no memory for the plan");
	err = wick_engine_begin(wick, path, &options, diag);
	if (!err)
		err = wick_engine_plan(wick, &options, &layout, diag);
	if (!err)
		err = expect(wick, &options, &layout, diag);
	wick_sized_give(plan, &wick->plan, sizeof(wick->plan));
	wick_close(wick);
	return err;
}
