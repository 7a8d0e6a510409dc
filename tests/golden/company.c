/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A session's answer is its own. Each conversation alone, token by token, is the truth; in company, in batches of any
 * length, over positions that it shares with another, and after going back, its logits must be the same bits. */

#include "fixture.h"
#include "predictors.h"
#include "synth.h"

#include "bits.h"
#include "engine.h"
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <wick/instruments.h>

#define SESSIONS 7
#define TOKENS 70 /* of each, more than a block of keys and values */
#define ROWS_MAX 40
#define BLOCK 64

static const struct synth_shape shape = { .layers = 3, .d_model = 128, .heads = 4, .ffn = 512, .vocab = 320, .ctx = 256 };

/* What there is one truth each for; a mode of another name is a way to place what is dense. In the last two the next layer's neurons are
 * guessed, by predictors or by a trace, of which each session replays another part. */
enum { DENSE, SPARSE, Q8_0, AHEAD, REPLAYED, TRUTHS };

static const char *const truths[TRUTHS] = { "dense", "sparse", "q8_0", "ahead", "replayed" };

#define REPLAYED_APART 100

static char scratch[PATH_MAX], model[PATH_MAX], trained[PATH_MAX], trace[PATH_MAX]; /* trained: the same as model, under another name */
static float *truth[TRUTHS]; /* (SESSIONS, TOKENS, vocab) */
static float *rows_logits; /* (ROWS_MAX, vocab) */

static unsigned truth_kind(const char *mode)
{
	for (unsigned i = 0; i < TRUTHS; i++)
		if (!strcmp(mode, truths[i]))
			return i;
	return DENSE;
}

static uint32_t id_of(uint32_t session, uint32_t position)
{
	return (session * 7919 + position * position * 31 + position * 17 + 5) % shape.vocab;
}

static const float *truth_of(const char *mode, uint32_t session, uint32_t position)
{
	return truth[truth_kind(mode)] + ((size_t)session * TOKENS + position) * shape.vocab;
}

static const char *model_of(const char *mode)
{
	return truth_kind(mode) == AHEAD ? trained : model;
}

/* Some is in memory, and the rest is not. */
static void set_options(struct wick_options *options, const char *mode, uint32_t sessions)
{
	static const struct wick_instruments apart = { .size = sizeof(apart), .trace_apart = REPLAYED_APART };
	unsigned kind = truth_kind(mode);
	uint64_t least;

	wick_options_init(options);
	options->mode = kind == DENSE ? mode : kind == Q8_0 ? "dense" : "sparse";
	options->kv_type = kind == Q8_0 ? mode : NULL;
	options->lookahead = kind == AHEAD || kind == REPLAYED;
	options->trace = kind == REPLAYED ? trace : NULL;
	options->instruments = kind == REPLAYED ? &apart : NULL;
	options->sessions = sessions;
	options->ctx = 2 * TOKENS;
	options->all_logits = true;
	options->threads = 2;
	options->io = "pread";
	least = model_least_bytes(model_of(mode), options);
	options->memory.bytes = least + (model_whole_bytes(model, options) - WICK_MIN(least, model_whole_bytes(model, options))) / 2;
}

/* Evaluates tokens [from, to) of a conversation, `step` at a time. */
static void go_on(struct wick_session *session, uint32_t of, uint32_t from, uint32_t to, uint32_t step)
{
	uint32_t ids[TOKENS];
	struct wick_diag diag;

	for (uint32_t i = from; i < to; i++)
		ids[i] = id_of(of, i);
	for (uint32_t i = from, some; i < to; i += some) {
		some = WICK_MIN(step, to - i);
		if (wick_session_eval(session, ids + i, some, NULL, NULL, &diag))
			fail_msg("%s", diag.text);
	}
}

static void assert_true_bits(struct wick_session *session, const char *mode, uint32_t of, const char *what, uint32_t number)
{
	uint32_t position = wick_session_position(session);

	if (memcmp(wick_session_logits(session), truth_of(mode, of, position - 1), shape.vocab * sizeof(float)))
		fail_msg("%s, %s %u: other bits at position %u", mode, what, number, position - 1);
}

static void find_truth(unsigned kind)
{
	struct wick_options options;
	struct wick *wick;

	truth[kind] = calloc((size_t)SESSIONS * TOKENS * shape.vocab, sizeof(float));
	assert_non_null(truth[kind]);
	set_options(&options, truths[kind], SESSIONS);
	options.memory.bytes = model_whole_bytes(model, &options);
	options.threads = 1;
	options.lookahead = 0;
	wick = model_open(model_of(truths[kind]), &options);
	for (uint32_t s = 0; s < SESSIONS; s++) {
		struct wick_session *session = session_new(wick);

		for (uint32_t i = 0; i < TOKENS; i++) {
			go_on(session, s, i, i + 1, 1);
			memcpy(truth[kind] + ((size_t)s * TOKENS + i) * shape.vocab, wick_session_logits(session),
				shape.vocab * sizeof(float));
		}
	}
	wick_close(wick);
}

/* Neurons that fire are others at each token, and so are those that are guessed, of which some are right; tokens before `guessed_from`
 * have no guesses. */
static void write_trace(uint32_t guessed_from)
{
	const struct wick_trace_shape size = { .layers = shape.layers, .n_ff = shape.ffn, .lookahead = true };
	const float probability[] = { 0.9f, 0.8f, 0.7f, 0.6f };
	struct wick_trace_writer *writer;
	uint32_t firing[512];

	assert_int_equal(wick_trace_create(&writer, trace, &size, NULL), 0);
	for (uint32_t i = 0; i < SESSIONS * REPLAYED_APART * shape.layers; i++) {
		uint32_t token = i / shape.layers, layer = i % shape.layers, count = 0;

		for (uint32_t neuron = 0; neuron < shape.ffn; neuron++)
			if ((neuron * 7 + token * 13 + neuron / (3 + token % 5)) % 6 == layer)
				firing[count++] = neuron;
		assert_int_equal(wick_trace_add(writer, layer, firing, count, firing + token % 9, probability,
			layer && token >= guessed_from ? 4 : 0, NULL), 0);
	}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
}

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	synth_checkpoint(scratch, &shape);
	path_join(model, scratch, "model.gguf");
	model_pack(scratch, model, "bf16");
	path_join(trained, scratch, "trained.gguf");
	assert_int_equal(link(model, trained), 0);
	predictors_write(trained);
	path_join(trace, scratch, "some.trace");
	write_trace(0);
	rows_logits = calloc((size_t)ROWS_MAX * shape.vocab, sizeof(float));
	assert_non_null(rows_logits);
	for (unsigned i = 0; i < TRUTHS; i++)
		find_truth(i);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRUTHS; i++)
		free(truth[i]);
	free(rows_logits);
	scratch_remove(scratch);
	return 0;
}

/* The next rows of the sessions in turn, now one of each and now a few, until there are `most` or no more. */
static uint32_t fill(struct wick_row *rows, uint32_t *of, struct wick_session **sessions, uint32_t count, uint32_t most, uint32_t *turn)
{
	uint32_t added[SESSIONS] = { 0 }, filled = 0;

	for (uint32_t tries = 0; filled < most && tries < 2 * count; tries++, ++*turn) {
		uint32_t s = *turn % count, some = 1 + *turn * *turn % 5;

		for (; some && filled < most && wick_session_position(sessions[s]) + added[s] < TOKENS; some--) {
			uint32_t position = wick_session_position(sessions[s]) + added[s]++;

			of[filled] = s;
			rows[filled] = (struct wick_row){ .session = sessions[s], .id = id_of(s, position), .position = position,
				.want = true, .logits = rows_logits + (size_t)filled * shape.vocab };
			filled++;
		}
	}
	return filled;
}

static void check_rows(const struct wick_row *rows, const uint32_t *of, uint32_t count, const char *mode, uint32_t sessions,
	uint32_t at_once)
{
	for (uint32_t i = 0; i < count; i++)
		if (memcmp(rows[i].logits, truth_of(mode, of[i], rows[i].position), shape.vocab * sizeof(float)))
			fail_msg("%s, %u sessions, %u rows at once: other bits in session %u at position %u", mode, sessions, at_once,
				of[i], rows[i].position);
}

/* Of a few rows at once, too, the next layer's neurons are read ahead, where they are guessed at all. */
static void check_guesses(const struct wick *wick, uint32_t at_once)
{
	struct wick_stats stats;

	wick_stats(wick, &stats);
	assert_true(stats.bundles_wasted <= stats.bundles_prefetched && stats.bundles_prefetched <= stats.bundles_read);
	if (at_once <= WICK_SPARSE_TOGETHER)
		assert_int_equal(stats.bundles_prefetched > 0, wick_report_of(wick)->lookahead);
}

static void in_company(const char *mode, uint32_t count, uint32_t at_once)
{
	struct wick_session *sessions[SESSIONS];
	struct wick_row rows[ROWS_MAX];
	uint32_t of[ROWS_MAX], turn = 0, some, all = 0;
	struct wick_options options;
	struct wick_diag diag;
	struct wick *wick;

	set_options(&options, mode, count);
	wick = model_open(model_of(mode), &options);
	assert_int_equal(wick_report_of(wick)->lookahead, options.lookahead);
	for (uint32_t s = 0; s < count; s++)
		sessions[s] = session_new(wick);
	while ((some = fill(rows, of, sessions, count, at_once, &turn))) {
		if (wick_eval_rows(wick, rows, some, &diag))
			fail_msg("%s", diag.text);
		check_rows(rows, of, some, mode, count, at_once);
		all += some;
	}
	assert_int_equal(all, count * TOKENS);
	for (uint32_t s = 0; s < count; s++)
		assert_true_bits(sessions[s], mode, s, "session", s);
	check_guesses(wick, at_once);
	wick_close(wick);
}

/* A row that is not the first of its batch guesses, too: here it alone does. */
static void every_row_guesses(void **state)
{
	struct wick_session *sessions[2];
	struct wick_options options;
	struct wick_stats stats;
	struct wick_diag diag;
	struct wick *wick;

	(void)state;
	write_trace(REPLAYED_APART);
	set_options(&options, "replayed", 2);
	wick = model_open(model, &options);
	for (uint32_t s = 0; s < 2; s++)
		sessions[s] = session_new(wick);
	for (uint32_t i = 0; i < 16; i++) {
		struct wick_row rows[2] = { { .session = sessions[0], .position = i }, { .session = sessions[1], .position = i } };

		if (wick_eval_rows(wick, rows, 2, &diag))
			fail_msg("%s", diag.text);
	}
	wick_stats(wick, &stats);
	assert_true(stats.bundles_prefetched > 0);
	wick_close(wick);
	write_trace(0);
}

/* Each number of sessions and of rows; each with each where all is asked for. */
static void company_and_rows_at_once(void **state)
{
	static const uint32_t counts[] = { 1, 2, SESSIONS }, at_once[] = { 1, 4, 8, ROWS_MAX };
	static const bool sample[WICK_COUNT_OF(counts)][WICK_COUNT_OF(at_once)] = { { 0, 0, 0, 1 }, { 1, 0, 1, 0 }, { 0, 1, 0, 1 } };

	for (unsigned c = 0; c < WICK_COUNT_OF(counts); c++)
		for (unsigned r = 0; r < WICK_COUNT_OF(at_once); r++)
			if (sample[c][r] || getenv("WICK_EXHAUSTIVE"))
				in_company(*state, counts[c], at_once[r]);
}

/* The second session takes over the first one's positions and goes on differently; both write to the block they share. */
static void a_shared_prefix(void **state)
{
	static const uint32_t shared[] = { 1, 31, 63, 64, 65, TOKENS - 1 };
	struct wick_options options;
	const char *mode = *state;
	struct wick *wick;

	set_options(&options, mode, 3);
	wick = model_open(model_of(mode), &options);
	for (unsigned i = 0; i < WICK_COUNT_OF(shared); i++) {
		struct wick_session *first = session_new(wick), *second = session_new(wick), *third = session_new(wick);

		go_on(first, 0, 0, shared[i], 33);
		assert_int_equal(wick_session_share(second, first, shared[i], NULL), 0);
		assert_int_equal(wick_session_share(third, second, shared[i], NULL), 0);
		assert_null(wick_session_logits(second));
		go_on(second, 1, shared[i], TOKENS, 1); /* which is nobody's truth, and must not be seen by the others */
		go_on(first, 0, shared[i], TOKENS, 7);
		assert_true_bits(first, mode, 0, "lent prefix of", shared[i]);
		wick_session_destroy(first);
		go_on(third, 0, shared[i], TOKENS, TOKENS);
		assert_true_bits(third, mode, 0, "shared prefix of", shared[i]);
		wick_session_destroy(second);
		wick_session_destroy(third);
	}
	wick_close(wick);
}

static void rewind_and_again(void **state)
{
	static const uint32_t kept[] = { 0, 1, 31, 63, 64, 65, TOKENS - 1 };
	struct wick_session *session;
	struct wick_options options;
	const char *mode = *state;
	struct wick *wick;

	set_options(&options, mode, 1);
	wick = model_open(model_of(mode), &options);
	session = session_new(wick);
	for (unsigned i = 0; i < WICK_COUNT_OF(kept); i++) {
		go_on(session, 0, wick_session_position(session), kept[i], 40);
		go_on(session, 1, kept[i], TOKENS, 40);
		assert_int_equal(wick_session_rewind(session, kept[i]), kept[i]);
		assert_null(wick_session_logits(session));
		go_on(session, 0, kept[i], TOKENS, 40);
		assert_true_bits(session, mode, 0, "rewound to", kept[i]);
		assert_int_equal(wick_session_rewind(session, TOKENS + 1), TOKENS);
		wick_session_reset(session);
	}
	wick_close(wick);
}

static const char *type_of(uint32_t session)
{
	return session ? "q8_0" : "dense";
}

/* All there is of three sessions, of which the first has another type than the others, from position 0 on. */
static void go_on_mixed(struct wick *wick, struct wick_session **sessions, uint32_t at_once)
{
	uint32_t of[ROWS_MAX], turn = 0, some;
	struct wick_row rows[ROWS_MAX];
	struct wick_diag diag;

	while ((some = fill(rows, of, sessions, 3, at_once, &turn))) {
		if (wick_eval_rows(wick, rows, some, &diag))
			fail_msg("%s", diag.text);
		for (uint32_t i = 0; i < some; i++)
			if (memcmp(rows[i].logits, truth_of(type_of(of[i]), of[i], rows[i].position), shape.vocab * sizeof(float)))
				fail_msg("%u rows at once: other bits in session %u at position %u", at_once, of[i], rows[i].position);
	}
}

/* Keys and values of f16 beside those of q8_0: each session has the bits of its type, and what it gives back is its own. */
static void two_types_in_a_batch(void **state)
{
	static const uint32_t at_once[] = { 1, 8, ROWS_MAX };
	const struct wick_instruments beside = { .size = sizeof(beside), .f16_session = true };
	struct wick_session *sessions[3];
	struct wick_options options;
	struct wick_diag diag;
	struct wick *wick;
	uint32_t free_positions;

	(void)state;
	set_options(&options, "q8_0", 3);
	options.instruments = &beside;
	wick = model_open(model, &options);
	free_positions = wick_free_positions(wick);
	for (uint32_t s = 0; s < 3; s++)
		sessions[s] = session_new(wick);
	for (unsigned i = 0; i < WICK_COUNT_OF(at_once); i++) {
		go_on_mixed(wick, sessions, at_once[i]);
		for (uint32_t s = 0; s < 3; s++) {
			assert_int_equal(wick_session_rewind(sessions[s], 65), 65);
			go_on(sessions[s], s, 65, TOKENS, 3);
			assert_true_bits(sessions[s], type_of(s), s, "session", s);
		}
		wick_session_reset(sessions[1]);
		assert_int_equal(wick_session_share(sessions[1], sessions[0], 1, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "two types"));
		for (uint32_t s = 0; s < 3; s++)
			wick_session_reset(sessions[s]);
		assert_int_equal(wick_free_positions(wick), free_positions);
	}
	wick_close(wick);
	options.sessions = 1;
	assert_int_equal(wick_open(&wick, model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "there is only one"));
}

/* Who runs out keeps what he had, and what others give back can be used. */
static void the_pool_is_used_up(void **state)
{
	struct wick_session *one, *other;
	struct wick_options options;
	struct wick_row rows[2];
	struct wick_diag diag;
	struct wick *wick;

	(void)state;
	set_options(&options, "dense", 2);
	options.kv_positions = 2 * BLOCK;
	wick = model_open(model, &options);
	assert_int_equal(wick_plan_of(wick)->kv_positions, 2 * BLOCK);
	one = session_new(wick);
	other = session_new(wick);
	go_on(one, 0, 0, BLOCK, BLOCK);
	go_on(other, 1, 0, BLOCK, BLOCK);
	for (unsigned i = 0; i < 2; i++)
		rows[i] = (struct wick_row){ .session = i ? other : one, .id = id_of(i, BLOCK), .position = BLOCK, .want = true };
	assert_int_equal(wick_session_eval(one, &rows[0].id, 1, NULL, NULL, &diag), -ENOSPC);
	assert_non_null(strstr(diag.text, "128 positions"));
	assert_int_equal(wick_eval_rows(wick, rows, 2, &diag), -ENOSPC);
	assert_non_null(strstr(diag.text, "128 positions together, and room for 0 more is left"));
	assert_true_bits(one, "dense", 0, "full", 0);
	wick_session_destroy(other);
	assert_int_equal(wick_eval_rows(wick, rows, 1, &diag), 0);
	assert_true_bits(one, "dense", 0, "full", 1);
	other = session_new(wick);
	assert_int_equal(wick_session_eval(other, &rows[1].id, 1, NULL, NULL, NULL), -ENOSPC);
	wick_session_rewind(one, BLOCK);
	go_on(other, 1, 0, BLOCK, 9);
	assert_true_bits(other, "dense", 1, "full", 2);
	wick_close(wick);
}

/* Of those that leave a block that they share the last has it for himself: as many copies as there are others. */
static void the_last_needs_no_copy(void **state)
{
	enum { COUNT = 3, SHARED = 32 };
	struct wick_session *sessions[COUNT];
	struct wick_row rows[COUNT];
	struct wick_options options;
	struct wick_diag diag = { "" };
	struct wick *wick;

	(void)state;
	set_options(&options, "dense", COUNT);
	options.kv_positions = COUNT * BLOCK;
	wick = model_open(model, &options);
	for (unsigned i = 0; i < COUNT; i++)
		sessions[i] = session_new(wick);
	go_on(sessions[0], 0, 0, SHARED, SHARED);
	for (unsigned i = 1; i < COUNT; i++)
		assert_int_equal(wick_session_share(sessions[i], sessions[0], SHARED, NULL), 0);
	assert_int_equal(wick_free_positions(wick), (COUNT - 1) * BLOCK);
	for (unsigned i = 0; i < COUNT; i++)
		rows[i] = (struct wick_row){ .session = sessions[i], .id = id_of(0, SHARED), .position = SHARED, .want = true };
	if (wick_eval_rows(wick, rows, COUNT, &diag))
		fail_msg("%s", diag.text);
	assert_int_equal(wick_free_positions(wick), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		go_on(sessions[i], 0, SHARED + 1, BLOCK, 7);
		assert_true_bits(sessions[i], "dense", 0, "leaving a block", i);
	}
	wick_close(wick);
}

static void try_while_evaluating(void *user, uint32_t position, const float *logits)
{
	struct wick_session **sessions = user;
	const uint32_t id = 3;
	struct wick_diag diag;

	(void)logits;
	assert_int_equal(wick_session_rewind(sessions[0], 0), WICK_NO_POSITION);
	wick_session_reset(sessions[0]);
	wick_session_destroy(sessions[0]);
	assert_int_equal(wick_session_position(sessions[0]), position);
	assert_int_equal(wick_session_share(sessions[1], sessions[0], 0, &diag), -EBUSY);
	assert_string_equal(diag.text, "a session that is being evaluated cannot share its positions");
	assert_int_equal(wick_session_eval(sessions[1], &id, 1, NULL, NULL, &diag), -EBUSY);
	assert_string_equal(diag.text, "the engine is evaluating");
	assert_int_equal(wick_eval_rows(sessions[1]->wick, &(struct wick_row){ .session = sessions[1], .id = id }, 1, &diag), -EBUSY);
	assert_string_equal(diag.text, "the engine is evaluating");
}

static void wrong_rows_are_refused(void **state)
{
	const struct { struct { uint32_t session, id, position; bool want; } row[2]; const char *says; } wrong[] = {
		{ { { 0, 5, 1, true }, { 1, 5, 0, true } }, "position 1, and the next one of its session is 0" },
		{ { { 0, 5, 0, false }, { 0, 5, 0, true } }, "position 0, and the next one of its session is 1" }, /* twice */
		{ { { 0, 5, 1, false }, { 0, 5, 0, true } }, "position 1, and the next one of its session is 0" }, /* out of order */
		{ { { 0, 5, 0, true }, { 1, shape.vocab, 0, true } }, "outside the vocabulary" },
		{ { { 0, 5, 0, true }, { 0, 5, 1, true } }, "need the option all_logits" },
		{ { { 0, 5, 0, true }, { 2, 5, 0, true } }, "a session that the engine does not have" }, /* any more */
	};
	struct wick_session *sessions[3];
	struct wick_options options;
	struct wick_diag diag;
	struct wick *wick;

	(void)state;
	set_options(&options, "dense", 3);
	options.all_logits = false;
	wick = model_open(model, &options);
	for (unsigned i = 0; i < 3; i++)
		sessions[i] = session_new(wick);
	assert_int_equal(wick_session_create(&(struct wick_session *){ NULL }, wick, &diag), -EBUSY);
	wick_session_destroy(sessions[2]);
	assert_int_equal(wick_eval_rows(wick, NULL, 0, &diag), -EINVAL);
	for (unsigned i = 0; i < WICK_COUNT_OF(wrong); i++) {
		struct wick_row rows[2];

		for (unsigned k = 0; k < 2; k++)
			rows[k] = (struct wick_row){ .session = sessions[wrong[i].row[k].session], .id = wrong[i].row[k].id,
				.position = wrong[i].row[k].position, .want = wrong[i].row[k].want };
		assert_int_equal(wick_eval_rows(wick, rows, 2, &diag), -EINVAL);
		if (!strstr(diag.text, wrong[i].says))
			fail_msg("\"%s\" does not say %s", diag.text, wrong[i].says);
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(wick_session_position(sessions[k]), 0);
			assert_null(wick_session_logits(sessions[k]));
		}
	}
	go_on(sessions[0], 0, 0, 5, 5);
	assert_int_equal(wick_session_share(sessions[1], sessions[0], 6, &diag), -EINVAL);
	assert_int_equal(wick_session_share(sessions[0], sessions[1], 0, &diag), -EINVAL);
	wick_close(wick);
}

static void not_while_evaluating(void **state)
{
	struct wick_session *sessions[2];
	struct wick_options options;
	struct wick *wick;

	(void)state;
	set_options(&options, "dense", 2);
	wick = model_open(model, &options);
	for (unsigned i = 0; i < 2; i++)
		sessions[i] = session_new(wick);
	assert_int_equal(wick_session_eval(sessions[0], &(uint32_t){ id_of(0, 0) }, 1, try_while_evaluating, sessions, NULL), 0);
	go_on(sessions[0], 0, 1, TOKENS, 8);
	assert_true_bits(sessions[0], "dense", 0, "after a refusal", 0);
	wick_close(wick);
}

static void flip(uint64_t offset)
{
	FILE *file = fopen(model, "r+b");
	int byte;

	assert_non_null(file);
	assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
	byte = fgetc(file);
	assert_int_equal(fseek(file, (long)offset, SEEK_SET), 0);
	fputc(byte ^ 4, file);
	assert_int_equal(fclose(file), 0);
}

/* Which of the sessions, all empty, cannot be given their first token: each by itself. */
static uint32_t find_failing(struct wick *wick, struct wick_session **sessions, bool failing[SESSIONS])
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < SESSIONS; s++) {
		const uint32_t id = id_of(s, 0);

		wick_forget(wick);
		failing[s] = wick_session_eval(sessions[s], &id, 1, NULL, NULL, NULL);
		count += failing[s];
		wick_session_reset(sessions[s]);
	}
	return count;
}

/* All of them in one batch: the same ones fail, and the others have the right answer. Then, with the file put right, all. */
static void check_failing(struct wick *wick, struct wick_session **sessions, const bool failing[SESSIONS], uint64_t offset)
{
	struct wick_row rows[SESSIONS];
	struct wick_diag diag = { 0 };
	uint32_t count = 0;

	for (uint32_t s = 0; s < SESSIONS; s++)
		rows[s] = (struct wick_row){ .session = sessions[s], .id = id_of(s, 0), .want = true };
	wick_forget(wick);
	assert_int_equal(wick_eval_rows(wick, rows, SESSIONS, &diag), -EBADMSG);
	assert_non_null(strstr(diag.text, "ffn_bundles"));
	for (uint32_t s = 0; s < SESSIONS; s++) {
		assert_int_equal(wick_session_position(sessions[s]), failing[s] ? 0 : 1);
		assert_int_equal(wick_session_logits(sessions[s]) == NULL, failing[s]);
		if (!failing[s])
			assert_true_bits(sessions[s], "sparse", s, "beside a failure, session", s);
	}
	flip(offset);
	for (uint32_t s = 0; s < SESSIONS; s++)
		if (failing[s])
			rows[count++] = rows[s];
	assert_int_equal(wick_eval_rows(wick, rows, count, &diag), 0);
	for (uint32_t s = 0; s < SESSIONS; s++)
		assert_true_bits(sessions[s], "sparse", s, "after a failure, session", s);
}

/* A bundle that is damaged is an error of the sessions that choose it. */
static void a_failed_read_is_its_rows(void **state)
{
	struct wick_session *sessions[SESSIONS];
	struct wick_options options;
	bool failing[SESSIONS];
	struct wick *wick;

	(void)state;
	set_options(&options, "sparse", SESSIONS);
	options.memory.bytes = model_least_bytes(model, &options);
	wick = model_open(model, &options);
	for (uint32_t s = 0; s < SESSIONS; s++)
		sessions[s] = session_new(wick);
	for (uint32_t neuron = 0; neuron < shape.ffn; neuron++) {
		const struct wick_tensor *bundles = wick_tensor_at(wick->model, 1, WICK_T_BUNDLES);
		uint64_t offset = bundles->offset + neuron * wick->model->shape.stride + 9;
		uint32_t count;

		flip(offset);
		count = find_failing(wick, sessions, failing);
		if (count && count < SESSIONS) {
			check_failing(wick, sessions, failing, offset);
			wick_close(wick);
			return;
		}
		flip(offset);
	}
	fail_msg("every neuron is chosen by all sessions or by none");
}

static void impossible_options_are_refused(void **state)
{
	static const struct { uint32_t sessions, positions; const char *type, *says; } wrong[] = {
		{ 257, 0, NULL, "sessions 257" }, { 1, 0, "q4_0", "f16 and q8_0" }, { 3, 2 * BLOCK, NULL, "3 sessions" },
		{ 2, 1, NULL, "2 sessions" } };
	struct wick_options options;
	struct wick_diag diag;
	struct wick *wick;

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(wrong); i++) {
		wick_options_init(&options);
		options.sessions = wrong[i].sessions;
		options.kv_positions = wrong[i].positions;
		options.kv_type = wrong[i].type;
		assert_int_equal(wick_open(&wick, model, &options, &diag), -EINVAL);
		if (!strstr(diag.text, wrong[i].says))
			fail_msg("\"%s\" does not say %s", diag.text, wrong[i].says);
	}
	set_options(&options, "dense", 200);
	options.memory.bytes = model_least_bytes(model, &options) - 1; /* where one would have room */
	assert_int_equal(wick_open(&wick, model, &options, &diag), -ENOSPC);
	assert_non_null(strstr(diag.text, "budget"));
	options.sessions = 1;
	wick_close(model_open(model, &options));
}

/* Nobody's positions go beyond the context, whatever the pool has. */
static void beyond_the_context(void **state)
{
	struct wick_session *session;
	struct wick_options options;
	struct wick_row row;
	struct wick_diag diag;
	struct wick *wick;

	(void)state;
	set_options(&options, "dense", 2);
	options.ctx = TOKENS;
	wick = model_open(model, &options);
	session = session_new(wick);
	go_on(session, 0, 0, TOKENS, TOKENS);
	row = (struct wick_row){ .session = session, .id = 5, .position = TOKENS, .want = true };
	assert_int_equal(wick_eval_rows(wick, &row, 1, &diag), -ENOSPC);
	assert_string_equal(diag.text, "1 token does not fit: the context is 70 tokens and 70 are used");
	assert_int_equal(wick_session_eval(session, &row.id, 1, NULL, NULL, &diag), -ENOSPC);
	assert_true_bits(session, "dense", 0, "full", 0);
	wick_close(wick);
}

/* Otherwise the tests of q8_0 might be those of f16; and it is near to that. */
static void another_type_is_another_answer(void **state)
{
	float most = 0, worst = 0;

	(void)state;
	for (size_t i = 0; i < (size_t)SESSIONS * TOKENS * shape.vocab; i++) {
		most = fmaxf(most, fabsf(truth[DENSE][i]));
		worst = fmaxf(worst, fabsf(truth[DENSE][i] - truth[Q8_0][i]));
	}
	print_message("  logits differ by %.1e of the largest\n", (double)(worst / most));
	assert_true(worst > 0 && worst < most / 20);
}

#define IN(test, mode) { #test ", " mode, test, NULL, NULL, (void *)mode }
#define IN_ALL(test) IN(test, "dense"), IN(test, "hybrid"), IN(test, "naive"), IN(test, "sparse"), IN(test, "q8_0"), IN(test, "ahead")

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ALL(company_and_rows_at_once),
		IN(company_and_rows_at_once, "replayed"),
		IN_ALL(a_shared_prefix),
		IN_ALL(rewind_and_again),
		IN(rewind_and_again, "replayed"),
		cmocka_unit_test(every_row_guesses),
		cmocka_unit_test(another_type_is_another_answer),
		cmocka_unit_test(two_types_in_a_batch),
		cmocka_unit_test(the_pool_is_used_up),
		cmocka_unit_test(the_last_needs_no_copy),
		cmocka_unit_test(a_failed_read_is_its_rows),
		cmocka_unit_test(wrong_rows_are_refused),
		cmocka_unit_test(not_while_evaluating),
		cmocka_unit_test(impossible_options_are_refused),
		cmocka_unit_test(beyond_the_context),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
