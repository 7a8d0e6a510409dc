/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Sparse mode on a drive that misbehaves and on a damaged file: the right answer or a sentence that names what is wrong,
 * and after a reset everything as before. */

#include "first_session.h"
#include "fixture.h"
#include "synth.h"

#include "bits.h"
#include "engine.h"
#include "io.h"
#include "sim.h"
#include "trace.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wick/instruments.h>

#define TOKENS 16
#define HURT_LAYER 1
#define HURT 77  /* a neuron that fires at the tokens it should, and is guessed at every one */
#define NEVER 78 /* one that is guessed and never fires; next to it, so that a read covers both */
#define HURT_AT 9

static char scratch[PATH_MAX], path[PATH_MAX], trace[PATH_MAX];
static float *truth; /* (TOKENS, vocab) */
static uint64_t hurt_offset, never_offset;
static uint32_t ids[TOKENS];

static const struct synth_shape shape = { .layers = 3, .d_model = 256, .heads = 4, .ffn = 512, .vocab = 512, .ctx = 64 };

static void write_trace(void)
{
	const struct wick_trace_shape size = { .layers = shape.layers, .n_ff = shape.ffn, .lookahead = true };
	const uint32_t likely[] = { HURT, NEVER, 80, 300 };
	const float probability[] = { 0.9f, 0.9f, 0.8f, 0.7f };
	struct wick_trace_writer *writer;
	struct wick_diag diag;
	uint32_t firing[512];

	assert_int_equal(wick_trace_create(&writer, trace, &size, &diag), 0);
	for (uint32_t token = 0; token < TOKENS; token++)
		for (uint32_t layer = 0; layer < shape.layers; layer++) {
			uint32_t count = 0;

			for (uint32_t i = 0; i < shape.ffn; i++)
				if (layer == HURT_LAYER && i == HURT ? token == HURT_AT
								     : i != NEVER && (i * 7 + token * 13) % 11 == 0)
					firing[count++] = i;
			assert_int_equal(wick_trace_add(writer, layer, firing, count, likely, probability,
				layer ? WICK_COUNT_OF(likely) : 0, &diag), 0);
		}
	assert_int_equal(wick_trace_commit(writer, &diag), 0);
}

static struct wick *open_with(uint32_t lookahead, uint32_t sessions, const struct wick_instruments *instruments)
{
	struct wick_options options;

	wick_options_init(&options);
	options.mode = "sparse";
	options.trace = trace;
	options.lookahead = lookahead;
	options.sessions = sessions;
	options.instruments = instruments;
	options.threads = 2;
	options.ctx = TOKENS;
	options.buffered = true; /* the simulated drive cuts reads anywhere */
	options.memory.bytes = model_least_bytes(path, &options);
	return model_open(path, &options);
}

static struct wick *open_least(uint32_t lookahead)
{
	return open_with(lookahead, 1, NULL);
}

/* Another drive behind an engine that is open. */
static struct wick_sim *put_on_sim(struct wick *wick, const struct wick_sim_options *faults)
{
	struct wick_io_options options = { .depth = 8, .retries = 2 };
	struct wick_sim *sim;
	struct wick_io *io;

	if (wick->forward.sweep.any)
		wick_sweep_rewind(&wick->forward.sweep);
	assert_int_equal(wick_sim_create(&io, &sim, NULL, faults, &options), 0);
	wick_io_destroy(wick->io);
	wick->io = wick->fetch.io = io;
	return sim;
}

/* Evaluates all tokens; every answer given must be the truth. Returns how many were, and the last code. */
static uint32_t answer(struct wick *wick, int *code, struct wick_diag *diag)
{
	uint32_t vocab = wick_report_of(wick)->vocab;

	wick_session_reset(session_of(wick));
	for (uint32_t i = 0; i < TOKENS; i++) {
		*code = wick_session_eval(session_of(wick), &ids[i], 1, NULL, NULL, diag);
		if (*code)
			return i;
		assert_memory_equal(wick_session_logits(session_of(wick)), truth + (size_t)i * vocab, vocab * sizeof(float));
	}
	return TOKENS;
}

static void find_truth(void)
{
	struct wick_options options;
	struct wick *wick;
	uint32_t vocab;

	wick_options_init(&options);
	options.mode = "sparse";
	options.trace = trace;
	options.threads = 1;
	options.ctx = TOKENS;
	options.memory.bytes = model_whole_bytes(path, &options);
	wick = model_open(path, &options);
	vocab = wick_report_of(wick)->vocab;
	truth = calloc((size_t)TOKENS * vocab, sizeof(float));
	assert_non_null(truth);
	session_eval_each(session_of(wick), ids, TOKENS, vocab, truth);
	hurt_offset = wick_tensor_at(wick->model, HURT_LAYER, WICK_T_BUNDLES)->offset + HURT * wick->model->shape.stride;
	never_offset = hurt_offset + wick->model->shape.stride;
	wick_close(wick);
}

static void flip(uint64_t offset)
{
	FILE *file = fopen(path, "r+b");
	int byte;

	assert_non_null(file);
	assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
	byte = fgetc(file);
	assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
	fputc(byte ^ 4, file);
	assert_int_equal(fclose(file), 0);
}

static void assert_said(const struct wick_diag *diag)
{
	char bundle[32], offset[32];

	snprintf(bundle, sizeof(bundle), "bundle %u", HURT);
	snprintf(offset, sizeof(offset), "%llu", (unsigned long long)hurt_offset);
	if (!strstr(diag->text, path) || !strstr(diag->text, "blk.1.ffn_bundles") || !strstr(diag->text, bundle) ||
		!strstr(diag->text, offset))
		fail_msg("\"%s\" does not name %s, blk.1.ffn_bundles, %s, %s", diag->text, path, bundle, offset);
}

/* The token that needs the damaged bundle fails, those before it do not, though it was read ahead for all of them; and
 * when the file has been put right the same engine is right again. */
static void a_damaged_bundle_is_named(void **state)
{
	(void)state;
	for (uint32_t lookahead = 0; lookahead < 2; lookahead++) {
		struct wick *wick = open_least(lookahead);
		struct wick_diag diag = { 0 };
		int code;

		flip(hurt_offset + 100);
		assert_int_equal(answer(wick, &code, &diag), HURT_AT);
		assert_int_equal(code, -EBADMSG);
		assert_said(&diag);
		assert_int_equal(wick_session_position(session_of(wick)), HURT_AT);
		assert_int_equal(answer(wick, &code, &diag), HURT_AT);
		flip(hurt_offset + 100);
		assert_int_equal(answer(wick, &code, &diag), TOKENS);
		wick_close(wick);
	}
}

/* What is only guessed may be damaged or unreadable, and so may what lies between two that are wanted. */
static void what_nobody_needs_may_be_damaged(void **state)
{
	const struct wick_sim_options faults = { .seed = 1, .bad_offset = never_offset, .bad_bytes = 512 };
	struct wick *wick = open_least(1);
	struct wick_diag diag = { 0 };
	int code;

	(void)state;
	flip(never_offset + 300);
	assert_int_equal(answer(wick, &code, &diag), TOKENS);
	flip(never_offset + 300);
	put_on_sim(wick, &faults);
	assert_int_equal(answer(wick, &code, &diag), TOKENS);
	wick_close(wick);
}

static void an_unreadable_bundle_is_named(void **state)
{
	const struct wick_sim_options faults = { .seed = 1, .bad_offset = hurt_offset, .bad_bytes = 512 };
	struct wick_diag diag = { 0 };
	int code;

	(void)state;
	for (uint32_t lookahead = 0; lookahead < 2; lookahead++) {
		struct wick *wick = open_least(lookahead);

		put_on_sim(wick, &faults);
		assert_int_equal(answer(wick, &code, &diag), HURT_AT);
		assert_int_equal(code, -EIO);
		assert_said(&diag);
		assert_int_equal(wick_io_outstanding(wick->io), 0);
		wick_close(wick);
	}
}

#define TROUBLES 40 /* attempts */

/* A place that cannot be read for so many attempts. */
struct trouble {
	uint32_t left;
	struct wick_sim *sim;
};

static void pass_over(void *user, const struct wick_io_request *request)
{
	struct trouble *trouble = user;

	if (request->offset <= hurt_offset && hurt_offset < request->offset + request->bytes && trouble->left && !--trouble->left)
		wick_sim_heal(trouble->sim);
}

/* Tokens of which the last need the bundle, in passes of two rows, where it cannot be read for a while. */
static int eval_in_trouble(uint32_t attempts, struct wick_diag *diag)
{
	const struct wick_instruments apart = { .size = sizeof(apart), .trace_apart = HURT_AT };
	struct trouble trouble = { .left = attempts };
	const struct wick_sim_options faults = { .seed = 1, .bad_offset = hurt_offset, .bad_bytes = 512, .started = pass_over, .user = &trouble };
	struct wick_row rows[2];
	struct wick *wick;
	int code;

	wick = open_with(0, 2, &apart);
	trouble.sim = put_on_sim(wick, &faults);
	for (uint32_t i = 0; i < 2; i++)
		rows[i] = (struct wick_row){ .session = session_new(wick), .id = ids[i], .want = true };
	code = wick_eval_rows(wick, rows, 2, diag);
	assert_int_equal(wick_session_position(rows[0].session), 1); /* which does not need it */
	assert_int_equal(wick_session_position(rows[1].session), !code);
	wick_close(wick);
	return code;
}

/* Rows that could not be read for together may be so each by itself: nothing is said where there is no error. */
static void what_came_right_is_not_told_of(void **state)
{
	uint32_t right = 0;

	(void)state;
	for (uint32_t attempts = 1; attempts <= TROUBLES; attempts++) {
		struct wick_diag diag = { 0 };
		int code = eval_in_trouble(attempts, &diag);

		right += !code;
		if (code)
			assert_said(&diag);
		else
			assert_string_equal(diag.text, "");
	}
	print_message("  right after trouble of up to %u attempts\n", right);
	assert_in_range(right, 1, TROUBLES - 1);
}

/* Short reads, passing errors, flipped bits and torn sectors in every mixture: right, or an error that is said. */
static void a_bad_drive_never_changes_the_answer(void **state)
{
	uint32_t right = 0, wrong = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct wick_sim_options faults = { .seed = seed, .latency_ns_min = 1000, .latency_ns_max = 100000,
			.short_per_mille = 50, .transient_per_mille = 50, .eio_once_per_mille = 20 };
		struct wick *wick = open_least(seed % 2);
		struct wick_diag diag = { 0 };
		struct wick_sim *sim;
		int code;

		faults.flip_per_mille = faults.torn_per_mille = seed % 4 * 20;
		faults.eio_per_mille = seed % 5 == 4 ? 5 : 0;
		sim = put_on_sim(wick, &faults);
		for (int again = 0; again < 2; again++) {
			uint32_t count = answer(wick, &code, &diag);

			right += count;
			wrong += count < TOKENS;
			if (code && (!diag.text[0] || (code != -EIO && code != -EBADMSG)))
				fail_msg("seed %llu: %d, \"%s\"", (unsigned long long)seed, code, diag.text);
		}
		assert_int_not_equal(wick_sim_attempts(sim), 0);
		wick_close(wick);
	}
	print_message("  %u answers right, %u runs ended by an error\n", right, wrong);
	assert_in_range(right, 500, 1280);
}

#define COMPANY 3

struct tally {
	uint32_t right, wrong, partly; /* rows; batches of which some rows failed */
};

/* The next token of each session, of which some have begun later than others: an answer is the truth, and who fails keeps what he had. */
static void eval_together(struct wick *wick, struct wick_session *const *sessions, uint32_t count, struct tally *tally)
{
	uint32_t vocab = wick_report_of(wick)->vocab, failed = 0, rows_count = 0;
	struct wick_row rows[COMPANY];
	struct wick_diag diag;
	int code;

	for (uint32_t s = 0; s < count; s++) {
		uint32_t position = wick_session_position(sessions[s]);

		if (position < TOKENS)
			rows[rows_count++] = (struct wick_row){ .session = sessions[s], .id = ids[position], .position = position, .want = true };
	}
	if (!rows_count)
		return;
	code = wick_eval_rows(wick, rows, rows_count, &diag);
	for (uint32_t i = 0; i < rows_count; i++) {
		bool moved = wick_session_position(rows[i].session) > rows[i].position;

		failed += !moved;
		if (moved)
			assert_memory_equal(wick_session_logits(rows[i].session), truth + (size_t)rows[i].position * vocab, vocab * sizeof(float));
		else
			assert_null(wick_session_logits(rows[i].session));
	}
	assert_int_equal(code != 0, failed != 0);
	assert_int_equal(diag.text[0] != 0, failed != 0);
	assert_true(!code || code == -EIO || code == -EBADMSG);
	tally->right += rows_count - failed;
	tally->wrong += failed;
	tally->partly += failed && failed < rows_count;
}

/* Of several sessions in a batch those fail that need what cannot be read, and no others; with the drive well again all come to their end. */
static void a_bad_drive_fails_whom_it_must(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		const struct wick_sim_options faults = { .seed = seed, .latency_ns_min = 1000, .latency_ns_max = 100000, .short_per_mille = 50,
			.transient_per_mille = 50, .eio_once_per_mille = 20, .flip_per_mille = seed % 4 * 20, .bad_offset = hurt_offset, .bad_bytes = 512 };
		struct wick *wick = open_with(seed % 2, COMPANY, NULL);
		struct wick_session *sessions[COMPANY];
		struct wick_sim *sim = put_on_sim(wick, &faults);

		for (uint32_t s = 0; s < COMPANY; s++)
			sessions[s] = session_new(wick);
		for (uint32_t pass = 0; pass < 2 * TOKENS; pass++)
			eval_together(wick, sessions, WICK_MIN(1 + pass / 4, COMPANY), &tally);
		for (uint32_t s = 0; s < COMPANY; s++)
			assert_int_equal(wick_session_position(sessions[s]), HURT_AT);
		wick_sim_heal(sim);
		for (uint32_t pass = HURT_AT; pass < TOKENS; pass++)
			eval_together(wick, sessions, COMPANY, &tally);
		for (uint32_t s = 0; s < COMPANY; s++)
			assert_int_equal(wick_session_position(sessions[s]), TOKENS);
		assert_int_equal(wick_io_outstanding(wick->io), 0);
		wick_close(wick);
	}
	print_message("  %u answers right, %u not given, in %u batches beside others that were\n", tally.right, tally.wrong, tally.partly);
	assert_true(tally.right && tally.partly);
}

static int make_model(void **state)
{
	(void)state;
	scratch_make(scratch);
	synth_checkpoint(scratch, &shape);
	path_join(path, scratch, "model.gguf");
	path_join(trace, scratch, "some.trace");
	model_pack(scratch, path, "bf16");
	for (uint32_t i = 0; i < TOKENS; i++)
		ids[i] = 5 + i * 17 % 300;
	write_trace();
	find_truth();
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	free(truth);
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_bundle_is_named),
		cmocka_unit_test(what_nobody_needs_may_be_damaged),
		cmocka_unit_test(an_unreadable_bundle_is_named),
		cmocka_unit_test(what_came_right_is_not_told_of),
		cmocka_unit_test(a_bad_drive_never_changes_the_answer),
		cmocka_unit_test(a_bad_drive_fails_whom_it_must),
	};

	return cmocka_run_group_tests(tests, make_model, remove_model);
}
