/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "train_fit.h"

/* Where learning begins: in (rank, d_model), out (n_ff, rank) and bias (n_ff) of rank `rank` whose scores come closest
 * to the up-projection's on a sample of the inputs. */
int wick_train_start(const struct wick_fit_data *data, uint32_t rank, uint64_t seed, const struct wick_kernels *kernels,
	struct wick_pool *pool, float *in, float *out, float *bias, struct wick_diag *diag);
