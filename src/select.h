/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The smallest of many numbers, without sorting them. */

#include <stdint.h>

/* Splits: every key below the threshold is among the `least` smallest, and `ties` of those that equal it complete them. */
struct wick_split {
	uint32_t threshold;
	uint32_t ties;
};

/* least is from 1 to count. Three passes over the keys at most. */
struct wick_split wick_select_least(const uint32_t *keys, uint32_t count, uint32_t least);
