/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The expected time of a token (see forecast.h). */

#include "forecast.h"

#include "bits.h"
#include "clock.h"
#include "cold.h"
#include "cpu_limits.h"
#include "expert_cache.h"
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIAL_NS 150000000u /* what else the machine does in one pass is not what it does in a run */
#define UNIT_BYTES (1u << 20)   /* as the sweep's */
#define ACTIVE_SHARE 0.1        /* of a ReLU model's neurons, in a token */

/* A matrix to measure by, and its product. */
struct trial {
	const struct wick_compute *compute;
	enum wick_type type;
	uint64_t cols, row_bytes, rows;
	bool cold;
	uint8_t *matrix;
	float *x, *y;
	_Atomic uint32_t crc; /* so that no compiler drops the checksums */
};

static void multiply(const struct trial *trial, uint64_t first, uint64_t rows)
{
	struct wick_linear linear = { .compute = (struct wick_compute *)trial->compute, .type = trial->type,
		.cols = trial->cols, .stride = trial->row_bytes, .x = trial->x, .ldx = trial->cols, .y = trial->y,
		.ldy = trial->rows, .m = 1 };
	struct wick_rows part = { .base = trial->matrix + first * trial->row_bytes, .first = first, .count = rows };

	wick_linear_rows(&linear, &part);
}

struct check {
	struct trial *trial;
	uint64_t first, rows;
};

static void check_block(void *arg, uint32_t task, uint32_t thread)
{
	struct check *check = arg;
	struct trial *trial = check->trial;
	uint64_t row = check->first + (uint64_t)task * WICK_CHECK_ROWS;
	uint64_t rows = WICK_MIN((uint64_t)WICK_CHECK_ROWS, check->first + check->rows - row);

	(void)thread;
	trial->crc ^= trial->compute->kernels->crc32c(0, trial->matrix + row * trial->row_bytes, rows * trial->row_bytes);
}

static void pass_resident(struct trial *trial)
{
	multiply(trial, 0, trial->rows);
}

static void pass_swept(struct trial *trial)
{
	uint64_t unit = WICK_MAX(UNIT_BYTES / (trial->row_bytes * WICK_TILE_ROWS), 1u) * WICK_TILE_ROWS;

	for (uint64_t row = 0; row < trial->rows; row += unit) {
		struct check check = { trial, row, WICK_MIN(unit, trial->rows - row) };

		wick_pool_run(trial->compute->pool, check_block, &check, (uint32_t)wick_div_up(check.rows, WICK_CHECK_ROWS));
		multiply(trial, row, check.rows);
	}
}

/* Bytes a microsecond; the first pass warms up. Over all passes together, as a token sums up what its layers take, the
 * slow ones too. A cgroup's quota may be left for this while, and not for longer: what it gives in the end is
 * counted. */
static double rate_of(struct trial *trial, void (*pass)(struct trial *trial))
{
	uint64_t bytes = 0, ns = 0, cpu_ns = 0, begun_ns;

	pass(trial);
	begun_ns = wick_now_ns();
	do {
		uint64_t from_ns, from_cpu_ns;

		if (trial->cold)
			wick_cold_evict(trial->matrix, trial->rows * trial->row_bytes);
		from_ns = wick_now_ns();
		from_cpu_ns = wick_cpu_ns();
		pass(trial);
		ns += wick_now_ns() - from_ns;
		cpu_ns += wick_cpu_ns() - from_cpu_ns;
		bytes += trial->rows * trial->row_bytes;
	} while (wick_now_ns() - begun_ns < TRIAL_NS);
	return (double)bytes / WICK_MAX((double)ns / 1e3, (double)cpu_ns / 1e3 / wick_cpu_quota(""));
}

int wick_rates_measure(struct wick_rates *rates, const struct wick_compute *compute, enum wick_type type, uint64_t cols, bool cold,
	struct wick_diag *diag)
{
	struct trial trial = { .compute = compute, .type = type, .cols = cols, .cold = cold };
	int err = 0;

	trial.row_bytes = wick_type_bytes(type, cols);
	trial.rows = WICK_MAX(WICK_RATES_MEMORY_BYTES / trial.row_bytes, 1u);
	trial.matrix = calloc(trial.rows, trial.row_bytes);
	trial.x = calloc(cols, sizeof(float));
	trial.y = calloc(trial.rows, sizeof(float));
	if (!trial.matrix || !trial.x || !trial.y) {
		err = wick_diag_say(diag, -ENOMEM, "no memory to measure this machine with");
	} else {
		memset(trial.matrix, 0x22, trial.rows * trial.row_bytes); /* pages of its own, and a number in every type */
		rates->resident = rate_of(&trial, pass_resident);
		rates->swept = rate_of(&trial, pass_swept);
	}
	free(trial.matrix);
	free(trial.x);
	free(trial.y);
	return err;
}

/* Of a matrix's bytes, the share that is multiplied. */
static double share_used(const struct wick_shape *shape, const struct wick_matrix *matrix)
{
	if (matrix->tensor->experts)
		return (double)wick_expert_slots_min(shape) / matrix->tensor->experts;
	if (!matrix->bundles || !wick_is_relu(shape))
		return 1;
	return (shape->bundle_parts - 1 + ACTIVE_SHARE) / shape->bundle_parts;
}

void wick_forecast_dense(struct wick_forecast *forecast, const struct wick_rates *rates, const struct wick_shape *shape,
	const struct wick_matrices *matrices, double sweep_us)
{
	double resident = 0, swept = 0;

	for (uint32_t i = 0; i < matrices->count; i++) {
		uint64_t swept_rows = wick_matrix_swept_rows(&matrices->at[i], false);
		double share = share_used(shape, &matrices->at[i]);

		if (matrices->at[i].lookup)
			continue;
		resident += share * (double)((matrices->at[i].rows - swept_rows) * matrices->at[i].tensor->row_bytes);
		swept += share * (double)(swept_rows * matrices->at[i].tensor->row_bytes);
	}
	forecast->flash_ms = sweep_us / 1e3;
	forecast->compute_ms = (resident / rates->resident + swept / rates->swept) / 1e3;
	forecast->ms_per_token = WICK_MAX(forecast->flash_ms, forecast->compute_ms);
}
