/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* An order found is the one that was hidden: neurons of groups that fire together, shuffled, come out as groups; what is
 * hot is in front, what never fires is behind. */

#include "order.h"

#include "bits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 101 /* a prime: i -> i * 7 % N is a shuffle */
#define TOKENS 1000
#define WORDS 16
#define HOT 4
#define GROUPS 12
#define GROUP 7 /* neurons of a group; HOT + GROUPS * GROUP = 88, the other 13 never fire */

static uint64_t fired[N][WORDS];
static struct wick_order_left left[N];
static uint32_t order[N];

static uint32_t shuffled(uint32_t i)
{
	return i * 7 % N;
}

static void fire(uint32_t neuron, uint32_t token)
{
	fired[neuron][token / 64] |= 1ull << token % 64;
}

/* Of a stream that is always the same. */
static bool chance(uint32_t percent)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 32) % 100 < percent;
}

/* Hot ones fire for 4 of 5 tokens; a group for 1 of 10, and then each of its neurons most of the time. */
static void make_groups(void)
{
	memset(fired, 0, sizeof(fired));
	for (uint32_t t = 0; t < TOKENS; t++) {
		for (uint32_t i = 0; i < HOT; i++)
			if (chance(80))
				fire(shuffled(i), t);
		for (uint32_t g = 0; g < GROUPS; g++)
			for (uint32_t i = 0, on = chance(10); on && i < GROUP; i++)
				if (chance(90))
					fire(shuffled(HOT + g * GROUP + i), t);
	}
}

static void is_permutation(uint32_t n)
{
	bool seen[N] = { false };

	for (uint32_t i = 0; i < n; i++) {
		assert_in_range(order[i], 0, n - 1);
		assert_false(seen[order[i]]);
		seen[order[i]] = true;
	}
}

/* Which group a neuron is of; -1: hot, GROUPS: never fires. */
static int group_of(uint32_t neuron)
{
	for (uint32_t i = 0; i < N; i++)
		if (shuffled(i) == neuron)
			return i < HOT ? -1 : (int)WICK_MIN((i - HOT) / GROUP, GROUPS);
	return -2;
}

static void groups_come_out(void **state)
{
	(void)state;
	make_groups();
	assert_int_equal(wick_order_find(order, left, fired[0], N, TOKENS, NULL, NULL), 0);
	is_permutation(N);
	for (uint32_t i = 0; i < HOT; i++)
		assert_int_equal(group_of(order[i]), -1);
	for (uint32_t g = 0; g < GROUPS; g++)
		for (uint32_t i = 1; i < GROUP; i++) {
			uint32_t at = HOT + g * GROUP;

			assert_int_equal(group_of(order[at + i]), group_of(order[at]));
		}
	for (uint32_t i = HOT + GROUPS * GROUP; i < N; i++)
		assert_int_equal(group_of(order[i]), GROUPS);
	for (uint32_t i = HOT + GROUPS * GROUP + 1; i < N; i++)
		assert_true(order[i] > order[i - 1]);
}

/* A path by hand: 3 fires most (but is not hot) and begins; 1 fires with it twice, 0 once; 2 fires alone, before 4, which
 * never does. */
static void by_hand(void **state)
{
	static const uint8_t bits[5] = { 0x24, 0x18, 0x80, 0x1e, 0x00 };
	static const uint32_t wanted[5] = { 3, 1, 0, 2, 4 };
	uint64_t rows[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		rows[i] = bits[i];
	assert_int_equal(wick_order_find(order, left, rows, 5, 8, NULL, NULL), 0);
	assert_memory_equal(order, wanted, sizeof(wanted));
	rows[2] = 0xfb; /* hot */
	assert_int_equal(wick_order_find(order, left, rows, 5, 8, NULL, NULL), 0);
	assert_int_equal(order[0], 2);
	assert_int_equal(wick_order_find(order, left, rows, 1, 8, NULL, NULL), 0);
	assert_int_equal(order[0], 0);
}

static int enough(void *user)
{
	return ++*(int *)user == 1 ? -ECANCELED : 0;
}

static void can_be_ended(void **state)
{
	int ticks = 0;

	(void)state;
	make_groups();
	assert_int_equal(wick_order_find(order, left, fired[0], N, TOKENS, enough, &ticks), -ECANCELED);
	assert_int_equal(ticks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_come_out),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(can_be_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
