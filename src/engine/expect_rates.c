/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What all expectations share: the processor's rates that they rest on, and where their figures go. */

#include "expect.h"

#include "bits.h"
#include "cold.h"
#include "cpu_limits.h"
#include "expert_sizes.h"
#include "predictor_set.h"
#include "read_cost.h"

static int measure(const struct wick *wick, struct wick_rates *rates, enum wick_type type, uint64_t cols, struct wick_diag *diag)
{
	const struct wick_compute compute = { .kernels = &wick->kernels, .pool = wick->pool };

	return wick_rates_measure(rates, &compute, type, cols, !wick_cold_fits_cache(wick->plan.weight_bytes), diag);
}

int wick_expect_read(const struct wick *wick, struct wick_rates *rates, struct wick_diag *diag)
{
	int err;

	if (!wick->plan.drawn_bytes || wick->plan.expert_slots)
		return 0;
	err = wick_read_cost(wick->io, wick_engine_file(wick), wick->model->shape.stride, &rates->read_us, diag);
	rates->read_us /= WICK_MIN(wick_cpu_quota(""), 1);
	return err;
}

int wick_expect_predictor(const struct wick *wick, struct wick_rates *rates, struct wick_diag *diag)
{
	const struct wick_tensor *out = &wick->predictors->layer[0].out;
	struct wick_rates its;
	int err;

	if (!wick->predictors->weight_bytes)
		return 0;
	err = measure(wick, &its, out->type, out->cols, diag);
	if (!err)
		rates->predictor = its.resident;
	return err;
}

int wick_expect_rates(const struct wick *wick, struct wick_rates *rates, struct wick_diag *diag)
{
	const struct wick_shape *shape = &wick->model->shape;
	int err = wick->predictors ? wick_expect_predictor(wick, rates, diag) : 0;

	if (err)
		return err;
	return measure(wick, rates, wick->plan.expert_slots ? wick_expert_type(wick->model) : shape->type, shape->d_model, diag);
}

void wick_expect_keep(struct wick *wick, const struct wick_forecast *forecast)
{
	struct wick_plan *plan = &wick->plan;

	if (wick->drive.known || !(plan->swept_bytes + plan->drawn_bytes))
		plan->predicted_ms_per_token = forecast->ms_per_token;
	plan->predicted_flash_ms = forecast->flash_ms;
	plan->predicted_compute_ms = forecast->compute_ms;
}
