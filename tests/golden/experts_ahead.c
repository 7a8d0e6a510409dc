/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts that are read before their router has chosen: no bit changes, those read for nothing are known, and a guess that cannot
 * be read costs nothing. */

#include "expert_run.h"
#include "first_session.h"
#include "fixture.h"

#include "bits.h"
#include "engine.h"
#include "watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COMPANY 8
#define APART 5 /* passes between the beginnings of two sessions */

/* The drive seems idle, so that as many are read ahead as ever may be. */
static struct wick *open_idle(const struct wick_options *options)
{
	struct wick *wick = model_open(run.model, options);

	wick->forward.expert_cache.ahead.slack_ns = 1e15;
	wick->forward.expert_cache.ahead.expert_ns = 1;
	return wick;
}

/* The next row of each session that has begun and is not at its end, with its logits. */
static uint32_t next_rows(struct wick_session *const *sessions, uint32_t pass, struct wick_row *rows, float *logits)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < COMPANY && s * APART <= pass; s++) {
		uint32_t position = wick_session_position(sessions[s]);

		if (position == EXPERT_TOKENS)
			continue;
		rows[count] = (struct wick_row){ .session = sessions[s], .id = expert_id(position), .position = position, .want = true,
			.logits = logits + (size_t)count * EXPERT_VOCAB };
		count++;
	}
	return count;
}

/* The conversation in eight sessions, each of them a few tokens behind the one before it: all its logits are those of `truth`. What
 * was read ahead is within its bounds. */
static void check_company(struct wick *wick, const float *truth, struct wick_stats *stats)
{
	float *logits = malloc(COMPANY * EXPERT_VOCAB * sizeof(float));
	struct wick_session *sessions[COMPANY];
	struct wick_row rows[COMPANY];
	struct wick_diag diag;
	uint32_t passes = 0, count;

	assert_non_null(logits);
	for (uint32_t s = 0; s < COMPANY; s++)
		sessions[s] = session_new(wick);
	for (; (count = next_rows(sessions, passes, rows, logits)); passes++) {
		if (wick_eval_rows(wick, rows, count, &diag))
			fail_msg("%s", diag.text);
		for (uint32_t i = 0; i < count; i++)
			assert_memory_equal(rows[i].logits, truth + (size_t)rows[i].position * EXPERT_VOCAB, EXPERT_VOCAB * sizeof(float));
	}
	free(logits);
	wick_stats(wick, stats);
	print_message("  %u slots, %u passes: %llu of %llu read, %llu ahead, %llu of these for nothing\n",
		wick_plan_of(wick)->expert_slots, passes, (unsigned long long)stats->experts_read, (unsigned long long)stats->experts_active,
		(unsigned long long)stats->experts_prefetched, (unsigned long long)stats->experts_wasted);
	assert_true(stats->experts_wasted <= stats->experts_prefetched && stats->experts_prefetched <= stats->experts_read);
	assert_true(stats->experts_prefetched <= (uint64_t)WICK_EXPERTS_AHEAD * passes * (EXPERT_LAYERS - 1));
}

/* Reading ahead changes no bit, by the next router or by a trace's guesses, and of those it reads it knows which were for nothing. */
static void ahead(void **state)
{
	size_t bytes = EXPERT_LOGITS_BYTES;
	float *logits = malloc(bytes), *replayed = malloc(bytes);
	struct wick_routing routing;
	struct wick *wick;

	(void)state;
	expert_make_routing(EXPERT_COUNT, &routing);
	wick_routing_free(&routing);
	for (uint32_t i = 0; i < 8; i++) {
		struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
		struct wick_stats stats;

		options.lookahead = 2;
		options.trace = i % 2 ? run.routing_path : NULL;
		options.queue_depth = i < 4 ? 1 : 0;
		options.io = i < 6 ? NULL : "pread";
		options.threads = 1 + i % 3;
		options.memory.bytes = MODEL_WHOLE_BYTES;
		if (i == 1) { /* what all others of the trace are held against */
			wick = model_open(run.model, &options);
			assert_int_equal(expert_eval(wick, 20, replayed, NULL), 0);
			wick_close(wick);
		}
		options.memory.bytes = model_least_bytes(run.model, &options) + i / 2 * 700000;
		wick = open_idle(&options);
		assert_int_equal(expert_eval(wick, i < 4 ? 1 : 10, logits, NULL), 0);
		assert_memory_equal(i % 2 ? replayed : run.logits, logits, bytes);
		wick_stats(wick, &stats);
		print_message("  %u slots: %llu of %llu read, %llu ahead, %llu of these for nothing\n", wick_plan_of(wick)->expert_slots,
			(unsigned long long)stats.experts_read, (unsigned long long)stats.experts_active,
			(unsigned long long)stats.experts_prefetched, (unsigned long long)stats.experts_wasted);
		assert_true(stats.experts_wasted <= stats.experts_prefetched && stats.experts_prefetched <= stats.experts_read);
		if (i > 1)
			assert_true(stats.experts_prefetched > 0);
		wick_close(wick);
	}
	free(logits);
	free(replayed);
}

/* Nor does it in a batch, where the rows of other conversations guess, too. */
static void ahead_in_company(void **state)
{
	size_t bytes = EXPERT_LOGITS_BYTES;
	float *replayed = malloc(bytes);
	struct wick_routing routing;
	struct wick *wick;

	(void)state;
	expert_make_routing(EXPERT_COUNT, &routing);
	wick_routing_free(&routing);
	for (uint32_t i = 0; i < 6; i++) {
		struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
		struct wick_stats stats;

		options.lookahead = 2;
		options.trace = i % 2 ? run.routing_path : NULL;
		options.threads = 1 + i % 2;
		if (i == 1) { /* what all others of the trace are held against */
			wick = model_open(run.model, &options);
			assert_int_equal(expert_eval(wick, 1, replayed, NULL), 0);
			wick_close(wick);
		}
		options.sessions = COMPANY;
		options.policy = i == 2 ? "lru" : NULL;
		options.memory.bytes = model_least_bytes(run.model, &options) + i / 2 * 700000;
		wick = open_idle(&options);
		check_company(wick, i % 2 ? replayed : run.logits, &stats);
		if (i > 1)
			assert_true(stats.experts_prefetched > 0);
		wick_close(wick);
	}
	free(replayed);
}

/* Routers of which only the biases are left. */
static void empty_routers(void)
{
	struct wick_model *opened;
	uint64_t bytes;
	uint8_t *data = file_read(run.model, &bytes);

	assert_int_equal(wick_model_open(&opened, run.model, NULL), 0);
	for (uint32_t layer = 0; layer < EXPERT_LAYERS; layer++) {
		const struct wick_tensor *router = wick_tensor_at(opened, layer, WICK_T_ROUTER);

		memset(data + router->offset, 0, wick_tensor_bytes(router));
	}
	wick_model_close(opened);
	file_write(run.model, data, bytes);
	free(data);
}

/* Where biases alone decide which experts are chosen, whatever the input, a guess is always right. */
static void guesses_know_of_biases(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	size_t bytes = EXPERT_LOGITS_BYTES;
	uint64_t file_bytes;
	uint8_t *kept;
	float *logits;
	struct wick_stats stats;
	struct wick *wick;

	(void)state;
	if (run.family->layout == EXPERTS_PACKED || (strcmp(run.family->name, "gpt-oss") && strcmp(run.family->name, "glm4moe")))
		return;
	logits = malloc(bytes);
	kept = file_read(run.model, &file_bytes);
	empty_routers();
	options.lookahead = 2;
	options.policy = "lru"; /* what the next layer chose is gone, unless all fit */
	options.memory.bytes = model_least_bytes(run.model, &options) + 700000;
	wick = open_idle(&options);
	assert_int_equal(expert_eval(wick, 1, logits, NULL), 0);
	wick_stats(wick, &stats);
	print_message("  %u slots: %llu ahead, %llu for nothing\n", wick_plan_of(wick)->expert_slots, (unsigned long long)stats.experts_prefetched,
		(unsigned long long)stats.experts_wasted);
	assert_true(stats.experts_prefetched > 0);
	assert_int_equal(stats.experts_wasted, 0);
	wick_close(wick);
	options.sessions = COMPANY;
	options.memory.bytes = model_least_bytes(run.model, &options) + 700000;
	wick = open_idle(&options);
	check_company(wick, logits, &stats);
	assert_true(stats.experts_prefetched > 0);
	assert_int_equal(stats.experts_wasted, 0);
	wick_close(wick);
	file_write(run.model, kept, file_bytes);
	expert_model_backdate();
	free(kept);
	free(logits);
}

/* The model whose end is not there while guesses at the last layer are read. */
struct ending {
	uint64_t from, bytes; /* of the file */
	uint8_t *data;        /* all of it */
};

static void cut_and_mend(void *user, uint32_t layer, uint32_t position, uint32_t m, const uint32_t *ids, uint32_t chosen)
{
	const struct ending *ending = user;
	FILE *file;

	(void)position, (void)m, (void)ids, (void)chosen;
	if (layer == EXPERT_LAYERS - 2) {
		assert_int_equal(truncate(run.model, (off_t)ending->from), 0);
	} else if (layer == EXPERT_LAYERS - 1) {
		file = fopen(run.model, "r+");
		assert_non_null(file);
		assert_int_equal(fseek(file, (long)ending->from, SEEK_SET), 0);
		assert_int_equal(fwrite(ending->data + ending->from, 1, ending->bytes - ending->from, file), ending->bytes - ending->from);
		assert_int_equal(fclose(file), 0);
	}
}

#define GUESSED_FROM 30 /* tokens before it have no guesses */

/* From some token on each layer's guesses are right. */
static void write_late_guesses(void)
{
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = EXPERT_COUNT, .chosen = EXPERT_CHOSEN, .lookahead = true };
	const float sure[EXPERT_CHOSEN] = { 1, 1, 1 };
	struct wick_trace_writer *writer;

	path_join(run.routing_path, run.scratch, "late.trace");
	assert_int_equal(wick_trace_create(&writer, run.routing_path, &shape, NULL), 0);
	for (uint32_t i = 0; i < EXPERT_TOKENS * EXPERT_LAYERS; i++) {
		uint32_t t = i / EXPERT_LAYERS, l = i % EXPERT_LAYERS;
		const uint32_t ids[EXPERT_CHOSEN] = { (t + l) % 5, 5 + t % 5, 10 + (t * 7 + l) % 6 };

		assert_int_equal(wick_trace_add(writer, l, ids, EXPERT_CHOSEN, ids, sure, l && t >= GUESSED_FROM ? EXPERT_CHOSEN : 0, NULL), 0);
	}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
}

/* A row that is not the first of its batch guesses, too: here it alone does, and is right. */
static void every_row_guesses(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	struct wick_session *first, *second;
	struct wick_stats stats;
	struct wick_diag diag;
	struct wick *wick;

	(void)state;
	write_late_guesses();
	options.trace = run.routing_path;
	options.lookahead = 2;
	options.policy = "lru";
	options.sessions = 2;
	options.memory.bytes = model_least_bytes(run.model, &options) + 700000;
	wick = open_idle(&options);
	first = session_new(wick);
	second = session_new(wick);
	for (uint32_t i = 0; i < EXPERT_TOKENS; i++) {
		struct wick_row rows[2] = { { .session = first, .id = 1, .position = i - GUESSED_FROM },
			{ .session = second, .id = 1, .position = i } };

		if (i == GUESSED_FROM) {
			wick_stats(wick, &stats);
			assert_int_equal(stats.experts_prefetched, 0);
		}
		if (wick_eval_rows(wick, i < GUESSED_FROM ? &rows[1] : rows, i < GUESSED_FROM ? 1 : 2, &diag))
			fail_msg("%s", diag.text);
	}
	wick_stats(wick, &stats);
	print_message("  %llu ahead, %llu for nothing\n", (unsigned long long)stats.experts_prefetched, (unsigned long long)stats.experts_wasted);
	assert_true(stats.experts_prefetched > 0);
	assert_int_equal(stats.experts_wasted, 0);
	wick_close(wick);
}

#define LAST_EXPERT (EXPERT_COUNT - 1)

/* Of the last layer the last expert is guessed each time, and chosen every fourth time, when the guess cannot be read. */
static void write_guesses(void)
{
	struct wick_trace_shape shape = { .layers = EXPERT_LAYERS, .n_ff = EXPERT_COUNT, .chosen = EXPERT_CHOSEN, .lookahead = true };
	const uint32_t guessed = LAST_EXPERT;
	const float sure = 1;
	struct wick_trace_writer *writer;

	path_join(run.routing_path, run.scratch, "guesses.trace");
	assert_int_equal(wick_trace_create(&writer, run.routing_path, &shape, NULL), 0);
	for (uint32_t i = 0; i < EXPERT_TOKENS * EXPERT_LAYERS; i++) {
		uint32_t t = i / EXPERT_LAYERS, l = i % EXPERT_LAYERS;
		const uint32_t ids[EXPERT_CHOSEN] = { (t + l) % 5, 5 + t % 9, l == EXPERT_LAYERS - 1 && t % 4 == 3 ? LAST_EXPERT : LAST_EXPERT - 1 };

		assert_int_equal(wick_trace_add(writer, l, ids, EXPERT_CHOSEN, &guessed, &sure, l == EXPERT_LAYERS - 1, NULL), 0);
	}
	assert_int_equal(wick_trace_commit(writer, NULL), 0);
}

/* A guess that cannot be read costs nothing: who does not want it never hears of it, and who does reads it again. */
static void guesses_that_fail(void **state)
{
	struct wick_options options = expert_options(MODEL_WHOLE_BYTES);
	size_t bytes = EXPERT_LOGITS_BYTES;
	float *whole = malloc(bytes), *logits = malloc(bytes);
	uint64_t downs[EXPERT_COUNT];
	struct ending ending;
	const struct wick_watch watch = { .user = &ending, .routed = cut_and_mend };
	struct wick_diag diag = { 0 };
	struct wick_stats stats;
	struct wick *wick;

	(void)state;
	write_guesses();
	expert_find_downs(downs);
	ending.data = file_read(run.model, &ending.bytes);
	ending.from = downs[LAST_EXPERT] + 100;
	options.trace = run.routing_path;
	wick = model_open(run.model, &options);
	assert_int_equal(expert_eval(wick, 1, whole, NULL), 0);
	wick_close(wick);
	options.lookahead = 2;
	options.policy = "lru";
	options.memory.bytes = model_least_bytes(run.model, &options) + 700000;
	wick = open_idle(&options);
	wick_watch(wick, &watch);
	if (expert_eval(wick, 1, logits, &diag))
		fail_msg("%s", diag.text);
	assert_memory_equal(whole, logits, bytes);
	wick_stats(wick, &stats);
	print_message("  %llu ahead, %llu for nothing\n", (unsigned long long)stats.experts_prefetched, (unsigned long long)stats.experts_wasted);
	assert_true(stats.experts_wasted > 0 && stats.experts_wasted < stats.experts_prefetched);
	wick_close(wick);
	expert_model_backdate();
	free(ending.data);
	free(whole);
	free(logits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ahead),
		cmocka_unit_test(ahead_in_company),
		cmocka_unit_test(every_row_guesses),
		cmocka_unit_test(guesses_know_of_biases),
		cmocka_unit_test(guesses_that_fail),
	};

	return expert_run_tests(tests, WICK_COUNT_OF(tests));
}
