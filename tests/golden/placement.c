/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Placement changes speed, never the answer.
 *
 * One run with everything resident, one thread and the plainest I/O is the truth; every other way to place, read and
 * compute the same model must give the same bits. It needs no expected file, and every race, wrong offset, buffer used
 * too early and row left stale breaks it. The settings have a few hundred combinations: a sample of them is tried on
 * two fixtures, one of them quantised too, and on synthetic models, in which a sweep is many units and a unit many
 * chunks; with WICK_EXHAUSTIVE=1 in the environment all of them are.
 */

#include "first_session.h"
#include "answer.h"
#include "fixture.h"
#include "synth.h"

#include "bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum memory { MEMORY_LEAST, MEMORY_MIDDLE, MEMORY_WHOLE, MEMORY_60_PERCENT, MEMORY_100_PERCENT, MEMORY_COUNT };

static const char *const memory_names[MEMORY_COUNT] = { "the least", "between", "all resident", "60%", "100%" };

struct placement {
	enum memory memory;
	const char *mode, *io;
	uint32_t queue_depth, threads;
	uint64_t chunk_bytes;
	bool buffered;
};

struct model {
	char scratch[PATH_MAX], path[PATH_MAX];
	uint32_t prompt_max; /* tokens: longer prompts are left out */
	uint32_t ctx;        /* 0: ANSWER_CTX */
	struct answer truth;
};

static const char *const modes[] = { "dense", "hybrid", "naive" };
static const char *const methods[] = { "uring", "pread" };
static const uint32_t depths[] = { 1, 8, 64 };
static const uint64_t chunks[] = { 4096, 12288, 65536, 1 << 20 };
static const uint32_t threads[] = { 1, 2 };

static bool uring; /* may be used; where it may not, the rest is tested */

static void set_memory(struct wick_options *options, enum memory memory, const char *path)
{
	uint64_t least = model_least_bytes(path, options), whole = model_whole_bytes(path, options);

	whole = WICK_MAX(least, whole);
	switch (memory) {
	case MEMORY_LEAST:
		options->memory.bytes = least;
		return;
	case MEMORY_MIDDLE:
		options->memory.bytes = least + (whole - least) * 6 / 10;
		return;
	case MEMORY_WHOLE:
		options->memory.bytes = whole;
		return;
	case MEMORY_60_PERCENT:
		options->memory.percent = 60;
		return;
	default:
		options->memory.percent = 100;
	}
}

static uint32_t ctx_of(const struct model *model)
{
	return model->ctx ? model->ctx : ANSWER_CTX;
}

static void answer_as_placed(struct answer *answer, const struct model *model, const struct placement *p)
{
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;
	int code;

	wick_options_init(&options);
	options.ctx = ctx_of(model);
	options.all_logits = true;
	options.mode = p->mode;
	options.io = p->io;
	options.queue_depth = p->queue_depth;
	options.threads = p->threads;
	options.chunk_bytes = p->chunk_bytes;
	options.buffered = p->buffered;
	set_memory(&options, p->memory, model->path);
	wick = model_open(model->path, &options);
	assert_string_equal(wick_report_of(wick)->mode, p->mode);
	assert_string_equal(wick_report_of(wick)->io, p->io);
	code = answer_take(answer, wick, model->prompt_max, &diag);
	if (code)
		fail_msg("%d, %s", code, diag.text);
	wick_close(wick);
}

static void check_placement(const struct model *model, const struct placement *p)
{
	struct answer answer;
	int64_t row;

	if (!uring && !strcmp(p->io, "uring"))
		return;
	answer_as_placed(&answer, model, p);
	row = answer_differs(&answer, &model->truth);
	if (row >= 0)
		fail_msg("%s, memory %s, %s%s, depth %u, chunks of %llu, %u threads: other bits in row %lld of %llu",
			p->mode, memory_names[p->memory], p->io, p->buffered ? " buffered" : "", p->queue_depth,
			(unsigned long long)p->chunk_bytes, p->threads, (long long)row,
			(unsigned long long)answer.rows);
	answer_free(&answer);
}

static const struct placement plainest = { .memory = MEMORY_WHOLE, .mode = "dense", .io = "pread", .queue_depth = 1,
	.threads = 1, .chunk_bytes = 1 << 20 };

static void prepare(struct model *model, const char *folder, const char *type)
{
	path_join(model->path, model->scratch, "model.gguf");
	model_pack(folder, model->path, type);
	answer_as_placed(&model->truth, model, &plainest);
}

static int close_model(void **state)
{
	struct model *model = *state;

	answer_free(&model->truth);
	scratch_remove(model->scratch);
	free(model);
	return 0;
}

static int open_fixture_as(void **state, const char *type)
{
	const char *name = *state;
	struct model *model = calloc(1, sizeof(*model));
	char folder[PATH_MAX];

	assert_non_null(model);
	*state = model;
	model->prompt_max = 300;
	fixture_folder(folder, name);
	scratch_make(model->scratch);
	prepare(model, folder, type);
	return 0;
}

static int open_fixture(void **state)
{
	return open_fixture_as(state, "f16");
}

static int open_q8_0(void **state)
{
	return open_fixture_as(state, "q8_0");
}

static int open_q4_0(void **state)
{
	return open_fixture_as(state, "q4_0");
}

/* A stock file, or the first of its parts, where it lies. */
static int open_stock(void **state)
{
	const char *name = *state;
	struct model *model = calloc(1, sizeof(*model));
	char folder[PATH_MAX], fixture[64];

	assert_non_null(model);
	*state = model;
	model->prompt_max = 33;
	model->ctx = 64;
	scratch_make(model->scratch);
	snprintf(fixture, sizeof(fixture), "stock/%s", name);
	fixture_folder(folder, fixture);
	path_join(model->path, folder, strstr(name, "split") ? "model-00001-of-00004.gguf" : "model.gguf");
	answer_as_placed(&model->truth, model, &plainest);
	return 0;
}

static int open_synthetic(void **state, const struct synth_shape *shape, const char *type, uint32_t prompt_max)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	*state = model;
	model->prompt_max = prompt_max;
	model->ctx = shape->ctx;
	scratch_make(model->scratch);
	synth_checkpoint(model->scratch, shape);
	prepare(model, model->scratch, type);
	return 0;
}

/* FFNs of bundles with gates, random weights. */
static int open_gated(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	*state = model;
	model->prompt_max = 33;
	scratch_make(model->scratch);
	prepare(model, "synthetic:llama-small", "f16");
	return 0;
}

static int open_7_mb(void **state)
{
	static const struct synth_shape shape = { .layers = 4, .d_model = 256, .heads = 4, .ffn = 1024, .vocab = 512,
		.ctx = ANSWER_CTX };

	return open_synthetic(state, &shape, "bf16", 33);
}

/* The same in four bits: units and chunks whose rows do not divide a block of the drive. */
static int open_2_mb(void **state)
{
	static const struct synth_shape shape = { .layers = 4, .d_model = 288, .heads = 4, .ffn = 1024, .vocab = 512,
		.ctx = ANSWER_CTX };

	return open_synthetic(state, &shape, "q4_0", 33);
}

static int open_38_mb(void **state)
{
	static const struct synth_shape shape = { .layers = 6, .d_model = 512, .heads = 8, .ffn = 2048, .vocab = 512,
		.ctx = ANSWER_CTX };

	return open_synthetic(state, &shape, "bf16", 33);
}

/* For prompts longer than any batch. */
static int open_long(void **state)
{
	static const struct synth_shape shape = { .layers = 2, .d_model = 64, .heads = 2, .ffn = 256, .vocab = 300,
		.ctx = ANSWER_CTX_LONG };

	return open_synthetic(state, &shape, "bf16", 600);
}

/* The i-th of all combinations; false beyond the last. */
static bool nth_placement(unsigned i, struct placement *p)
{
	memset(p, 0, sizeof(*p));
	p->memory = (enum memory)(i % 3);
	i /= 3;
	p->mode = modes[i % WICK_COUNT_OF(modes)];
	i /= WICK_COUNT_OF(modes);
	p->io = methods[i % WICK_COUNT_OF(methods)];
	i /= WICK_COUNT_OF(methods);
	p->queue_depth = depths[i % WICK_COUNT_OF(depths)];
	i /= WICK_COUNT_OF(depths);
	p->threads = threads[i % WICK_COUNT_OF(threads)];
	i /= WICK_COUNT_OF(threads);
	p->chunk_bytes = chunks[i % WICK_COUNT_OF(chunks)];
	return i < WICK_COUNT_OF(chunks);
}

/* Of all combinations; fewer under a sanitizer, which looks for other things than bits that differ. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STEP 53
#define STEP_LARGE 89
#else
#define STEP 17
#define STEP_LARGE 29
#endif

/* Every `step`-th of them; a step without a factor in common with any dimension meets each value with each other. */
static void sample(const struct model *model, unsigned step)
{
	struct placement p;
	unsigned tried = 0;

	if (getenv("WICK_EXHAUSTIVE"))
		step = 1;
	for (unsigned i = 0; nth_placement(i, &p); i += step, tried++)
		check_placement(model, &p);
	print_message("  %u placements\n", tried);
}

static void any_combination(void **state)
{
	sample(*state, STEP);
}

static void any_combination_of_many_chunks(void **state)
{
	sample(*state, STEP_LARGE);
}

/* Budgets as people give them, on a model that is large beside the process. */
static void a_share_of_the_model(void **state)
{
	for (unsigned m = 0; m < WICK_COUNT_OF(modes); m++) {
		struct placement p = { .memory = MEMORY_60_PERCENT, .mode = modes[m], .io = "uring", .queue_depth = 32,
			.threads = 2, .chunk_bytes = 1 << 20 };

		check_placement(*state, &p);
		p.memory = MEMORY_100_PERCENT;
		p.io = "pread";
		p.threads = 1;
		check_placement(*state, &p);
	}
}

static void through_the_page_cache(void **state)
{
	for (unsigned m = 0; m < WICK_COUNT_OF(modes); m++)
		for (unsigned i = 0; i < WICK_COUNT_OF(methods); i++) {
			struct placement p = { .memory = MEMORY_LEAST, .mode = modes[m], .io = methods[i],
				.queue_depth = 8, .threads = 2, .chunk_bytes = 65536, .buffered = true };

			check_placement(*state, &p);
		}
}

/* Asking for the logits of every position does not change those of the last. */
static void without_all_logits(void **state)
{
	const struct model *model = *state;
	struct wick_options options;
	struct wick *wick;
	uint32_t ids[40], vocab = model->truth.vocab;
	float *last = malloc(vocab * sizeof(float));

	assert_non_null(last);
	for (uint32_t i = 0; i < 40; i++)
		ids[i] = (i * 37 + 11) % vocab;
	wick_options_init(&options);
	options.mode = "dense";
	for (int all = 0; all < 2; all++) {
		options.all_logits = all;
		wick = model_open(model->path, &options);
		assert_int_equal(wick_session_eval(session_of(wick), ids, 40, NULL, NULL, NULL), 0);
		if (!all)
			memcpy(last, wick_session_logits(session_of(wick)), vocab * sizeof(float));
		assert_memory_equal(last, wick_session_logits(session_of(wick)), vocab * sizeof(float));
		wick_close(wick);
	}
	free(last);
}

/* A row's bits are those of its own tokens: not of how many were computed with it, nor of where its prompt was cut. */
static void rows_at_once_and_cuts(void **state)
{
	const struct model *model = *state;
	struct wick_options options;

	for (unsigned m = 0; m < WICK_COUNT_OF(modes); m++) {
		struct wick *wick;

		wick_options_init(&options);
		options.ctx = ctx_of(model);
		options.all_logits = true;
		options.mode = modes[m];
		options.threads = 2;
		set_memory(&options, MEMORY_MIDDLE, model->path);
		wick = model_open(model->path, &options);
		for (unsigned c = 0; c < ANSWER_CUTS; c++) {
			struct answer answer;
			int64_t row;

			assert_int_equal(answer_take_cut(&answer, wick, model->prompt_max, &answer_cuts[c], NULL), 0);
			row = answer_differs(&answer, &model->truth);
			if (row >= 0)
				fail_msg("%s, %u tokens, then %u at a time: other bits in row %lld", modes[m],
					answer_cuts[c].first, answer_cuts[c].step, (long long)row);
			answer_free(&answer);
		}
		wick_close(wick);
	}
}

/* The same engine, used again and with other work in between, answers the same. */
static void after_a_reset(void **state)
{
	const struct model *model = *state;
	struct wick_options options;
	struct wick *wick;
	struct answer answer;

	wick_options_init(&options);
	options.ctx = ANSWER_CTX;
	options.all_logits = true;
	options.mode = "naive";
	wick = model_open(model->path, &options);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(answer_take(&answer, wick, 300, NULL), 0);
		assert_int_equal(answer_differs(&answer, &model->truth), -1);
		answer_free(&answer);
	}
	wick_close(wick);
}

#define ON_STOCK(test, name) { #test ", " name, test, open_stock, close_model, (void *)name }
#define ON_FIXTURE(test, name) { #test ", " name, test, open_fixture, close_model, (void *)name }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FIXTURE(any_combination, "sharded-f16"),
		ON_FIXTURE(any_combination, "post-norm-f16"),
		{ "any_combination, q8_0", any_combination, open_q8_0, close_model, "sharded-f16" },
		{ "any_combination, q4_0", any_combination, open_q4_0, close_model, "sharded-f16" },
		cmocka_unit_test_setup_teardown(any_combination, open_gated, close_model),
		ON_STOCK(any_combination, "llama3-bf16"),
		ON_STOCK(any_combination, "llama-split-f16"),
		ON_STOCK(any_combination, "mistral-window-f16"),
		ON_STOCK(any_combination, "qwen2-f16"),
		ON_STOCK(any_combination, "qwen3-tied-bf16"),
		ON_FIXTURE(rows_at_once_and_cuts, "sharded-f16"),
		{ "rows_at_once_and_cuts, q8_0", rows_at_once_and_cuts, open_q8_0, close_model, "sharded-f16" },
		{ "rows_at_once_and_cuts, q4_0", rows_at_once_and_cuts, open_q4_0, close_model, "sharded-f16" },
		cmocka_unit_test_setup_teardown(rows_at_once_and_cuts, open_7_mb, close_model),
		cmocka_unit_test_setup_teardown(rows_at_once_and_cuts, open_long, close_model),
		ON_FIXTURE(through_the_page_cache, "sharded-f16"),
		ON_FIXTURE(without_all_logits, "sharded-f16"),
		ON_FIXTURE(after_a_reset, "post-norm-f16"),
		cmocka_unit_test_setup_teardown(any_combination_of_many_chunks, open_7_mb, close_model),
		cmocka_unit_test_setup_teardown(any_combination_of_many_chunks, open_2_mb, close_model),
		cmocka_unit_test_setup_teardown(through_the_page_cache, open_7_mb, close_model),
		cmocka_unit_test_setup_teardown(a_share_of_the_model, open_38_mb, close_model),
	};

	uring = uring_allowed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
