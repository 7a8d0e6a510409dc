/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the public header promises of an engine in use: it may go from thread to thread, an evaluation can be stopped and
 * says how far it is, and nothing is chosen before anything was evaluated. */

#include "first_session.h"
#include "fixture.h"
#include "synth.h"

#include "bits.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PROMPT 40
#define STEPS 4

static char scratch[PATH_MAX], model[PATH_MAX];
static uint32_t ids[PROMPT];

static int set_up(void **state)
{
	char folder[PATH_MAX];

	(void)state;
	scratch_make(scratch);
	fixture_folder(folder, golden_cases[0].fixture);
	path_join(model, scratch, "model.gguf");
	model_pack(folder, model, golden_cases[0].type);
	for (uint32_t i = 0; i < PROMPT; i++)
		ids[i] = 5 + i * 13 % 200;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

/* Little memory, so that there is always something to read ahead. */
static void set_options(struct wick_options *options, const char *io)
{
	wick_options_init(options);
	options->mode = "dense";
	options->io = io;
	options->ctx = 2 * PROMPT;
	options->threads = 2;
	options->memory.bytes = model_least_bytes(model, options);
}

/* One thing that a thread does with an engine. */
struct step {
	struct wick **wick;
	const struct wick_options *options;
	const uint32_t *ids; /* NULL: it opens, or closes if there is something to close */
	uint32_t count;
	int rc;
	struct wick_diag diag;
};

static void *take_step(void *arg)
{
	struct step *step = arg;

	if (step->ids)
		step->rc = wick_session_eval(session_of(*step->wick), step->ids, step->count, NULL, NULL, &step->diag);
	else if (!*step->wick)
		step->rc = wick_open(step->wick, model, step->options, &step->diag);
	else
		wick_close(*step->wick);
	return NULL;
}

static void in_a_thread_of_its_own(struct step step)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, take_step, &step), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (step.rc)
		fail_msg("%d: %s", step.rc, step.diag.text);
}

/* Opened, used and closed by different threads, all gone by the next step: the same logits. */
static void goes_from_thread_to_thread(void **state)
{
	const char *io = *state;
	struct wick_options options;
	struct wick *wick, *other = NULL;
	size_t bytes;
	float *truth;

	if (!strcmp(io, "uring") && !uring_allowed())
		skip();
	set_options(&options, io);
	wick = model_open(model, &options);
	bytes = wick_report_of(wick)->vocab * sizeof(float);
	truth = malloc(bytes);
	assert_non_null(truth);
	for (uint32_t i = 0; i < STEPS; i++)
		assert_int_equal(wick_session_eval(session_of(wick), ids + i * PROMPT / STEPS, PROMPT / STEPS, NULL, NULL, NULL), 0);
	memcpy(truth, wick_session_logits(session_of(wick)), bytes);
	assert_true(wick_plan_of(wick)->swept_bytes > 0);
	wick_close(wick);

	in_a_thread_of_its_own((struct step){ .wick = &other, .options = &options });
	for (uint32_t i = 0; i < STEPS; i++)
		in_a_thread_of_its_own((struct step){ .wick = &other, .ids = ids + i * PROMPT / STEPS, .count = PROMPT / STEPS });
	assert_memory_equal(wick_session_logits(session_of(other)), truth, bytes);
	in_a_thread_of_its_own((struct step){ .wick = &other });
	free(truth);
}

struct told {
	uint64_t calls, last, total, stop_at;
};

static int listen(void *user, uint64_t done, uint64_t total)
{
	struct told *told = user;

	assert_true(done > told->last && done <= total);
	told->calls++;
	told->last = done;
	told->total = total;
	return done >= told->stop_at;
}

static void says_how_far_it_is_and_stops(void **state)
{
	const struct wick_sampling sampling = { .size = sizeof(sampling), .temp = 1, .top_p = 1 };
	struct told told = { .stop_at = UINT64_MAX };
	struct wick_options options;
	struct wick_diag diag;
	struct wick *wick;
	uint32_t layers;
	size_t bytes;
	float *truth;

	(void)state;
	set_options(&options, "pread");
	options.eval_progress = listen;
	options.eval_user = &told;
	wick = model_open(model, &options);
	layers = wick_report_of(wick)->layers;
	bytes = wick_report_of(wick)->vocab * sizeof(float);
	truth = malloc(bytes);
	assert_non_null(truth);
	assert_int_equal(wick_session_eval(session_of(wick), ids, PROMPT, NULL, NULL, &diag), 0);
	assert_int_equal(told.last, (uint64_t)PROMPT * layers);
	assert_int_equal(told.total, (uint64_t)PROMPT * layers);
	assert_true(told.calls >= layers);
	memcpy(truth, wick_session_logits(session_of(wick)), bytes);

	told = (struct told){ .stop_at = 1 };
	assert_int_equal(wick_session_eval(session_of(wick), ids, PROMPT, NULL, NULL, &diag), -ECANCELED);
	assert_string_equal(diag.text, "the evaluation was stopped");
	assert_int_equal(told.calls, 1);
	assert_null(wick_session_logits(session_of(wick)));
	assert_int_equal(wick_session_sample(session_of(wick), &sampling), WICK_NO_TOKEN);
	assert_int_equal(wick_session_position(session_of(wick)), PROMPT);

	wick_session_reset(session_of(wick));
	told = (struct told){ .stop_at = UINT64_MAX };
	assert_int_equal(wick_session_eval(session_of(wick), ids, PROMPT, NULL, NULL, &diag), 0);
	assert_memory_equal(wick_session_logits(session_of(wick)), truth, bytes);
	wick_close(wick);
	free(truth);
}

static void nothing_comes_of_nothing(void **state)
{
	const struct wick_sampling sampling = { .size = sizeof(sampling), .temp = 1, .top_p = 1 };
	struct wick_options options;
	struct wick *wick;

	(void)state;
	set_options(&options, "pread");
	wick = model_open(model, &options);
	assert_null(wick_session_logits(session_of(wick)));
	assert_int_equal(wick_session_sample(session_of(wick), &sampling), WICK_NO_TOKEN);
	assert_int_equal(wick_session_eval(session_of(wick), ids, 1, NULL, NULL, NULL), 0);
	assert_in_range(wick_session_sample(session_of(wick), &sampling), 0, wick_report_of(wick)->vocab - 1);
	wick_session_reset(session_of(wick));
	assert_int_equal(wick_session_sample(session_of(wick), &sampling), WICK_NO_TOKEN);
	wick_close(wick);
}

enum { LARGE_D_MODEL = 64, LARGE_VOCAB = 300, LARGE_POSITION = 7, LARGE_COLUMN = 5 };

static void put_bf16(uint8_t *at, uint16_t bits)
{
	memcpy(at, (uint8_t[]){ (uint8_t)bits, (uint8_t)(bits >> 8) }, 2);
}

/* The last norm's weight, whose bias comes last. */
static uint8_t *last_norm(uint8_t *data, uint64_t bytes)
{
	return data + bytes - 2 * 2 * LARGE_D_MODEL;
}

/* Logits of no token are numbers. */
static void spoil_all(uint8_t *data, uint64_t bytes)
{
	for (uint32_t i = 0; i < LARGE_D_MODEL; i++)
		put_bf16(last_norm(data, bytes) + 2 * i, 0x7f7f); /* the largest */
}

/* One position's row, which has two before the first, is 1000 in a column and 0 elsewhere: the norm makes the root of d_model of that,
 * 8, and less than 6 of those of other rows, times a weight of a sixth of the largest. */
static void spoil_a_position(uint8_t *data, uint64_t bytes)
{
	uint64_t header;
	uint8_t *row;

	memcpy(&header, data, sizeof(header));
	row = data + sizeof(header) + header + 2 * LARGE_D_MODEL * (LARGE_VOCAB + 2 + LARGE_POSITION);
	memset(row, 0, 2 * LARGE_D_MODEL);
	put_bf16(row + 2 * LARGE_COLUMN, 0x447a);
	put_bf16(last_norm(data, bytes) + 2 * LARGE_COLUMN, 0x7e2a);
}

/* As a hostile or broken checkpoint has them: finite, so that they can be packed, and too large to be computed with. */
static void pack_too_large(const char *path, void (*spoil)(uint8_t *data, uint64_t bytes))
{
	const struct synth_shape shape = { .layers = 1, .d_model = LARGE_D_MODEL, .heads = 2, .ffn = 64, .vocab = LARGE_VOCAB,
		.ctx = 2 * PROMPT };
	char folder[PATH_MAX], weights[PATH_MAX];
	uint64_t bytes;
	uint8_t *data;

	scratch_make(folder);
	synth_checkpoint(folder, &shape);
	path_join(weights, folder, "model.safetensors");
	data = file_read(weights, &bytes);
	spoil(data, bytes);
	file_write(weights, data, bytes);
	free(data);
	model_pack(folder, path, "bf16");
	scratch_remove(folder);
}

static void count_calls(void *user, uint32_t position, const float *logits)
{
	(void)position, (void)logits;
	(*(unsigned *)user)++;
}

static void logits_that_are_no_numbers_are_refused(void **state)
{
	const struct wick_sampling sampling = { .size = sizeof(sampling) };
	struct wick_options options;
	struct wick_diag diag;
	char path[PATH_MAX];
	unsigned handed = 0;
	struct wick *wick;

	(void)state;
	path_join(path, scratch, "large.gguf");
	pack_too_large(path, spoil_all);
	assert_int_equal(wick_verify(path, NULL, NULL, NULL, NULL), 0);
	wick_options_init(&options);
	options.ctx = 2 * PROMPT;
	options.all_logits = true;
	options.threads = 1;
	wick = model_open(path, &options);
	for (unsigned each = 0; each < 2; each++)
		for (uint32_t count = 1; count <= PROMPT; count += PROMPT - 1) {
			assert_int_equal(wick_session_eval(session_of(wick), ids, count, each ? count_calls : NULL, &handed, &diag), -ERANGE);
			assert_non_null(strstr(diag.text, each ? "large.gguf: the logits of position 0 are not all finite" : "finite"));
			assert_null(wick_session_logits(session_of(wick)));
			assert_int_equal(wick_session_sample(session_of(wick), &sampling), WICK_NO_TOKEN);
			wick_session_reset(session_of(wick));
		}
	assert_int_equal(handed, 0);
	wick_close(wick);
}

/* Of two sessions in a batch it is an error of the one that has them, and changes no bit of the other's. */
static void logits_that_are_no_numbers_are_their_sessions(void **state)
{
	struct wick_row rows[LARGE_POSITION + 3];
	struct wick_session *large, *other;
	struct wick_options options;
	float alone[LARGE_VOCAB];
	struct wick_diag diag;
	char path[PATH_MAX];
	struct wick *wick;

	(void)state;
	path_join(path, scratch, "large.gguf");
	pack_too_large(path, spoil_a_position);
	wick_options_init(&options);
	options.ctx = 2 * PROMPT;
	options.sessions = 2;
	options.threads = 1;
	wick = model_open(path, &options);
	large = session_new(wick);
	other = session_new(wick);
	assert_int_equal(wick_session_eval(other, ids, 2, NULL, NULL, NULL), 0);
	memcpy(alone, wick_session_logits(other), sizeof(alone));
	wick_session_reset(other);
	for (uint32_t i = 0; i < WICK_COUNT_OF(rows); i++) {
		bool is_other = i > LARGE_POSITION;
		uint32_t position = is_other ? i - LARGE_POSITION - 1 : i;

		rows[i] = (struct wick_row){ .session = is_other ? other : large, .id = ids[position], .position = position,
			.want = i == LARGE_POSITION || i + 1 == WICK_COUNT_OF(rows) };
	}
	assert_int_equal(wick_eval_rows(wick, rows, WICK_COUNT_OF(rows), &diag), -ERANGE);
	assert_non_null(strstr(diag.text, "the logits of position 7 are not all finite"));
	assert_int_equal(wick_session_position(large), 0);
	assert_null(wick_session_logits(large));
	assert_int_equal(wick_session_position(other), 2);
	assert_memory_equal(wick_session_logits(other), alone, sizeof(alone));
	assert_int_equal(wick_session_eval(large, ids, LARGE_POSITION, NULL, NULL, NULL), 0);
	wick_close(wick);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(goes_from_thread_to_thread, "uring"),
		cmocka_unit_test_prestate(goes_from_thread_to_thread, "pread"),
		cmocka_unit_test(says_how_far_it_is_and_stops),
		cmocka_unit_test(nothing_comes_of_nothing),
		cmocka_unit_test(logits_that_are_no_numbers_are_refused),
		cmocka_unit_test(logits_that_are_no_numbers_are_their_sessions),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
