/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts by a trace: a replay reads as many as its rehearsal says, wherever they are; what routers choose can be recorded and
 * replayed; a plan foresees the hits; and a trace of another model is refused. */

#include "expert_run.h"
#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "engine.h"
#include "rehearse_experts.h"
#include "watch.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PROMPT_MOST 4
#define SLOTS_FOR_ALL_OF_A_PROMPT 18 /* what its tokens use, in all layers */

/* Replayed, the experts are those of the trace, from its beginning again behind its end; the bits do not depend on where
 * they are, and of those that are computed as many are read as the rehearsal of the same policy says. */
static void replayed(void **state)
{
	static const char *const policies[] = { "nextuse", "lru", "decay", "stale" };
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	size_t bytes = EXPERT_LOGITS_BYTES;
	float *whole = malloc(bytes), *logits = malloc(bytes);
	uint32_t missing[EXPERT_LAYERS * (EXPERT_CHOSEN + 1)];
	struct wick_routing routing, longer;
	struct wick_stats stats;
	struct wick *wick;

	(void)state;
	expert_make_routing(EXPERT_COUNT, &routing);
	options.trace = run.routing_path;
	wick = model_open(run.model, &options);
	assert_int_equal(expert_eval(wick, 20, whole, NULL), 0);
	assert_memory_not_equal(whole, run.logits, bytes);
	wick_close(wick);
	longer = routing;
	longer.ids = malloc(sizeof(*routing.ids) * EXPERT_TOKENS * EXPERT_LAYERS * EXPERT_CHOSEN);
	longer.tokens = EXPERT_TOKENS;
	for (uint32_t i = 0; i < EXPERT_TOKENS * EXPERT_LAYERS; i++)
		memcpy(longer.ids + i * EXPERT_CHOSEN, wick_routing_at(&routing, i / EXPERT_LAYERS, i % EXPERT_LAYERS), EXPERT_CHOSEN * sizeof(*longer.ids));
	for (size_t p = 0; p < WICK_COUNT_OF(policies); p++) {
		struct wick_expert_rehearsal rehearsal = { .routing = &longer, .policy = wick_policy_find(policies[p]) };

		options.policy = policies[p];
		options.memory.bytes = model_least_bytes(run.model, &options) + 1300000;
		wick = model_open(run.model, &options);
		assert_int_equal(expert_eval(wick, 1, logits, NULL), 0);
		assert_memory_equal(whole, logits, bytes);
		wick_stats(wick, &stats);
		rehearsal.capacity = wick_plan_of(wick)->expert_slots;
		rehearsal.model = wick->model;
		assert_int_equal(wick_rehearse_experts(&rehearsal, missing, NULL), 0);
		wick_close(wick);
		assert_int_equal(stats.experts_active, EXPERT_TOKENS * EXPERT_LAYERS * EXPERT_CHOSEN);
		print_message("  %s: %u slots, %llu of %llu experts read\n", policies[p], rehearsal.capacity,
			(unsigned long long)stats.experts_read, (unsigned long long)stats.experts_active);
		assert_true(fabs(1 - (double)stats.experts_read / (double)stats.experts_active - wick_rehearsed_hits(&longer, missing)) <
			1e-9);
	}
	free(longer.ids);
	wick_routing_free(&routing);
	free(whole);
	free(logits);
}

static uint64_t reads_with_prompt(const struct wick_options *options, uint32_t prompt, float *logits)
{
	struct wick *wick = model_open(run.model, options);
	struct wick_stats stats;

	assert_true(wick_plan_of(wick)->expert_slots >= SLOTS_FOR_ALL_OF_A_PROMPT);
	assert_int_equal(expert_eval(wick, prompt, logits, NULL), 0);
	wick_stats(wick, &stats);
	wick_close(wick);
	return stats.experts_read;
}

/* A prompt of which nothing is evicted leaves the policy as its tokens would have, one by one: after it the same experts go, and as many
 * are read. Not of stale, for which all experts that a token used in a layer are worth the same: there the order of slots decides. */
static void a_prompt_is_learned_row_by_row(void **state)
{
	static const char *const policies[] = { "nextuse", "lru", "decay" };
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	float *logits = malloc(EXPERT_LOGITS_BYTES);
	struct wick_routing routing;

	(void)state;
	assert_non_null(logits);
	expert_make_routing(EXPERT_COUNT, &routing);
	wick_routing_free(&routing);
	options.trace = run.routing_path;
	for (size_t p = 0; p < WICK_COUNT_OF(policies); p++) {
		uint64_t one_by_one;

		options.policy = policies[p];
		options.memory.bytes = model_least_bytes(run.model, &options) + 2400000;
		one_by_one = reads_with_prompt(&options, 1, logits);
		for (uint32_t prompt = 2; prompt <= PROMPT_MOST; prompt++)
			assert_int_equal(reads_with_prompt(&options, prompt, logits), one_by_one);
	}
	free(logits);
}

/* By the trace that is replayed a plan foresees the hits of the run; by a preset it says which. */
static void foreseen(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	size_t bytes = EXPERT_LOGITS_BYTES;
	float *logits = malloc(bytes);
	struct wick_routing routing;
	struct wick_diag diag = { 0 };
	struct wick_stats stats;
	struct wick_plan plan;
	struct wick *wick;

	(void)state;
	expert_make_routing(EXPERT_COUNT, &routing);
	wick_routing_free(&routing);
	options.memory.bytes = model_least_bytes(run.model, &options) + 1300000;
	options.trace = run.routing_path;
	assert_int_equal(wick_plan(run.model, &options, &plan, NULL), 0);
	wick = model_open(run.model, &options);
	assert_int_equal(expert_eval(wick, 20, logits, NULL), 0);
	wick_session_reset(session_of(wick));
	wick_stats_reset(wick);
	assert_int_equal(expert_eval(wick, 1, logits, NULL), 0);
	wick_stats(wick, &stats);
	wick_close(wick);
	print_message("  foreseen: %.3f, found: %.3f\n", plan.predicted_hit_share,
		1 - (double)stats.experts_read / (double)stats.experts_active);
	assert_true(fabs(plan.predicted_hit_share + (double)stats.experts_read / (double)stats.experts_active - 1) < 0.05);
	assert_true(fabs(plan.predicted_experts_read - (1 - plan.predicted_hit_share) * EXPERT_LAYERS * EXPERT_CHOSEN) < 1e-9);
	assert_non_null(strstr(plan.firing, "those of the trace"));
	options.trace = NULL;
	options.routing = "uniform";
	assert_int_equal(wick_plan(run.model, &options, &plan, NULL), 0);
	assert_non_null(strstr(plan.firing, "preset uniform"));
	assert_true(fabs(plan.predicted_hit_share - (double)plan.expert_slots / (EXPERT_LAYERS * EXPERT_COUNT)) < 0.06);
	options.routing = "none";
	assert_int_equal(wick_plan(run.model, &options, &plan, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "there is no such preset"));
	free(logits);
}

static void note_routed(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen)
{
	struct wick_routing *routing = user;

	assert_int_equal(chosen, EXPERT_CHOSEN);
	for (uint32_t i = 0; i < m * chosen; i++)
		routing->ids[(((size_t)position + i / chosen) * EXPERT_LAYERS + layer) * EXPERT_CHOSEN + i % chosen] = (uint16_t)ids[i];
}

/* What routers choose, recorded in a batch and replayed, gives what they gave. */
static void recorded(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	size_t bytes = EXPERT_LOGITS_BYTES;
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = EXPERT_COUNT, .chosen = EXPERT_CHOSEN };
	uint16_t ids[EXPERT_TOKENS * EXPERT_LAYERS * EXPERT_CHOSEN];
	struct wick_routing routing = { .ids = ids };
	const struct wick_watch watch = { .user = &routing, .routed = note_routed };
	float *logits = malloc(bytes);
	struct wick_trace_writer *writer;
	struct wick *wick;

	(void)state;
	wick = model_open(run.model, &options);
	wick_watch(wick, &watch);
	assert_int_equal(expert_eval(wick, 20, logits, NULL), 0);
	wick_close(wick);
	assert_memory_equal(run.logits, logits, bytes);
	assert_int_equal(wick_trace_create(&writer, run.routing_path, &shape, NULL), 0);
	for (uint32_t i = 0; i < EXPERT_TOKENS * EXPERT_LAYERS; i++) {
		uint32_t chosen[EXPERT_CHOSEN];

		for (uint32_t k = 0; k < EXPERT_CHOSEN; k++)
			chosen[k] = ids[i * EXPERT_CHOSEN + k];
		assert_int_equal(wick_trace_add(writer, i % EXPERT_LAYERS, chosen, EXPERT_CHOSEN, NULL, NULL, 0, NULL), 0);
	}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	options.trace = run.routing_path;
	wick = model_open(run.model, &options);
	memset(logits, 0, bytes);
	assert_int_equal(expert_eval(wick, 20, logits, NULL), 0);
	wick_close(wick);
	assert_memory_equal(run.logits, logits, bytes);
	free(logits);
}

static void traces_of_another_model(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = EXPERT_COUNT, .chosen = EXPERT_CHOSEN, .model_crc = 12345 };
	const uint32_t ids[EXPERT_CHOSEN] = { 0, 1, 2 };
	struct wick_trace_writer *writer;
	struct wick_routing routing;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	(void)state;
	options.trace = run.routing_path;
	expert_make_routing(EXPERT_COUNT + 1, &routing);
	wick_routing_free(&routing);
	assert_int_equal(wick_open(&wick, run.model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "is of a model of 3 layers with 3 of 17 experts a token, not of 3 with 3 of 16"));
	assert_int_equal(wick_trace_create(&writer, run.routing_path, &shape, NULL), 0);
	for (uint32_t l = 0; l < EXPERT_LAYERS; l++)
		assert_int_equal(wick_trace_add(writer, l, ids, EXPERT_CHOSEN, NULL, NULL, 0, NULL), 0);
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	assert_int_equal(wick_open(&wick, run.model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "was recorded from another model"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replayed),
		cmocka_unit_test(recorded),
		cmocka_unit_test(a_prompt_is_learned_row_by_row),
		cmocka_unit_test(foreseen),
		cmocka_unit_test(traces_of_another_model),
	};

	return expert_run_tests(tests, WICK_COUNT_OF(tests));
}
