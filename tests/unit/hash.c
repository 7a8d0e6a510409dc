/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Hashes with a seed: what was chosen to fall into one place with one seed does not with another. */

#include "hash.h"

#include "bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include <cmocka.h>

#define PLACES 16
#define CHOSEN 4000

/* Key i as text of its own, of 1 to 20 bytes, or as a number. */
static uint64_t hash_key(uint64_t seed, unsigned i, bool as_text)
{
	char text[32];
	int count;

	if (!as_text)
		return wick_hash_number(seed, (uint64_t)i << 32 | i);
	count = snprintf(text, sizeof(text), "%.*s%x", (int)(i % 15), "aaaaaaaaaaaaaaa", i);
	return wick_hash_bytes(seed, text, (size_t)count);
}

static void another_seed_other_places(void **state)
{
	uint64_t seeds[] = { 0, 1, wick_hash_seed() };

	(void)state;
	for (unsigned test = 0; test < 2 * WICK_COUNT_OF(seeds); test++) {
		uint64_t seed = seeds[test / 2];
		unsigned chosen = 0, again = 0;

		for (unsigned i = 0; chosen < CHOSEN; i++) {
			if (hash_key(seed, i, test % 2) % PLACES)
				continue;
			chosen++;
			again += hash_key(seed + 1, i, test % 2) % PLACES == 0;
		}
		assert_in_range(again, CHOSEN / PLACES / 2, CHOSEN / PLACES * 2);
	}
}

static void seeds_differ(void **state)
{
	(void)state;
	assert_true(wick_hash_seed() != wick_hash_seed());
}

/* Only the bytes and how many there are count, wherever they lie. */
static void same_bytes_same_hash(void **state)
{
	static const char text[] = "xabcdefghijabcdefghij";

	(void)state;
	for (size_t count = 0; count <= 10; count++)
		assert_true(wick_hash_bytes(7, text + 1, count) == wick_hash_bytes(7, text + 11, count));
	assert_true(wick_hash_bytes(7, "a\0", 1) != wick_hash_bytes(7, "a\0", 2));
	assert_true(wick_hash_bytes(7, "", 0) != wick_hash_bytes(7, "\0", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_seed_other_places),
		cmocka_unit_test(seeds_differ),
		cmocka_unit_test(same_bytes_same_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
