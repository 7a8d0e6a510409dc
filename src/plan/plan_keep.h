/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The part of a plan that shares out the room for weights: rows of matrices, caches of neurons and of experts. */

#include "plan.h"

struct wick_planner {
	const struct wick_plan_input *input;
	struct wick_matrices *matrices;
	struct wick_kv_shape kv;
	uint64_t fixed_bytes, all_bytes; /* all_bytes: of matrices */
	uint32_t expert_slots; /* of their cache; 0: there are none, or all are resident */
	uint64_t cache_bytes;
};

/* Memory that so many rows of a matrix take. */
uint64_t wick_keep_rows_cost(const struct wick_matrix *matrix, uint64_t rows);

/* Of all matrices; and of all that a token needs but experts, and rows of tables. */
uint64_t wick_keep_all_cost(const struct wick_planner *planner);
uint64_t wick_keep_common_cost(const struct wick_planner *planner);

/* Of the smallest caches that work. */
uint64_t wick_keep_caches_min_bytes(const struct wick_planner *planner);
uint64_t wick_keep_experts_min_bytes(const struct wick_planner *planner); /* 0: the model has none */

/* Gives every layer's bundles so many slots. */
void wick_keep_slots(struct wick_planner *planner, uint32_t slots);

/* Sets resident_rows of every matrix, and drawn, slots, cache_bytes and expert_slots where there are bundles: all of it, or what fits
 * into room that the smallest caches have already been taken off. */
void wick_keep_all(struct wick_planner *planner);
void wick_keep_what_fits(struct wick_planner *planner, uint64_t left_bytes);
