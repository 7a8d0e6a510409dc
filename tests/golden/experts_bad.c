/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts and what is wrong: a budget that holds not even one token's experts of a layer is refused with the smallest that works;
 * so are counts that do not fit, and ways that are not for experts; damage is named, is an error of the sessions that need it alone, and the next run starts anew. */

#include "expert_run.h"
#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "watch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wick/instruments.h>

static void too_little_for_a_token(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct wick_diag diag = { 0 };
	struct wick_plan plan;
	struct wick *wick = NULL;
	char least[32];

	(void)state;
	assert_int_equal(wick_plan(run.model, &options, &plan, NULL), 0);
	options.memory.bytes = plan.minimum_bytes - 3 * EXPERT_CHOSEN * expert_part_bytes(run.family);
	assert_int_equal(wick_open(&wick, run.model, &options, &diag), -ENOSPC);
	assert_non_null(strstr(diag.text, "the smallest that works is"));
	snprintf(least, sizeof(least), "%.1f MB", (double)(plan.minimum_bytes + plan.varies_bytes) / 1e6);
	assert_non_null(strstr(diag.text, least));
}

/* Experts that do not fit each other, or the key that says how many there are. */
static void wrong_counts_are_refused(void **state)
{
	static const struct {
		enum expert_layout layout;
		struct expert_fault fault;
		const char *says;
	} cases[] = {
		{ EXPERTS_STACKED, { .fewer = 1 }, "tensor \"blk.1.ffn_up_exps.weight\" is 64 x 96 x 15, not 64 x 96 x 16" },
		{ EXPERTS_STACKED, { .more = 1 }, "tensor \"blk.1.ffn_up_exps.weight\" is 64 x 96 x 17, not 64 x 96 x 16" },
		{ EXPERTS_SPLIT, { .fewer = 2 }, "tensor \"blk.0.ffn_gate.14.weight\" is missing: there are 16 experts" },
		{ EXPERTS_SPLIT, { .more = 1 }, "tensor \"blk.0.ffn_gate.16.weight\" has no place" },
		{ EXPERTS_SPLIT, { .other = 3 }, "tensor \"blk.1.ffn_up.3.weight\" is of another type than that of expert 0" },
		{ EXPERTS_MERGED, { .odd_rows = 1 }, "tensor \"blk.0.ffn_gate_up_exps.weight\" has 193 rows for each expert" },
		{ EXPERTS_MERGED, { .odd_rows = 2 }, "tensor \"blk.0.ffn_gate_up_exps.weight\" is 64 x 194 x 16, not 64 x 192 x 16" },
	};
	char path[PATH_MAX];

	(void)state;
	path_join(path, run.scratch, "wrong.gguf");
	for (size_t i = 0; i < WICK_COUNT_OF(cases); i++) {
		struct wick_diag diag = { 0 };
		char *json = NULL;

		if (cases[i].layout != run.family->layout || strcmp(run.family->name, "qwen3moe"))
			continue;
		expert_model_write(path, run.family, &cases[i].fault);
		assert_int_equal(wick_info(path, &json, &diag), -EINVAL);
		if (!strstr(diag.text, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", diag.text, cases[i].says);
	}
}

static void wrong_ways_are_refused(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct wick_diag diag = { 0 };
	struct wick *wick = NULL;

	(void)state;
	options.policy = "window";
	assert_int_equal(wick_open(&wick, run.model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "policy window is for neurons"));
	options.policy = NULL;
	options.mode = "sparse";
	assert_int_equal(wick_open(&wick, run.model, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "mode sparse is not for models of experts"));
}

/* Flips a bit of each of these, where the file seems unchanged. */
static void flip_downs(const uint64_t *at, uint32_t count)
{
	uint64_t bytes;
	uint8_t *data = file_read(run.model, &bytes);

	for (uint32_t i = 0; i < count; i++)
		data[at[i] + 1000] ^= 4;
	file_write(run.model, data, bytes);
	free(data);
	expert_model_backdate();
}

static void damage_is_named(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct wick_diag diag = { 0 };
	size_t bytes = EXPERT_LOGITS_BYTES;
	float *logits = malloc(bytes);
	uint64_t downs[EXPERT_COUNT];
	char named[64];
	struct wick *wick;

	(void)state;
	expert_find_downs(downs);
	assert_int_equal(wick_verify(run.model, NULL, NULL, NULL, NULL), 0); /* all checksums are learned */
	options.memory.bytes = model_least_bytes(run.model, &options);
	flip_downs(downs, EXPERT_COUNT);
	wick = model_open(run.model, &options);
	assert_int_equal(expert_eval(wick, 20, logits, &diag), -EBADMSG);
	snprintf(named, sizeof(named), "%s: rows ", run.family->down);
	if (!strstr(diag.text, named))
		fail_msg("%s", diag.text);
	assert_non_null(strstr(diag.text, "checksum does not match"));
	flip_downs(downs, EXPERT_COUNT);
	wick_session_reset(session_of(wick));
	memset(logits, 0, bytes);
	assert_int_equal(expert_eval(wick, 20, logits, &diag), 0);
	assert_memory_equal(run.logits, logits, bytes);
	wick_close(wick);
	free(logits);
}

#define FEW 3 /* rows of each of two sessions */

/* Experts of the last layer that rows of a batch chose. */
struct needed {
	uint32_t ids[2 * FEW][EXPERT_CHOSEN];
};

static void note_needed(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen)
{
	struct needed *needed = user;

	(void)position;
	assert_int_equal(m * chosen, 2 * FEW * EXPERT_CHOSEN);
	if (layer == EXPERT_LAYERS - 1)
		memcpy(needed->ids, ids, sizeof(needed->ids));
}

static bool needs(const struct needed *needed, uint32_t session, uint32_t expert)
{
	for (uint32_t row = session; row < 2 * FEW; row += 2)
		for (uint32_t k = 0; k < EXPERT_CHOSEN; k++)
			if (needed->ids[row][k] == expert)
				return true;
	return false;
}

/* One that a session needs and the other does not. */
static uint32_t needed_alone(const struct needed *needed, uint32_t session)
{
	uint32_t expert = 0;

	while (expert < EXPERT_COUNT && !(needs(needed, session, expert) && !needs(needed, 1 - session, expert)))
		expert++;
	assert_true(expert < EXPERT_COUNT);
	return expert;
}

/* Rows of two sessions in turn. */
static int eval_both(struct wick *wick, struct wick_session *const sessions[2], struct wick_diag *diag)
{
	struct wick_row rows[2 * FEW];

	for (uint32_t i = 0; i < 2 * FEW; i++)
		rows[i] = (struct wick_row){ .session = sessions[i % 2], .position = i / 2, .id = expert_id(i * 5 + i % 2), .want = i / 2 == FEW - 1 };
	return wick_eval_rows(wick, rows, 2 * FEW, diag);
}

static void check_logits(const struct wick_session *session, const float *logits)
{
	assert_non_null(wick_session_logits(session));
	assert_memory_equal(wick_session_logits(session), logits, EXPERT_VOCAB * sizeof(float));
}

/* An expert that cannot be read is an error of the session whose rows need it, and changes no bit of the other's; when it can be read
 * again, both have their logits. */
static void check_damaged(struct wick *wick, struct wick_session *const sessions[2], uint32_t hit, const uint64_t *down,
	float (*right)[EXPERT_VOCAB])
{
	struct wick_diag diag = { 0 };
	char named[64];

	flip_downs(down, 1);
	assert_int_equal(eval_both(wick, sessions, &diag), -EBADMSG);
	snprintf(named, sizeof(named), "%s: rows ", run.family->down);
	if (!strstr(diag.text, named) || !strstr(diag.text, "checksum does not match"))
		fail_msg("%s", diag.text);
	assert_int_equal(wick_session_position(sessions[hit]), 0);
	assert_null(wick_session_logits(sessions[hit]));
	assert_int_equal(wick_session_position(sessions[1 - hit]), FEW);
	check_logits(sessions[1 - hit], right[1 - hit]);
	wick_session_reset(sessions[1 - hit]);
	flip_downs(down, 1);
	assert_int_equal(eval_both(wick, sessions, NULL), 0);
	for (int s = 0; s < 2; s++) {
		check_logits(sessions[s], right[s]);
		wick_session_reset(sessions[s]);
	}
}

static void damage_is_a_sessions(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct needed needed;
	struct wick_watch watch = { .user = &needed, .routed = note_needed };
	float right[2][EXPERT_VOCAB];
	struct wick_session *sessions[2];
	uint64_t downs[EXPERT_COUNT];
	struct wick *wick;

	(void)state;
	expert_find_downs(downs);
	assert_int_equal(wick_verify(run.model, NULL, NULL, NULL, NULL), 0);
	options.sessions = 2;
	options.memory.bytes = model_least_bytes(run.model, &options);
	wick = model_open(run.model, &options);
	wick_watch(wick, &watch);
	for (int s = 0; s < 2; s++)
		sessions[s] = session_new(wick);
	assert_int_equal(eval_both(wick, sessions, NULL), 0);
	wick_watch(wick, NULL);
	for (int s = 0; s < 2; s++) {
		memcpy(right[s], wick_session_logits(sessions[s]), sizeof(right[s]));
		wick_session_reset(sessions[s]);
	}
	for (uint32_t hit = 0; hit < 2; hit++) {
		wick_forget(wick);
		check_damaged(wick, sessions, hit, &downs[needed_alone(&needed, hit)], right);
	}
	wick_close(wick);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_little_for_a_token),
		cmocka_unit_test(wrong_ways_are_refused),
		cmocka_unit_test(wrong_counts_are_refused),
		cmocka_unit_test(damage_is_named),
		cmocka_unit_test(damage_is_a_sessions),
	};

	return expert_run_tests(tests, WICK_COUNT_OF(tests));
}
