/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "expert_run.h"

#include "first_session.h"
#include "fixture.h"

#include "engine.h"
#include "routing.h"
#include "trace.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

struct expert_run run;

void expert_model_backdate(void)
{
	static const struct timespec long_ago[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, run.model, long_ago, 0), 0);
}

static void keep(void *user, uint32_t position, const float *logits)
{
	memcpy((float *)user + (size_t)position * EXPERT_VOCAB, logits, EXPERT_VOCAB * sizeof(float));
}

uint32_t expert_id(uint32_t position)
{
	return position * 37 % 256;
}

int expert_eval(struct wick *wick, uint32_t prompt, float *logits, struct wick_diag *diag)
{
	uint32_t ids[EXPERT_TOKENS];
	int err;

	for (uint32_t i = 0; i < EXPERT_TOKENS; i++)
		ids[i] = expert_id(i);
	err = wick_session_eval(session_of(wick), ids, prompt, keep, logits, diag);
	for (uint32_t i = prompt; !err && i < EXPERT_TOKENS; i++)
		err = wick_session_eval(session_of(wick), &ids[i], 1, keep, logits, diag);
	return err;
}

struct wick_options expert_options(uint64_t budget_bytes)
{
	struct wick_options options;

	wick_options_init(&options);
	options.all_logits = true;
	options.threads = 2;
	options.ctx = EXPERT_TOKENS;
	options.memory.bytes = budget_bytes;
	return options;
}

static void find_truth(void)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct wick *wick = model_open(run.model, &options);

	run.logits = calloc(1, EXPERT_LOGITS_BYTES);
	assert_non_null(run.logits);
	assert_int_equal(wick_plan_of(wick)->expert_slots, 0);
	assert_int_equal(expert_eval(wick, 20, run.logits, NULL), 0);
	wick_close(wick);
}

static int make_model(void **state)
{
	(void)state;
	scratch_make(run.scratch);
	path_join(run.model, run.scratch, "model.gguf");
	expert_model_write(run.model, run.family, NULL);
	expert_model_backdate();
	find_truth();
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	scratch_remove(run.scratch);
	free(run.logits);
	return 0;
}

void expert_make_routing(uint32_t experts, struct wick_routing *routing)
{
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = experts, .chosen = EXPERT_CHOSEN, .tokens = 40,
		.preset = wick_routing_number(wick_routing_preset("olmoe")), .synthesis.seed = 3 };
	struct wick_trace *trace;

	path_join(run.routing_path, run.scratch, "routing.trace");
	assert_int_equal(wick_routing_write(run.routing_path, &shape, 0, NULL, NULL, NULL), 0);
	assert_int_equal(wick_trace_open(&trace, run.routing_path, NULL), 0);
	assert_int_equal(wick_routing_load(routing, trace, NULL), 0);
	wick_trace_close(trace);
}

void expert_find_downs(uint64_t at[EXPERT_COUNT])
{
	struct wick_model *opened;

	assert_int_equal(wick_model_open(&opened, run.model, NULL), 0);
	for (uint32_t expert = 0; expert < EXPERT_COUNT; expert++)
		at[expert] = wick_tensor_place(wick_expert_tensor(opened, EXPERT_LAYERS - 1, WICK_PART_DOWN), expert * EXPERT_D_MODEL).offset;
	wick_model_close(opened);
}

int expert_run_tests(const struct CMUnitTest *tests, size_t count)
{
	int failed = 0;

	for (run.family = expert_families; run.family->name; run.family++) {
		print_message("%s, layout %d\n", run.family->name, run.family->layout);
		failed += _cmocka_run_group_tests(run.family->name, tests, count, make_model, remove_model);
	}
	return failed;
}
