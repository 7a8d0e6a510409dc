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
		assert_true(cache->neuron_of_row[row] < cache->neurons);
		assert_int_equal(cache->row_of_neuron[cache->neuron_of_row[row]], row);
	}
	for (uint32_t neuron = 0; neuron < cache->neurons; neuron++)
		resident += cache->row_of_neuron[neuron] != WICK_NO_ROW;
	assert_int_equal(resident, cache->used);
}
