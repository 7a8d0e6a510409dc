/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Layers with a window keep that, a batch and a block, and change no bit of an answer. The truth is an engine in which they keep all
 * positions, token by token; wherever weights are, however a prompt is cut, in company, over a prefix of another session, going back,
 * after an error and out of a file, logits are the same. Conversations are many windows long. */

#include "fixture.h"

#include "bits.h"
#include "engine.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wick/instruments.h>

#define CTX 512
#define TOKENS 500
#define OTHERS 2   /* conversations */
#define WINDOW 32
#define BATCH 256
#define BLOCK WICK_KV_POSITIONS_STEP
#define BLOCKS 6   /* of a window, a batch and one more */
#define VOCAB_MAX 512

/* After so many tokens, blocks of a window begin here, and a session can go back as far as this. */
#define FIRST(tokens) (((tokens) - 1) / BLOCK - (BLOCKS - 1))
#define LEAST(tokens) (FIRST(tokens) * BLOCK + WINDOW - 1)

static char scratch[PATH_MAX], model[PATH_MAX], path[PATH_MAX];
static uint32_t vocab, ids[OTHERS][TOKENS];
static float *truth; /* (OTHERS, TOKENS, vocab) */

static const float *truth_of(uint32_t of, uint32_t position)
{
	return truth + ((size_t)of * TOKENS + position) * vocab;
}

static struct wick_options options_of(const char *mode, uint32_t sessions)
{
	struct wick_options options;

	wick_options_init(&options);
	options.mode = mode;
	options.ctx = CTX;
	options.sessions = sessions;
	options.threads = 2;
	options.io = "pread";
	options.all_logits = true;
	return options;
}

/* Some weights are in memory, and the rest is not. */
static struct wick *open_some(struct wick_options *options)
{
	uint64_t least = model_least_bytes(model, options);
	struct wick *wick;

	options->memory.bytes = least + (WICK_MAX(model_whole_bytes(model, options), least) - least) / 2;
	wick = model_open(model, options);
	assert_true(wick_plan_of(wick)->kv_window_layers > 0);
	return wick;
}

static void check_logits(void *user, uint32_t position, const float *logits)
{
	const uint32_t *of = user;

	if (memcmp(logits, truth_of(*of, position), vocab * sizeof(*logits)))
		fail_msg("conversation %u: other bits at position %u", *of, position);
}

/* Evaluates a conversation up to so many tokens, `step` at a time, and looks at all logits. */
static void go_on(struct wick_session *session, uint32_t of, uint32_t to, uint32_t step)
{
	struct wick_diag diag;

	for (uint32_t at = wick_session_position(session); at < to; at = wick_session_position(session))
		if (wick_session_eval(session, ids[of] + at, WICK_MIN(step, to - at), check_logits, &of, &diag))
			fail_msg("%s", diag.text);
}

static void find_truth(void)
{
	const struct wick_instruments instruments = { .size = sizeof(instruments), .whole_windows = true };
	struct wick_options options = options_of("dense", 1);
	struct wick *wick;

	options.instruments = &instruments;
	options.threads = 1;
	options.memory.bytes = model_whole_bytes(model, &options);
	wick = model_open(model, &options);
	assert_int_equal(wick_plan_of(wick)->kv_window_layers, 0);
	vocab = wick_report_of(wick)->vocab;
	assert_in_range(vocab, 2, VOCAB_MAX);
	truth = malloc((size_t)OTHERS * TOKENS * vocab * sizeof(float));
	assert_non_null(truth);
	for (uint32_t of = 0; of < OTHERS; of++) {
		struct wick_session *session = session_new(wick);

		for (uint32_t i = 0; i < TOKENS; i++)
			ids[of][i] = (of * 7919 + i * i * 31 + i * 17 + 5) % vocab;
		session_eval_each(session, ids[of], TOKENS, vocab, (float *)truth_of(of, 0));
		wick_session_destroy(session);
	}
	wick_close(wick);
}

static void placements_and_cuts(void **state)
{
	static const char *const modes[] = { "dense", "hybrid", "naive" };
	static const uint32_t cuts[] = { 1, 7, 31, 32, 33, 64, BATCH, TOKENS };

	(void)state;
	for (unsigned c = 0; c < WICK_COUNT_OF(cuts); c++) {
		struct wick_options options = options_of(modes[c % WICK_COUNT_OF(modes)], 1);
		struct wick *wick;

		options.threads = 1 + c % 2;
		wick = open_some(&options);
		go_on(session_new(wick), c % OTHERS, TOKENS, cuts[c]);
		wick_close(wick);
	}
}

/* A plan of less memory, and the least that works, though eight share it. */
static void it_takes_less(void **state)
{
	const struct wick_instruments instruments = { .size = sizeof(instruments), .whole_windows = true };

	(void)state;
	for (uint32_t sessions = 1; sessions <= 8; sessions *= 8) {
		struct wick_options options = options_of("dense", sessions);
		struct wick_plan whole, plan;
		struct wick *wick;

		assert_int_equal(wick_plan(model, &options, &plan, NULL), 0);
		options.instruments = &instruments;
		assert_int_equal(wick_plan(model, &options, &whole, NULL), 0);
		assert_true(plan.kv_bytes < whole.kv_bytes && plan.minimum_bytes < whole.minimum_bytes);
		assert_true(plan.kv_window_bytes < plan.kv_bytes && !whole.kv_window_bytes);
		options.instruments = NULL;
		options.memory.bytes = model_least_bytes(model, &options);
		wick = model_open(model, &options);
		assert_true(wick->mem.used == wick->mem.bytes);
		for (uint32_t s = 0; s < sessions; s++)
			go_on(session_new(wick), s % OTHERS, s ? 90 : TOKENS, 40);
		wick_close(wick);
	}
}

/* Rows of three sessions in turn, a few of each. */
static void in_company(void **state)
{
	enum { SESSIONS = 3, ROWS = 40 };
	struct wick_options options = options_of("dense", SESSIONS);
	struct wick_session *sessions[SESSIONS];
	struct wick *wick = open_some(&options);
	float *logits = malloc((size_t)ROWS * vocab * sizeof(float));
	struct wick_row rows[ROWS];
	struct wick_diag diag;

	(void)state;
	assert_non_null(logits);
	for (uint32_t s = 0; s < SESSIONS; s++)
		sessions[s] = session_new(wick);
	for (uint32_t turn = 0, count;; turn++) {
		count = 0;
		for (uint32_t s = 0; s < SESSIONS; s++)
			for (uint32_t i = 0, at = wick_session_position(sessions[s]); i < 1 + (turn + s) * 7 % 13 && at + i < TOKENS; i++, count++)
				rows[count] = (struct wick_row){ .session = sessions[s], .id = ids[s % OTHERS][at + i], .position = at + i,
					.want = true, .logits = logits + (size_t)count * vocab };
		if (!count)
			break;
		if (wick_eval_rows(wick, rows, count, &diag))
			fail_msg("%s", diag.text);
		for (uint32_t i = 0; i < count; i++)
			check_logits(&(uint32_t){ rows[i].session == sessions[1] }, rows[i].position, rows[i].logits);
	}
	for (uint32_t s = 0; s < SESSIONS; s++)
		assert_int_equal(wick_session_position(sessions[s]), TOKENS);
	free(logits);
	wick_close(wick);
}

/* As far as blocks are there it goes back to where it should, and farther to the beginning. */
static void going_back(void **state)
{
	static const uint32_t steps[] = { 1, 40, TOKENS }, to[] = { TOKENS - 1, TOKENS - BATCH, LEAST(TOKENS) + 1, LEAST(TOKENS), LEAST(TOKENS) - 1,
		FIRST(TOKENS) * BLOCK, WINDOW, 1, 0 };
	struct wick_options options = options_of("dense", 1);
	struct wick *wick = open_some(&options);
	struct wick_session *session = session_new(wick);

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(to); i++) {
		uint32_t reached = to[i] >= LEAST(TOKENS) ? to[i] : 0;

		go_on(session, 0, TOKENS, steps[i % WICK_COUNT_OF(steps)]);
		assert_int_equal(wick_session_reach(session, to[i]), reached);
		assert_int_equal(wick_session_position(session), TOKENS);
		assert_int_equal(wick_session_rewind(session, to[i]), reached);
		assert_int_equal(wick_session_position(session), reached);
		assert_null(wick_session_logits(session));
		assert_int_equal(wick_session_eval(session, ids[1], i % 2 ? 3 : WICK_MIN(TOKENS - reached, BATCH), NULL, NULL, NULL), 0);
		assert_int_equal(wick_session_rewind(session, reached), reached); /* of tokens that are nobody's truth */
	}
	wick_close(wick);
}

/* The second goes on from the first one's positions with tokens of its own, and both write to a block that they share. */
static void a_shared_prefix(void **state)
{
	enum { LENT = 400 };
	static const uint32_t shared[] = { LENT, LENT - 1, 350, 320, LEAST(LENT), LEAST(LENT) - 1, 0 };
	struct wick_options options = options_of("dense", 3);
	struct wick *wick = open_some(&options);

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(shared); i++) {
		struct wick_session *first = session_new(wick), *second = session_new(wick), *third = session_new(wick);
		uint32_t reached = shared[i] >= LEAST(LENT) ? shared[i] : 0;

		go_on(first, 0, LENT, 33);
		assert_int_equal(wick_session_share(second, first, shared[i], NULL), 0);
		assert_int_equal(wick_session_position(second), reached);
		assert_int_equal(wick_session_share(third, second, reached, NULL), 0);
		assert_int_equal(wick_session_position(third), reached);
		assert_int_equal(wick_session_eval(second, ids[1], 100, NULL, NULL, NULL), 0);
		go_on(first, 0, TOKENS, 7);
		wick_session_destroy(first);
		go_on(third, 0, TOKENS, 60);
		wick_session_destroy(second);
		wick_session_destroy(third);
		for (uint32_t p = 0; p < wick->forward.kv.pools; p++)
			assert_int_equal(wick->forward.kv.pool[p].free_count, wick->forward.kv.pool[p].blocks);
	}
	wick_close(wick);
}

static uint64_t stop_after; /* tokens times layers; 0: never */

static int stop(void *user, uint64_t done, uint64_t total)
{
	(void)user, (void)total;
	return stop_after && done > stop_after;
}

/* In the first batch of an evaluation it costs nothing; behind it, what the session had may be gone, which it says. */
static void after_an_error(void **state)
{
	enum { HAD = 40, MORE = 400 };
	struct wick_options options = options_of("dense", 1);
	struct wick_session *session;
	struct wick *wick;

	(void)state;
	options.eval_progress = stop;
	wick = open_some(&options);
	session = session_new(wick);
	for (unsigned late = 0; late < 2; late++) {
		go_on(session, 0, HAD, HAD);
		stop_after = (late ? BATCH : 1) * (uint64_t)wick->model->shape.layers;
		assert_int_equal(wick_session_eval(session, ids[1], MORE, NULL, NULL, NULL), -ECANCELED);
		stop_after = 0;
		assert_int_equal(wick_session_position(session), late ? 0 : HAD);
		go_on(session, 0, TOKENS, 100);
		wick_session_reset(session);
	}
	assert_int_equal(wick_free_positions(wick), CTX);
	wick_close(wick);
}

static void keep(uint32_t tokens)
{
	struct wick_options options = options_of("dense", 1);
	struct wick *wick = open_some(&options);
	struct wick_session *session = session_new(wick);
	struct wick_diag diag;

	go_on(session, 0, tokens, 50);
	if (wick_session_keep(session, ids[0], path, &diag))
		fail_msg("%s", diag.text);
	wick_close(wick);
}

/* As far as tokens agree, if that can be reached, with another budget and mode. */
static void out_of_a_file(void **state)
{
	enum { KEPT = TOKENS / BLOCK * BLOCK, EDGE = (LEAST(TOKENS) + BLOCK - 1) / BLOCK * BLOCK };
	static const struct { uint32_t agree, reached; } cases[] = { { TOKENS, KEPT }, { KEPT - 1, KEPT - BLOCK }, { EDGE, EDGE },
		{ EDGE - 1, 0 }, { BLOCK, 0 }, { 0, 0 } };
	struct wick_options options = options_of("naive", 2);
	struct wick *wick;

	(void)state;
	keep(TOKENS);
	wick = open_some(&options);
	for (unsigned i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_session *session = session_new(wick);
		uint32_t others[TOKENS];
		struct wick_diag diag;

		memcpy(others, ids[0], sizeof(others));
		if (cases[i].agree < TOKENS)
			others[cases[i].agree] = (others[cases[i].agree] + 1) % vocab;
		assert_int_equal(wick_kept_reach(wick, path, others, TOKENS, NULL), cases[i].reached);
		if (wick_session_resume(session, path, others, TOKENS, &diag))
			fail_msg("%s", diag.text);
		assert_int_equal(wick_session_position(session), cases[i].reached);
		go_on(session, 0, TOKENS, 30);
		wick_session_destroy(session);
	}
	assert_int_equal(wick_free_positions(wick), 2 * CTX);
	wick_close(wick);
}

static void refused(struct wick *wick, int err)
{
	struct wick_session *session = session_new(wick);
	struct wick_diag diag = { "" };

	assert_int_equal(wick_session_resume(session, path, ids[0], TOKENS, &diag), err);
	assert_string_not_equal(diag.text, "");
	assert_int_equal(wick_session_position(session), 0);
	wick_session_destroy(session);
	for (uint32_t p = 0; p < wick->forward.kv.pools; p++)
		assert_int_equal(wick->forward.kv.pool[p].free_count, wick->forward.kv.pool[p].blocks);
}

static void what_cannot_be(void **state)
{
	const struct wick_instruments instruments = { .size = sizeof(instruments), .whole_windows = true };
	struct wick_options options = options_of("dense", 1);
	struct wick *wick = open_some(&options);
	struct wick_session *session = session_new(wick);
	struct wick_diag diag;
	uint8_t *right;
	uint64_t bytes;

	(void)state;
	go_on(session, 0, TOKENS, 50);
	assert_int_equal(wick_session_rewind(session, LEAST(TOKENS)), LEAST(TOKENS));
	assert_int_equal(wick_session_keep(session, ids[0], path, &diag), -ENODATA);
	assert_non_null(strstr(diag.text, "nothing to keep"));
	wick_session_destroy(session);
	keep(TOKENS);
	right = file_read(path, &bytes);
	for (uint64_t at = 12; at < bytes; at += at < 48 ? 1 : 4999) {
		bool other = at >= 16 && at < 32; /* binding, size of a block */

		right[at] ^= 4;
		file_write(path, right, bytes);
		refused(wick, other ? -ESTALE : -EBADMSG);
		right[at] ^= 4;
	}
	for (uint64_t cut = 0; cut < bytes; cut += 1 + cut / 3) {
		file_write(path, right, cut);
		refused(wick, -EBADMSG);
	}
	file_write(path, right, bytes);
	free(right);
	wick_close(wick);
	options.instruments = &instruments;
	options.memory.bytes = model_whole_bytes(model, &options);
	wick = model_open(model, &options);
	refused(wick, -ESTALE);
	wick_close(wick);
}

static const char *const fixtures[] = { "stock/mistral-window-f16", "stock/gemma3-f16", "stock/gpt-oss-f16", "stock/smallthinker-f16" };

static const char *fixture; /* whose turn it is */

static int set_up(void **state)
{
	char folder[PATH_MAX];

	(void)state;
	scratch_make(scratch);
	path_join(path, scratch, "session.kept");
	fixture_folder(folder, fixture);
	path_join(model, folder, "model.gguf");
	find_truth();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(truth);
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(placements_and_cuts),
		cmocka_unit_test(it_takes_less),
		cmocka_unit_test(in_company),
		cmocka_unit_test(going_back),
		cmocka_unit_test(a_shared_prefix),
		cmocka_unit_test(after_an_error),
		cmocka_unit_test(out_of_a_file),
		cmocka_unit_test(what_cannot_be),
	};
	int failed = 0;

	for (unsigned i = 0; i < WICK_COUNT_OF(fixtures); i++) {
		fixture = fixtures[i];
		print_message("%s\n", fixture);
		failed += cmocka_run_group_tests(tests, set_up, tear_down);
	}
	return failed;
}
