/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The bundle cache against a plain list of (neuron, bytes, in flight), over random operations. */

#include "cache.h"

#include "cache_check.h"
#include "mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NEURONS 97
#define CAPACITY 31
#define STRIDE 24

/* What a row should be: a free one has a tag of 0. */
struct expected {
	uint32_t neuron;
	uint64_t tag; /* its bytes, written when it arrives */
	bool in_flight;
};

static uint64_t random_state;

/* xorshift64* */
static uint32_t pick(uint32_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 33) % below;
}

static void write_tag(struct wick_cache *cache, uint32_t row, uint64_t tag)
{
	for (unsigned i = 0; i < STRIDE / sizeof(tag); i++)
		memcpy(wick_cache_at(cache, row) + i * sizeof(tag), &tag, sizeof(tag));
}

static void compare(const struct wick_cache *cache, const struct expected *rows, uint32_t used)
{
	assert_int_equal(cache->used, used);
	cache_check(cache);
	for (uint32_t row = 0; row < used; row++) {
		assert_int_equal(cache->key_of_slot[row], rows[row].neuron);
		assert_int_equal(!!cache->in_flight[row], rows[row].in_flight);
		for (unsigned i = 0; !rows[row].in_flight && i < STRIDE / sizeof(uint64_t); i++)
			assert_memory_equal(wick_cache_at(cache, row) + i * sizeof(uint64_t), &rows[row].tag, sizeof(uint64_t));
	}
}

static uint32_t absent_neuron(const struct wick_cache *cache)
{
	uint32_t neuron = pick(NEURONS);

	while (cache->slot_of_key[neuron] != WICK_NO_SLOT)
		neuron = (neuron + 1) % NEURONS;
	return neuron;
}

/* One random operation on both. */
static void step(struct wick_cache *cache, struct expected *rows, uint32_t *used, uint64_t tag)
{
	uint32_t row = *used ? pick(*used) : 0, kind = pick(5), neuron;

	if (kind <= 1 && *used < CAPACITY) {
		neuron = absent_neuron(cache);
		assert_int_equal(wick_cache_append(cache, neuron), *used);
		rows[(*used)++] = (struct expected){ neuron, 0, true };
	} else if (kind == 2 && *used && !rows[row].in_flight) {
		neuron = absent_neuron(cache);
		wick_cache_replace(cache, row, neuron);
		rows[row] = (struct expected){ neuron, 0, true };
	} else if (kind == 3 && *used && !rows[row].in_flight) {
		bool busy = rows[*used - 1].in_flight;

		assert_int_equal(wick_cache_delete(cache, row), busy ? -EBUSY : 0);
		if (!busy)
			rows[row] = rows[--*used];
	} else if (kind == 4 && *used && rows[row].in_flight) {
		write_tag(cache, row, tag);
		cache->in_flight[row] = 0;
		rows[row].tag = tag;
		rows[row].in_flight = false;
	}
}

static void is_what_a_list_is(void **state)
{
	struct expected rows[CAPACITY];
	struct wick_cache cache;
	struct wick_mem mem;
	uint32_t used = 0;

	(void)state;
	random_state = 88172645463325252;
	assert_int_equal(wick_mem_reserve(&mem, wick_cache_bytes(NEURONS, CAPACITY, STRIDE), NULL), 0);
	wick_cache_init(&cache, NEURONS, CAPACITY, STRIDE, &mem);
	assert_int_equal(mem.used, mem.bytes);
	for (uint64_t i = 1; i <= 100000; i++) {
		step(&cache, rows, &used, i);
		compare(&cache, rows, used);
		if (i % 5000)
			continue;
		memset(cache.in_flight, 0, used);
		wick_cache_clear(&cache);
		used = 0;
		compare(&cache, rows, used);
	}
	wick_mem_release(&mem);
}

/* A full matrix has used every byte of its rows, and none beyond. */
static void fills_to_the_last_row(void **state)
{
	struct wick_cache cache;
	struct wick_mem mem;

	(void)state;
	assert_int_equal(wick_mem_reserve(&mem, wick_cache_bytes(3, 3, WICK_MEM_ALIGN), NULL), 0);
	wick_cache_init(&cache, 3, 3, WICK_MEM_ALIGN, &mem);
	for (uint32_t neuron = 0; neuron < 3; neuron++)
		memset(wick_cache_at(&cache, wick_cache_append(&cache, 2 - neuron)), neuron + 1, WICK_MEM_ALIGN);
	cache_check(&cache);
	assert_int_equal(cache.slot_of_key[0], 2);
	assert_int_equal(cache.key_of_slot[0], 2); /* the arrays lie behind the rows */
	assert_int_equal(wick_cache_at(&cache, 2)[WICK_MEM_ALIGN - 1], 3);
	wick_mem_release(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_what_a_list_is),
		cmocka_unit_test(fills_to_the_last_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
