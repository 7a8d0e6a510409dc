/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sampling against exact probabilities (fixtures/make_sampling.py), and draws against probability. */

#include "sample.h"

#include "mem.h"
#include "tokenizer_fixture.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define VOCAB 6
#define VOCAB_MAX 64
#define LIST_MAX 16
#define DRAWS 200000

static struct wick_mem mem;

static struct wick_sampler sampler_of(uint32_t vocab, uint64_t seed)
{
	struct wick_sampler sampler;

	mem.used = 0;
	wick_sampler_init(&sampler, vocab, &mem);
	sampler.seed = seed;
	return sampler;
}

/* A case of the fixture. */
struct case_of {
	float logits[VOCAB_MAX];
	double expected[VOCAB_MAX];
	uint32_t vocab;
	uint32_t recent[LIST_MAX];
	struct wick_logit_bias biases[LIST_MAX];
	uint8_t stops[VOCAB_MAX / 8];
	struct wick_sampling sampling;
};

static float number(const json_t *from, const char *key, float absent)
{
	const json_t *value = json_object_get(from, key);

	return value ? (float)json_number_value(value) : absent;
}

static void read_lists(struct case_of *one, const json_t *from)
{
	const json_t *recent = json_object_get(from, "recent"), *biases = json_object_get(from, "biases");
	json_t *stop;
	size_t i;

	one->sampling.recent = one->recent;
	one->sampling.recent_count = (uint32_t)json_array_size(recent);
	for (i = 0; i < json_array_size(recent); i++)
		one->recent[i] = (uint32_t)json_integer_value(json_array_get(recent, i));
	one->sampling.biases = one->biases;
	one->sampling.bias_count = (uint32_t)json_array_size(biases);
	for (i = 0; i < json_array_size(biases); i++)
		one->biases[i] = (struct wick_logit_bias){
			(uint32_t)json_integer_value(json_array_get(json_array_get(biases, i), 0)),
			(float)json_number_value(json_array_get(json_array_get(biases, i), 1)) };
	json_array_foreach(json_object_get(from, "stops"), i, stop)
		one->stops[json_integer_value(stop) / 8] |= (uint8_t)(1 << json_integer_value(stop) % 8);
}

static void read_case(struct case_of *one, const json_t *from)
{
	*one = (struct case_of){ .vocab = (uint32_t)json_array_size(json_object_get(from, "logits")) };
	assert_in_range(one->vocab, 1, VOCAB_MAX);
	for (uint32_t i = 0; i < one->vocab; i++) {
		one->logits[i] = (float)json_number_value(json_array_get(json_object_get(from, "logits"), i));
		one->expected[i] = json_number_value(json_array_get(json_object_get(from, "expected"), i));
	}
	one->sampling = (struct wick_sampling){ .temp = number(from, "temp", 1), .top_p = number(from, "top_p", 1),
		.top_k = (uint32_t)number(from, "top_k", 0), .min_p = number(from, "min_p", 0),
		.typical_p = number(from, "typical_p", 0), .repeat_penalty = number(from, "repeat_penalty", 0),
		.presence_penalty = number(from, "presence_penalty", 0),
		.frequency_penalty = number(from, "frequency_penalty", 0),
		.ignore_stops = json_is_true(json_object_get(from, "ignore_stops")) };
	read_lists(one, from);
}

static void check_case(const struct case_of *one, size_t number)
{
	struct wick_sampler sampler = sampler_of(one->vocab, 1);
	double got[VOCAB_MAX] = { 0 }, total = 0;
	uint32_t from = wick_sampler_weigh(&sampler, one->logits, &one->sampling, one->stops);

	for (uint32_t i = from; i < one->vocab; i++)
		total += sampler.candidates[i].weight;
	for (uint32_t i = from; i < one->vocab; i++)
		got[sampler.candidates[i].id] = sampler.candidates[i].weight / total;
	for (uint32_t i = 0; i < one->vocab; i++) {
		if (fabs(got[i] - one->expected[i]) > 2e-6)
			fail_msg("case %zu: token %u has probability %g, not %g", number, i, got[i], one->expected[i]);
		assert_int_equal(sampler.counts[i], 0);
	}
}

static void exact_probabilities(void **state)
{
	json_t *cases = json_load_file(fixture_path("sampling.json"), 0, NULL);

	(void)state;
	assert_true(json_array_size(cases) > 60);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		struct case_of one;

		read_case(&one, json_array_get(cases, i));
		check_case(&one, i);
	}
	json_decref(cases);
}

static uint32_t pick(struct wick_sampler *sampler, const float *logits, float temp, float top_p, uint64_t position)
{
	return wick_sampler_pick(sampler, logits, &(struct wick_sampling){ .temp = temp, .top_p = top_p }, NULL, position);
}

static void greedy_takes_the_highest_and_the_lowest_id(void **state)
{
	const float logits[VOCAB] = { 1, 7, -2, 7, 3, 0 };
	const struct wick_sampling banned = { .top_p = 1, .bias_count = 1,
		.biases = &(struct wick_logit_bias){ 1, -INFINITY } };
	struct wick_sampler sampler = sampler_of(VOCAB, 1);

	(void)state;
	assert_int_equal(pick(&sampler, logits, 0, 1, 0), 1);
	assert_int_equal(wick_sampler_pick(&sampler, logits, &banned, NULL, 0), 3);
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
	for (uint64_t i = 0; i < DRAWS; i++)
		counts[pick(&sampler, logits, 0.7f, 1, i)]++;
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
	for (uint64_t i = 0; i < DRAWS; i++)
		counts[pick(&sampler, logits, 1, 0.6f, i)]++;
	assert_int_equal(counts[0], 0);
	assert_int_equal(counts[3], 0);
	assert_true(fabs(counts[2] - 0.625 * DRAWS) < 5 * sqrt(DRAWS * 0.625 * 0.375));
}

static void tiny_nucleus_is_greedy(void **state)
{
	const float logits[VOCAB] = { 1, 2, 9, 3, 4, 5 };
	struct wick_sampler sampler = sampler_of(VOCAB, 3);

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(pick(&sampler, logits, 1, 0, i), 2);
}

/* The random number is a position's, whatever was asked for before; with another seed it is another. */
static void same_seed_and_position_same_token(void **state)
{
	const float logits[VOCAB] = { 0, 0, 0, 0, 0, 0 };
	struct wick_sampler sampler = sampler_of(VOCAB, 99), other;
	uint32_t first[50], differing = 0;

	(void)state;
	for (uint64_t i = 0; i < 50; i++)
		first[i] = pick(&sampler, logits, 1, 1, i);
	for (uint64_t i = 50; i-- > 0;)
		assert_int_equal(pick(&sampler, logits, 1, 1, i), first[i]);
	other = sampler_of(VOCAB, 100);
	for (uint64_t i = 0; i < 50; i++)
		differing += pick(&other, logits, 1, 1, i) != first[i];
	assert_true(differing > 10);
}

/* Banned tokens have no weight, and are not drawn even where rounding leaves a rest. */
static void never_what_is_banned(void **state)
{
	const float logits[VOCAB] = { 0, 0, 0, 0, 0, 0 };
	const uint8_t stops[] = { 0x3e };
	const struct wick_sampling sampling = { .temp = 1, .top_p = 1, .ignore_stops = true };
	struct wick_sampler sampler = sampler_of(VOCAB, 5);

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(wick_sampler_pick(&sampler, logits, &sampling, stops, i), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_probabilities),
		cmocka_unit_test(greedy_takes_the_highest_and_the_lowest_id),
		cmocka_unit_test(counts_follow_softmax),
		cmocka_unit_test(nucleus_is_the_smallest_set),
		cmocka_unit_test(tiny_nucleus_is_greedy),
		cmocka_unit_test(same_seed_and_position_same_token),
		cmocka_unit_test(never_what_is_banned),
	};


	if (wick_mem_reserve(&mem, 1 << 20, NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
