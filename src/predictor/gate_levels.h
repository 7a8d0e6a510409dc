/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How small the activated gates of a layer are, as learned from a text: which threshold makes a share of them zeros. */

#include "model.h"

#define WICK_GATE_LEVELS 101 /* of 0, 1, ..., 100 per cent */
#define WICK_GATE_PERCENT_MAX 99.0f

struct wick_gate_levels {
	struct wick_tensor tensor; /* (1, WICK_GATE_LEVELS): where its bytes are in the file */
	const float *level;        /* ascending; level[p]: below it are p per cent of the magnitudes, level[0] is 0 */
};

/* Whether levels that came from a file begin with 0 and never fall. */
bool wick_gate_levels_rise(const float *level);

/* The threshold for a share of 0 to WICK_GATE_PERCENT_MAX per cent; between two levels on the straight line. */
float wick_gate_threshold(const struct wick_gate_levels *levels, float percent);
