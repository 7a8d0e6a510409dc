/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* In sparse mode too, placement changes speed, never the answer. Two truths need no expected file: when every neuron is
 * chosen, sparse mode is dense mode, bit for bit; and for any other choice one run with everything resident, one thread
 * and the plainest I/O is what every other way to place, read and compute must repeat. The choices are traces, for which
 * prompts come token by token, predictors that packing made, and predictors of a file of their own. */

#include "answer.h"
#include "fixture.h"
#include "predictors.h"
#include "synth.h"

#include "bits.h"
#include "model.h"
#include "trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wick/instruments.h>

#define TOKENS 47 /* of a trace; a prime, so that no other cycle hides what goes wrong */

enum memory { MEMORY_LEAST, MEMORY_LITTLE, MEMORY_MIDDLE, MEMORY_WHOLE, MEMORY_COUNT };

static const char *const memory_names[MEMORY_COUNT] = { "the least", "a little more", "between", "all resident" };

struct placement {
	enum memory memory;
	const char *io, *policy;
	uint32_t window, lookahead, bridge, overlap, bundled, queue_depth, threads;
	uint64_t chunk_bytes;
	bool buffered;
	const struct answer_cut *cut; /* NULL: prompts in one piece */
};

struct model {
	char scratch[PATH_MAX], path[PATH_MAX], trace[PATH_MAX], all[PATH_MAX];
	uint32_t prompt_max;
	struct answer truth;
};

/* Of all combinations: fewer under a sanitizer, which looks for other things than bits that differ. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SAMPLE_STEP 863
#else
#define SAMPLE_STEP 97
#endif

static const char *const methods[] = { "uring", "pread" };
static const char *const policies[] = { NULL, "window", "decay" };
static const uint32_t windows[] = { 0, 3 };
static const uint32_t depths[] = { 1, 32 };
static const uint64_t chunks[] = { 4096, 65536, 1 << 20 };
static const uint32_t threads[] = { 1, 2, 3 };

static bool uring;

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state >> 32) * limit >> 32);
}

/* A layer of a token: a few hot neurons, a run of neighbours and a sprinkle, in share_percent of all; of the next layer
 * some are guessed, rightly or not. Now and then none at all. */
static uint32_t make_active(uint32_t *ids, uint32_t n_ff, uint32_t percent, uint64_t *state)
{
	uint32_t run = random_below(state, n_ff), count = 0;

	if (percent < 100 && !random_below(state, 13))
		return 0;
	for (uint32_t i = 0; i < n_ff; i++)
		if (percent == 100 || i % 31 == 5 || (i >= run && i < run + 9) || random_below(state, 100) < percent)
			ids[count++] = i;
	return count;
}

static void write_trace(const char *path, uint32_t layers, uint32_t n_ff, uint32_t percent)
{
	struct wick_trace_shape shape = { .layers = layers, .n_ff = n_ff, .lookahead = true };
	uint32_t *ids = calloc(n_ff, sizeof(*ids)), *likely = calloc(n_ff, sizeof(*likely));
	float *probability = calloc(n_ff, sizeof(*probability));
	struct wick_trace_writer *writer;
	uint64_t state = 88172645463325252u;
	struct wick_diag diag;

	assert_int_equal(wick_trace_create(&writer, path, &shape, &diag), 0);
	for (uint32_t token = 0; token < TOKENS; token++)
		for (uint32_t layer = 0; layer < layers; layer++) {
			uint64_t ahead = state;
			uint32_t count = make_active(ids, n_ff, percent, &ahead), likely_count = 0;

			for (uint32_t i = 0; i < n_ff && layer; i += 1 + random_below(&state, 7)) {
				likely[likely_count] = count && i % 3 ? ids[i % count] : i;
				probability[likely_count] = 0.9f - 0.8f * (float)likely_count / (float)n_ff;
				for (uint32_t k = 0; k < likely_count; k++)
					if (likely[k] == likely[likely_count])
						likely_count--; /* it is there already */
				likely_count++;
			}
			assert_int_equal(wick_trace_add(writer, layer, ids, count, likely, probability, likely_count,
				&diag), 0);
			state = ahead;
		}
	assert_int_equal(wick_trace_commit(writer, &diag), 0);
	free(ids);
	free(likely);
	free(probability);
}

static void set_memory(struct wick_options *options, enum memory memory, const char *path)
{
	uint64_t least = model_least_bytes(path, options), whole = model_whole_bytes(path, options);

	whole = WICK_MAX(least, whole);
	options->memory.bytes = memory == MEMORY_WHOLE ? whole
		: memory == MEMORY_MIDDLE              ? least + (whole - least) * 7 / 10
		: memory == MEMORY_LITTLE              ? least + (whole - least) / 5
						       : least;
}

/* trace NULL: predictors choose. */
static void answer_as_placed(struct answer *answer, const struct model *model, const struct placement *p, const char *mode,
	const char *trace)
{
	const struct wick_instruments off = { .size = sizeof(off), .no_bridge = !p->bridge, .no_overlap = !p->overlap,
		.no_bundles = !p->bundled };
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;
	int code;

	wick_options_init(&options);
	options.ctx = ANSWER_CTX;
	options.all_logits = true;
	options.mode = mode;
	options.trace = trace;
	options.io = p->io;
	options.policy = p->policy;
	options.window = p->window;
	options.lookahead = p->lookahead;
	options.instruments = &off;
	options.queue_depth = p->queue_depth;
	options.threads = p->threads;
	options.chunk_bytes = p->chunk_bytes;
	options.buffered = p->buffered;
	set_memory(&options, p->memory, model->path);
	wick = model_open(model->path, &options);
	assert_string_equal(wick_report_of(wick)->mode, options.mode);
	code = answer_take_cut(answer, wick, model->prompt_max, p->cut, &diag);
	if (code)
		fail_msg("%d, %s", code, diag.text);
	wick_close(wick);
}

static void check_placement(const struct model *model, const struct placement *p, const char *trace)
{
	struct answer answer;
	int64_t row;

	if (!uring && !strcmp(p->io, "uring"))
		return;
	answer_as_placed(&answer, model, p, "sparse", trace);
	row = answer_differs(&answer, &model->truth);
	if (row >= 0)
		fail_msg("%u tokens, then %u at a time, memory %s, %s%s, policy %s, window %u, lookahead %u, bridge %u, overlap %u, bundled %u, depth %u, chunks of "
			"%llu, %u threads: "
			"other bits in row %lld of %llu", p->cut ? p->cut->first : ANSWER_CTX, p->cut ? p->cut->step : 0,
			memory_names[p->memory], p->io, p->buffered ? " buffered" : "",
			p->policy ? p->policy : "default", p->window, p->lookahead, p->bridge, p->overlap,
			p->bundled, p->queue_depth,
			(unsigned long long)p->chunk_bytes, p->threads, (long long)row,
			(unsigned long long)answer.rows);
	answer_free(&answer);
}

static const struct placement plainest = { .memory = MEMORY_WHOLE, .io = "pread", .queue_depth = 1, .threads = 1,
	.chunk_bytes = 1 << 20, .bundled = 1 };

static int open_model(void **state, const struct synth_shape *shape, uint32_t percent)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	*state = model;
	model->prompt_max = 31;
	scratch_make(model->scratch);
	synth_checkpoint(model->scratch, shape);
	path_join(model->path, model->scratch, "model.gguf");
	path_join(model->trace, model->scratch, "some.trace");
	model_pack(model->scratch, model->path, "bf16");
	write_trace(model->trace, shape->layers, shape->ffn, percent);
	return 0;
}

/* Random weights in the shape of another family, packed from nothing. */
static int open_family(void **state, const char *source, uint32_t percent)
{
	struct model *model = calloc(1, sizeof(*model));
	struct wick_model *opened;

	assert_non_null(model);
	*state = model;
	model->prompt_max = 31;
	scratch_make(model->scratch);
	path_join(model->path, model->scratch, "model.gguf");
	path_join(model->trace, model->scratch, "some.trace");
	model_pack(source, model->path, "f16");
	assert_int_equal(wick_model_open(&opened, model->path, NULL), 0);
	write_trace(model->trace, opened->shape.layers, opened->shape.n_ff, percent);
	wick_model_close(opened);
	return 0;
}

/* Neurons with a gate. */
static int open_gated(void **state)
{
	return open_family(state, "synthetic:llama-small", 6);
}

static int open_gated_trained(void **state)
{
	int rc = open_gated(state);

	predictors_write(((struct model *)*state)->path);
	return rc;
}

/* Attention and FFN side by side. */
static int open_parallel(void **state)
{
	return open_family(state, "synthetic:falcon-small", 6);
}

static const struct synth_shape small = { .layers = 4, .d_model = 256, .heads = 4, .ffn = 1024, .vocab = 512,
	.ctx = ANSWER_CTX };

static int open_all(void **state)
{
	return open_model(state, &small, 100);
}

static int open_some(void **state)
{
	return open_model(state, &small, 6);
}

static int open_half(void **state)
{
	return open_model(state, &small, 50);
}

static int open_trained(void **state)
{
	int rc = open_model(state, &small, 6);

	predictors_write(((struct model *)*state)->path);
	return rc;
}

static int close_model(void **state)
{
	struct model *model = *state;

	answer_free(&model->truth);
	scratch_remove(model->scratch);
	free(model);
	return 0;
}

/* The i-th of all combinations; false beyond the last. */
static bool nth_placement(unsigned i, struct placement *p)
{
	memset(p, 0, sizeof(*p));
	p->memory = (enum memory)(i % MEMORY_COUNT);
	i /= MEMORY_COUNT;
	p->policy = policies[i % WICK_COUNT_OF(policies)];
	i /= WICK_COUNT_OF(policies);
	p->window = windows[i % WICK_COUNT_OF(windows)];
	i /= WICK_COUNT_OF(windows);
	p->io = methods[i % WICK_COUNT_OF(methods)];
	i /= WICK_COUNT_OF(methods);
	p->queue_depth = depths[i % WICK_COUNT_OF(depths)];
	i /= WICK_COUNT_OF(depths);
	p->threads = threads[i % WICK_COUNT_OF(threads)];
	i /= WICK_COUNT_OF(threads);
	p->chunk_bytes = chunks[i % WICK_COUNT_OF(chunks)];
	i /= WICK_COUNT_OF(chunks);
	p->lookahead = i % 2;
	p->bridge = p->overlap = p->bundled = 1;
	if (p->window)
		p->policy = "window";
	return i < 2;
}

/* Every `step`-th of them; a step without a factor in common with any dimension meets each value with each other. */
static void sample(const struct model *model, const char *trace, unsigned step)
{
	struct placement p;
	unsigned tried = 0;

	if (getenv("WICK_EXHAUSTIVE"))
		step = 1;
	for (unsigned i = 0; nth_placement(i, &p); i += step, tried++)
		check_placement(model, &p, trace);
	print_message("  %u placements\n", tried);
}

/* Prompts shorter than GEMM's batches: their dense arithmetic is that of one token after the other. */
static void all_chosen_is_dense(void **state)
{
	struct model *model = *state;

	answer_as_placed(&model->truth, model, &plainest, "dense", NULL);
	sample(model, model->trace, SAMPLE_STEP);
}

static void any_combination(void **state)
{
	struct model *model = *state;

	answer_as_placed(&model->truth, model, &plainest, "sparse", model->trace);
	sample(model, model->trace, SAMPLE_STEP);
}

/* What bench switches off changes no answer either. */
static void for_measuring(void **state)
{
	struct model *model = *state;
	struct placement p = { .memory = MEMORY_LITTLE, .io = uring ? "uring" : "pread", .queue_depth = 32, .threads = 2,
		.chunk_bytes = 65536 };

	answer_as_placed(&model->truth, model, &plainest, "sparse", model->trace);
	for (uint32_t i = 0; i < 8; i++) {
		p.bridge = i & 1;
		p.overlap = i >> 1 & 1;
		p.bundled = i >> 2;
		p.lookahead = (i ^ i >> 1) & 1;
		check_placement(model, &p, model->trace);
	}
}

/* Some rows at once are drawn for, many are swept; that is no matter of bits. */
static void rows_at_once_and_cuts(void **state)
{
	struct model *model = *state;
	struct placement p = { .memory = MEMORY_MIDDLE, .io = "pread", .queue_depth = 8, .threads = 2, .chunk_bytes = 65536,
		.bundled = 1 };

	model->prompt_max = 300;
	answer_as_placed(&model->truth, model, &plainest, "sparse", NULL);
	for (unsigned c = 0; c < ANSWER_CUTS; c++) {
		p.cut = &answer_cuts[c];
		check_placement(model, &p, NULL);
	}
}

/* Prompts of all lengths, the long ones by a sweep with a mask, which leaves neurons in memory for the tokens that follow. */
static void predicted(void **state)
{
	struct model *model = *state;

	model->prompt_max = 300;
	answer_as_placed(&model->truth, model, &plainest, "sparse", NULL);
	sample(model, NULL, SAMPLE_STEP);
}

static void predicted_is_not_dense(void **state)
{
	struct model *model = *state;
	struct answer dense;

	model->prompt_max = 300;
	answer_as_placed(&model->truth, model, &plainest, "sparse", NULL);
	answer_as_placed(&dense, model, &plainest, "dense", NULL);
	assert_int_not_equal(answer_differs(&dense, &model->truth), -1);
	answer_free(&dense);
}

/* What was drawn ahead, in the last of the answers taken so. */
static struct wick_stats look_ahead(const struct model *model, const char *trace, uint32_t lookahead, const char *chosen_by)
{
	struct wick_options options;
	struct wick_stats stats;
	struct answer answer;
	struct wick *wick;

	wick_options_init(&options);
	options.ctx = ANSWER_CTX;
	options.all_logits = true;
	options.mode = "sparse";
	options.trace = trace;
	options.lookahead = lookahead;
	set_memory(&options, MEMORY_LITTLE, model->path);
	wick = model_open(model->path, &options);
	assert_string_equal(wick_report_of(wick)->predictors, chosen_by);
	assert_int_equal(answer_take(&answer, wick, 31, NULL), 0);
	wick_stats(wick, &stats);
	assert_int_equal(wick_report_of(wick)->lookahead, !*wick_report_of(wick)->lookahead_why);
	assert_int_equal(wick_report_of(wick)->lookahead, stats.bundles_prefetched > 0);
	answer_free(&answer);
	wick_close(wick);
	return stats;
}

static uint64_t drawn_ahead(const struct model *model, const char *trace, uint32_t lookahead, const char *chosen_by)
{
	return look_ahead(model, trace, lookahead, chosen_by).bundles_prefetched;
}

/* Where all neurons fire no guess is wrong, in however many rounds they are computed. */
static void no_guess_is_wasted(void **state)
{
	struct model *model = *state;
	struct wick_stats stats = look_ahead(model, model->trace, 1, "trace");

	assert_int_not_equal(stats.bundles_prefetched, 0);
	assert_int_equal(stats.bundles_wasted, 0);
}

static void the_report_says_who_chooses(void **state)
{
	struct model *model = *state;

	assert_int_equal(drawn_ahead(model, NULL, 1, "packed"), 0);
	assert_int_not_equal(drawn_ahead(model, model->trace, 1, "trace"), 0);
	predictors_write(model->path);
	assert_int_not_equal(drawn_ahead(model, NULL, 1, "trained"), 0);
	assert_int_equal(drawn_ahead(model, NULL, 0, "trained"), 0);
	assert_int_not_equal(drawn_ahead(model, model->trace, 1, "trace"), 0);
}

/* Otherwise the tests with a file of predictors might be those without. */
static void trained_is_not_packed(void **state)
{
	struct model *model = *state;
	struct answer packed;

	answer_as_placed(&packed, model, &plainest, "sparse", NULL);
	predictors_write(model->path);
	answer_as_placed(&model->truth, model, &plainest, "sparse", NULL);
	assert_int_not_equal(answer_differs(&packed, &model->truth), -1);
	answer_free(&packed);
}

static struct wick_plan plan_of(const struct model *model)
{
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick_plan plan;

	wick_options_init(&options);
	options.ctx = ANSWER_CTX;
	options.mode = "sparse";
	set_memory(&options, MEMORY_MIDDLE, model->path);
	if (wick_plan(model->path, &options, &plan, &diag))
		fail_msg("%s", diag.text);
	assert_true(plan.total_bytes <= plan.budget_bytes);
	return plan;
}

/* Otherwise any_combination would not meet caches of several sizes. */
static void caches_are_as_large_as_neurons_fire(void **state)
{
	struct model *model = *state;
	struct wick_plan plan = plan_of(model);

	assert_false(plan.cache_rows_by_firing);
	assert_int_equal(plan.cache_rows_least, plan.cache_rows_most);
	predictors_write(model->path);
	plan = plan_of(model);
	assert_true(plan.cache_rows_by_firing);
	assert_true(plan.cache_rows_least < plan.cache_rows_most);
}

/* Otherwise any_combination would compare dense with dense. */
static void some_chosen_is_not_dense(void **state)
{
	struct model *model = *state;
	struct answer dense;

	answer_as_placed(&model->truth, model, &plainest, "sparse", model->trace);
	answer_as_placed(&dense, model, &plainest, "dense", NULL);
	assert_int_not_equal(answer_differs(&dense, &model->truth), -1);
	answer_free(&dense);
}

#define ON(open, test) { #test ", " #open, test, open, close_model, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(open_all, all_chosen_is_dense),
		ON(open_some, some_chosen_is_not_dense),
		ON(open_some, any_combination),
		ON(open_half, any_combination),
		ON(open_some, for_measuring),
		ON(open_some, predicted_is_not_dense),
		ON(open_some, predicted),
		ON(open_some, rows_at_once_and_cuts),
		ON(open_trained, predicted_is_not_dense),
		ON(open_trained, predicted),
		ON(open_some, trained_is_not_packed),
		ON(open_some, caches_are_as_large_as_neurons_fire),
		ON(open_some, the_report_says_who_chooses),
		ON(open_all, no_guess_is_wasted),
		ON(open_gated, any_combination),
		ON(open_gated_trained, predicted),
		ON(open_gated, the_report_says_who_chooses),
		ON(open_parallel, any_combination),
		ON(open_parallel, predicted),
	};

	uring = uring_allowed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
