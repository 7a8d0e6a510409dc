/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A token of a model of experts that do not all fit. A layer's reads can begin only when its router has been computed, so a token is a
 * sum over layers:
 *
 *     processor  | attention, router | those that are here, then those that come ...| the last one's down |
 *     drive                          | missing ...................................|
 */

#include "drive.h"
#include "forecast.h"
#include "matrix.h"

/* By what the dependent floor is reckoned. */
struct wick_dependent {
	const struct wick_shape *shape;
	const struct wick_matrices *matrices;
	const struct wick_drive *drive; /* known */
	double memory;                  /* bytes a microsecond */
	uint64_t chunk_bytes;
	uint32_t queue_depth;
};

/* The least that a layer takes, microseconds: what comes before its router at memory's rate, then the longer of reading so many experts
 * and of the arithmetic of so many. */
double wick_dependent_layer_us(const struct wick_dependent *of, uint32_t layer, uint32_t computed, uint32_t missing);
/* Of what is in no layer: the head. */
double wick_dependent_rest_us(const struct wick_dependent *of);

struct wick_expert_outlook {
	struct wick_dependent dependent;
	const struct wick_rates *rates;
	const uint32_t *missing; /* (layers, chosen + 1), of wick_rehearse_experts() */
	uint32_t chosen;
};

/* floor_ms: the mean of the dependent floor. sweep_us as for the dense forecast. */
void wick_forecast_experts(struct wick_forecast *forecast, const struct wick_expert_outlook *outlook, double sweep_us, double *floor_ms);
