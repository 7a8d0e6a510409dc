/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The expected time of a token of sparse mode, layer by layer:
 *
 *     processor  | before: attention, predictor, policy | during: up, or waiting | after: down |
 *     drive      | ......... prefetch, slack ...........| on demand .............|.............|
 *
 * Prefetched bundles cost nothing as long as they fit the slack. Bundles drawn on demand hide under their layer's
 * up-projections and under nothing else, since the down-projection sums in the neurons' order and one of the first is
 * always among the absent. Computing goes at the measured rates, reading by the drive's profile. */

#include "forecast.h"

#include "bits.h"

/* A layer's share of the token, microseconds. */
struct visit {
	double before, during, after;
	double demand, ahead; /* the drive's */
};

static double matrices_us(const struct wick_sparse_outlook *outlook, uint32_t first, uint32_t end)
{
	double us = 0;

	for (uint32_t i = first; i < end; i++) {
		const struct wick_matrix *matrix = &outlook->matrices->at[i];
		uint64_t swept = wick_matrix_swept_rows(matrix, false);

		if (matrix->lookup || matrix->bundles)
			continue;
		us += (double)((matrix->rows - swept) * matrix->tensor->row_bytes) / outlook->rates->resident +
			(double)(swept * matrix->tensor->row_bytes) / outlook->rates->swept;
	}
	return us;
}

/* Of gates that are apart, what is computed while reads are under way that the first of them asked for. */
static double early_us(const struct wick_sparse_outlook *outlook, uint32_t first, uint32_t end)
{
	double us = 0;

	for (uint32_t i = first; outlook->overlap && wick_is_relu(outlook->shape) && i < end; i++) {
		const struct wick_matrix *matrix = &outlook->matrices->at[i];

		if (matrix->keep == WICK_KEEP_GATE && matrix->resident_rows == matrix->rows)
			us += (double)wick_tensor_bytes(matrix->tensor) / outlook->rates->resident *
				(WICK_GATE_PIECES - 1) / WICK_GATE_PIECES;
	}
	return us;
}

/* The time of `reads` reads of `bytes` together, sent in rounds; a mean of less than one read is a share of one. */
static double demand_us(const struct wick_sparse_outlook *outlook, const struct wick_rehearsed *seen)
{
	double rounds = WICK_MAX(seen->rounds, 1.0), reads = seen->reads / rounds, bytes = seen->bytes / rounds;
	double whole = WICK_MAX((double)(uint64_t)(reads + 0.5), 1.0);
	struct wick_profile_extents extents = { .count = (uint64_t)whole };

	if (!(reads > 0) || !outlook->drive->known)
		return 0;
	extents.bytes = (uint64_t)(bytes / reads);
	return wick_profile_predict_us(&outlook->drive->profile, &extents, 1, outlook->queue_depth) * reads / whole *
		rounds;
}

/* In the middle of others. */
static double steady_us(const struct wick_sparse_outlook *outlook, double reads, double bytes)
{
	if (!(reads > 0) || !outlook->drive->known)
		return 0;
	return reads * wick_profile_read_us(&outlook->drive->profile, (uint64_t)(bytes / reads), outlook->queue_depth);
}

static struct visit visit_of(const struct wick_sparse_outlook *outlook, uint32_t layer)
{
	const struct wick_rehearsed *seen = &outlook->layers[layer];
	const struct wick_shape *shape = outlook->shape;
	const struct wick_rates *rates = outlook->rates;
	const uint32_t *first = outlook->matrices->steps->first_matrix;
	double bundle = (double)shape->bundle_bytes, arrived = seen->drawn + seen->ahead, down_us, send_us;
	double gates_us = early_us(outlook, first[layer], first[layer + 1]);
	struct visit visit = { .demand = demand_us(outlook, seen) };

	visit.before = seen->manage_us + matrices_us(outlook, first[layer], first[layer + 1]) - gates_us;
	if (outlook->predictor_bytes)
		visit.before += (double)outlook->predictor_bytes / shape->layers / rates->predictor;
	down_us = seen->active * bundle / shape->bundle_parts / rates->resident;
	send_us = (seen->reads + seen->ahead_reads) * rates->read_us;
	visit.after = down_us;
	visit.during = gates_us + bundle * seen->active / rates->resident - down_us +
		bundle * arrived * (1 / rates->swept - 1 / rates->resident) + send_us / outlook->threads;
	visit.during = WICK_MAX(visit.during, send_us); /* one thread alone talks to the drive */
	visit.ahead = steady_us(outlook, seen->ahead_reads, seen->ahead_bytes);
	return visit;
}

/* The drive has nothing to do on demand. */
static double slack_us(const struct visit *visit)
{
	return visit->before + WICK_MAX(visit->during - visit->demand, 0.0) + visit->after;
}

static double visit_us(const struct wick_sparse_outlook *outlook, const struct visit *visit)
{
	double demand = visit->demand + WICK_MAX(visit->ahead - slack_us(visit), 0.0);

	return visit->before + visit->after + (outlook->overlap ? WICK_MAX(demand, visit->during) : demand + visit->during);
}

uint32_t wick_forecast_ahead(const struct wick_sparse_outlook *outlook)
{
	double slack = 0, reading = 0, drawn = 0, count = 0;

	for (uint32_t layer = 0; layer < outlook->shape->layers; layer++) {
		const struct wick_rehearsed *seen = &outlook->layers[layer];
		struct visit visit = visit_of(outlook, layer);

		slack += slack_us(&visit) / outlook->shape->layers;
		drawn += seen->drawn;
		reading += steady_us(outlook, seen->reads, seen->bytes);
	}
	if (reading > 0)
		count = slack * drawn / reading;
	return (uint32_t)WICK_MIN(WICK_MAX(count, (double)WICK_AHEAD_LEAST), (double)WICK_AHEAD_MOST);
}

void wick_forecast_sparse(struct wick_forecast *forecast, const struct wick_sparse_outlook *outlook)
{
	const struct wick_shape *shape = outlook->shape;
	const uint32_t *first = outlook->matrices->steps->first_matrix;
	double us = matrices_us(outlook, 0, first[0]) + matrices_us(outlook, first[shape->layers], outlook->matrices->count);
	double compute_us = us, flash_us = outlook->sweep_us;

	for (uint32_t layer = 0; layer < shape->layers; layer++) {
		struct visit visit = visit_of(outlook, layer);

		us += visit_us(outlook, &visit);
		compute_us += visit.before + visit.during + visit.after;
		flash_us += visit.demand + visit.ahead;
	}
	forecast->flash_ms = flash_us / 1e3;
	forecast->compute_ms = compute_us / 1e3;
	forecast->ms_per_token = WICK_MAX(us, flash_us) / 1e3;
}
