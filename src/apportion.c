/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Greedy, by the best step there is: from a layer's point to any later one that still fits, whichever saves the most per
 * row. Looking past the next point carries it over stretches where a curve is flat, which is where greed by single points
 * would stop; where the curves are convex the outcome is the best one possible, up to the last step. */

#include "apportion.h"

#include "check.h"

struct step {
	uint32_t layer, to;
	double saved_per_row;
};

/* The best step of one layer; saved_per_row 0 when there is none. */
static struct step best_of(const double *misses, const uint32_t *rows, uint32_t points, uint32_t from, uint64_t left)
{
	struct step best = { 0 };

	for (uint32_t to = from + 1; to < points && rows[to] - rows[from] <= left; to++) {
		double per_row = (misses[from] - misses[to]) / (rows[to] - rows[from]);

		if (per_row > best.saved_per_row)
			best = (struct step){ .to = to, .saved_per_row = per_row };
	}
	return best;
}

uint64_t wick_apportion(const double *misses, const uint32_t *rows, uint32_t layers, uint32_t points, uint64_t total_rows,
	uint32_t *chosen)
{
	uint64_t given = (uint64_t)layers * rows[0];

	wick_assert(points >= 1 && given <= total_rows);
	for (uint32_t layer = 0; layer < layers; layer++)
		chosen[layer] = 0;
	for (;;) {
		struct step best = { 0 };

		for (uint32_t layer = 0; layer < layers; layer++) {
			struct step step = best_of(misses + (uint64_t)layer * points, rows, points, chosen[layer], total_rows - given);

			step.layer = layer;
			if (step.saved_per_row > best.saved_per_row)
				best = step;
		}
		if (!(best.saved_per_row > 0))
			return given;
		given += rows[best.to] - rows[chosen[best.layer]];
		chosen[best.layer] = best.to;
	}
}
