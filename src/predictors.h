/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The predictors that come with a model, resident. */

#include "choose.h"
#include "model.h"

struct wick_load;
struct wick_mem;

/* Memory that wick_predictors_init() takes; 0: the model has none. */
uint64_t wick_predictors_bytes(const struct wick_model *model);

/* Floats of scratch that any of them needs. */
size_t wick_predictors_scratch_floats(const struct wick_model *model);

/* Takes the memory, points the chooser at it and writes what must be loaded to loads, which has room for
 * wick_predictors_count(). Returns how many that are. */
uint32_t wick_predictors_count(const struct wick_model *model);
uint32_t wick_predictors_init(
	struct wick_chooser *chooser, const struct wick_model *model, struct wick_mem *mem, struct wick_load *loads);
