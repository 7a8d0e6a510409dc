/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The smallest of many numbers, without sorting them. */

#include <stdint.h>

/* Puts the values of the `least` smallest keys into chosen, in no particular order but always the same; of equal keys
 * those in front are smaller. least is from 1 to count. keys and values are used up. */
void wick_select_least(uint32_t *keys, uint32_t *values, uint32_t count, uint32_t least, uint32_t *chosen);
