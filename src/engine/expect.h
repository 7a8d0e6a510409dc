/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The expected time of a token that follows a plan, before anything runs: into wick->plan. */

#include "engine.h"
#include "forecast.h"

/* The times; ms_per_token only where the drive is known, or nothing is read. */
void wick_expect_keep(struct wick *wick, const struct wick_forecast *forecast);

/* Measures this machine for the model's types; sets all but read_us. Takes a third of a second for each of them. */
int wick_expect_rates(const struct wick *wick, struct wick_rates *rates, struct wick_diag *diag);

/* Sets read_us, where neurons are drawn. */
int wick_expect_read(const struct wick *wick, struct wick_rates *rates, struct wick_diag *diag);

/* Sets rates->predictor alone, where wick->predictors have weights. */
int wick_expect_predictor(const struct wick *wick, struct wick_rates *rates, struct wick_diag *diag);

/* Of sparse mode; trace: its name, NULL: none is replayed. */
int wick_expect_sparse(struct wick *wick, const struct wick_rates *rates, const struct wick_layout *layout, const char *trace,
	struct wick_diag *diag);

/* Sets plan.predicted_repacked_ms: of a token, if the model were packed the other way (wick_model_repack()), in the same budget. */
int wick_expect_repacked(struct wick *wick, const struct wick_options *options, const struct wick_rates *rates,
	struct wick_diag *diag);
