/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A model whose gates are SiLU's and apart from its neurons (make_relu.py), with thresholds below which gates are taken for 0:
 * its logits are those of PyTorch with the same thresholds; nothing cut is the model as it is; what is chosen is what a
 * plain loop chooses; the bits do not depend on where weights are. Thresholds that are learned from a text cut as many of its
 * gates as was asked for. */

#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "gate_levels.h"
#include "model.h"
#include "sidecar.h"
#include "trace.h"
#include "watch.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE "relu/swiglu-cut-f16"
#define LAYERS 3
#define PERCENT 50 /* of which the levels are the fixture's thresholds */
#define POSITIONS 128
#define TOLERANCE GOLDEN_TOLERANCE /* of the largest logit */

static const float cuts[LAYERS] = { 0.21f, 0.125f, 0.3125f }; /* make_relu.py's */

struct subject {
	char scratch[PATH_MAX], model[PATH_MAX], sidecar[PATH_MAX];
	uint32_t n_ff, vocab, identity;
	struct golden golden;
	float *truth, *logits; /* (POSITIONS, vocab) */
	float levels[LAYERS][WICK_GATE_LEVELS];
};

struct way {
	const char *mode;
	float percent;
	bool least; /* memory; else all that is needed */
	uint32_t threads, step;
};

static void keep(void *user, uint32_t position, const float *logits)
{
	struct subject *subject = user;

	memcpy(subject->logits + (size_t)position * subject->vocab, logits, subject->vocab * sizeof(float));
}

static struct wick_options options_of(const struct way *way)
{
	struct wick_options options;

	wick_options_init(&options);
	options.all_logits = true;
	options.ctx = POSITIONS;
	options.mode = way->mode;
	options.gate_percent = way->percent;
	options.threads = way->threads;
	options.memory.bytes = MODEL_WHOLE_BYTES;
	return options;
}

static struct wick *open_way(const struct subject *subject, const struct way *way)
{
	struct wick_options options = options_of(way);

	if (way->least)
		options.memory.bytes = model_least_bytes(subject->model, &options);
	return model_open(subject->model, &options);
}

static void eval_all(struct subject *subject, struct wick *wick, const struct golden_run *run, uint32_t step)
{
	uint32_t ids[POSITIONS], count = run->prompt_count + run->greedy_count;
	struct wick_diag diag = { 0 };

	memcpy(ids, run->prompt, run->prompt_count * sizeof(*ids));
	memcpy(ids + run->prompt_count, run->greedy, run->greedy_count * sizeof(*ids));
	for (uint32_t i = 0; i < count; i += step)
		if (wick_session_eval(session_of(wick), ids + i, WICK_MIN(step, count - i), keep, subject, &diag))
			fail_msg("%s", diag.text);
}

static const struct golden_run *longest(const struct subject *subject)
{
	return &subject->golden.runs[subject->golden.run_count - 1];
}

static void run(struct subject *subject, const struct way *way)
{
	struct wick *wick = open_way(subject, way);

	memset(subject->logits, 0, (size_t)POSITIONS * subject->vocab * sizeof(float));
	eval_all(subject, wick, longest(subject), way->step);
	wick_close(wick);
}

static void be_truth(struct subject *subject, const struct way *way)
{
	run(subject, way);
	memcpy(subject->truth, subject->logits, (size_t)POSITIONS * subject->vocab * sizeof(float));
}

static bool is_truth(struct subject *subject, const struct way *way)
{
	run(subject, way);
	return !memcmp(subject->logits, subject->truth, (size_t)POSITIONS * subject->vocab * sizeof(float));
}

/* Sparse mode with all memory and the least, one thread and two, tokens alone and together; and the modes that choose nothing. */
static void expect_truth_everywhere(struct subject *subject, float percent)
{
	static const char *const modes[] = { "dense", "hybrid", "naive" };

	for (unsigned i = 0; i < 12; i++) {
		const struct way way = { "sparse", percent, i % 2, 1 + i / 2 % 2, (const uint32_t[]){ 1, 7, POSITIONS }[i / 4] };

		if (!is_truth(subject, &way))
			fail_msg("sparse, %s memory, %u threads, %u at a time: other bits", way.least ? "the least" : "all", way.threads,
				way.step);
	}
	for (unsigned i = 0; i < WICK_COUNT_OF(modes); i++)
		if (!is_truth(subject, &(struct way){ modes[i], percent, false, 2, 5 }))
			fail_msg("mode %s: other bits", modes[i]);
}

static int part_of(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	const struct subject *subject = user;

	(void)ahead;
	assert_int_equal(part, WICK_SIDECAR_LEVELS);
	*data = subject->levels[layer];
	return 0;
}

static int write_levels(struct subject *subject)
{
	static const uint32_t none[2 * LAYERS];
	const struct wick_sidecar_shape shape = { .model_crc = subject->identity, .layers = LAYERS, .d_model = 64,
		.n_ff = subject->n_ff, .type = WICK_F32, .ranks = none, .ahead = none + LAYERS, .levels = true };

	return wick_sidecar_write(subject->sidecar, &shape, part_of, subject, NULL);
}

static void read_shape(struct subject *subject)
{
	struct wick_model *model;

	assert_int_equal(wick_model_open(&model, subject->model, NULL), 0);
	subject->n_ff = model->shape.n_ff;
	subject->vocab = model->shape.vocab;
	subject->identity = wick_model_identity(model);
	wick_model_close(model);
}

static int begin(void **state)
{
	static struct subject subject;
	struct wick_pack_options options = { .type = "f16", .predictor = "gate" };
	struct wick_diag diag = { 0 };
	char folder[PATH_MAX];

	*state = &subject;
	golden_load(&subject.golden, FIXTURE);
	fixture_folder(folder, FIXTURE "/folder");
	scratch_make(subject.scratch);
	path_join(subject.model, subject.scratch, "model.gguf");
	path_join(subject.sidecar, subject.scratch, "model.pred.gguf");
	if (wick_pack(folder, subject.model, &options, &diag))
		fail_msg("%s", diag.text);
	read_shape(&subject);
	for (uint32_t i = 0; i < LAYERS; i++)
		for (uint32_t p = 0; p < WICK_GATE_LEVELS; p++)
			subject.levels[i][p] = cuts[i] * (float)p / PERCENT;
	assert_int_equal(write_levels(&subject), 0);
	subject.truth = calloc((size_t)POSITIONS * subject.vocab, sizeof(float));
	subject.logits = calloc((size_t)POSITIONS * subject.vocab, sizeof(float));
	return subject.truth && subject.logits ? 0 : -1;
}

static int end(void **state)
{
	struct subject *subject = *state;

	free(subject->truth);
	free(subject->logits);
	golden_free(&subject->golden);
	scratch_remove(subject->scratch);
	return 0;
}

/* And without the thresholds they are others. */
static void as_pytorch(void **state)
{
	struct subject *subject = *state;
	static const char *const modes[] = { "dense", NULL };

	for (unsigned m = 0; m < WICK_COUNT_OF(modes); m++)
		for (unsigned i = 0; i < subject->golden.run_count; i++) {
			struct wick *wick = open_way(subject, &(struct way){ modes[m], PERCENT, false, 2, 1 });
			float worst;

			assert_string_equal(wick_report_of(wick)->mode, modes[m] ? modes[m] : "sparse");
			assert_true(wick_report_of(wick)->gate_percent == PERCENT);
			eval_all(subject, wick, &subject->golden.runs[i], m ? 1 : POSITIONS);
			worst = golden_worst(&subject->golden, &subject->golden.runs[i], subject->logits);
			print_message("  logits differ by %.1e of the largest\n", (double)worst);
			assert_true(worst <= TOLERANCE);
			wick_close(wick);
		}
	run(subject, &(struct way){ NULL, 0, false, 2, POSITIONS });
	assert_true(golden_worst(&subject->golden, longest(subject), subject->logits) > 50 * TOLERANCE);
}

/* Sparse mode of a model that cuts nothing computes all neurons. */
static void nothing_cut_is_dense(void **state)
{
	struct subject *subject = *state;
	struct wick *wick = open_way(subject, &(struct way){ NULL, 0, false, 1, 1 });

	assert_string_equal(wick_report_of(wick)->mode, "dense");
	wick_close(wick);
	be_truth(subject, &(struct way){ "dense", 0, false, 1, POSITIONS });
	expect_truth_everywhere(subject, 0);
}

static void cut_wherever_it_is(void **state)
{
	struct subject *subject = *state;

	be_truth(subject, &(struct way){ "dense", PERCENT, false, 1, POSITIONS });
	expect_truth_everywhere(subject, PERCENT);
	assert_false(is_truth(subject, &(struct way){ "sparse", PERCENT + 0.5f, false, 1, 1 }));
}

/* Which gates a plain loop leaves, beside what was chosen. */
struct seen {
	const struct subject *subject;
	bool open[1024];
	uint64_t gates, cut, near;
};

static void see_gates(void *user, uint32_t layer, uint32_t position, uint32_t m, const float *gate)
{
	struct seen *seen = user;

	(void)position;
	assert_int_equal(m, 1);
	for (uint32_t i = 0; i < seen->subject->n_ff; i++) {
		double activated = gate[i] / (1 + exp(-(double)gate[i]));

		seen->open[i] = fabs(activated) >= (double)cuts[layer];
		seen->near += fabs(fabs(activated) - (double)cuts[layer]) < 1e-6;
		seen->gates++;
		seen->cut += !seen->open[i];
	}
}

static void see_chosen(void *user, uint32_t layer, uint32_t position, const uint32_t *ids, uint32_t count)
{
	struct seen *seen = user;
	uint32_t next = 0;

	for (uint32_t i = 0; i < seen->subject->n_ff; i++) {
		bool chosen = next < count && ids[next] == i;

		next += chosen;
		if (chosen != seen->open[i])
			fail_msg("layer %u, token %u: neuron %u is %schosen", layer, position, i, chosen ? "" : "not ");
	}
	assert_int_equal(next, count);
}

static void as_a_plain_loop_chooses(void **state)
{
	struct subject *subject = *state;
	struct seen seen = { .subject = subject };
	const struct wick_watch watch = { .user = &seen, .gates = see_gates, .chosen = see_chosen };
	struct wick *wick = open_way(subject, &(struct way){ "sparse", PERCENT, true, 2, 1 });
	struct wick_stats stats;

	assert_true(wick_plan_of(wick)->drawn_bytes > 0);
	wick_watch(wick, &watch);
	eval_all(subject, wick, longest(subject), 1);
	wick_stats(wick, &stats);
	assert_true(seen.gates > 0 && !seen.near);
	assert_int_equal(stats.bundles_active, seen.gates - seen.cut);
	assert_true(stats.bundles_read > 0 && stats.bundles_read < seen.gates - seen.cut + 1);
	wick_close(wick);
}

/* Of gates of a text, those below what was learned from it. */
struct tally {
	struct wick *wick;
	uint32_t n_ff;
	uint64_t gates[LAYERS], below[LAYERS];
	float threshold[LAYERS];
};

static void tally_gates(void *user, uint32_t layer, uint32_t position, uint32_t m, const float *gate)
{
	struct tally *tally = user;

	(void)position;
	for (size_t i = 0; i < (size_t)m * tally->n_ff; i++) {
		tally->gates[layer]++;
		tally->below[layer] += fabs(gate[i] / (1 + exp(-(double)gate[i]))) < (double)tally->threshold[layer];
	}
}

/* 20 chunks, each of which begins as a text does and goes on with a byte of text a token. */
#define CHUNKS 20
#define CHUNK 256
#define WORDS ((CHUNKS + 1) * CHUNK)

static void learn(struct subject *subject, char words[WORDS])
{
	struct wick_train_options training = { .text_count = 1, .threads = 2, .tokens = CHUNKS * CHUNK };
	struct wick_diag diag = { 0 };
	char text[PATH_MAX], *json = NULL;

	for (size_t i = 0; i < WORDS; i++)
		words[i] = (char)('c' + i * i / 7 % 21);
	path_join(text, subject->scratch, "text");
	file_write(text, words, WORDS);
	training.texts = (const char *const[]){ text };
	if (wick_train(subject->model, &training, &json, &diag))
		fail_msg("%s", diag.text);
	assert_non_null(strstr(json, "threshold_50_percent"));
	free(json);
	assert_int_equal(wick_verify(subject->model, NULL, NULL, NULL, NULL), 0);
}

static void read_levels(struct subject *subject)
{
	struct wick *wick = open_way(subject, &(struct way){ "sparse", PERCENT, false, 1, 1 });

	for (uint32_t i = 0; i < LAYERS; i++)
		memcpy(subject->levels[i], wick->forward.gate_levels[i].level, sizeof(subject->levels[i]));
	wick_close(wick);
}

/* The gates of the same chunks, below the levels of so many per cent. */
static void tally_chunks(struct tally *tally, const struct subject *subject, const char words[WORDS], uint32_t percent)
{
	struct wick_session *session = session_of(tally->wick);
	uint32_t ids[CHUNK], bos = (uint32_t)wick_tokenize(tally->wick, "", 0, WICK_TOKENIZE_BOS, ids, 1), rest = CHUNK - bos;
	struct wick_diag diag = { 0 };

	for (uint32_t i = 0; i < LAYERS; i++) {
		tally->gates[i] = tally->below[i] = 0;
		tally->threshold[i] = subject->levels[i][percent];
	}
	for (uint32_t chunk = 0; chunk < CHUNKS; chunk++) {
		wick_session_reset(session);
		assert_int_equal(wick_tokenize(tally->wick, words + chunk * rest, rest, 0, ids + bos, rest), rest);
		if (wick_session_eval(session, ids, CHUNK, NULL, NULL, &diag))
			fail_msg("%s", diag.text);
	}
}

static void learned_levels_cut_their_share(void **state)
{
	struct subject *subject = *state;
	static char words[WORDS];
	struct tally tally = { .n_ff = subject->n_ff };
	const struct wick_watch watch = { .user = &tally, .gates = tally_gates };
	struct wick_options options = options_of(&(struct way){ "dense", 0, false, 2, POSITIONS });

	learn(subject, words);
	read_levels(subject);
	options.ctx = CHUNK;
	tally.wick = model_open(subject->model, &options);
	wick_watch(tally.wick, &watch);
	for (uint32_t percent = 10; percent < 100; percent += 20) {
		tally_chunks(&tally, subject, words, percent);
		for (uint32_t i = 0; i < LAYERS; i++) {
			double share = (double)tally.below[i] / (double)tally.gates[i];

			if (share < percent / 100.0 || share > percent / 100.0 + 0.01)
				fail_msg("layer %u: %.4f of the gates are below the level of %u%%", i, share, percent);
		}
	}
	wick_close(tally.wick);
}

static void expect_refusal(const struct subject *subject, const struct way *way, const char *why)
{
	struct wick_options options = options_of(way);
	struct wick_diag diag = { 0 };
	struct wick *wick;

	assert_int_equal(wick_open(&wick, subject->model, &options, &diag), -EINVAL);
	if (!strstr(diag.text, why))
		fail_msg("%s", diag.text);
}

static void refused(void **state)
{
	struct subject *subject = *state;
	static const float impossible[] = { -1, 99.5f, NAN };

	for (unsigned i = 0; i < WICK_COUNT_OF(impossible); i++)
		expect_refusal(subject, &(struct way){ NULL, impossible[i], false, 1, 1 }, "0 to 99% are possible");
	subject->levels[1][40] = subject->levels[1][39] / 2;
	assert_int_equal(write_levels(subject), 0);
	expect_refusal(subject, &(struct way){ NULL, PERCENT, false, 1, 1 }, "\"blk.1.ffn_gate_levels\" does not rise");
	subject->levels[1][40] = NAN;
	assert_int_equal(write_levels(subject), 0);
	expect_refusal(subject, &(struct way){ NULL, PERCENT, false, 1, 1 }, "does not rise");
	assert_int_equal(remove(subject->sidecar), 0);
	expect_refusal(subject, &(struct way){ NULL, PERCENT, false, 1, 1 }, "wick train learns it");
}

/* Gates of ReLU, or within bundles, and a model that has both apart from each other. */
static void refused_of_others(void **state)
{
	struct subject *subject = *state, other = *subject;
	char folder[PATH_MAX];

	path_join(other.model, subject->scratch, "other.gguf");
	fixture_folder(folder, "relu/relullama-f16/folder");
	assert_int_equal(wick_pack(folder, other.model, &(struct wick_pack_options){ .predictor = "gate" }, NULL), 0);
	expect_refusal(&other, &(struct way){ NULL, PERCENT, false, 1, 1 }, "these are of ReLU");
	assert_int_equal(wick_pack(folder, other.model, NULL, NULL), 0);
	expect_refusal(&other, &(struct way){ NULL, PERCENT, false, 1, 1 }, "apart from their neurons");
	fixture_folder(folder, FIXTURE "/folder");
	assert_int_equal(wick_pack(folder, other.model, NULL, NULL), 0);
	expect_refusal(&other, &(struct way){ NULL, PERCENT, false, 1, 1 }, "apart from their neurons");
}

static void flipped_bits_are_found(void **state)
{
	struct subject *subject = *state;
	uint64_t bytes;
	uint8_t *data = file_read(subject->sidecar, &bytes);

	for (uint64_t at = 24; at < bytes; at += 509) {
		int err;

		data[at] ^= (uint8_t)(1 << at % 8);
		file_write(subject->sidecar, data, bytes);
		err = wick_verify(subject->model, NULL, NULL, NULL, NULL);
		assert_true(err == -EBADMSG || err == -EINVAL);
		data[at] ^= (uint8_t)(1 << at % 8);
	}
	free(data);
}

/* The levels go along, and are those of the layers whatever the order of their neurons. */
static void in_another_order(void **state)
{
	struct subject *subject = *state;
	struct wick_pack_options options = { .order = "coactivation" };
	const struct wick_trace_shape shape = { .layers = LAYERS, .n_ff = subject->n_ff, .model_crc = subject->identity };
	const struct way way = { "sparse", PERCENT, true, 1, 1 };
	struct wick_trace_writer *writer;
	char trace[PATH_MAX];

	path_join(trace, subject->scratch, "trace");
	options.trace = trace;
	assert_int_equal(wick_trace_create(&writer, trace, &shape, NULL), 0);
	for (uint32_t i = 0; i < 40 * LAYERS; i++)
		assert_int_equal(wick_trace_add(writer, i % LAYERS, (const uint32_t[]){ i % 50, 50 + i * 7 % 50 }, 2, NULL, NULL, 0, NULL), 0);
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	be_truth(subject, &way);
	assert_int_equal(wick_pack(subject->model, subject->model, &options, NULL), 0);
	assert_int_equal(wick_verify(subject->model, NULL, NULL, NULL, NULL), 0);
	run(subject, &way);
	assert_true(golden_worst(&subject->golden, longest(subject), subject->logits) <= TOLERANCE);
	assert_memory_not_equal(subject->logits, subject->truth, (size_t)POSITIONS * subject->vocab * sizeof(float));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_pytorch, begin, end),
		cmocka_unit_test_setup_teardown(nothing_cut_is_dense, begin, end),
		cmocka_unit_test_setup_teardown(cut_wherever_it_is, begin, end),
		cmocka_unit_test_setup_teardown(as_a_plain_loop_chooses, begin, end),
		cmocka_unit_test_setup_teardown(learned_levels_cut_their_share, begin, end),
		cmocka_unit_test_setup_teardown(refused, begin, end),
		cmocka_unit_test_setup_teardown(refused_of_others, begin, end),
		cmocka_unit_test_setup_teardown(flipped_bits_are_found, begin, end),
		cmocka_unit_test_setup_teardown(in_another_order, begin, end),
	};

	return cmocka_run_group_tests_name("gates", tests, NULL, NULL);
}
