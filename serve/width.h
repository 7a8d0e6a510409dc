/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How many answers share a pass. Each row more costs little where a pass takes as long as reading the weights; where it takes
 * more than it brings, since experts push each other out of their cache for one, fewer at a time are faster for all. By
 * measured time: the other half or double is tried now and then, and taken where a token takes less of it. */

#include <stdbool.h>
#include <stdint.h>
#include <wick/wick.h>

struct wick_width {
	uint32_t rows;   /* of a pass, at most, as found so far; 0: as many as there are */
	uint32_t tried;  /* being tried in its place; 0: nothing */
	uint32_t passes; /* since the last change */
	uint32_t pause;  /* passes until the next trial */
	bool wider;      /* the last trial was of more rows */
	double ns[WICK_SESSIONS_MAX + 1]; /* of a pass with so many rows, averaged; 0: not known */
};

/* The rows of the next pass when so many want one. */
uint32_t wick_width_choose(struct wick_width *width, uint32_t wanted);

/* What a pass of answers alone took. */
void wick_width_learn(struct wick_width *width, uint32_t rows, double ns);
