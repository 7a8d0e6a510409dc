/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Every fixture, packed in every type that holds it exactly, computes what transformers computes: logits within the
 * tolerance at all positions that were kept, in the prompt and in the continuation, the same 64 greedy ids, and the
 * same ids for texts; and so it does with its neurons in another order. Quantised, it has the bytes that the public gguf package makes of its weights, and computes what
 * transformers computes from those; where x is quantised too, which moves logits more than the distance between the
 * best two, the ids of the continuation are given. */

#include "first_session.h"
#include "fixture.h"

#include "model.h"
#include "tensors.h"
#include "trace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct subject {
	const struct golden_case *its;
	bool ordered;
	char name[64]; /* of the test */
	char scratch[PATH_MAX];
	struct golden golden;
	struct wick *wick;
};

/* What wick_eval hands over, compared with a run as it comes. */
struct comparison {
	const struct golden_run *run;
	uint32_t vocab;
	uint32_t position; /* that comes next */
	uint32_t row;      /* of the run, likewise */
	float tolerance;   /* of the golden */
	bool in_order;
	float worst; /* largest difference, as a share of what is allowed there */
	uint32_t worst_position;
};

static float allowed(const struct comparison *c)
{
	return (GOLDEN_TOLERANCE + c->tolerance) * c->run->logit_max;
}

static void compare(void *user, uint32_t position, const float *logits)
{
	struct comparison *c = user;
	const float *want;

	c->in_order &= position == c->position++;
	if (c->row == c->run->row_count || c->run->rows[c->row] != position)
		return;
	want = c->run->logits + (size_t)c->row++ * c->vocab;
	for (uint32_t i = 0; i < c->vocab; i++) {
		float difference = fabsf(logits[i] - want[i]) / allowed(c);

		if (difference <= c->worst)
			continue; /* a NaN goes on */
		c->worst = isnan(difference) ? INFINITY : difference;
		c->worst_position = position;
	}
}

static void eval(struct wick *wick, const uint32_t *ids, uint32_t count, struct comparison *c)
{
	struct wick_diag diag = { 0 };
	int code = wick_session_eval(session_of(wick), ids, count, compare, c, &diag);

	if (code)
		fail_msg("%u tokens at %u: %d, %s", count, wick_session_position(session_of(wick)), code, diag.text);
}

/* The id that comes next: the likeliest, which must be the one expected, or the one given. */
static uint32_t next_id(struct wick *wick, const struct comparison *c, uint32_t i)
{
	const struct wick_sampling greedy = { .size = sizeof(greedy), .temp = 0, .top_p = 1 };
	const struct golden_run *run = c->run;
	uint32_t id = c->tolerance > 0 ? run->greedy[i] : wick_session_sample(session_of(wick), &greedy);

	if (id != run->greedy[i])
		fail_msg("prompt of %u: id %u that follows is %u, not %u; logits differ by %.2f of what is allowed",
			run->prompt_count, i, id, run->greedy[i], c->worst);
	return id;
}

static void check_run(struct wick *wick, const struct golden *golden, const struct golden_run *run)
{
	struct comparison c = { .run = run, .vocab = golden->vocab, .tolerance = golden->tolerance, .in_order = true };

	wick_session_reset(session_of(wick));
	eval(wick, run->prompt, run->prompt_count, &c);
	for (uint32_t i = 0; i < run->greedy_count; i++) {
		uint32_t id = next_id(wick, &c, i);

		if (i + 1 < run->greedy_count)
			eval(wick, &id, 1, &c);
	}
	assert_true(c.in_order);
	assert_int_equal(c.position, run->prompt_count + run->greedy_count - 1);
	assert_int_equal(c.row, run->row_count);
	print_message("  prompt of %3u: logits differ by %.0f%% of what is allowed\n", run->prompt_count, 100 * c.worst);
	if (!(c.worst <= 1))
		fail_msg("prompt of %u: logits at position %u differ by %.2e of the largest; %.1e is allowed",
			run->prompt_count, c.worst_position,
			c.worst * allowed(&c) / run->logit_max,
			allowed(&c) / run->logit_max);
}

/* What of the oracle's bytes is compared, and where in them we are. */
struct bytes {
	const struct wick_model *model;
	const uint8_t *file, *want;
	uint64_t left;
};

static int compare_bytes(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct bytes *bytes = user;
	const struct wick_tensor *tensor = wick_tensor_at(bytes->model, layer, id);
	uint64_t row_bytes;

	if (wick_tensor_table[id].kind != WICK_TENSOR_MATRIX && wick_tensor_table[id].kind != WICK_TENSOR_BUNDLES)
		return 0;
	row_bytes = wick_type_bytes(tensor->type, tensor->cols);
	assert_true(bytes->left >= tensor->rows * row_bytes);
	for (uint64_t row = 0; row < tensor->rows; row++, bytes->want += row_bytes)
		if (memcmp(bytes->file + tensor->offset + row * tensor->row_bytes, bytes->want, row_bytes))
			fail_msg("%s: row %llu has other bytes", tensor->name, (unsigned long long)row);
	bytes->left -= tensor->rows * row_bytes;
	return 0;
}

/* The weights are those that another program makes of them, byte for byte. */
static void check_bytes(const struct subject *subject)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct wick_model *model;
	struct bytes bytes;
	uint64_t file_length;
	uint8_t *file, *want;

	fixture_folder(folder, subject->its->answers);
	path_join(path, folder, "packed.bin");
	bytes.want = want = file_read(path, &bytes.left);
	path_join(path, subject->scratch, "model.gguf");
	bytes.file = file = file_read(path, &file_length);
	assert_int_equal(wick_model_open(&model, path, NULL), 0);
	bytes.model = model;
	wick_tensors_each(&model->shape, compare_bytes, &bytes);
	assert_int_equal(bytes.left, 0);
	wick_model_close(model);
	free(file);
	free(want);
}

/* The model in an order that is none: any neurons fire at any time. */
static void put_in_order(const struct subject *subject, const char *path)
{
	struct wick_pack_options options = { .order = "coactivation" };
	struct wick_trace_shape shape = { 0 };
	struct wick_trace_writer *writer;
	struct wick_model *model;
	char trace[PATH_MAX];
	uint32_t *ids;

	assert_int_equal(wick_model_open(&model, path, NULL), 0);
	shape.layers = model->shape.layers;
	shape.n_ff = model->shape.n_ff;
	shape.model_crc = wick_model_identity(model);
	wick_model_close(model);
	ids = calloc(shape.n_ff, sizeof(*ids));
	path_join(trace, subject->scratch, "any.trace");
	assert_int_equal(wick_trace_create(&writer, trace, &shape, NULL), 0);
	for (uint32_t i = 0; i < 64 * shape.layers; i++) {
		uint32_t count = 0;

		for (uint32_t k = 0; k < shape.n_ff; k++)
			if ((k * 2654435761u ^ i * 40503u) >> 7 & 1)
				ids[count++] = k;
		assert_int_equal(wick_trace_add(writer, i % shape.layers, ids, count, NULL, NULL, 0, NULL), 0);
	}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
	free(ids);
	options.trace = trace;
	assert_int_equal(wick_pack(path, path, &options, NULL), 0);
}

static int open_subject(void **state)
{
	struct subject *subject = *state;
	struct wick_options options;
	char folder[PATH_MAX], model[PATH_MAX];

	golden_load(&subject->golden, subject->its->answers ? subject->its->answers : subject->its->fixture);
	assert_true(subject->golden.text_count || subject->golden.tolerance > 0);
	scratch_make(subject->scratch);
	fixture_folder(folder, subject->its->fixture);
	path_join(model, subject->scratch, "model.gguf");
	model_pack(folder, model, subject->its->type);
	if (subject->ordered)
		put_in_order(subject, model);
	wick_options_init(&options);
	options.mode = "dense"; /* what transformers computes */
	options.all_logits = true;
	subject->wick = model_open(model, &options);
	return 0;
}

static int close_subject(void **state)
{
	struct subject *subject = *state;

	wick_close(subject->wick);
	scratch_remove(subject->scratch);
	golden_free(&subject->golden);
	return 0;
}

static void check_text(const struct wick *wick, const struct golden_text *text)
{
	uint32_t ids[64];
	int64_t count = wick_tokenize(wick, text->text, strlen(text->text), true, ids, 64);

	assert_int_equal(count, text->count);
	assert_memory_equal(ids, text->ids, text->count * sizeof(*ids));
}

static void same_as_transformers(void **state)
{
	const struct subject *subject = *state;
	const struct golden *golden = &subject->golden;

	assert_string_equal(wick_report_of(subject->wick)->type, subject->its->type);
	assert_int_equal(wick_report_of(subject->wick)->vocab, golden->vocab);
	for (unsigned i = 0; i < golden->run_count; i++)
		check_run(subject->wick, golden, &golden->runs[i]);
	for (unsigned i = 0; i < golden->text_count; i++)
		check_text(subject->wick, &golden->texts[i]);
	if (subject->its->answers && !subject->ordered)
		check_bytes(subject);
}

int main(void)
{
	static struct subject subjects[2 * GOLDEN_CASES];
	struct CMUnitTest tests[2 * GOLDEN_CASES];

	for (unsigned i = 0; i < 2 * GOLDEN_CASES; i++) {
		struct subject *s = &subjects[i];

		s->its = &golden_cases[i % GOLDEN_CASES];
		s->ordered = i >= GOLDEN_CASES;
		snprintf(s->name, sizeof(s->name), "%s as %s%s", s->its->fixture, s->its->type, s->ordered ? ", ordered" : "");
		tests[i] = (struct CMUnitTest){ s->name, same_as_transformers, open_subject, close_subject, s };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
