/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Every fixture, packed in every type that holds it exactly, computes what transformers computes: logits within the
 * tolerance at all positions that were kept, in the prompt and in the continuation, the same 64 greedy ids, and the
 * same ids for texts. */

#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct subject {
	const struct golden_case *its;
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
	bool in_order;
	float worst; /* largest difference */
	uint32_t worst_position;
};

static void compare(void *user, uint32_t position, const float *logits)
{
	struct comparison *c = user;
	const float *want;

	c->in_order &= position == c->position++;
	if (c->row == c->run->row_count || c->run->rows[c->row] != position)
		return;
	want = c->run->logits + (size_t)c->row++ * c->vocab;
	for (uint32_t i = 0; i < c->vocab; i++) {
		float difference = fabsf(logits[i] - want[i]);

		if (difference <= c->worst)
			continue; /* a NaN goes on */
		c->worst = isnan(difference) ? INFINITY : difference;
		c->worst_position = position;
	}
}

static void eval(struct wick *wick, const uint32_t *ids, uint32_t count, struct comparison *c)
{
	struct wick_diag diag = { 0 };
	int code = wick_eval(wick, ids, count, compare, c, &diag);

	if (code)
		fail_msg("%u tokens at %u: %d, %s", count, wick_position(wick), code, diag.text);
}

static void check_run(struct wick *wick, const struct golden_run *run, uint32_t vocab)
{
	const struct wick_sampling greedy = { .temp = 0, .top_p = 1 };
	struct comparison c = { .run = run, .vocab = vocab, .in_order = true };

	wick_reset(wick);
	eval(wick, run->prompt, run->prompt_count, &c);
	for (uint32_t i = 0; i < run->greedy_count; i++) {
		uint32_t id = wick_sample(wick, &greedy);

		if (id != run->greedy[i])
			fail_msg("prompt of %u: id %u that follows is %u, not %u; logits differ by %.2e of the largest",
				run->prompt_count, i, id, run->greedy[i], c.worst / run->logit_max);
		if (i + 1 < run->greedy_count)
			eval(wick, &id, 1, &c);
	}
	assert_true(c.in_order);
	assert_int_equal(c.position, run->prompt_count + run->greedy_count - 1);
	assert_int_equal(c.row, run->row_count);
	print_message("  prompt of %3u: logits differ by %.1e of the largest\n", run->prompt_count,
		c.worst / run->logit_max);
	if (c.worst > GOLDEN_TOLERANCE * run->logit_max)
		fail_msg("prompt of %u: logits at position %u differ by %.2e of the largest; %.0e is allowed",
			run->prompt_count, c.worst_position, c.worst / run->logit_max, GOLDEN_TOLERANCE);
}

static int open_subject(void **state)
{
	struct subject *subject = *state;
	struct wick_options options;
	char folder[PATH_MAX], model[PATH_MAX];

	golden_load(&subject->golden, subject->its->fixture);
	scratch_make(subject->scratch);
	fixture_folder(folder, subject->its->fixture);
	path_join(model, subject->scratch, "model.gguf");
	model_pack(folder, model, subject->its->type);
	wick_options_init(&options);
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
		check_run(subject->wick, &golden->runs[i], golden->vocab);
	for (unsigned i = 0; i < golden->text_count; i++)
		check_text(subject->wick, &golden->texts[i]);
}

int main(void)
{
	static struct subject subjects[GOLDEN_CASES];
	struct CMUnitTest tests[GOLDEN_CASES];

	for (unsigned i = 0; i < GOLDEN_CASES; i++) {
		struct subject *s = &subjects[i];

		s->its = &golden_cases[i];
		snprintf(s->name, sizeof(s->name), "%s as %s", s->its->fixture, s->its->type);
		tests[i] = (struct CMUnitTest){ s->name, same_as_transformers, open_subject, close_subject, s };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
