/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts from flash: random models of several families, whose experts are large beside everything else of them. The bits
 * are those of a run with all experts in memory, whatever the budget, policy, threads, depth and way of reading.
 * Company, traces, reading ahead and what is refused have files of their own. */

#include "expert_run.h"
#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "engine.h"
#include "gguf.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wick/instruments.h>

static float stacked[EXPERT_TOKENS * EXPERT_VOCAB]; /* logits of the model before, of which this one may be in another layout */

static void all_in_memory(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct wick *wick = model_open(run.model, &options);
	float *logits = malloc(EXPERT_LOGITS_BYTES);
	struct wick_stats stats;

	(void)state;
	assert_int_equal(wick_plan_of(wick)->expert_slots, 0);
	assert_true(wick_plan_of(wick)->cycle_bytes == expert_cycle_bytes(run.family));
	assert_int_equal(expert_eval(wick, 20, logits, NULL), 0);
	wick_stats(wick, &stats);
	assert_int_equal(stats.experts_read, 0);
	assert_true(stats.experts_active >= (EXPERT_TOKENS - 20) * EXPERT_LAYERS * EXPERT_CHOSEN);
	wick_close(wick);
	if (strcmp(run.family->name, "smallthinker"))
		assert_int_equal(stats.expert_gates, 0);
	else /* random gates are symmetric */
		assert_true(stats.expert_gates >= stats.experts_active * run.family->n_ff &&
			fabs((double)stats.expert_zeros / (double)stats.expert_gates - 0.5) < 0.1);
	if (run.family->layout != EXPERTS_STACKED)
		assert_memory_equal(stacked, logits, EXPERT_LOGITS_BYTES);
	memcpy(stacked, logits, EXPERT_LOGITS_BYTES);
	free(logits);
}

static const struct {
	double share; /* of the way from the smallest budget to the largest */
	const char *mode, *policy, *io;
	uint32_t threads, depth, prompt;
	uint64_t chunk_bytes;
} ways[] = {
	{ 0, "dense", NULL, NULL, 2, 0, 20, 0 }, { 0, "dense", "decay", "pread", 1, 1, 33, 4096 },
	{ 0.05, "dense", "lru", NULL, 3, 4, 1, 0 }, { 0.2, "dense", "decay", "mmap", 2, 0, 60, 8192 },
	{ 0.4, "dense", "stale", "pread", 2, 64, 47, 0 }, { 0.7, "dense", "nextuse", NULL, 1, 2, 20, 0 },
	{ 0.95, "dense", "lru", NULL, 2, 0, 5, 0 }, { 0.5, "hybrid", NULL, NULL, 2, 0, 20, 0 },
	{ 0.5, "naive", NULL, NULL, 2, 0, 31, 0 },
};

static void check_way(size_t i, float *logits)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	uint64_t least, whole = model_whole_bytes(run.model, &options);
	struct wick_diag diag = { 0 };
	struct wick_stats stats;
	struct wick *wick;

	options.mode = ways[i].mode;
	options.policy = ways[i].policy;
	options.io = ways[i].io;
	options.threads = ways[i].threads;
	options.queue_depth = ways[i].depth;
	options.chunk_bytes = ways[i].chunk_bytes;
	least = model_least_bytes(run.model, &options);
	options.memory.bytes = least + (uint64_t)(ways[i].share * (double)(whole - least));
	wick = model_open(run.model, &options);
	if (expert_eval(wick, ways[i].prompt, logits, &diag))
		fail_msg("way %zu: %s", i, diag.text);
	wick_stats(wick, &stats);
	print_message("  %s: %u slots, %llu of %llu experts read\n", ways[i].mode, wick_plan_of(wick)->expert_slots,
		(unsigned long long)stats.experts_read, (unsigned long long)stats.experts_active);
	assert_true(wick_plan_of(wick)->expert_slots >= EXPERT_CHOSEN && wick_plan_of(wick)->expert_slots < EXPERT_LAYERS * EXPERT_COUNT);
	assert_true(stats.experts_read > 0 && stats.experts_read <= stats.experts_active);
	if (ways[i].share > 0.9)
		assert_true(stats.experts_read * 3 < stats.experts_active);
	wick_close(wick);
}

static void wherever_they_are(void **state)
{
	size_t bytes = EXPERT_LOGITS_BYTES;
	float *logits = malloc(bytes);

	(void)state;
	assert_non_null(logits);
	for (size_t i = 0; i < WICK_COUNT_OF(ways); i++) {
		memset(logits, 0, bytes);
		check_way(i, logits);
		assert_memory_equal(run.logits, logits, bytes);
	}
	free(logits);
}

/* Where layer 1's experts are smaller, they have a third of the slots, and smaller ones. */
static void slots_are_of_two_sizes(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	uint64_t least, whole = model_whole_bytes(run.model, &options);
	const struct wick_expert_classes *classes;
	struct wick *wick;

	(void)state;
	if (!run.family->layer_1_down)
		return;
	least = model_least_bytes(run.model, &options);
	options.memory.bytes = least + (whole - least) / 2;
	wick = model_open(run.model, &options);
	classes = &wick->forward.expert_cache.classes;
	assert_int_equal(classes->count, 2);
	assert_int_equal(classes->at[0].slots, wick_plan_of(wick)->expert_slots / 3);
	assert_int_equal(classes->at[0].slots + classes->at[1].slots, wick_plan_of(wick)->expert_slots);
	assert_true(classes->at[0].slot_bytes + expert_part_bytes(run.family) / 2 == classes->at[1].slot_bytes);
	wick_close(wick);
}

#define BAD_ID (EXPERT_VOCAB - 1)
#define BAD_COLUMN 5
#define BAD_SIZE 1000 /* beside which the other numbers of a row, and what attention adds, are nothing */

static float *numbers_of(uint8_t *file, const struct wick_gguf *gguf, const char *name)
{
	const struct wick_gguf_tensor *tensor = wick_gguf_tensor(gguf, name);

	return tensor ? (float *)(void *)(file + tensor->offset) : NULL;
}

/* A token whose row has one large number, which a norm makes the root of d_model, 8, and others less than 6 of; and a router whose
 * product with that is more than a float holds. */
static void write_bad_stock(const char *path, const char *from)
{
	static const char *const norms[] = { "blk.0.ffn_norm.weight", "blk.0.post_attention_norm.weight" };
	struct wick_gguf *gguf;
	uint64_t bytes;
	uint8_t *file = file_read(from, &bytes);
	float *row;

	assert_int_equal(wick_gguf_open(&gguf, from, NULL), 0);
	row = numbers_of(file, gguf, "token_embd.weight") + BAD_ID * EXPERT_D_MODEL;
	memset(row, 0, EXPERT_D_MODEL * sizeof(*row));
	row[BAD_COLUMN] = BAD_SIZE;
	for (size_t i = 0; i < WICK_COUNT_OF(norms); i++)
		if (numbers_of(file, gguf, norms[i]))
			numbers_of(file, gguf, norms[i])[BAD_COLUMN] = 1;
	numbers_of(file, gguf, "blk.0.ffn_gate_inp.weight")[BAD_COLUMN] = FLT_MAX / 6;
	wick_gguf_close(gguf);
	file_write(path, file, bytes);
	free(file);
}

static void write_bad(const char *path)
{
	char stock[PATH_MAX], from[PATH_MAX];

	if (run.family->layout != EXPERTS_PACKED) {
		write_bad_stock(path, run.model);
		return;
	}
	path_join(stock, run.scratch, "bad.stock");
	path_join(from, run.scratch, "model.gguf.stock");
	write_bad_stock(stock, from);
	model_pack(stock, path, NULL);
}

/* 20 tokens of each, among those of the second the bad one, and then without it. */
static void check_bad(struct wick *wick, struct wick_session **sessions, float *alone)
{
	struct wick_row rows[40];
	struct wick_diag diag = { 0 };

	for (uint32_t i = 0; i < 40; i++)
		rows[i] = (struct wick_row){ .session = sessions[i % 2], .position = i / 2, .id = i == 23 ? BAD_ID : expert_id(i / 2),
			.want = i / 2 == 19 };
	assert_int_equal(wick_eval_rows(wick, rows, 40, &diag), -ERANGE);
	if (!strstr(diag.text, "layer 0: what its router makes of the token at position 11 is not finite"))
		fail_msg("\"%s\"", diag.text);
	assert_int_equal(wick_session_position(sessions[0]), 20);
	assert_int_equal(wick_session_position(sessions[1]), 0);
	assert_null(wick_session_logits(sessions[1]));
	assert_memory_equal(wick_session_logits(sessions[0]), alone, EXPERT_VOCAB * sizeof(float));
	rows[23].id = expert_id(11);
	for (uint32_t i = 0; i < 20; i++)
		rows[i] = rows[2 * i + 1];
	assert_int_equal(wick_eval_rows(wick, rows, 20, NULL), 0);
	assert_memory_equal(wick_session_logits(sessions[1]), alone, EXPERT_VOCAB * sizeof(float));
}

/* What a router cannot make numbers of is an error of its session, and changes no bit of another's. */
static void a_row_that_cannot_be_routed(void **state)
{
	float alone[EXPERT_VOCAB];
	char path[PATH_MAX];

	(void)state;
	path_join(path, run.scratch, "bad.gguf");
	write_bad(path);
	for (uint32_t way = 0; way < 3; way++) {
		struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
		struct wick_session *sessions[2];
		struct wick *wick;

		options.sessions = 2;
		if (way)
			options.memory.bytes = model_least_bytes(path, &options) + (way - 1) * 1000000;
		wick = model_open(path, &options);
		for (int s = 0; s < 2; s++)
			sessions[s] = session_new(wick);
		if (!way) {
			for (uint32_t i = 0; i < 20; i++)
				assert_int_equal(wick_session_eval(sessions[0], (uint32_t[]){ expert_id(i) }, 1, NULL, NULL, NULL), 0);
			memcpy(alone, wick_session_logits(sessions[0]), sizeof(alone));
			wick_session_reset(sessions[0]);
		}
		check_bad(wick, sessions, alone);
		wick_close(wick);
	}
}

/* Switched off, or on, the parts of reading change no bit; a token after forgetting reads all that it chooses. */
static void by_parts(void **state)
{
	const struct wick_instruments instruments[] = { { .size = sizeof(*instruments) },
		{ .size = sizeof(*instruments), .no_gate_first = true }, { .size = sizeof(*instruments), .no_overlap = true },
		{ .size = sizeof(*instruments), .no_overlap = true, .no_gate_first = true } };
	const uint64_t expert_bytes = 3ull * expert_part_bytes(run.family);
	const uint64_t smaller = run.family->layer_1_down ? expert_part_bytes(run.family) / 2 : 0; /* of layer 1 */
	size_t bytes = EXPERT_LOGITS_BYTES;
	float *logits = malloc(bytes);
	uint32_t id = expert_id(0);

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(instruments); i++) {
		struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
		struct wick_stats stats;
		struct wick *wick;

		options.instruments = &instruments[i];
		options.queue_depth = 1 + (uint32_t)i;
		options.memory.bytes = model_least_bytes(run.model, &options) + 1000000;
		wick = model_open(run.model, &options);
		assert_int_equal(expert_eval(wick, i % 2 ? 20 : 1, logits, NULL), 0);
		assert_memory_equal(run.logits, logits, bytes);
		wick_stats(wick, &stats);
		assert_true(stats.experts_read && stats.experts_read < stats.experts_active);
		assert_in_range(stats.expert_bytes, stats.experts_read * (expert_bytes - smaller), stats.experts_read * expert_bytes);
		assert_int_equal(stats.dependent_floor_ns, 0);
		wick_forget(wick);
		wick_session_reset(session_of(wick));
		wick_stats_reset(wick);
		assert_int_equal(wick_session_eval(session_of(wick), &id, 1, NULL, NULL, NULL), 0);
		wick_stats(wick, &stats);
		assert_int_equal(stats.experts_active, EXPERT_LAYERS * EXPERT_CHOSEN);
		assert_int_equal(stats.experts_read, EXPERT_LAYERS * EXPERT_CHOSEN);
		assert_memory_equal(run.logits, wick_session_logits(session_of(wick)), EXPERT_VOCAB * sizeof(float));
		wick_close(wick);
	}
	free(logits);
}

#define LONG_PROMPT 256 /* all of the context: some eight strips a layer */

static void eval_long(struct wick *wick, float *logits)
{
	uint32_t ids[LONG_PROMPT];

	for (uint32_t i = 0; i < LONG_PROMPT; i++)
		ids[i] = expert_id(i * i);
	assert_int_equal(wick_session_eval(session_of(wick), ids, LONG_PROMPT, NULL, NULL, NULL), 0);
	memcpy(logits, wick_session_logits(session_of(wick)), EXPERT_VOCAB * sizeof(*logits));
}

/* Strip after strip of a layer, whether there is room for one at a time, for one and the next or for all; then each expert is read
 * once. */
static void long_prompts(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	float truth[EXPERT_VOCAB], logits[EXPERT_VOCAB];
	uint64_t whole, least;
	struct wick *wick;

	(void)state;
	options.ctx = LONG_PROMPT;
	whole = model_whole_bytes(run.model, &options);
	least = model_least_bytes(run.model, &options);
	wick = model_open(run.model, &options);
	eval_long(wick, truth);
	wick_close(wick);
	for (unsigned tenths = 0; tenths < 10; tenths += 3) {
		struct wick_stats stats;

		options.memory.bytes = least + (whole - least) * tenths / 10;
		options.queue_depth = 1 + 7 * tenths;
		wick = model_open(run.model, &options);
		eval_long(wick, logits);
		wick_stats(wick, &stats);
		wick_close(wick);
		assert_memory_equal(truth, logits, sizeof(truth));
		assert_true(stats.experts_read > 0);
		if (tenths > 3)
			assert_true(stats.experts_read <= EXPERT_LAYERS * EXPERT_COUNT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_in_memory),
		cmocka_unit_test(wherever_they_are),
		cmocka_unit_test(slots_are_of_two_sizes),
		cmocka_unit_test(a_row_that_cannot_be_routed),
		cmocka_unit_test(by_parts),
		cmocka_unit_test(long_prompts),
	};

	return expert_run_tests(tests, WICK_COUNT_OF(tests));
}
