/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Stock GGUF files of each family (make_stock.py), and folders of families with ReLU, packed (make_relu.py): logits are those
 * of transformers, for a prompt at once and one token a step, the same 64 greedy ids follow, and the bits do not depend on
 * where the weights are. Where a type's kernels round their inputs to steps (docs/kernels.md) logits are near those of its
 * exact numbers, after the same ids. */

#include "first_session.h"
#include "fixture.h"

#include "bits.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TOLERANCE 1e-4f /* of max |logit| */
#define POSITIONS 400

static const char *const fixtures[] = {
	"llama-f32", "llama3-bf16", "llama-bias-f16", "qwen2-f16", "qwen2-yarn-f16", "llama-yarn-f16", "qwen2-linear-f32", "qwen3-f32",
	"llama-split-f16", "mistral-window-f16", "qwen2-window-f16", "granite-f16", "starcoder2-f16", "phi2-f16", "phi3-long-f16",
	"phi3-short-f16", "falcon-7b-f16", "falcon-40b-f16", "gpt2-f16", "mpt-f16", "mpt-scale-f32", "gemma2-f16", "gemma3-f16",
	"qwen3-tied-bf16",
};

/* Of make_experts.py. */
static const char *const of_experts[] = {
	"qwen3moe-f16", "qwen2moe-f16", "mixtral-bf16", "olmoe-f16", "granitemoe-f16",
	"glm4moe-f16", "gpt-oss-f16", "gpt-oss-bf16", "gpt-oss-mxfp4", "smallthinker-f16", "smallthinker-softmax-bf16",
};

/* Of make_relu.py: folders. */
static const char *const of_relu[] = {
	"relullama-f16", "relullama-bias-bf16", "prosparse-f16", "bamboo-bf16", "falcon-relu-f16",
	"falcon-40b-relu-f16", "phi-relu-f16", "persimmon-f16",
};

#define FILES (WICK_COUNT_OF(fixtures) + WICK_COUNT_OF(of_experts))
#define SUBJECTS (FILES + WICK_COUNT_OF(of_relu))

struct subject {
	bool is_folder;
	char name[64], model[PATH_MAX], scratch[PATH_MAX];
	struct golden golden;
};

/* All logits of a run, position by position. */
struct record {
	float *logits; /* (POSITIONS, vocab) */
	uint32_t vocab;
};

static void keep(void *user, uint32_t position, const float *logits)
{
	struct record *record = user;

	memcpy(record->logits + (size_t)position * record->vocab, logits, record->vocab * sizeof(float));
}

static void eval(struct wick *wick, const uint32_t *ids, uint32_t count, struct record *record)
{
	struct wick_diag diag = { 0 };
	int err = wick_session_eval(session_of(wick), ids, count, keep, record, &diag);

	if (err)
		fail_msg("%u tokens at %u: %d, %s", count, wick_session_position(session_of(wick)), err, diag.text);
}

static struct wick *open_with(const struct subject *subject, const char *mode)
{
	struct wick_options options;

	wick_options_init(&options);
	options.all_logits = true;
	options.threads = 2;
	options.mode = mode;
	options.memory.bytes = MODEL_WHOLE_BYTES;
	return model_open(subject->model, &options);
}

/* A run's prompt, in pieces of so many tokens, and its continuation, greedily. */
static void follow(struct wick *wick, const struct golden *golden, const struct golden_run *run, uint32_t piece,
	struct record *record)
{
	const struct wick_sampling greedy = { .size = sizeof(greedy), .temp = 0, .top_p = 1 };

	wick_session_reset(session_of(wick));
	for (uint32_t i = 0; i < run->prompt_count; i += piece)
		eval(wick, run->prompt + i, WICK_MIN(piece, run->prompt_count - i), record);
	for (uint32_t i = 0; i < run->greedy_count; i++) {
		uint32_t id = wick_session_sample(session_of(wick), &greedy);

		if (id != run->greedy[i] && !golden->tolerance)
			fail_msg("prompt of %u: id %u that follows is %u, not %u", run->prompt_count, i, id, run->greedy[i]);
		if (i + 1 < run->greedy_count)
			eval(wick, &run->greedy[i], 1, record);
	}
}

static void as_transformers(void **state)
{
	const struct subject *subject = *state;
	struct record record = { .vocab = subject->golden.vocab };
	struct wick *wick = open_with(subject, "dense");

	record.logits = calloc(POSITIONS, record.vocab * sizeof(float));
	assert_non_null(record.logits);
	for (unsigned i = 0; i < subject->golden.run_count; i++) {
		const struct golden_run *run = &subject->golden.runs[i];
		const uint32_t pieces[] = { run->prompt_count, 1 };

		for (size_t p = 0; p < WICK_COUNT_OF(pieces); p++) {
			float worst;

			follow(wick, &subject->golden, run, pieces[p], &record);
			worst = golden_worst(&subject->golden, run, record.logits);
			print_message("  prompt of %2u by %2u: logits differ by %.1e of the largest\n", run->prompt_count, pieces[p],
				(double)worst);
			assert_true(worst <= TOLERANCE + subject->golden.tolerance);
		}
	}
	wick_close(wick);
	free(record.logits);
}

/* Everything in memory, half of it, and nothing. */
static void wherever_the_weights_are(void **state)
{
	const struct subject *subject = *state;
	const struct golden_run *run = &subject->golden.runs[subject->golden.run_count - 1];
	static const char *const modes[] = { "dense", "hybrid", "naive" };
	size_t bytes = POSITIONS * subject->golden.vocab * sizeof(float);
	struct record first = { calloc(1, bytes), subject->golden.vocab }, other = { calloc(1, bytes), first.vocab };

	for (size_t i = 0; i < WICK_COUNT_OF(modes); i++) {
		struct wick *wick = open_with(subject, modes[i]);

		assert_true(!i == !(wick_plan_of(wick)->swept_bytes + wick_plan_of(wick)->drawn_bytes));
		follow(wick, &subject->golden, run, run->prompt_count, i ? &other : &first);
		if (i)
			assert_memory_equal(first.logits, other.logits, bytes);
		wick_close(wick);
	}
	free(first.logits);
	free(other.logits);
}

/* The type is the end of the name. */
static void pack_folder(struct subject *subject, const char *fixture)
{
	char folder[PATH_MAX];

	path_join(folder, fixture, "folder");
	scratch_make(subject->scratch);
	path_join(subject->model, subject->scratch, "model.gguf");
	model_pack(folder, subject->model, strrchr(subject->name, '-') + 1);
}

static int load(void **state)
{
	struct subject *subject = *state;
	char folder[128], path[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s/%s", subject->is_folder ? "relu" : "stock", subject->name);
	golden_load(&subject->golden, folder);
	fixture_folder(path, folder);
	if (subject->is_folder) {
		pack_folder(subject, path);
		return 0;
	}
	path_join(subject->model, path, "model.gguf");
	if (access(subject->model, F_OK))
		path_join(subject->model, path, "model-00001-of-00004.gguf");
	return 0;
}

static int unload(void **state)
{
	struct subject *subject = *state;

	golden_free(&subject->golden);
	if (subject->is_folder)
		scratch_remove(subject->scratch);
	return 0;
}

int main(void)
{
	struct subject subjects[SUBJECTS] = { 0 };
	struct CMUnitTest tests[2 * SUBJECTS] = { 0 };
	char names[2 * SUBJECTS][80];
	size_t count = 0;

	for (size_t i = 0; i < SUBJECTS; i++) {
		const char *fixture = i >= FILES ? of_relu[i - FILES] :
			i < WICK_COUNT_OF(fixtures) ? fixtures[i] : of_experts[i - WICK_COUNT_OF(fixtures)];

		subjects[i].is_folder = i >= FILES;
		snprintf(subjects[i].name, sizeof(subjects[i].name), "%s", fixture);
		snprintf(names[count], sizeof(names[0]), "%s as transformers", fixture);
		tests[count] = (struct CMUnitTest){ names[count], as_transformers, load, unload, &subjects[i] };
		count++;
		snprintf(names[count], sizeof(names[0]), "%s wherever the weights are", fixture);
		tests[count] = (struct CMUnitTest){ names[count], wherever_the_weights_are, load, unload, &subjects[i] };
		count++;
	}
	return _cmocka_run_group_tests("stock", tests, count, NULL, NULL);
}
