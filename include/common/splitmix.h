/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers that look random, and the same again from the same seed: SplitMix64 (Steele, Lea, Flood 2014). */

#include "bits.h"

#define WICK_SPLITMIX_STEP 0x9e3779b97f4a7c15u

/* Its output function alone: number i of a seed is wick_splitmix_mix(seed + i * WICK_SPLITMIX_STEP), from 1 on. */
WICK_WRAPS static inline uint64_t wick_splitmix_mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* The next number. The state is the seed to begin with, any number. */
WICK_WRAPS static inline uint64_t wick_splitmix_draw(uint64_t *state)
{
	return wick_splitmix_mix(*state += WICK_SPLITMIX_STEP);
}
