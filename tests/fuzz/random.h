/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Numbers that look random and can be had again, and those that break readers. */

#include "splitmix.h"

#include <stddef.h>
#include <stdint.h>

struct fuzz_random {
	uint64_t state;
};

static inline uint64_t fuzz_draw(struct fuzz_random *random)
{
	return wick_splitmix_draw(&random->state);
}

/* 0 to count - 1. */
static inline size_t fuzz_below(struct fuzz_random *random, size_t count)
{
	return fuzz_draw(random) % count;
}

/* Small, near a power of two, near the largest, or anything. */
static inline uint64_t fuzz_number(struct fuzz_random *random)
{
	uint64_t near = fuzz_below(random, 3) - 1;

	switch (fuzz_below(random, 4)) {
	case 0:
		return fuzz_below(random, 70);
	case 1:
		return (1ull << fuzz_below(random, 64)) + near;
	case 2:
		return UINT64_MAX - fuzz_below(random, 70);
	default:
		return fuzz_draw(random);
	}
}
