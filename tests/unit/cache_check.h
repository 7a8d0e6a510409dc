/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What always holds of a bundle cache, whoever changed it. */

#include "cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static inline void cache_check(const struct wick_cache *cache)
{
	uint32_t resident = 0;

	assert_true(cache->used <= cache->capacity);
	for (uint32_t row = 0; row < cache->used; row++) {
		assert_true(cache->key_of_slot[row] < cache->keys);
		assert_int_equal(cache->slot_of_key[cache->key_of_slot[row]], row);
	}
	for (uint32_t neuron = 0; neuron < cache->keys; neuron++)
		resident += cache->slot_of_key[neuron] != WICK_NO_SLOT;
	assert_int_equal(resident, cache->used);
}
