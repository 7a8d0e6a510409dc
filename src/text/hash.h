/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Hashes for tables of a file's contents. The maker of the file does not know the seed, and so cannot choose entries
 * that collide. Nothing but time may depend on it. */

#include "splitmix.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Another one each time: random, or from the clock and an address where the kernel has nothing random yet. */
uint64_t wick_hash_seed(void);

static inline uint64_t wick_hash_number(uint64_t seed, uint64_t number)
{
	return wick_splitmix_mix(seed ^ number);
}

/* Eight bytes at a time, each mixed with what came of those before it. */
static inline uint64_t wick_hash_bytes(uint64_t seed, const char *bytes, size_t count)
{
	uint64_t hash = wick_hash_number(seed, count), word;

	for (size_t i = 0; i < count; i += sizeof(word)) {
		word = 0;
		memcpy(&word, bytes + i, count - i < sizeof(word) ? count - i : sizeof(word));
		hash = wick_hash_number(hash, word);
	}
	return hash;
}
