/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A plan without a run, and the expected time of a token that follows it. */

#include "engine.h"

#include "bits.h"
#include "cpu_limits.h"
#include "floor.h"
#include "forecast.h"
#include "predictor_set.h"
#include "read_cost.h"
#include "sized.h"
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How neurons fire where nothing tells it: a tenth of them, as unevenly as in the paper's models. */
static const struct wick_trace_synthesis assumed = { .zipf = 1.44, .active = 0.1, .seed = 1 };

static int measure(struct wick *wick, struct wick_rates *rates, struct wick_diag *diag)
{
	struct wick_compute compute = { .kernels = &wick->kernels, .pool = wick->pool };
	const struct wick_shape *shape = &wick->model->shape;
	int err = 0;

	wick_kernels_init(&wick->kernels, wick->settings.cpu_mask);
	if (wick->predictors && wick->predictors->origin != WICK_PREDICTORS_NONE) {
		const struct wick_tensor *out = &wick->predictors->layer[0].out;

		err = wick_rates_measure(rates, &compute, out->type, out->cols, diag);
		rates->predictor = rates->resident;
	}
	return err ? err : wick_rates_measure(rates, &compute, shape->type, shape->d_model, diag);
}

static void keep(struct wick *wick, const struct wick_forecast *forecast)
{
	struct wick_plan *plan = &wick->plan;

	if (wick->drive.known || !(plan->swept_bytes + plan->drawn_bytes))
		plan->predicted_ms_per_token = forecast->ms_per_token;
	plan->predicted_flash_ms = forecast->flash_ms;
	plan->predicted_compute_ms = forecast->compute_ms;
}

/* Reading a token's experts, if each is as likely as any other: routers repeat themselves, and a run reads less. */
static double experts_us(struct wick *wick)
{
	struct wick_plan *plan = &wick->plan;
	uint64_t chunk = wick->settings.chunk_bytes;
	double missing, reads;

	if (!plan->expert_slots)
		return 0;
	missing = 1 - (double)plan->expert_slots / (double)wick_expert_slots_all(wick->model);
	plan->predicted_flash_bytes = missing * (double)plan->cycle_bytes + (double)plan->swept_bytes;
	snprintf(plan->firing, sizeof(plan->firing), "each expert is taken to be as likely as any other; a run finds more of them");
	reads = missing * (double)plan->cycle_bytes / (double)chunk;
	return wick->drive.known ? reads * wick_profile_read_us(&wick->drive.profile, chunk,
		(uint32_t)WICK_MAX(1, WICK_MIN(reads / wick->model->shape.layers, wick->settings.queue_depth))) : 0;
}

static void expect_dense(struct wick *wick, const struct wick_rates *rates, double sweep_us)
{
	struct wick_forecast forecast;

	wick_forecast_dense(&forecast, rates, &wick->model->shape, &wick->matrices, sweep_us + experts_us(wick));
	keep(wick, &forecast);
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

static void keep_figures(struct wick *wick, const struct wick_rehearsed *layers, const char *trace)
{
	const char *slash = trace ? strrchr(trace, '/') : NULL;
	struct wick_plan *plan = &wick->plan;

	for (uint32_t i = 0; i < wick->model->shape.layers; i++) {
		plan->predicted_bundles_active += layers[i].active;
		plan->predicted_bundles_read += layers[i].drawn + layers[i].ahead;
		plan->predicted_flash_bytes += layers[i].bytes + layers[i].ahead_bytes;
	}
	plan->predicted_flash_bytes += (double)plan->swept_bytes;
	if (trace)
		snprintf(plan->firing, sizeof(plan->firing), "neurons that fire are those of %.80s",
			slash ? slash + 1 : trace);
	else
		snprintf(plan->firing, sizeof(plan->firing), "%.0f%% of the neurons are assumed to fire, the i-th most "
			"frequent like i^-%.2f", 100 * assumed.active, assumed.zipf);
}

/* Once without drawing ahead, which says how much of it would pay, and once with it. */
static int expect_sparse(struct wick *wick, const struct wick_rates *rates, double sweep_us,
	const struct wick_layout *layout, const char *trace, struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	const struct wick_predictor_set *predictors = wick->predictors;
	struct wick_rehearsed *layers = calloc(shape->layers, sizeof(*layers));
	struct wick_rehearsal rehearsal = { .shape = shape, .sparse = &layout->sparse, .chunk_bytes = wick->settings.chunk_bytes,
		.price = wick_drive_price(&wick->drive, wick->settings.queue_depth), .bridge = wick->settings.bridge,
		.trace = wick->trace, .synthesis = assumed };
	struct wick_sparse_outlook outlook = { .shape = shape, .matrices = &wick->matrices, .rates = rates, .drive = &wick->drive,
		.layers = layers, .sweep_us = sweep_us, .capacity = layout->sparse.capacity,
		.predictor_bytes = predictors ? predictors->weight_bytes : 0, .queue_depth = wick->settings.queue_depth,
		.threads = wick->settings.threads, .overlap = wick->settings.overlap };
	struct wick_forecast forecast;
	int err = layers ? rehearse(wick, &rehearsal, layers, diag) :
		wick_diag_say(diag, -ENOMEM, "no memory to foresee what a token reads");

	if (!err && layout->sparse.lookahead && wick->plan.drawn_bytes) {
		rehearsal.ahead = wick_forecast_ahead(&outlook);
		outlook.predictor_bytes += predictors ? predictors->ahead_bytes : 0;
		err = rehearse(wick, &rehearsal, layers, diag);
	}
	if (!err) {
		wick_forecast_sparse(&forecast, &outlook);
		keep(wick, &forecast);
		keep_figures(wick, layers, trace);
	}
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
