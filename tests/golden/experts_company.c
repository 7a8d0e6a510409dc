/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts from flash, in company: a conversation has the bits of a run with all experts in memory, whichever others are in its
 * batches, in how many rows it comes, where its prompt is cut, over positions of another session, and after going back. */

#include "expert_run.h"
#include "fixture.h"

#include "bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SESSIONS 7
#define ROWS_MOST 40

static struct wick *open_some(uint32_t sessions, uint32_t lookahead)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct wick *wick;

	options.sessions = sessions;
	options.lookahead = lookahead;
	options.memory.bytes = model_least_bytes(run.model, &options) + (1 << 20);
	wick = model_open(run.model, &options);
	assert_true(wick_plan_of(wick)->expert_slots > EXPERT_CHOSEN);
	return wick;
}

/* Session 0 has the conversation whose logits are known, the others have others. */
static uint32_t id_of(uint32_t session, uint32_t position)
{
	return session ? (position * 91 + session * 7) % 256 : expert_id(position);
}

static void check_logits(void *user, uint32_t position, const float *logits)
{
	const char *what = user;

	if (memcmp(logits, run.logits + (size_t)position * EXPERT_VOCAB, EXPERT_VOCAB * sizeof(float)))
		fail_msg("%s: other bits at position %u", what, position);
}

/* Evaluates what is left of a conversation up to a position, `step` at a time. */
static void go_on(struct wick_session *session, uint32_t of, uint32_t to, uint32_t step, const char *what)
{
	uint32_t ids[EXPERT_TOKENS];
	struct wick_diag diag;

	for (uint32_t i = 0; i < EXPERT_TOKENS; i++)
		ids[i] = id_of(of, i);
	for (uint32_t at = wick_session_position(session); at < to; at = wick_session_position(session))
		if (wick_session_eval(session, ids + at, WICK_MIN(step, to - at), of ? NULL : check_logits, (void *)what, &diag))
			fail_msg("%s", diag.text);
}

/* Rows of the sessions in turn, now one of each and now a few. */
static uint32_t fill(struct wick_row *rows, float *logits, struct wick_session **sessions, uint32_t count, uint32_t most, uint32_t *turn)
{
	uint32_t added[SESSIONS] = { 0 }, filled = 0;

	for (uint32_t tries = 0; filled < most && tries < 2 * count; tries++, ++*turn) {
		uint32_t s = *turn % count, position = wick_session_position(sessions[s]) + added[s];

		for (uint32_t some = 1 + *turn * *turn % 5; some && filled < most && position < EXPERT_TOKENS; some--, position++, added[s]++, filled++)
			rows[filled] = (struct wick_row){ .session = sessions[s], .id = id_of(s, position), .position = position,
				.want = true, .logits = logits + (size_t)filled * EXPERT_VOCAB };
	}
	return filled;
}

static void in_company(struct wick *wick, uint32_t count, uint32_t at_once)
{
	float *logits = malloc((size_t)ROWS_MOST * EXPERT_VOCAB * sizeof(float));
	struct wick_session *sessions[SESSIONS];
	struct wick_row rows[ROWS_MOST];
	uint32_t turn = 0, some;
	struct wick_diag diag;
	char what[64];

	assert_non_null(logits);
	snprintf(what, sizeof(what), "%u sessions, %u rows at once", count, at_once);
	for (uint32_t s = 0; s < count; s++)
		sessions[s] = session_new(wick);
	while ((some = fill(rows, logits, sessions, count, at_once, &turn))) {
		if (wick_eval_rows(wick, rows, some, &diag))
			fail_msg("%s", diag.text);
		for (uint32_t i = 0; i < some; i++)
			if (rows[i].session == sessions[0])
				check_logits(what, rows[i].position, rows[i].logits);
	}
	for (uint32_t s = 0; s < count; s++) {
		assert_int_equal(wick_session_position(sessions[s]), EXPERT_TOKENS);
		wick_session_destroy(sessions[s]);
	}
	free(logits);
}

static void company_and_rows_at_once(void **state)
{
	static const struct { uint32_t sessions, at_once; } ways[] = { { 1, 40 }, { 2, 1 }, { 2, 8 }, { 7, 4 }, { 7, 40 } };

	(void)state;
	for (uint32_t i = 0; i < WICK_COUNT_OF(ways); i++) {
		struct wick *wick = open_some(SESSIONS, i % 2 * 2);

		in_company(wick, ways[i].sessions, ways[i].at_once);
		wick_close(wick);
	}
}

/* A conversation is shorter than the longest piece, which is all of it. */
static void cuts(void **state)
{
	static const uint32_t first[] = { 1, 7, 31, 32, 33, EXPERT_TOKENS };
	struct wick *wick = open_some(1, 0);
	struct wick_session *session = session_new(wick);

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(first); i++) {
		go_on(session, 0, first[i], first[i], "cut");
		go_on(session, 0, EXPERT_TOKENS, EXPERT_TOKENS, "cut");
		wick_session_reset(session);
	}
	wick_close(wick);
}

/* The second session goes on otherwise, the third as the first would have; then the first goes back to where they parted. */
static void prefixes_and_going_back(void **state)
{
	static const uint32_t shared[] = { 1, 31, EXPERT_TOKENS - 1 };
	struct wick *wick = open_some(3, 0);

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(shared); i++) {
		struct wick_session *first = session_new(wick), *second = session_new(wick), *third = session_new(wick);

		go_on(first, 0, shared[i], 20, "lent");
		assert_int_equal(wick_session_share(second, first, shared[i], NULL), 0);
		assert_int_equal(wick_session_share(third, second, shared[i], NULL), 0);
		go_on(second, 1, EXPERT_TOKENS, 7, "");
		go_on(third, 0, EXPERT_TOKENS, 8, "shared");
		go_on(first, 1, EXPERT_TOKENS, 9, "");
		assert_int_equal(wick_session_rewind(first, shared[i]), shared[i]);
		go_on(first, 0, EXPERT_TOKENS, 10, "gone back");
		wick_session_destroy(first);
		wick_session_destroy(second);
		wick_session_destroy(third);
	}
	wick_close(wick);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(company_and_rows_at_once),
		cmocka_unit_test(cuts),
		cmocka_unit_test(prefixes_and_going_back),
	};

	return expert_run_tests(tests, WICK_COUNT_OF(tests));
}
