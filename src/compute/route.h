/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which experts a row goes to, with which weights: a router's arithmetic, in f32. */

#include "facts.h"

#include <stdbool.h>
#include <stddef.h>

/* What the rows of a batch chose, by expert: rows[first[k]] .. rows[first[k + 1] - 1] want expert ids[k], in ascending
 * order as the ids are, with weights likewise. */
struct wick_chosen {
	uint32_t count;
	uint32_t *ids;   /* (count): room for as many as there are experts */
	uint32_t *first; /* (count + 1) */
	uint32_t *rows;  /* (m * chosen) */
	float *weights;  /* (m * chosen) */
};

/* The experts of one row by the router's outputs z (experts->count), which are used up: ids ascending and their weights,
 * experts->chosen of each. bias (experts->count), or NULL, is added to scores for the choice alone. False: z is not finite,
 * and nothing is chosen. given (chosen), or NULL: these are taken instead, with the weights that the router gives them. */
bool wick_route(const struct wick_expert_facts *experts, float *z, const float *bias, const uint16_t *given, uint32_t *ids,
	float *weights);

/* Of these the `most` best alone, best first, of equal ones those in front; z (experts->count) becomes scores. */
bool wick_route_best(const struct wick_expert_facts *experts, float *z, const float *bias, uint32_t *ids, uint32_t most);

#define WICK_UNROUTED UINT32_MAX /* in place of each id of a row that is given up */

/* Fills chosen from the ids and weights (m, per_row) of a batch, each row's ids ascending, or none; at (experts + 1) is
 * scratch. */
void wick_chosen_make(struct wick_chosen *chosen, uint32_t experts, const uint32_t *ids, const float *weights, uint32_t m,
	uint32_t per_row, uint32_t *at);
