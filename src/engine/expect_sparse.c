/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The expected time of a token of sparse mode, and of the same model packed the other way (see expect.h). */

#include "expect.h"

#include "bits.h"
#include "floor.h"
#include "predictor_set.h"
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
int wick_expect_sparse(struct wick *wick, const struct wick_rates *rates, const struct wick_layout *layout, const char *trace,
	struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	const struct wick_predictor_set *predictors = wick->predictors;
	struct wick_rehearsed *layers = calloc(shape->layers, sizeof(*layers));
	struct wick_rehearsal rehearsal = { .shape = shape, .sparse = &layout->sparse, .slots = wick->matrices.slots, .chunk_bytes = wick->settings.chunk_bytes,
		.price = wick_drive_price(&wick->drive, wick->settings.queue_depth), .bridge = wick->settings.bridge,
		.trace = wick->trace[0], .synthesis = firing_of(wick) };
	struct wick_sparse_outlook outlook = { .shape = shape, .matrices = &wick->matrices, .rates = rates, .drive = &wick->drive,
		.layers = layers, .sweep_us = wick_floor_sweep_us(&wick->drive, &wick->plan, wick->settings.chunk_bytes, wick->settings.queue_depth),
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
		wick_expect_keep(wick, &forecast);
		keep_figures(wick, layers);
		say_firing(wick, &rehearsal, trace);
	}
	free(firing);
	free(layers);
	return err;
}

/* What packing would put into the other file; how often neurons fire is the same. */
static int find_predictors(struct wick *other, const struct wick *wick, struct wick_diag *diag)
{
	int err = wick_predictor_set_open(&other->predictors, other->model, NULL, diag);

	if (err)
		return err;
	other->predictors->gguf = wick->predictors->gguf;
	other->predictors->firing = wick->predictors->firing;
	return 0;
}

static void forget_predictors(struct wick *other)
{
	if (!other->predictors)
		return;
	other->predictors->gguf = NULL;
	other->predictors->firing = NULL;
	wick_predictor_set_close(other->predictors);
}

/* ms 0: the budget is too small for it. */
static int expect_other(struct wick *other, const struct wick_options *options, const struct wick_rates *rates, double *ms,
	struct wick_diag *diag)
{
	struct wick_rates its = *rates;
	struct wick_layout layout;
	int err = wick_engine_plan(other, options, &layout, NULL);

	*ms = 0;
	if (err)
		return err == -ENOSPC ? 0 : wick_diag_say(diag, err, "no plan of the model packed the other way");
	err = wick_expect_read(other, &its, diag);
	if (!err && !its.predictor)
		err = wick_expect_predictor(other, &its, diag);
	if (!err)
		err = wick_expect_sparse(other, &its, &layout, options->trace, diag);
	*ms = other->plan.predicted_ms_per_token;
	return err;
}

int wick_expect_repacked(struct wick *wick, const struct wick_options *given, const struct wick_rates *rates, struct wick_diag *diag)
{
	struct wick_options options = *given;
	struct wick_model model = { 0 };
	struct wick *other = malloc(sizeof(*other));
	int err;

	if (!other)
		return wick_diag_say(diag, -ENOMEM, "no memory for the plan of a model packed the other way");
	*other = *wick;
	other->model = &model;
	other->matrices = (struct wick_matrices){ 0 };
	other->predictors = NULL;
	options.memory = (struct wick_memory){ .bytes = wick->plan.budget_bytes };
	err = wick_model_repack(&model, wick->model, diag);
	if (!err)
		err = find_predictors(other, wick, diag);
	if (!err)
		err = wick_matrices_make(&other->matrices, &model, wick->settings.ctx, diag);
	if (!err)
		err = expect_other(other, &options, rates, &wick->plan.predicted_repacked_ms, diag);
	forget_predictors(other);
	wick_matrices_free(&other->matrices);
	wick_model_repacked_free(&model);
	free(other);
	return err;
}
