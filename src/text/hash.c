/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where the seed of a hash comes from (see hash.h). */

#include "hash.h"

#include <sys/random.h>
#include <time.h>

uint64_t wick_hash_seed(void)
{
	struct timespec now = { 0 };
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		return seed;
	clock_gettime(CLOCK_MONOTONIC, &now);
	seed = wick_hash_number((uint64_t)now.tv_sec, (uint64_t)now.tv_nsec);
	return wick_hash_number(seed, (uint64_t)(uintptr_t)&now);
}
