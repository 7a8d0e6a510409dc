/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A router's choice and its weights, against values from plain Python in double: scores sorted by (-score, index), the
 * first k, their ids ascending. */

#include "route.h"

#include "bits.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EXPERTS 8

static const float outputs[EXPERTS] = { 0.5f, -1.25f, 2, 2, 0.75f, -3, 1.5f, 2 };
static const float biases[EXPERTS] = { 0, 0.9f, -0.5f, 0, 0.1f, 1, 0, -0.9f };

static const struct {
	uint32_t chosen;
	enum wick_router router;
	bool norm;
	float scale;
	bool biased;
	uint32_t ids[EXPERTS];
	double weights[EXPERTS];
} cases[] = {
	{ 3, WICK_ROUTER_SOFTMAX, true, 1, false, { 2, 3, 7 }, { 1 / 3.0, 1 / 3.0, 1 / 3.0 } },
	{ 3, WICK_ROUTER_SOFTMAX, false, 1, false, { 2, 3, 7 }, { 0.24028770483762343, 0.24028770483762343, 0.24028770483762343 } },
	{ 4, WICK_ROUTER_SOFTMAX, false, 2.5f, false, { 2, 3, 6, 7 },
		{ 0.6007192620940586, 0.6007192620940586, 0.36435465033999576, 0.6007192620940586 } },
	{ 2, WICK_ROUTER_SOFTMAX, true, 1, false, { 2, 3 }, { 0.5, 0.5 } }, /* three are equal: those in front */
	{ 3, WICK_ROUTER_SIGMOID, true, 1.8f, false, { 2, 3, 7 }, { 0.6, 0.6, 0.6 } },
	{ 3, WICK_ROUTER_SIGMOID, false, 1, false, { 2, 3, 7 }, { 0.8807970779778823, 0.8807970779778823, 0.8807970779778823 } },
	{ 5, WICK_ROUTER_SOFTMAX_CHOSEN, false, 1, false, { 2, 3, 4, 6, 7 },
		{ 0.256868967969877, 0.256868967969877, 0.07359419148789628, 0.15579890460247278, 0.256868967969877 } },
	{ 4, WICK_ROUTER_SIGMOID, true, 2.5f, true, { 1, 3, 5, 6 },
		{ 0.28283009165475703, 1.1186159093018748, 0.060231053866292954, 1.0383229451770752 } },
	{ 8, WICK_ROUTER_SIGMOID, false, 1, false, { 0, 1, 2, 3, 4, 5, 6, 7 },
		{ 0.6224593312018546, 0.22270013882530884, 0.8807970779778823, 0.8807970779778823, 0.679178699175393,
			0.04742587317756678, 0.8175744761936437, 0.8807970779778823 } },
};

static void as_plain_python(void **state)
{
	(void)state;
	for (size_t c = 0; c < WICK_COUNT_OF(cases); c++) {
		struct wick_expert_facts facts = { .count = EXPERTS, .chosen = cases[c].chosen, .router = cases[c].router,
			.norm_weights = cases[c].norm, .scale = cases[c].scale };
		float z[EXPERTS], weights[EXPERTS];
		uint32_t ids[EXPERTS];

		memcpy(z, outputs, sizeof(z));
		assert_true(wick_route(&facts, z, cases[c].biased ? biases : NULL, NULL, ids, weights));
		for (uint32_t i = 0; i < facts.chosen; i++) {
			if (ids[i] != cases[c].ids[i])
				fail_msg("case %zu: id %u is %u, not %u", c, i, ids[i], cases[c].ids[i]);
			if (!(fabs((double)weights[i] - cases[c].weights[i]) < 3e-7))
				fail_msg("case %zu: weight %u is %.9g, not %.9g", c, i, (double)weights[i], cases[c].weights[i]);
		}
	}
}

/* The best alone, best first: (-score, index) again. */
static void best_first(void **state)
{
	static const struct {
		enum wick_router router;
		bool biased;
		uint32_t ids[4];
	} orders[] = {
		{ WICK_ROUTER_SOFTMAX, false, { 2, 3, 7, 6 } }, { WICK_ROUTER_SIGMOID, true, { 1, 5, 3, 6 } },
		{ WICK_ROUTER_SOFTMAX_CHOSEN, true, { 3, 2, 6, 7 } },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(orders); i++) {
		struct wick_expert_facts facts = { .count = EXPERTS, .chosen = 2, .router = orders[i].router };
		float z[EXPERTS];
		uint32_t ids[4];

		memcpy(z, outputs, sizeof(z));
		assert_true(wick_route_best(&facts, z, orders[i].biased ? biases : NULL, ids, 4));
		assert_memory_equal(ids, orders[i].ids, sizeof(ids));
	}
}

/* All below 0, as a kernel elsewhere got wrong. */
static void below_zero(void **state)
{
	struct wick_expert_facts facts = { .count = 4, .chosen = 2, .router = WICK_ROUTER_SOFTMAX, .norm_weights = true,
		.scale = 1 };
	float z[] = { -9, -8, -7, -8.5f }, weights[2];
	uint32_t ids[2];

	(void)state;
	assert_true(wick_route(&facts, z, NULL, NULL, ids, weights));
	assert_int_equal(ids[0], 1);
	assert_int_equal(ids[1], 2);
	assert_true(fabs((double)weights[0] - 0.2689414213699951) < 1e-7);
}

/* Experts that are given have the weights that the router gives them. */
static void given(void **state)
{
	struct wick_expert_facts facts = { .count = 4, .chosen = 2, .router = WICK_ROUTER_SOFTMAX, .scale = 1 };
	float z[] = { 0, 0.6931471805599453f, 0, 1.0986122886681098f }, weights[2]; /* shares of 1, 2, 1 and 3 of 7 */
	const uint16_t these[] = { 0, 1 };
	uint32_t ids[2];

	(void)state;
	assert_true(wick_route(&facts, z, NULL, these, ids, weights));
	assert_int_equal(ids[0], 0);
	assert_int_equal(ids[1], 1);
	assert_true(fabs((double)weights[0] - 1 / 7.0) < 1e-7 && fabs((double)weights[1] - 2 / 7.0) < 1e-7);
}

static void not_finite(void **state)
{
	struct wick_expert_facts facts = { .count = 4, .chosen = 2, .scale = 1 };
	const float bad[] = { NAN, INFINITY, -INFINITY };
	float weights[2];
	uint32_t ids[2];

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(bad); i++) {
		float z[] = { 1, 2, 3, bad[i] };

		assert_false(wick_route(&facts, z, NULL, NULL, ids, weights));
	}
}

/* Pairs by expert, in the order of rows. */
static void by_expert(void **state)
{
	const uint32_t ids[] = { 1, 5, 0, 5, 1, 2 };
	const float weights[] = { 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f };
	const uint32_t want_ids[] = { 0, 1, 2, 5 }, want_first[] = { 0, 1, 3, 4, 6 }, want_rows[] = { 1, 0, 2, 2, 0, 1 };
	const float want_weights[] = { 0.3f, 0.1f, 0.5f, 0.6f, 0.2f, 0.4f };
	uint32_t got_ids[7], got_first[7], got_rows[6], at[7];
	float got_weights[6];
	struct wick_chosen chosen = { .ids = got_ids, .first = got_first, .rows = got_rows, .weights = got_weights };

	(void)state;
	wick_chosen_make(&chosen, 6, ids, weights, 3, 2, at);
	assert_int_equal(chosen.count, 4);
	assert_memory_equal(got_ids, want_ids, sizeof(want_ids));
	assert_memory_equal(got_first, want_first, sizeof(want_first));
	assert_memory_equal(got_rows, want_rows, sizeof(want_rows));
	assert_memory_equal(got_weights, want_weights, sizeof(want_weights));
}

/* A row that is given up is in no expert's list. */
static void by_expert_without_a_row(void **state)
{
	const uint32_t ids[] = { 1, 5, WICK_UNROUTED, WICK_UNROUTED, 1, 2 };
	const float weights[] = { 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f };
	const uint32_t want_ids[] = { 1, 2, 5 }, want_first[] = { 0, 2, 3, 4 }, want_rows[] = { 0, 2, 2, 0 };
	uint32_t got_ids[7], got_first[7], got_rows[6], at[7];
	float got_weights[6];
	struct wick_chosen chosen = { .ids = got_ids, .first = got_first, .rows = got_rows, .weights = got_weights };

	(void)state;
	wick_chosen_make(&chosen, 6, ids, weights, 3, 2, at);
	assert_int_equal(chosen.count, 3);
	assert_memory_equal(got_ids, want_ids, sizeof(want_ids));
	assert_memory_equal(got_first, want_first, sizeof(want_first));
	assert_memory_equal(got_rows, want_rows, sizeof(want_rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_plain_python), cmocka_unit_test(best_first),
		cmocka_unit_test(below_zero),
		cmocka_unit_test(given), cmocka_unit_test(not_finite),
		cmocka_unit_test(by_expert), cmocka_unit_test(by_expert_without_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
