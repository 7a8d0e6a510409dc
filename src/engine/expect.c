/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A plan without a run, and the expected time of a token that follows it. */

#include "engine.h"

#include "bits.h"
#include "cold.h"
#include "cpu_limits.h"
#include "floor.h"
#include "forecast_experts.h"
#include "predictor_set.h"
#include "read_cost.h"
#include "rehearse_experts.h"
#include "sized.h"
#include "trace.h"
#include "trace_synth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOFT_ZIPF 0.3 /* gates of SwiGLU differ less in how often they are large */

/* How neurons fire where neither a trace nor a text tells it: a tenth of them, as unevenly as in the paper's models. */
static const struct wick_trace_synthesis assumed = { .zipf = 1.44, .active = 0.1, .seed = 1 };

/* Of gates with a threshold it is known how many are left. */
static struct wick_trace_synthesis firing_of(const struct wick *wick)
{
	struct wick_trace_synthesis firing = assumed;

	if (wick_gate_is_soft(&wick->model->shape)) {
		firing.active = WICK_MIN(1 - (double)wick->settings.gate_percent / 100, WICK_SYNTH_ACTIVE_MAX);
		firing.zipf = SOFT_ZIPF;
	}
	return firing;
}

#define ROUTING_WARM_UP 96u /* tokens of a preset before those that count */
#define ROUTING_TOKENS 96u

static int measure(struct wick *wick, struct wick_rates *rates, struct wick_diag *diag)
{
	struct wick_compute compute = { .kernels = &wick->kernels, .pool = wick->pool };
	const struct wick_shape *shape = &wick->model->shape;
	bool cold = !wick_cold_fits_cache(wick->plan.weight_bytes);
	int err = 0;

	wick_kernels_init(&wick->kernels, wick->settings.cpu_mask);
	if (wick->predictors && wick->predictors->weight_bytes) {
		const struct wick_tensor *out = &wick->predictors->layer[0].out;

		err = wick_rates_measure(rates, &compute, out->type, out->cols, cold, diag);
		rates->predictor = rates->resident;
	}
	if (!err && wick->plan.expert_slots)
		return wick_rates_measure(rates, &compute, wick_expert_type(wick->model), shape->d_model, cold, diag);
	return err ? err : wick_rates_measure(rates, &compute, shape->type, shape->d_model, cold, diag);
}

static void keep(struct wick *wick, const struct wick_forecast *forecast)
{
	struct wick_plan *plan = &wick->plan;

	if (wick->drive.known || !(plan->swept_bytes + plan->drawn_bytes))
		plan->predicted_ms_per_token = forecast->ms_per_token;
	plan->predicted_flash_ms = forecast->flash_ms;
	plan->predicted_compute_ms = forecast->compute_ms;
}

static void expect_dense(struct wick *wick, const struct wick_rates *rates, double sweep_us)
{
	struct wick_forecast forecast;

	wick_forecast_dense(&forecast, rates, &wick->model->shape, &wick->matrices, sweep_us);
	keep(wick, &forecast);
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
		keep(wick, &forecast);
		wick->plan.predicted_floor_ms = wick->drive.known ? floor_ms : 0;
	}
	free(missing);
	if (routing.ids != wick->routing.ids)
		wick_routing_free(&routing);
	return err;
}

/* Where all bundles stay nothing is drawn, however many fire. */
static int rehearse(struct wick *wick, const struct wick_rehearsal *rehearsal, struct wick_rehearsed *layers,
	struct wick_diag *diag)
{
	int err = wick_rehearse(rehearsal, layers, diag);

	for (uint32_t i = 0; !wick->plan.drawn_bytes && i < wick->model->shape.layers; i++)
		layers[i] = (struct wick_rehearsed){ .active = layers[i].active };
	return err;
}

/* Which neurons it was that fired. */
static void say_firing(struct wick *wick, const struct wick_rehearsal *rehearsal, const char *trace)
{
	const struct wick_trace_synthesis *assumed_to = &rehearsal->synthesis;
	const char *slash = trace ? strrchr(trace, '/') : NULL;
	char *said = wick->plan.firing;

	if (trace)
		snprintf(said, sizeof(wick->plan.firing), "neurons that fire are those of %.80s", slash ? slash + 1 : trace);
	else if (rehearsal->firing)
		snprintf(said, sizeof(wick->plan.firing), "neurons fire as often as in the text that predictors were learned from");
	else
		snprintf(said, sizeof(wick->plan.firing), "%.0f%% of the neurons are assumed to fire, the i-th most "
			"frequent like i^-%.2f", 100 * assumed_to->active, assumed_to->zipf);
}

static void keep_figures(struct wick *wick, const struct wick_rehearsed *layers)
{
	struct wick_plan *plan = &wick->plan;

	for (uint32_t i = 0; i < wick->model->shape.layers; i++) {
		plan->predicted_bundles_active += layers[i].active;
		plan->predicted_bundles_read += layers[i].drawn + layers[i].ahead;
		plan->predicted_flash_bytes += layers[i].bytes + layers[i].ahead_bytes;
	}
	plan->predicted_flash_bytes += (double)plan->swept_bytes;
}

/* Once without drawing ahead, which says how much of it would pay, and once with it. */
static int expect_sparse(struct wick *wick, const struct wick_rates *rates, double sweep_us,
	const struct wick_layout *layout, const char *trace, struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	const struct wick_predictor_set *predictors = wick->predictors;
	struct wick_rehearsed *layers = calloc(shape->layers, sizeof(*layers));
	struct wick_rehearsal rehearsal = { .shape = shape, .sparse = &layout->sparse, .slots = wick->matrices.slots, .chunk_bytes = wick->settings.chunk_bytes,
		.price = wick_drive_price(&wick->drive, wick->settings.queue_depth), .bridge = wick->settings.bridge,
		.trace = wick->trace[0], .synthesis = firing_of(wick) };
	struct wick_sparse_outlook outlook = { .shape = shape, .matrices = &wick->matrices, .rates = rates, .drive = &wick->drive,
		.layers = layers, .sweep_us = sweep_us,
		.predictor_bytes = predictors ? predictors->weight_bytes : 0, .queue_depth = wick->settings.queue_depth,
		.threads = wick->settings.threads, .overlap = wick->settings.overlap };
	struct wick_forecast forecast;
	float *firing = NULL;
	int err = layers ? wick_engine_firing(wick, &firing, diag) :
		wick_diag_say(diag, -ENOMEM, "no memory to foresee what a token reads");

	rehearsal.firing = firing;
	if (!err)
		err = rehearse(wick, &rehearsal, layers, diag);
	if (!err && layout->sparse.lookahead && wick->plan.drawn_bytes) {
		rehearsal.ahead = wick_forecast_ahead(&outlook);
		outlook.predictor_bytes += predictors ? predictors->ahead_bytes : 0;
		err = rehearse(wick, &rehearsal, layers, diag);
	}
	if (!err) {
		wick_forecast_sparse(&forecast, &outlook);
		keep(wick, &forecast);
		keep_figures(wick, layers);
		say_firing(wick, &rehearsal, trace);
	}
	free(firing);
	free(layers);
	return err;
}

static int expect(struct wick *wick, const struct wick_options *options, const struct wick_layout *layout,
	struct wick_diag *diag)
{
	struct wick_rates rates = { 0 };
	double sweep_us;
	int err = 0;

	if (wick->plan.drawn_bytes && !wick->plan.expert_slots)
		err = wick_read_cost(wick->io, wick_engine_file(wick), wick->model->shape.stride, &rates.read_us, diag);
	if (err)
		return err;
	rates.read_us /= WICK_MIN(wick_cpu_quota(""), 1);
	wick_engine_look(wick);
	snprintf(wick->plan.profile, sizeof(wick->plan.profile), "%s", wick->drive.said);
	err = measure(wick, &rates, diag);
	if (err)
		return err;
	sweep_us = wick_floor_sweep_us(
		&wick->drive, &wick->plan, wick->settings.chunk_bytes, wick->settings.queue_depth);
	if (layout->sparse.on)
		return expect_sparse(wick, &rates, sweep_us, layout, options->trace, diag);
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
