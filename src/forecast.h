/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a token will take, before anything runs: the drive's time by its profile, the processor's by rates measured for a
 * moment on this machine. Reading runs beside computing, so the longer of the two is the token's. */

#include "compute.h"
#include "place.h"

/* Bytes a microsecond with all threads: of a resident matrix, and of what has to be checked first as well. */
struct wick_rates {
	double resident, swept;
};

#define WICK_RATES_MEMORY_BYTES (48ull << 20) /* taken and given back */

/* Takes a few tens of milliseconds. type and cols are the matrix's. */
int wick_rates_measure(struct wick_rates *rates, const struct wick_compute *compute, enum wick_type type, uint64_t cols,
	struct wick_diag *diag);

struct wick_forecast {
	double flash_ms, compute_ms, ms_per_token; /* flash_ms is 0 when the drive is not known and something is swept */
};

/* A token of the modes that compute every neuron, when what they sweep takes so long to read. Bundles' down-projections are read where the activation is not zero:
 * of a ReLU model a tenth is assumed. */
void wick_forecast_dense(struct wick_forecast *forecast, const struct wick_rates *rates,
	const struct wick_shape *shape, const struct wick_place *places, double sweep_us);
