/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A server's jobs in a pool of positions that is too small for all of them: each answers as it does alone. */

#include "fixture.h"
#include "synth.h"

#include "bits.h"
#include "pass.h"

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define JOBS 4
#define BLOCK WICK_KV_POSITIONS_STEP
#define PASSES_MAX 20000

static const struct synth_shape shape = { .layers = 2, .d_model = 64, .heads = 4, .ffn = 256, .vocab = 320, .ctx = 256 };
static char scratch[PATH_MAX], model[PATH_MAX];

/* A server without its connections. */
struct bench {
	struct wick *wick;
	struct wick_metrics metrics;
	struct wick_shelf_options keep;
	struct wick_pass pass;
};

/* Of the library's: a drive that takes its time, sessions that go back further than they are asked to, and a count. */
static sem_t *drive; /* NULL: it is fast */
static bool goes_back_further;
static unsigned compared;

int __real_wick_session_keep(const struct wick_session *session, const uint32_t *ids, const char *path, struct wick_diag *diag);
int __wrap_wick_session_keep(const struct wick_session *session, const uint32_t *ids, const char *path, struct wick_diag *diag);

int __wrap_wick_session_keep(const struct wick_session *session, const uint32_t *ids, const char *path, struct wick_diag *diag)
{
	if (drive)
		sem_wait(drive);
	return __real_wick_session_keep(session, ids, path, diag);
}

uint32_t __real_wick_session_rewind(struct wick_session *session, uint32_t position);
uint32_t __wrap_wick_session_rewind(struct wick_session *session, uint32_t position);

uint32_t __wrap_wick_session_rewind(struct wick_session *session, uint32_t position)
{
	return __real_wick_session_rewind(session, goes_back_further ? position / 3 : position);
}

uint32_t __real_wick_ids_in_common(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count);
uint32_t __wrap_wick_ids_in_common(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count);

uint32_t __wrap_wick_ids_in_common(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count)
{
	compared++;
	return __real_wick_ids_in_common(a, a_count, b, b_count);
}

static const char *folder; /* of kept sessions */
static uint64_t folder_bytes;

static unsigned said_lost; /* how often it was said that a session is lost */
static char why_lost[512];

static void count_said(const char *why)
{
	said_lost++;
	snprintf(why_lost, sizeof(why_lost), "%s", why);
}

static void bench_open(struct bench *bench, uint32_t sessions, uint32_t blocks)
{
	struct wick_options options;
	struct wick_diag diag;

	bench->keep = (struct wick_shelf_options){ .folder = folder, .bytes_max = folder_bytes, .lost = count_said };
	wick_options_init(&options);
	options.sessions = sessions;
	options.kv_positions = blocks * BLOCK;
	options.threads = 1;
	bench->wick = model_open(model, &options);
	wick_metrics_init(&bench->metrics);
	assert_int_equal(wick_pass_open(&bench->pass, bench->wick, &bench->keep, &bench->metrics, &diag), 0);
}

static void bench_close(struct bench *bench)
{
	wick_pass_close(&bench->pass);
	wick_close(bench->wick);
}

/* A text that goes on from `count` tokens of its own, if it is of another number. */
static struct wick_job *make_job(uint32_t number, uint32_t count, uint32_t max_tokens)
{
	struct wick_request request = { .kind = WICK_REQUEST_TEXT, .has_seed = true, .seed = number,
		.sampling = { .size = sizeof(request.sampling), .temp = 0.8f, .top_p = 1, .ignore_stops = true } };
	struct wick_job *job = wick_job_create(&request);

	assert_non_null(job);
	job->prompt.ids = malloc(count * sizeof(*job->prompt.ids));
	assert_non_null(job->prompt.ids);
	job->prompt.count = count;
	for (uint32_t i = 0; i < count; i++)
		job->prompt.ids[i] = 10 + (number * 31 + i * i * 7 + i) % 200;
	job->max_tokens = max_tokens;
	return job;
}

static void finish_job(struct wick_job *job)
{
	wick_job_leave(job);
}

/* All that it said, which the caller frees. */
static char *said(const struct wick_job *job)
{
	char *text = calloc(1, 1);
	size_t bytes = 0;

	for (size_t i = 0; i < job->piece_count; i++) {
		text = realloc(text, bytes + job->pieces[i].bytes + 1);
		assert_non_null(text);
		memcpy(text + bytes, job->pieces[i].text, job->pieces[i].bytes);
		bytes += job->pieces[i].bytes;
	}
	text[bytes] = 0;
	return text;
}

/* Works until all jobs are done, in the order in which they come. Returns passes. */
static unsigned work(struct bench *bench, struct wick_job **jobs, uint32_t count)
{
	unsigned passes = 0;
	uint32_t next = 0;

	while (next < count || wick_slots_active(&bench->pass.slots)) {
		while (next < count && wick_slots_admit(&bench->pass.slots, jobs[next]))
			next++;
		if (wick_slots_active(&bench->pass.slots)) {
			wick_pass_run(&bench->pass);
		} else {
			assert_non_null(bench->pass.slots.leaving);
			wick_slots_wait(&bench->pass.slots);
		}
		assert_true(++passes < PASSES_MAX);
	}
	return passes;
}

static char *alone(uint32_t number, uint32_t count, uint32_t max_tokens)
{
	struct wick_job *job = make_job(number, count, max_tokens);
	struct bench bench;
	char *text;

	bench_open(&bench, 1, 4);
	work(&bench, &job, 1);
	assert_string_equal(job->finish, "length");
	assert_int_equal(job->figures.completion_tokens, max_tokens);
	text = said(job);
	finish_job(job);
	bench_close(&bench);
	return text;
}

/* Two at work have room for the beginnings of their answers, and not for the ends: one waits for the other. */
static void answers_outgrow_the_pool(void **state)
{
	struct wick_job *jobs[JOBS];
	struct bench bench;

	(void)state;
	bench_open(&bench, JOBS, 6);
	for (uint32_t i = 0; i < JOBS; i++)
		jobs[i] = make_job(i, 20 + i, 220);
	work(&bench, jobs, JOBS);
	assert_true(bench.metrics.values[WICK_METRIC_PARKED] > 0);
	assert_int_equal(bench.metrics.values[WICK_METRIC_REQUESTS], JOBS);
	assert_int_equal(bench.metrics.values[WICK_METRIC_FAILED], 0);
	for (uint32_t i = 0; i < JOBS; i++) {
		char *text = said(jobs[i]), *right = alone(i, 20 + i, 220);

		assert_int_equal(jobs[i]->refusal.status, 0);
		assert_string_equal(text, right);
		free(text);
		free(right);
		finish_job(jobs[i]);
	}
	bench_close(&bench);
}

/* Prompts of one beginning, in turn and at once: what one has the next one shares, and the pool comes out right. */
static void a_beginning_in_common(void **state)
{
	struct wick_job *jobs[JOBS];
	char *right = alone(7, 130, 100);
	struct bench bench;

	(void)state;
	bench_open(&bench, JOBS, 7);
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < JOBS; i++)
			jobs[i] = make_job(7, 130, 100);
		work(&bench, jobs, JOBS);
		for (uint32_t i = 0; i < JOBS; i++) {
			char *text = said(jobs[i]);

			assert_string_equal(text, right);
			assert_true(!round || jobs[i]->figures.cached_tokens >= 2 * BLOCK);
			free(text);
			finish_job(jobs[i]);
		}
	}
	free(right);
	bench_close(&bench);
}

static uint32_t tokens_kept(const struct bench *bench)
{
	uint32_t tokens = 0;

	for (uint32_t i = 0; i < bench->pass.slots.count; i++)
		tokens += bench->pass.slots.at[i].job ? 0 : bench->pass.slots.at[i].count;
	return tokens;
}

/* What a job would not have room for in any case takes nothing from idle sessions. */
static void nothing_is_emptied_in_vain(void **state)
{
	struct wick_job *first = make_job(1, 70, 30), *second = make_job(2, 150, 80), *third = make_job(3, 150, 80);
	struct bench bench;
	uint32_t kept;

	(void)state;
	bench_open(&bench, JOBS, 6);
	work(&bench, &first, 1);
	kept = tokens_kept(&bench);
	assert_int_equal(kept, 99);
	assert_true(wick_slots_admit(&bench.pass.slots, second));
	wick_pass_run(&bench.pass);
	assert_false(wick_slots_admit(&bench.pass.slots, third));
	assert_int_equal(tokens_kept(&bench), kept);
	compared = 0;
	for (unsigned pass = 0; pass < 5; pass++) {
		wick_pass_run(&bench.pass);
		assert_false(wick_slots_admit(&bench.pass.slots, third));
	}
	assert_int_equal(compared, 0); /* as nothing has changed */
	wick_pass_drop_gone(&bench.pass);
	while (wick_slots_active(&bench.pass.slots))
		wick_pass_run(&bench.pass);
	work(&bench, &third, 1);
	finish_job(first);
	finish_job(second);
	finish_job(third);
	bench_close(&bench);
}

/* Clients that leave while their job is parked, or at work, leave nothing behind. */
static void parked_and_gone(void **state)
{
	struct wick_job *jobs[JOBS], *after;
	char *right = alone(9, 30, 60), *text;
	struct bench bench;
	uint32_t next = 0;

	(void)state;
	bench_open(&bench, JOBS, 6);
	for (uint32_t i = 0; i < JOBS; i++)
		jobs[i] = make_job(i, 20, 230);
	while (!bench.metrics.values[WICK_METRIC_PARKED]) {
		while (next < JOBS && wick_slots_admit(&bench.pass.slots, jobs[next]))
			next++;
		wick_pass_run(&bench.pass);
	}
	for (uint32_t i = 0; i < JOBS; i++) {
		if (i >= next)
			wick_job_release(jobs[i]);
		finish_job(jobs[i]);
	}
	wick_pass_drop_gone(&bench.pass);
	assert_int_equal(wick_slots_active(&bench.pass.slots), 0);
	after = make_job(9, 30, 60);
	work(&bench, &after, 1);
	text = said(after);
	assert_string_equal(text, right);
	free(text);
	free(right);
	finish_job(after);
	bench_close(&bench);
}

static uint32_t ask(struct bench *bench, uint32_t number, const char *right)
{
	struct wick_job *job = make_job(number, 150, 40);
	uint32_t cached;
	char *text;

	work(bench, &job, 1);
	text = said(job);
	assert_string_equal(text, right);
	cached = job->figures.cached_tokens;
	free(text);
	finish_job(job);
	return cached;
}

/* Sessions that lost their place, and those of a server before, go on from their files; a damaged file is evaluated anew; and all
 * together they stay below their size. */
static void kept_in_a_folder(void **state)
{
	char *right[JOBS], path[PATH_MAX], command[2 * PATH_MAX];
	struct bench bench;

	(void)state;
	for (uint32_t i = 0; i < JOBS; i++)
		right[i] = alone(i, 150, 40);
	path_join(path, scratch, "kept");
	folder = path;
	folder_bytes = 1 << 20;
	bench_open(&bench, 1, 4);
	for (uint32_t i = 0; i < JOBS; i++)
		assert_int_equal(ask(&bench, i, right[i]), 0);
	for (uint32_t i = 0; i < JOBS; i++)
		assert_int_equal(ask(&bench, i, right[i]), 128);
	assert_int_equal(ask(&bench, JOBS - 1, right[JOBS - 1]), 149); /* which is still there */
	bench_close(&bench);
	assert_int_equal(folder_entries(path), JOBS);
	bench_open(&bench, 1, 4);
	for (uint32_t i = 0; i < JOBS; i++)
		assert_int_equal(ask(&bench, i, right[i]), 128);
	bench_close(&bench);
	snprintf(command, sizeof(command),
		"cd '%s' && for f in *; do printf x | dd of=$f bs=1 seek=9000 conv=notrunc status=none; done; touch 0123456789abcdef.kept.zz", path);
	assert_int_equal(system(command), 0);
	bench_open(&bench, 1, 4);
	assert_int_equal(folder_entries(path), JOBS);
	assert_int_equal(ask(&bench, 0, right[0]), 0);
	assert_int_equal(ask(&bench, 1, right[1]), 0);
	assert_int_equal(ask(&bench, 0, right[0]), 128);
	bench_close(&bench);
	folder_bytes = 150000; /* two */
	bench_open(&bench, 1, 4);
	assert_in_range(folder_entries(path), 1, 2);
	assert_int_equal(ask(&bench, 1, right[1]), 128);
	bench_close(&bench);
	folder = NULL;
	for (uint32_t i = 0; i < JOBS; i++)
		free(right[i]);
}

/* A folder that is gone: each session that loses its place is counted, and the first one is said. */
static void lost_without_a_folder(void **state)
{
	struct bench bench;
	char path[PATH_MAX];

	(void)state;
	path_join(path, scratch, "gone");
	folder = path;
	folder_bytes = 1 << 20;
	said_lost = 0;
	bench_open(&bench, 1, 4);
	assert_int_equal(rmdir(path), 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct wick_job *job = make_job(i, 150, 40);

		work(&bench, &job, 1);
		assert_int_equal(bench.metrics.values[WICK_METRIC_LOST], i);
		finish_job(job);
	}
	bench_close(&bench); /* the third one loses its place, too */
	assert_int_equal(bench.metrics.values[WICK_METRIC_LOST], 3);
	assert_int_equal(said_lost, 1);
	assert_non_null(strstr(why_lost, path));
	assert_non_null(strstr(why_lost, strerror(ENOENT)));
	folder = NULL;
}

/* A prompt that begins with another one's tokens, and ends with its own. */
static struct wick_job *make_branch(uint32_t number, uint32_t common, uint32_t count, uint32_t max_tokens)
{
	struct wick_job *job = make_job(number, count, max_tokens);

	for (uint32_t i = common; i < count; i++)
		job->prompt.ids[i] ^= 1;
	return job;
}

static char *said_by_branch(struct bench *bench, uint32_t *cached)
{
	struct wick_job *job = make_branch(1, 130, 140, 30);
	char *text;

	work(bench, &job, 1);
	*cached = job->figures.cached_tokens;
	text = said(job);
	finish_job(job);
	return text;
}

/* Who goes on from the middle of a session has the positions behind that, and takes no others for them; and where a session goes
 * back further than it was asked to, what it has is evaluated anew. */
static void going_back(void **state)
{
	uint32_t cached;
	char *right, *text;
	struct bench bench;

	(void)state;
	bench_open(&bench, 1, 4);
	right = said_by_branch(&bench, &cached);
	bench_close(&bench);
	for (unsigned further = 0; further < 2; further++) {
		struct wick_job *long_one = make_job(1, 190, 30), *other = make_job(2, 60, 30), *again = make_job(2, 60, 30);

		bench_open(&bench, 2, 6);
		work(&bench, &long_one, 1);
		work(&bench, &other, 1);
		assert_int_equal(wick_free_positions(bench.wick), 0);
		goes_back_further = further;
		text = said_by_branch(&bench, &cached);
		goes_back_further = false;
		assert_string_equal(text, right);
		assert_int_equal(cached, further ? 130 / 3 : 130);
		work(&bench, &again, 1);
		assert_int_equal(again->figures.cached_tokens, 59);
		bench_close(&bench);
		free(text);
		finish_job(long_one);
		finish_job(other);
		finish_job(again);
	}
	free(right);
}

static const struct wick_slot *at_work(const struct bench *bench)
{
	const struct wick_slot *slot = bench->pass.slots.at;

	while (!slot->job)
		slot++;
	return slot;
}

/* While a session is written to a slow drive, who is at work goes on, whoever waits for its place waits, and then goes on from all
 * that was kept. */
static void a_slow_drive(void **state)
{
	struct wick_job *first = make_job(1, 150, 40), *second = make_job(2, 150, 90), *third = make_job(3, 150, 40);
	char path[PATH_MAX], *right = alone(2, 150, 90), *right_third = alone(3, 150, 40), *right_first = alone(1, 150, 40), *text;
	struct bench bench;
	sem_t slow;

	(void)state;
	sem_init(&slow, 0, 0);
	path_join(path, scratch, "slow");
	folder = path;
	folder_bytes = 1 << 20;
	bench_open(&bench, 2, 8);
	work(&bench, &first, 1);
	drive = &slow;
	assert_true(wick_slots_admit(&bench.pass.slots, second));
	wick_pass_run(&bench.pass);
	assert_false(wick_slots_admit(&bench.pass.slots, third));
	assert_non_null(bench.pass.slots.leaving);
	for (unsigned pass = 0; pass < 20; pass++) {
		assert_false(wick_slots_admit(&bench.pass.slots, third));
		wick_pass_run(&bench.pass);
	}
	assert_in_range(at_work(&bench)->figures.completion_tokens, 20, 22);
	sem_post(&slow);
	while (!wick_slots_admit(&bench.pass.slots, third))
		usleep(1000);
	drive = NULL;
	while (wick_slots_active(&bench.pass.slots))
		wick_pass_run(&bench.pass);
	text = said(second);
	assert_string_equal(text, right);
	free(text);
	text = said(third);
	assert_string_equal(text, right_third);
	free(text);
	assert_int_equal(ask(&bench, 1, right_first), 128);
	bench_close(&bench);
	folder = NULL;
	sem_destroy(&slow);
	free(right);
	free(right_first);
	free(right_third);
	finish_job(first);
	finish_job(second);
	finish_job(third);
}

/* What is answered to a prompt that has its first tokens in common with that of number 0, which the caller frees, and how much of it
 * was there. */
static char *branch_answer(struct bench *bench, uint32_t common, uint32_t count, uint32_t *cached)
{
	struct wick_job *job = make_branch(0, common, count, 30);
	char *text;

	work(bench, &job, 1);
	assert_string_equal(job->finish, "length");
	text = said(job);
	*cached = job->figures.cached_tokens;
	finish_job(job);
	return text;
}

struct branch {
	uint32_t common, count, cached;
};

/* Each branch in turn, with the answer of an engine that has nothing. */
static void check_branches(struct bench *bench, const struct branch *branches, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *kept = folder;
		struct bench fresh;
		uint32_t cached;
		char *text = branch_answer(bench, branches[i].common, branches[i].count, &cached), *right;

		if (cached != branches[i].cached)
			fail_msg("branch %u: %u tokens were there, not %u", i, cached, branches[i].cached);
		folder = NULL;
		bench_open(&fresh, 1, 8);
		right = branch_answer(&fresh, branches[i].common, branches[i].count, &cached);
		bench_close(&fresh);
		folder = kept;
		assert_string_equal(text, right);
		free(right);
		free(text);
	}
}

/* Of a model with windows, of 32 here, a beginning that a session has long gone on from is nobody's to give: it is evaluated anew. */
static void windows_have_moved_on(void **state)
{
	static const struct branch two[] = { { 460, 460, 0 }, { 60, 100, 0 }, { 460, 460, 459 }, { 300, 350, 300 }, { 60, 100, 99 } };
	static const struct branch one[] = { { 460, 460, 0 }, { 60, 100, 0 }, { 460, 460, 448 }, { 60, 100, 64 }, { 300, 350, 256 } };
	char fixture[PATH_MAX], own[PATH_MAX], path[PATH_MAX];
	struct bench bench;

	(void)state;
	memcpy(own, model, sizeof(own));
	fixture_folder(fixture, "stock/gemma3-f16");
	path_join(model, fixture, "model.gguf");
	bench_open(&bench, 2, 16);
	assert_true(wick_plan_of(bench.wick)->kv_window_layers > 0);
	check_branches(&bench, two, WICK_COUNT_OF(two));
	bench_close(&bench);
	path_join(path, scratch, "windows");
	folder = path;
	folder_bytes = 16 << 20;
	bench_open(&bench, 1, 8);
	check_branches(&bench, one, WICK_COUNT_OF(one));
	bench_close(&bench);
	folder = NULL;
	memcpy(model, own, sizeof(own));
}

static int set_up(void **state)
{
	char checkpoint[PATH_MAX];

	(void)state;
	scratch_make(scratch);
	path_join(checkpoint, scratch, "checkpoint");
	path_join(model, scratch, "model.gguf");
	assert_int_equal(mkdir(checkpoint, 0777), 0);
	synth_checkpoint(checkpoint, &shape);
	model_pack(checkpoint, model, "f16");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_outgrow_the_pool),
		cmocka_unit_test(a_beginning_in_common),
		cmocka_unit_test(nothing_is_emptied_in_vain),
		cmocka_unit_test(parked_and_gone),
		cmocka_unit_test(kept_in_a_folder),
		cmocka_unit_test(lost_without_a_folder),
		cmocka_unit_test(going_back),
		cmocka_unit_test(a_slow_drive),
		cmocka_unit_test(windows_have_moved_on),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
