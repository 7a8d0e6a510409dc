/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables of the types that choose 8 or 4 magnitudes at once, which are facts of the format: a byte each, the first
 * number's lowest. */

#include <stdint.h>

extern const uint64_t wick_grid_iq2_xxs[256], wick_grid_iq2_xs[512], wick_grid_iq2_s[1024];
extern const uint32_t wick_grid_iq3_xxs[256], wick_grid_iq3_s[512];
