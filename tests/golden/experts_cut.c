/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts whose small gates are taken for 0 (--gate-threshold), by levels that were learned from a text: these cut their share of
 * that text; the bits are those of a run with all experts in memory, wherever they are; nothing cut is the model as it is. What is
 * computed then is held against plain loops by tests/unit/expert_gates.c. */

#include "expert_run.h"
#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "engine.h"
#include "sidecar.h"
#include "watch.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PERCENT 60

/* As many chunks as training wants at least, each as long as the model's context: a byte of text is a token. */
enum { CHUNKS = 20, CHUNK = 256, WORDS = CHUNKS * CHUNK };

static char words[WORDS];
static float levels[EXPERT_LAYERS][WICK_GATE_LEVELS];

static struct wick_options cut_options(float percent)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);

	options.gate_percent = percent;
	return options;
}

static void expect_refusal(const struct wick_options *options, const char *why)
{
	struct wick_diag diag = { 0 };
	struct wick *wick;

	assert_int_equal(wick_open(&wick, run.model, options, &diag), -EINVAL);
	if (!strstr(diag.text, why))
		fail_msg("%s", diag.text);
}

static void learn(void)
{
	struct wick_train_options training = { .text_count = 1, .threads = 2, .tokens = WORDS };
	struct wick_diag diag = { 0 };
	char text[PATH_MAX], *json = NULL;

	for (size_t i = 0; i < WORDS; i++)
		words[i] = (char)('c' + i * i / 7 % 21);
	path_join(text, run.scratch, "text");
	file_write(text, words, WORDS);
	training.texts = (const char *const[]){ text };
	if (wick_train(run.model, &training, &json, &diag))
		fail_msg("%s", diag.text);
	assert_non_null(strstr(json, "threshold_50_percent"));
	free(json);
	assert_int_equal(wick_verify(run.model, NULL, NULL, NULL, NULL), 0);
}

static void refused_before_and_learned(void **state)
{
	const struct wick_options options = cut_options(PERCENT), most = cut_options(99.5f);
	struct wick *wick;

	(void)state;
	expect_refusal(&options, "wick train learns it");
	expect_refusal(&most, "0 to 99% are possible");
	learn();
	wick = model_open(run.model, &options);
	assert_true(wick_report_of(wick)->gate_percent == PERCENT);
	for (uint32_t i = 0; i < EXPERT_LAYERS; i++)
		memcpy(levels[i], wick->forward.gate_levels[i].level, sizeof(levels[i]));
	wick_close(wick);
}

/* Of the gates of a text, those below a level. */
struct tally {
	uint32_t percent;
	uint64_t gates[EXPERT_LAYERS], below[EXPERT_LAYERS];
};

static double activated(double gate)
{
	if (!strcmp(run.family->name, "smallthinker"))
		return gate > 0 ? gate : 0;
	if (!strcmp(run.family->name, "gpt-oss"))
		return fmin(gate, 7) / (1 + exp(-1.702 * fmin(gate, 7)));
	return gate / (1 + exp(-gate));
}

static void tally_gates(void *user, uint32_t layer, uint32_t pairs, const float *gate)
{
	struct tally *tally = user;

	for (size_t i = 0; i < (size_t)pairs * run.family->n_ff; i++)
		tally->below[layer] += fabs(activated(gate[i])) < (double)levels[layer][tally->percent];
	tally->gates[layer] += (uint64_t)pairs * run.family->n_ff;
}

static void eval_words(struct wick *wick)
{
	uint32_t ids[CHUNK], bos = (uint32_t)wick_tokenize(wick, "", 0, WICK_TOKENIZE_BOS, ids, 1), rest = CHUNK - bos;
	struct wick_session *session = session_of(wick);
	struct wick_diag diag = { 0 };

	for (uint32_t i = 0; i < CHUNKS; i++) {
		wick_session_reset(session);
		assert_int_equal(wick_tokenize(wick, words + (size_t)i * rest, rest, 0, ids + bos, rest), rest);
		if (wick_session_eval(session, ids, CHUNK, NULL, NULL, &diag))
			fail_msg("%s", diag.text);
	}
}

static void levels_cut_their_share(void **state)
{
	struct wick_options options = cut_options(0);
	struct tally tally;
	const struct wick_watch watch = { .user = &tally, .expert_gates = tally_gates };
	struct wick *wick;

	(void)state;
	if (run.family->layout != EXPERTS_STACKED || run.family->layer_1_down)
		return; /* the same gates: experts.c holds their bits */
	options.ctx = CHUNK;
	wick = model_open(run.model, &options);
	wick_watch(wick, &watch);
	for (uint32_t percent = 55; percent < 100; percent += 20) { /* ReLU makes half of them 0 by itself */
		tally = (struct tally){ .percent = percent };
		eval_words(wick);
		for (uint32_t i = 0; i < EXPERT_LAYERS; i++) {
			double share = (double)tally.below[i] / (double)tally.gates[i];

			if (!tally.gates[i] || share < percent / 100.0 || share > percent / 100.0 + 0.01)
				fail_msg("layer %u: %.4f of %llu gates are below the level of %u%%", i, share,
					(unsigned long long)tally.gates[i], percent);
		}
	}
	wick_close(wick);
}

static const struct {
	double share; /* of the way from the smallest budget to the largest */
	const char *mode, *policy;
	uint32_t threads, prompt;
} ways[] = {
	{ 0, "dense", NULL, 2, 20 }, { 0, "dense", "lru", 1, 1 }, { 0.3, "dense", "decay", 3, 47 }, { 0.6, NULL, NULL, 2, 5 },
	{ 0.5, "hybrid", NULL, 2, 33 }, { 0.5, "naive", NULL, 1, 60 },
};

static void cut_wherever_they_are(void **state)
{
	float *truth = malloc(EXPERT_LOGITS_BYTES), *logits = malloc(EXPERT_LOGITS_BYTES);
	struct wick_options whole = cut_options(PERCENT);
	struct wick *wick = model_open(run.model, &whole);
	struct wick_stats stats;

	(void)state;
	assert_int_equal(expert_eval(wick, 20, truth, NULL), 0);
	wick_stats(wick, &stats);
	wick_close(wick);
	assert_int_equal(stats.expert_gates, (uint64_t)EXPERT_TOKENS * EXPERT_LAYERS * EXPERT_CHOSEN * run.family->n_ff);
	if (fabs((double)stats.expert_zeros / (double)stats.expert_gates - PERCENT / 100.0) > 0.1)
		fail_msg("%.3f of the gates are 0", (double)stats.expert_zeros / (double)stats.expert_gates);
	assert_memory_not_equal(truth, run.logits, EXPERT_LOGITS_BYTES);
	for (size_t i = 0; i < WICK_COUNT_OF(ways); i++) {
		struct wick_options options = cut_options(PERCENT);
		uint64_t least;

		options.mode = ways[i].mode;
		options.policy = ways[i].policy;
		options.threads = ways[i].threads;
		least = model_least_bytes(run.model, &options);
		options.memory.bytes = least + (uint64_t)(ways[i].share * (double)(model_whole_bytes(run.model, &whole) - least));
		wick = model_open(run.model, &options);
		assert_int_equal(expert_eval(wick, ways[i].prompt, logits, NULL), 0);
		wick_close(wick);
		if (memcmp(truth, logits, EXPERT_LOGITS_BYTES))
			fail_msg("way %zu: other bits", i);
	}
	free(truth);
	free(logits);
}

/* Levels beside it change nothing of a model that is not asked to be cut. */
static void nothing_cut_is_the_model(void **state)
{
	struct wick_options options = cut_options(0);
	struct wick *wick = model_open(run.model, &options);
	float *logits = malloc(EXPERT_LOGITS_BYTES);

	(void)state;
	assert_int_equal(expert_eval(wick, 20, logits, NULL), 0);
	assert_memory_equal(run.logits, logits, EXPERT_LOGITS_BYTES);
	wick_close(wick);
	free(logits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_before_and_learned),
		cmocka_unit_test(levels_cut_their_share),
		cmocka_unit_test(cut_wherever_they_are),
		cmocka_unit_test(nothing_cut_is_the_model),
	};

	return expert_run_tests(tests, WICK_COUNT_OF(tests));
}
