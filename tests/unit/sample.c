/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sampling against what probability says: counts of many draws, the nucleus, ties. */

#include "sample.h"

#include "mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define VOCAB 6
#define DRAWS 200000

static struct wick_mem mem;

static struct wick_sampler sampler_of(uint32_t vocab, uint64_t seed)
{
	struct wick_sampler sampler;

	mem.used = 0;
	wick_sampler_init(&sampler, vocab, &mem);
	wick_sampler_seed(&sampler, seed);
	return sampler;
}

static void greedy_takes_the_highest_and_the_lowest_id(void **state)
{
	const float logits[VOCAB] = { 1, 7, -2, 7, 3, 0 };
	struct wick_sampler sampler = sampler_of(VOCAB, 1);

	(void)state;
	assert_int_equal(wick_sampler_pick(&sampler, logits, 0, 1), 1);
}

/* Draws follow softmax(logits / temp): within five standard deviations of the binomial for each token. */
static void counts_follow_softmax(void **state)
{
	const float logits[VOCAB] = { 0.0f, 1.0f, -1.0f, 2.0f, 0.5f, -3.0f };
	struct wick_sampler sampler = sampler_of(VOCAB, 42);
	uint32_t counts[VOCAB] = { 0 };
	double total = 0;

	(void)state;
	for (int i = 0; i < VOCAB; i++)
		total += exp(logits[i] / 0.7);
	for (int i = 0; i < DRAWS; i++)
		counts[wick_sampler_pick(&sampler, logits, 0.7f, 1)]++;
	for (int i = 0; i < VOCAB; i++) {
		double p = exp(logits[i] / 0.7) / total;

		assert_true(fabs(counts[i] - p * DRAWS) < 5 * sqrt(DRAWS * p * (1 - p)));
	}
}

/* Probabilities 0.5, 0.3, 0.15, 0.05: the smallest set that reaches 0.6 is the first two, at 5 to 3. */
static void nucleus_is_the_smallest_set(void **state)
{
	const float logits[4] = { logf(0.05f), logf(0.3f), logf(0.5f), logf(0.15f) };
	struct wick_sampler sampler = sampler_of(4, 7);
	uint32_t counts[4] = { 0 };

	(void)state;
	for (int i = 0; i < DRAWS; i++)
		counts[wick_sampler_pick(&sampler, logits, 1, 0.6f)]++;
	assert_int_equal(counts[0], 0);
	assert_int_equal(counts[3], 0);
	assert_true(fabs(counts[2] - 0.625 * DRAWS) < 5 * sqrt(DRAWS * 0.625 * 0.375));
}

static void tiny_nucleus_is_greedy(void **state)
{
	const float logits[VOCAB] = { 1, 2, 9, 3, 4, 5 };
	struct wick_sampler sampler = sampler_of(VOCAB, 3);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(wick_sampler_pick(&sampler, logits, 1, 0), 2);
}

static void same_seed_same_tokens(void **state)
{
	const float logits[VOCAB] = { 0, 0, 0, 0, 0, 0 };
	struct wick_sampler sampler = sampler_of(VOCAB, 99);
	uint32_t first[50], differing = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		first[i] = wick_sampler_pick(&sampler, logits, 1, 1);
	wick_sampler_seed(&sampler, 99);
	for (int i = 0; i < 50; i++)
		assert_int_equal(wick_sampler_pick(&sampler, logits, 1, 1), first[i]);
	wick_sampler_seed(&sampler, 100);
	for (int i = 0; i < 50; i++)
		differing += wick_sampler_pick(&sampler, logits, 1, 1) != first[i];
	assert_true(differing > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greedy_takes_the_highest_and_the_lowest_id),
		cmocka_unit_test(counts_follow_softmax),
		cmocka_unit_test(nucleus_is_the_smallest_set),
		cmocka_unit_test(tiny_nucleus_is_greedy),
		cmocka_unit_test(same_seed_same_tokens),
	};

	if (wick_mem_reserve(&mem, 1 << 20, NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
