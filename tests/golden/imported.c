/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* PowerInfer's predictors of Llama and Falcon, which are given the residual and not what the FFN is given: what they choose is
 * what PyTorch chooses by them (make_relu.py), token by token, in batches and where all is swept; the bits do not depend
 * on where weights are; an order of neurons takes them along. */

#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "model.h"
#include "trace.h"
#include "watch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POSITIONS 64

struct subject {
	const char *fixture;
	char scratch[PATH_MAX], folder[PATH_MAX], model[PATH_MAX];
	uint32_t layers, n_ff, vocab, identity;
	struct golden golden;
	uint8_t *bits; /* (tokens, layers, bytes of n_ff bits): chosen by PyTorch */
	uint32_t *order; /* (layers, n_ff): the neuron of the checkpoint that is i-th in the file */
	uint64_t seen;
	float *truth, *logits; /* (POSITIONS, vocab) */
};

static const struct golden_run *prompt_of(const struct subject *subject)
{
	return &subject->golden.runs[subject->golden.run_count - 1];
}

static bool is_wanted(const struct subject *subject, uint32_t position, uint32_t layer, uint32_t neuron)
{
	uint32_t row_bytes = (uint32_t)wick_div_up(subject->n_ff, 8), i = subject->order[layer * subject->n_ff + neuron];

	return subject->bits[(position * subject->layers + layer) * row_bytes + i / 8] >> i % 8 & 1;
}

static void see_chosen(void *user, uint32_t layer, uint32_t position, const uint32_t *ids, uint32_t count)
{
	struct subject *subject = user;
	uint32_t next = 0;

	for (uint32_t i = 0; i < subject->n_ff; i++) {
		bool chosen = next < count && ids[next] == i;

		next += chosen;
		if (chosen != is_wanted(subject, position, layer, i))
			fail_msg("token %u, layer %u: neuron %u is %schosen", position, layer, i, chosen ? "" : "not ");
	}
	subject->seen++;
}

static void keep(void *user, uint32_t position, const float *logits)
{
	struct subject *subject = user;

	memcpy(subject->logits + (size_t)position * subject->vocab, logits, subject->vocab * sizeof(float));
}

static void run(struct subject *subject, bool least, uint32_t step)
{
	const struct golden_run *prompt = prompt_of(subject);
	const struct wick_watch watch = { .user = subject, .chosen = see_chosen };
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;

	wick_options_init(&options);
	options.all_logits = true;
	options.ctx = POSITIONS;
	options.threads = 2;
	options.memory.bytes = MODEL_WHOLE_BYTES;
	if (least)
		options.memory.bytes = model_least_bytes(subject->model, &options);
	wick = model_open(subject->model, &options);
	assert_string_equal(wick_report_of(wick)->predictors, "imported");
	wick_watch(wick, &watch);
	subject->seen = 0;
	for (uint32_t i = 0; i < prompt->prompt_count; i += step)
		if (wick_session_eval(session_of(wick), prompt->prompt + i, WICK_MIN(step, prompt->prompt_count - i), keep, subject, &diag))
			fail_msg("%s", diag.text);
	assert_int_equal(subject->seen, prompt->prompt_count * subject->layers);
	wick_close(wick);
}

/* Tokens alone and several together, with all memory and the least. */
static void as_pytorch_everywhere(void **state)
{
	struct subject *subject = *state;
	size_t bytes = (size_t)POSITIONS * subject->vocab * sizeof(float);

	run(subject, false, 1);
	memcpy(subject->truth, subject->logits, bytes);
	for (unsigned i = 0; i < 6; i++) {
		memset(subject->logits, 0, bytes);
		run(subject, i % 2, (const uint32_t[]){ 1, 7, POSITIONS }[i / 2]);
		assert_memory_equal(subject->logits, subject->truth, bytes);
	}
}

/* Neurons that fire together stand together, and those that never do behind them. */
static void write_trace(const struct subject *subject, const char *path)
{
	const struct wick_trace_shape shape = { .layers = subject->layers, .n_ff = subject->n_ff, .model_crc = subject->identity };
	struct wick_trace_writer *writer;

	assert_int_equal(wick_trace_create(&writer, path, &shape, NULL), 0);
	for (uint32_t i = 0; i < 40 * subject->layers; i++)
		assert_int_equal(wick_trace_add(writer, i % subject->layers, (const uint32_t[]){ i % 50, 50 + i * 7 % 40 }, 2, NULL, NULL, 0,
			NULL), 0);
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
}

/* Where the bundles of the first file are in the second, by their bytes. */
static void find_order(struct subject *subject, const char *before)
{
	struct wick_model *old, *new;
	uint64_t bytes;
	uint8_t *from = file_read(before, &bytes), *to = file_read(subject->model, &bytes);

	assert_int_equal(wick_model_open(&old, before, NULL), 0);
	assert_int_equal(wick_model_open(&new, subject->model, NULL), 0);
	for (uint32_t layer = 0; layer < subject->layers; layer++) {
		const struct wick_tensor *a = wick_tensor_at(old, layer, WICK_T_BUNDLES), *b = wick_tensor_at(new, layer, WICK_T_BUNDLES);

		for (uint32_t i = 0; i < subject->n_ff; i++) {
			uint32_t k = 0;

			while (k < subject->n_ff && memcmp(to + b->offset + i * b->row_bytes, from + a->offset + k * a->row_bytes, a->row_bytes))
				k++;
			assert_in_range(k, 0, subject->n_ff - 1);
			subject->order[layer * subject->n_ff + i] = k;
		}
	}
	wick_model_close(old);
	wick_model_close(new);
	free(from);
	free(to);
}

static void in_another_order(void **state)
{
	struct subject *subject = *state;
	struct wick_pack_options options = { .order = "coactivation" };
	char trace[PATH_MAX], before[PATH_MAX];
	struct wick_diag diag = { 0 };
	uint64_t bytes;
	uint8_t *data = file_read(subject->model, &bytes);

	path_join(trace, subject->scratch, "trace");
	path_join(before, subject->scratch, "before.gguf");
	file_write(before, data, bytes);
	free(data);
	write_trace(subject, trace);
	options.trace = trace;
	if (wick_pack(subject->model, subject->model, &options, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(wick_verify(subject->model, NULL, NULL, NULL, NULL), 0);
	find_order(subject, before);
	run(subject, true, 1);
}

static void read_shape(struct subject *subject)
{
	struct wick_model *model;

	assert_int_equal(wick_model_open(&model, subject->model, NULL), 0);
	subject->layers = model->shape.layers;
	subject->n_ff = model->shape.n_ff;
	subject->vocab = model->shape.vocab;
	subject->identity = wick_model_identity(model);
	wick_model_close(model);
}

static int begin(void **state)
{
	struct subject *subject = *state;
	char name[128], source[PATH_MAX], *json = NULL;
	struct wick_diag diag = { 0 };
	uint64_t bytes;

	snprintf(name, sizeof(name), "relu/%s", subject->fixture);
	golden_load(&subject->golden, name);
	fixture_folder(source, name);
	path_join(subject->folder, source, "folder");
	scratch_make(subject->scratch);
	path_join(subject->model, subject->scratch, "model.gguf");
	model_pack(subject->folder, subject->model, "f16");
	read_shape(subject);
	path_join(subject->folder, source, "powerinfer");
	if (wick_import_predictors(subject->model, subject->folder, NULL, NULL, &json, &diag))
		fail_msg("%s", diag.text);
	free(json);
	assert_int_equal(wick_verify(subject->model, NULL, NULL, NULL, NULL), 0);
	path_join(source, subject->folder, "chosen.bits");
	subject->bits = file_read(source, &bytes);
	assert_int_equal(bytes, prompt_of(subject)->prompt_count * subject->layers * wick_div_up(subject->n_ff, 8));
	subject->order = calloc((size_t)subject->layers * subject->n_ff, sizeof(*subject->order));
	for (uint32_t i = 0; i < subject->layers * subject->n_ff; i++)
		subject->order[i] = i % subject->n_ff;
	subject->truth = calloc((size_t)POSITIONS * subject->vocab, sizeof(float));
	subject->logits = calloc((size_t)POSITIONS * subject->vocab, sizeof(float));
	return subject->truth && subject->logits ? 0 : -1;
}

static int end(void **state)
{
	struct subject *subject = *state;

	golden_free(&subject->golden);
	free(subject->bits);
	free(subject->order);
	free(subject->truth);
	free(subject->logits);
	scratch_remove(subject->scratch);
	return 0;
}

/* PowerInfer has none, so that nobody knows what they would be given. */
static void of_other_families(void **state)
{
	static const char *const others[] = { "phi-relu-f16", "persimmon-f16" };
	char scratch[PATH_MAX], model[PATH_MAX], folder[PATH_MAX], name[128], *json;

	(void)state;
	scratch_make(scratch);
	path_join(model, scratch, "model.gguf");
	for (size_t i = 0; i < WICK_COUNT_OF(others); i++) {
		struct wick_diag diag = { 0 };

		snprintf(name, sizeof(name), "relu/%s/folder", others[i]);
		fixture_folder(folder, name);
		model_pack(folder, model, "f16");
		assert_int_equal(wick_import_predictors(model, folder, NULL, NULL, &json, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "PowerInfer's predictors are for"));
	}
	scratch_remove(scratch);
}

int main(void)
{
	static struct subject llama = { .fixture = "relullama-f16" }, falcon = { .fixture = "falcon-relu-f16" };
	const struct CMUnitTest tests[] = {
		{ "llama: as PyTorch, everywhere", as_pytorch_everywhere, begin, end, &llama },
		{ "llama: in another order", in_another_order, begin, end, &llama },
		{ "falcon: as PyTorch, everywhere", as_pytorch_everywhere, begin, end, &falcon },
		{ "falcon: in another order", in_another_order, begin, end, &falcon },
		cmocka_unit_test(of_other_families),
	};

	return cmocka_run_group_tests_name("imported", tests, NULL, NULL);
}
