/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Packed models of families other than OPT whose FFNs are mostly zeros (make_relu.py), in sparse mode: where every neuron is
 * chosen, or gates choose, it is dense mode, bit for bit; with their own predictors the bits do not depend on where the weights
 * are; the predictors find what fires. Such a file is whole, and a flipped bit is found. stock.c has their logits. */

#include "first_session.h"
#include "fixture.h"

#include "engine.h"
#include "model.h"
#include "trace.h"
#include "watch.h"

#include "bits.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKENS 41
#define CTX 64
#define RECALL 0.9 /* of what fires, found by the predictors that packing makes */

static const char *const fixtures[] = {
	"relullama-f16", "relullama-bias-bf16", "prosparse-f16", "bamboo-bf16", "falcon-relu-f16",
	"falcon-40b-relu-f16", "phi-relu-f16", "persimmon-f16",
};

struct subject {
	const char *fixture, *predictor;
	const char *source; /* NULL: the fixture's folder */
	char scratch[PATH_MAX], model[PATH_MAX], trace[PATH_MAX];
	uint32_t layers, n_ff, vocab, identity;
	float *truth, *logits; /* (TOKENS, vocab) */
};

/* How a run places things, and how it takes its tokens. */
struct way {
	const char *mode, *trace;
	bool least;       /* memory, and so many eighths of what is between it and all; else all that is needed */
	uint32_t eighths;
	uint32_t threads, step;
};

static void keep(void *user, uint32_t position, const float *logits)
{
	struct subject *subject = user;

	memcpy(subject->logits + (size_t)position * subject->vocab, logits, subject->vocab * sizeof(float));
}

static struct wick *open_way(const struct subject *subject, const struct way *way)
{
	struct wick_options options;

	wick_options_init(&options);
	options.all_logits = true;
	options.ctx = CTX;
	options.mode = way->mode;
	options.trace = way->trace;
	options.threads = way->threads;
	options.memory.bytes = MODEL_WHOLE_BYTES;
	if (way->least) {
		uint64_t whole = model_whole_bytes(subject->model, &options), least = model_least_bytes(subject->model, &options);

		options.memory.bytes = least + (whole - least) / 8 * way->eighths;
	}
	return model_open(subject->model, &options);
}

static void eval_all(struct subject *subject, struct wick *wick, uint32_t step)
{
	struct wick_diag diag = { 0 };
	uint32_t ids[TOKENS];

	for (uint32_t i = 0; i < TOKENS; i++)
		ids[i] = (7 + 31 * i) % 256;
	for (uint32_t i = 0; i < TOKENS; i += step)
		if (wick_session_eval(session_of(wick), ids + i, WICK_MIN(step, TOKENS - i), keep, subject, &diag))
			fail_msg("%s", diag.text);
}

static void run(struct subject *subject, const struct way *way)
{
	struct wick *wick = open_way(subject, way);

	eval_all(subject, wick, way->step);
	wick_close(wick);
}

static void be_truth(struct subject *subject, const struct way *way)
{
	run(subject, way);
	memcpy(subject->truth, subject->logits, (size_t)TOKENS * subject->vocab * sizeof(float));
}

static void expect_truth(struct subject *subject, const struct way *way)
{
	memset(subject->logits, 0, (size_t)TOKENS * subject->vocab * sizeof(float));
	run(subject, way);
	if (memcmp(subject->logits, subject->truth, (size_t)TOKENS * subject->vocab * sizeof(float)))
		fail_msg("mode %s, %s memory, %u threads, %u at a time: other bits", way->mode, way->least ? "the least" : "all",
			way->threads, way->step);
}

/* Every neuron at every token, or some of them, of this model. */
static void write_trace(const struct subject *subject, bool some)
{
	const struct wick_trace_shape shape = { .layers = subject->layers, .n_ff = subject->n_ff,
		.model_crc = some ? subject->identity : 0 };
	uint32_t *ids = calloc(subject->n_ff, sizeof(*ids));
	struct wick_trace_writer *writer;

	assert_int_equal(wick_trace_create(&writer, subject->trace, &shape, NULL), 0);
	for (uint32_t i = 0; i < TOKENS * subject->layers; i++) {
		uint32_t count = 0;

		for (uint32_t k = 0; k < subject->n_ff; k++)
			if (!some || (k * 2654435761u ^ i * 40503u) >> 7 & 1)
				ids[count++] = k;
		assert_int_equal(wick_trace_add(writer, i % subject->layers, ids, count, NULL, NULL, 0, NULL), 0);
	}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	free(ids);
}

static void all_chosen_is_dense(void **state)
{
	struct subject *subject = *state;

	write_trace(subject, false);
	be_truth(subject, &(struct way){ .mode = "dense", .threads = 1, .step = TOKENS });
	for (unsigned i = 0; i < 12; i++)
		expect_truth(subject, &(struct way){ .mode = "sparse", .trace = subject->trace, .least = i % 2,
			.threads = 1 + i / 2 % 2, .step = (const uint32_t[]){ 1, 7, TOKENS }[i / 4] });
}

static void predicted_wherever_it_is(void **state)
{
	struct subject *subject = *state;

	be_truth(subject, &(struct way){ .mode = "sparse", .threads = 1, .step = TOKENS });
	for (unsigned i = 0; i < 12; i++)
		expect_truth(subject, &(struct way){ .mode = "sparse", .least = i % 2, .threads = 1 + i / 2 % 2,
			.step = (const uint32_t[]){ 1, 7, TOKENS }[i / 4] });
}

static int begin(void **state)
{
	struct subject *subject = *state;
	struct wick_pack_options options = { 0 };
	struct wick_diag diag = { 0 };
	char folder[PATH_MAX], name[128];
	struct wick_model *model;

	snprintf(name, sizeof(name), "relu/%s/folder", subject->fixture);
	fixture_folder(folder, name);
	scratch_make(subject->scratch);
	path_join(subject->model, subject->scratch, "model.gguf");
	path_join(subject->trace, subject->scratch, "all.trace");
	options.type = strrchr(subject->fixture, '-') + 1;
	options.predictor = subject->predictor;
	if (wick_pack(subject->source ? subject->source : folder, subject->model, &options, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(wick_verify(subject->model, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(wick_model_open(&model, subject->model, NULL), 0);
	subject->layers = model->shape.layers;
	subject->n_ff = model->shape.n_ff;
	subject->vocab = model->shape.vocab;
	subject->identity = wick_model_identity(model);
	wick_model_close(model);
	subject->truth = calloc((size_t)TOKENS * subject->vocab, sizeof(float));
	subject->logits = calloc((size_t)TOKENS * subject->vocab, sizeof(float));
	return subject->truth && subject->logits ? 0 : -1;
}

static int end(void **state)
{
	struct subject *subject = *state;

	free(subject->truth);
	free(subject->logits);
	scratch_remove(subject->scratch);
	return 0;
}

/* Where gates choose nothing is missed: sparse mode is dense mode. */
static void gates_are_exact(void **state)
{
	struct subject *subject = *state;

	be_truth(subject, &(struct way){ .mode = "dense", .threads = 1, .step = TOKENS });
	for (unsigned i = 0; i < 12; i++)
		expect_truth(subject, &(struct way){ .mode = "sparse", .least = i % 2, .threads = 1 + i / 2 % 2,
			.step = (const uint32_t[]){ 1, 7, TOKENS }[i / 4] });
}

/* A model large enough for budgets that hold all gates, and not all neurons: what the first of a token's gates let through is read while the others
 * are computed. */
static void gates_go_early(void **state)
{
	struct subject *subject = *state;
	uint32_t early = 0;

	be_truth(subject, &(struct way){ .mode = "dense", .threads = 1, .step = TOKENS });
	for (uint32_t eighths = 1; eighths < 8; eighths++) {
		const struct way way = { .mode = "sparse", .least = true, .eighths = eighths, .threads = 2, .step = 1 };
		struct wick *wick = open_way(subject, &way);

		early += !wick_plan_of(wick)->swept_bytes && wick_plan_of(wick)->cache_rows;
		wick_close(wick);
		expect_truth(subject, &way);
	}
	assert_true(early); /* that case was met */
}

/* What they take is planned, and a token's time foreseen. */
static void gates_are_planned(void **state)
{
	const struct subject *subject = *state;
	struct wick_options options;
	struct wick_plan plan;

	wick_options_init(&options);
	options.ctx = CTX;
	options.memory.bytes = MODEL_WHOLE_BYTES;
	assert_int_equal(wick_plan(subject->model, &options, &plan, NULL), 0);
	assert_true(plan.gate_bytes >= (uint64_t)subject->layers * subject->n_ff * 2 && plan.gate_bytes < plan.resident_bytes);
	assert_true(plan.predictor_bytes == 0 && plan.predicted_bundles_active > 0);
}

/* Whether gates are parts of bundles or not, dense mode is the same. */
static void apart_or_not(void **state)
{
	struct subject *subject = *state;
	const struct way dense = { .mode = "dense", .threads = 2, .step = 7 };

	struct subject within = { .fixture = subject->fixture };
	void *other = &within;

	be_truth(subject, &dense);
	assert_int_equal(begin(&other), 0);
	run(&within, &dense);
	assert_memory_equal(within.logits, subject->truth, (size_t)TOKENS * subject->vocab * sizeof(float));
	assert_int_equal(end(&other), 0);
}

/* What was chosen and what fired, in a batch that computes all neurons. */
struct seen {
	bool chosen[TOKENS * 4 * 256]; /* (tokens, layers, n_ff) */
	uint32_t layers, n_ff;
	uint64_t fired, found, predicted;
};

static void see_chosen(void *user, uint32_t layer, uint32_t position, const uint32_t *ids, uint32_t count)
{
	struct seen *seen = user;

	for (uint32_t k = 0; k < count; k++)
		seen->chosen[(position * seen->layers + layer) * seen->n_ff + ids[k]] = true;
	seen->predicted += count;
}

static void see_fired(void *user, uint32_t layer, uint32_t position, uint32_t m, uint32_t first, uint32_t count,
	const float *h, size_t ldh)
{
	struct seen *seen = user;

	for (uint32_t i = 0; i < m; i++)
		for (uint32_t k = 0; k < count; k++)
			if (h[i * ldh + k] != 0) {
				seen->fired++;
				seen->found += seen->chosen[((position + i) * seen->layers + layer) * seen->n_ff + first + k];
			}
}

static void predictors_find_what_fires(void **state)
{
	struct subject *subject = *state;
	struct wick *wick = open_way(subject, &(struct way){ .mode = "sparse", .threads = 1 });
	struct seen *seen = calloc(1, sizeof(*seen));
	const struct wick_watch watch = { .user = seen, .chosen = see_chosen, .fired = see_fired };

	seen->layers = subject->layers;
	seen->n_ff = subject->n_ff;
	assert_string_equal(wick_report_of(wick)->predictors, subject->predictor ? "gate" : "packed");
	wick_watch(wick, &watch);
	eval_all(subject, wick, TOKENS);
	print_message("  %.3f of what fires is found, %.2f predicted for each\n", (double)seen->found / (double)seen->fired,
		(double)seen->predicted / (double)seen->fired);
	assert_true((double)seen->found >= RECALL * (double)seen->fired);
	assert_true(seen->predicted < (uint64_t)TOKENS * subject->layers * subject->n_ff);
	assert_true(!subject->predictor || seen->found == seen->fired);
	wick_close(wick);
	free(seen);
}

/* The predictors find what fires where it is learned from a text, and the model is the same but for the order of its sums with its
 * neurons in an order of co-activation, which takes the predictors along. */
static void trained_and_in_order(void **state)
{
	struct subject *subject = *state;
	const struct way dense = { .mode = "dense", .threads = 1, .step = TOKENS };
	struct wick_pack_options options = { .order = "coactivation", .trace = subject->trace };
	struct wick_train_options training = { .text_count = 1, .steps = 60, .threads = 2, .size.percent = 20, .ahead_size.percent = 20 };
	char text[PATH_MAX], words[16384];
	struct wick_diag diag = { 0 };
	float worst = 0, most = 0;
	char *json = NULL;
	struct wick *wick;

	for (size_t i = 0; i + 1 < sizeof(words); i++)
		words[i] = (char)('a' + i * i / 7 % 23);
	path_join(text, subject->scratch, "text");
	file_write(text, words, sizeof(words) - 1);
	training.texts = (const char *const[]){ text };
	assert_int_equal(wick_train(subject->model, &training, &json, &diag), subject->predictor ? -EINVAL : 0);
	free(json);
	be_truth(subject, &dense);
	write_trace(subject, true);
	if (wick_pack(subject->model, subject->model, &options, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(wick_verify(subject->model, NULL, NULL, NULL, NULL), 0);
	run(subject, &dense);
	for (size_t i = 0; i < (size_t)TOKENS * subject->vocab; i++) {
		worst = WICK_MAX(worst, fabsf(subject->logits[i] - subject->truth[i]));
		most = WICK_MAX(most, fabsf(subject->truth[i]));
	}
	assert_true(worst > 0 && worst < 1e-4f * most);
	wick = open_way(subject, &(struct way){ .mode = "sparse", .threads = 1 });
	assert_string_equal(wick_report_of(wick)->predictors, subject->predictor ? "gate" : "trained");
	wick_close(wick);
}

/* A bit of each block of 512 bytes, header and padding included. */
static void flipped_bits_are_found(void **state)
{
	struct subject *subject = *state;
	uint64_t bytes;
	uint8_t *data = file_read(subject->model, &bytes);

	for (uint64_t at = 24; at < bytes; at += 7 * 509) {
		struct wick_diag diag = { 0 };
		int err;

		data[at] ^= (uint8_t)(1 << at % 8);
		file_write(subject->model, data, bytes);
		err = wick_verify(subject->model, NULL, NULL, NULL, &diag);
		if (err != -EBADMSG && err != -EINVAL)
			fail_msg("a bit of byte %llu: %d, %s", (unsigned long long)at, err, diag.text);
		data[at] ^= (uint8_t)(1 << at % 8);
	}
	free(data);
}

/* Fixtures that have gates come first. */
#define GATED 4
#define TESTS 5
#define GATE_TESTS 6

int main(void)
{
	static const CMUnitTestFunction functions[TESTS] = { all_chosen_is_dense, predicted_wherever_it_is,
		predictors_find_what_fires, trained_and_in_order, flipped_bits_are_found };
	static const char *const names[TESTS] = { "all chosen is dense", "predicted, wherever it is",
		"predictors find what fires", "trained, and in order", "flipped bits are found" };
	static const CMUnitTestFunction gate_functions[GATE_TESTS] = { all_chosen_is_dense, gates_are_exact, gates_are_planned, apart_or_not,
		predictors_find_what_fires, trained_and_in_order };
	static const char *const gate_names[GATE_TESTS] = { "all chosen is dense", "gates are exact", "gates are planned", "gates apart or not",
		"gates find what fires", "in order" };
	static struct subject subjects[WICK_COUNT_OF(fixtures)], gated[GATED];
	static struct subject early = { .fixture = "llama-small-f16", .source = "synthetic:llama-small", .predictor = "gate" };
	static char titles[TESTS * WICK_COUNT_OF(fixtures) + GATE_TESTS * GATED][80];
	struct CMUnitTest tests[TESTS * WICK_COUNT_OF(fixtures) + GATE_TESTS * GATED + 1];
	size_t count = TESTS * WICK_COUNT_OF(fixtures);

	for (size_t i = 0; i < GATE_TESTS * GATED; i++) {
		struct subject *subject = &gated[i / GATE_TESTS];

		subject->fixture = fixtures[i / GATE_TESTS];
		subject->predictor = "gate";
		snprintf(titles[count + i], sizeof(titles[0]), "%s by its gates: %s", subject->fixture, gate_names[i % GATE_TESTS]);
		tests[count + i] = (struct CMUnitTest){ titles[count + i], gate_functions[i % GATE_TESTS], begin, end, subject };
	}
	tests[count + GATE_TESTS * GATED] = (struct CMUnitTest){ "gates go early", gates_go_early, begin, end, &early };
	for (size_t i = 0; i < count; i++) {
		struct subject *subject = &subjects[i / TESTS];

		subject->fixture = fixtures[i / TESTS];
		snprintf(titles[i], sizeof(titles[i]), "%s: %s", subject->fixture, names[i % TESTS]);
		tests[i] = (struct CMUnitTest){ titles[i], functions[i % TESTS], begin, end, subject };
	}
	return _cmocka_run_group_tests("relu", tests, WICK_COUNT_OF(tests), NULL, NULL);
}
