/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The expected time of a token, before anything runs: the drive's time by its profile, the processor's by rates
 * measured for a moment on this machine. */

#include "compute.h"
#include "drive.h"
#include "matrix.h"
#include "rehearse.h"

/* Bytes a microsecond with all threads: of a resident matrix, of what has to be checked first as well, of predictors;
 * and the microseconds of one core that a read of a bundle takes. */
struct wick_rates {
	double resident, swept, predictor;
	double read_us;
};

#define WICK_RATES_MEMORY_BYTES (48ull << 20) /* taken and given back */

/* Takes a third of a second. type and cols are the matrix's; cold: of weights that no cache of the processor keeps until the next
 * token. Sets resident and swept. */
int wick_rates_measure(struct wick_rates *rates, const struct wick_compute *compute, enum wick_type type, uint64_t cols, bool cold,
	struct wick_diag *diag);

struct wick_forecast {
	double flash_ms, compute_ms, ms_per_token; /* flash_ms is 0 when the drive is not known and something is read */
};

/* A token of the modes that compute every neuron: reading runs beside computing, and the longer of the two is the
 * token's. sweep_us: of reading what is swept. Bundles' down-projections are read where the activation is not zero: of
 * a ReLU model a tenth is assumed. */
void wick_forecast_dense(struct wick_forecast *forecast, const struct wick_rates *rates, const struct wick_shape *shape,
	const struct wick_matrices *matrices, double sweep_us);

struct wick_sparse_outlook {
	const struct wick_shape *shape;
	const struct wick_matrices *matrices;
	const struct wick_rates *rates;
	const struct wick_drive *drive;
	const struct wick_rehearsed *layers; /* (layers) */
	uint64_t predictor_bytes;            /* that a token takes */
	double sweep_us;
	uint32_t queue_depth, threads;
	bool overlap;
};

/* A token of sparse mode. flash_ms includes prefetched bundles. */
void wick_forecast_sparse(struct wick_forecast *forecast, const struct wick_sparse_outlook *outlook);
/* How many bundles the engine would prefetch for a layer, by a rehearsal without prefetch: as many as the drive's idle
 * time has room for. A layer always waits for some reads, and hits count as waiting spared, so the number stays up. */
uint32_t wick_forecast_ahead(const struct wick_sparse_outlook *outlook);
