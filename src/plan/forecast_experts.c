/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The expected time of a token of experts, and its floor (see forecast_experts.h). */

#include "forecast_experts.h"

#include "bits.h"
#include "bundle.h"

/* Bytes of a layer's matrices: those before its experts, one expert, its down-projection, and those behind them. */
struct layer_bytes {
	double before, expert, down, behind;
};

static struct layer_bytes bytes_of(const struct wick_dependent *of, uint32_t layer)
{
	const uint32_t *first = of->matrices->steps->first_matrix;
	struct layer_bytes bytes = { 0 };

	for (uint32_t i = first[layer]; i < first[layer + 1]; i++) {
		const struct wick_matrix *matrix = &of->matrices->at[i];
		double all = (double)(matrix->rows * matrix->tensor->row_bytes);

		if (matrix->lookup)
			continue;
		if (matrix->tensor->experts) {
			bytes.down = all / matrix->tensor->experts;
			bytes.expert += bytes.down;
		} else if (bytes.expert > 0) {
			bytes.behind += all;
		} else {
			bytes.before += all;
		}
	}
	return bytes;
}

/* Of so many experts together, each three reads or more. */
static double read_us(const struct wick_dependent *of, double expert_bytes, uint32_t missing)
{
	uint64_t part = (uint64_t)expert_bytes / WICK_PARTS, pieces = WICK_MAX(wick_div_up(part, of->chunk_bytes), 1u);
	struct wick_profile_extents extents = { .bytes = part / pieces, .count = missing * pieces * WICK_PARTS };

	return missing && of->drive->known ?
		wick_profile_predict_us(&of->drive->profile, &extents, 1, of->queue_depth) : 0;
}

static double dependent_us(const struct wick_dependent *of, const struct layer_bytes *bytes, uint32_t computed, uint32_t missing)
{
	double arithmetic = (computed * bytes->expert + bytes->behind) / of->memory;

	return bytes->before / of->memory + WICK_MAX(arithmetic, read_us(of, bytes->expert, missing));
}

double wick_dependent_layer_us(const struct wick_dependent *of, uint32_t layer, uint32_t computed, uint32_t missing)
{
	struct layer_bytes bytes = bytes_of(of, layer);

	return dependent_us(of, &bytes, computed, missing);
}

static double rest_bytes(const struct wick_dependent *of)
{
	const uint32_t *first = of->matrices->steps->first_matrix;
	double bytes = 0;

	for (uint32_t i = 0; i < of->matrices->count; i++)
		if ((i < first[0] || i >= first[of->shape->layers]) && !of->matrices->at[i].lookup)
			bytes += (double)(of->matrices->at[i].rows * of->matrices->at[i].tensor->row_bytes);
	return bytes;
}

double wick_dependent_rest_us(const struct wick_dependent *of)
{
	return rest_bytes(of) / of->memory;
}

/* What came has been checked before it is computed, and the last down-projection that comes has nothing to hide under. */
static double layer_us(const struct wick_expert_outlook *outlook, const struct layer_bytes *bytes, uint32_t computed,
	uint32_t missing, struct wick_forecast *sum)
{
	const struct wick_rates *rates = outlook->rates;
	double before = bytes->before / rates->resident, read = read_us(&outlook->dependent, bytes->expert, missing);
	double arithmetic = (computed - missing) * bytes->expert / rates->resident + missing * bytes->expert / rates->swept +
		bytes->behind / rates->resident;
	double last = missing ? bytes->down / rates->swept : 0;

	sum->flash_ms = read / 1e3;
	sum->compute_ms = (before + arithmetic) / 1e3;
	return before + WICK_MAX(read + last, arithmetic);
}

static double mean_of_layer(const struct wick_expert_outlook *outlook, uint32_t layer, struct wick_forecast *forecast,
	double *floor_us)
{
	const uint32_t *missing = outlook->missing + layer * (outlook->chosen + 1);
	uint32_t computed = wick_kind(outlook->dependent.shape, layer)->ffn.experts.chosen;
	struct layer_bytes bytes = bytes_of(&outlook->dependent, layer);
	double tokens = 0, us = 0;

	for (uint32_t m = 0; m <= outlook->chosen; m++)
		tokens += missing[m];
	for (uint32_t m = 0; m <= outlook->chosen; m++) {
		double share = tokens > 0 ? missing[m] / tokens : m == 0;
		struct wick_forecast of;

		if (!(share > 0))
			continue;
		us += share * layer_us(outlook, &bytes, computed, m, &of);
		forecast->flash_ms += share * of.flash_ms;
		forecast->compute_ms += share * of.compute_ms;
		*floor_us += share * dependent_us(&outlook->dependent, &bytes, computed, m);
	}
	return us;
}

void wick_forecast_experts(struct wick_forecast *forecast, const struct wick_expert_outlook *outlook, double sweep_us, double *floor_ms)
{
	double us = rest_bytes(&outlook->dependent) / outlook->rates->resident, floor_us = wick_dependent_rest_us(&outlook->dependent);

	*forecast = (struct wick_forecast){ .flash_ms = sweep_us / 1e3, .compute_ms = us / 1e3 };
	for (uint32_t layer = 0; layer < outlook->dependent.shape->layers; layer++)
		us += mean_of_layer(outlook, layer, forecast, &floor_us);
	forecast->ms_per_token = WICK_MAX(us / 1e3, forecast->flash_ms);
	*floor_ms = WICK_MAX(floor_us / 1e3, sweep_us / 1e3);
}
