/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The model's file is cut, overwritten, replaced or removed while it runs: the right answer as long as the bytes that
 * are needed are there, a sentence that names the place when they are not; and with the file put right, the same engine
 * is right again.
 *
 * First all of it changes between two runs. Then another process does it at any moment, until it is killed. WICK_SEED=N:
 * other moments; WICK_RUNS=N: so many, for each way.
 */

#include "first_session.h"
#include "fixture.h"
#include "sentence.h"
#include "synth.h"

#include "bits.h"
#include "model.h"
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROMPT 40
#define TOKENS 6 /* after the prompt */
#define CHUNK_BYTES 65536
#define MOMENTS 6 /* runs with a process that meddles, for each way */
#define MOMENTS_SURE 50 /* among so many are some that spoil a run, and some that do not */
#define PLACES 4
#define WELL_US 30000
#define ILL_US 5000

static const struct synth_shape shape = { .layers = 3, .d_model = 256, .heads = 4, .ffn = 512, .vocab = 512,
	.ctx = 64 };

static const struct way {
	const char *mode, *io;
	bool buffered;
} ways[] = {
	{ "dense", NULL, false },
	{ "sparse", NULL, false },
	{ "naive", "pread", false },
	{ "sparse", "pread", true },
	{ "naive", NULL, true },
	{ "dense", "mmap", true },
	{ "sparse", "mmap", true },
};

#define WAYS WICK_COUNT_OF(ways)

static char scratch[PATH_MAX], path[PATH_MAX], other[PATH_MAX];
static uint8_t *whole; /* the file as it should be */
static uint64_t whole_bytes;
static uint32_t vocab;
static float *truth[2]; /* dense, sparse: (1 + TOKENS, vocab) */

static bool is_sparse(const struct way *way)
{
	return !strcmp(way->mode, "sparse");
}

static void put(int fd, const void *data, uint64_t bytes, uint64_t offset)
{
	assert_int_equal(pwrite(fd, data, bytes, (off_t)offset), bytes);
}

/* The same file, so what has it open sees it. */
static void put_right(void)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	put(fd, whole, whole_bytes, 0);
	close(fd);
}

static void cut(uint64_t bytes)
{
	assert_int_equal(truncate(path, (off_t)bytes), 0);
}

static void overwrite(uint64_t offset, uint64_t bytes)
{
	uint8_t *noise = malloc(bytes);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_non_null(noise);
	assert_true(fd >= 0);
	memset(noise, 0xa5, bytes);
	put(fd, noise, WICK_MIN(bytes, whole_bytes - offset), offset);
	close(fd);
	free(noise);
}

static struct wick *open_least(const struct way *way)
{
	struct wick_options options;

	wick_options_init(&options);
	options.mode = way->mode;
	options.io = way->io;
	options.buffered = way->buffered;
	options.chunk_bytes = CHUNK_BYTES;
	options.threads = 2;
	options.ctx = shape.ctx;
	options.memory.bytes = model_least_bytes(path, &options);
	return model_open(path, &options);
}

/* Evaluates it all; every answer given is the truth. Returns the last code. */
static int answer(struct wick *wick, const struct way *way, struct wick_diag *diag)
{
	uint32_t ids[PROMPT + TOKENS];
	int code = 0;

	for (uint32_t i = 0; i < PROMPT + TOKENS; i++)
		ids[i] = 5 + i * 17 % 300;
	wick_session_reset(session_of(wick));
	for (uint32_t i = 0; i <= TOKENS; i++) {
		code = wick_session_eval(session_of(wick), i ? ids + PROMPT + i - 1 : ids, i ? 1 : PROMPT, NULL, NULL, diag);
		if (code)
			break;
		if (memcmp(wick_session_logits(session_of(wick)), truth[is_sparse(way)] + (size_t)i * vocab, vocab * sizeof(float)))
			fail_msg("%s, %s: other logits in row %u", way->mode, wick_report_of(wick)->io, i);
	}
	return code;
}

static void check_right(struct wick *wick, const struct way *way)
{
	struct wick_diag diag = { 0 };
	int code = answer(wick, way, &diag);

	if (code)
		fail_msg("%s, %s: %d, \"%s\"", way->mode, wick_report_of(wick)->io, code, diag.text);
}

/* Right, or one of two codes and a sentence that is true. Returns whether it was right. */
static bool right_or_named(struct wick *wick, const struct way *way, uint64_t fault_offset)
{
	struct sentence_fault fault = { .path = path, .model = other, .offset = fault_offset, .chunk_bytes = 4 << 20 };
	struct wick_diag diag = { 0 };
	const char *wrong;
	int code = answer(wick, way, &diag);

	if (!code)
		return true;
	wrong = sentence_wrong(diag.text, &fault);
	if (wrong || (code != -ENODATA && code != -EBADMSG))
		fail_msg("%s, %s: %d, \"%s\": %s", way->mode, wick_report_of(wick)->io, code, diag.text,
			wrong ? wrong : "another error");
	return false;
}

static void is_cut_between_tokens(void **state)
{
	const uint64_t lengths[] = { 0, whole_bytes / 3, whole_bytes / 2 + 100, whole_bytes - 1 };
	unsigned named = 0;

	(void)state;
	for (unsigned i = 0; i < WAYS; i++) {
		struct wick *wick = open_least(&ways[i]);

		for (unsigned k = 0; k < WICK_COUNT_OF(lengths); k++) {
			cut(lengths[k]);
			named += !right_or_named(wick, &ways[i], UINT64_MAX);
			put_right();
			check_right(wick, &ways[i]);
		}
		wick_close(wick);
	}
	print_message("  %u of %zu runs ended by a sentence\n", named, WAYS * WICK_COUNT_OF(lengths));
	assert_in_range(named, WAYS * 2, WAYS * WICK_COUNT_OF(lengths));
}

static void is_overwritten_between_tokens(void **state)
{
	unsigned named = 0;

	(void)state;
	for (unsigned i = 0; i < WAYS; i++) {
		struct wick *wick = open_least(&ways[i]);

		for (uint64_t k = 0; k < PLACES; k++) {
			overwrite(whole_bytes * k / PLACES, 5000);
			named += !right_or_named(wick, &ways[i], UINT64_MAX);
			put_right();
			check_right(wick, &ways[i]);
		}
		wick_close(wick);
	}
	print_message("  %u of %zu runs ended by a sentence\n", named, WAYS * PLACES);
	assert_in_range(named, WAYS, WAYS * PLACES);
}

/* What is open stays what it was. */
static void is_replaced_or_removed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WAYS; i++) {
		struct wick *wick = open_least(&ways[i]);
		char new[PATH_MAX];

		path_join(new, scratch, "new");
		file_write(new, whole, whole_bytes / 2);
		assert_int_equal(rename(new, path), 0);
		check_right(wick, &ways[i]);
		assert_int_equal(unlink(path), 0);
		check_right(wick, &ways[i]);
		wick_close(wick);
		put_right();
	}
}

/* Meddles at moments drawn from the seed until it is killed. */
static void meddle(uint64_t seed)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		usleep((useconds_t)wick_sim_draw(&seed, WELL_US));
		if (wick_sim_draw(&seed, 2))
			cut(wick_sim_draw(&seed, whole_bytes));
		else
			overwrite(wick_sim_draw(&seed, whole_bytes), 1 + wick_sim_draw(&seed, 20000));
		usleep((useconds_t)wick_sim_draw(&seed, ILL_US));
		put_right();
	}
}

static void changes_at_any_moment(void **state)
{
	const char *given = getenv("WICK_SEED"), *count = getenv("WICK_RUNS");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 1, moments = count ? strtoull(count, NULL, 0) : MOMENTS;
	unsigned right = 0, named = 0;

	(void)state;
	for (unsigned i = 0; i < WAYS; i++) {
		struct wick *wick = open_least(&ways[i]);
		pid_t pid;
		int status;

		fflush(NULL);
		pid = fork();
		if (!pid)
			meddle(seed * WAYS + i);
		for (uint64_t k = 0; k < moments; k++) {
			bool is_right = right_or_named(wick, &ways[i], UINT64_MAX);

			right += is_right;
			named += !is_right;
		}
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* it meddled to the end */
		put_right();
		check_right(wick, &ways[i]);
		wick_close(wick);
	}
	print_message("  seed %llu: %u runs right, %u ended by a sentence\n", (unsigned long long)seed, right, named);
	if (moments >= MOMENTS_SURE)
		assert_true(right && named);
}

static void find_truth(bool sparse)
{
	const struct way way = { sparse ? "sparse" : "dense", "pread", false };
	struct wick_options options;
	struct wick *wick;

	wick_options_init(&options);
	options.mode = way.mode;
	options.io = way.io;
	options.threads = 1;
	options.ctx = shape.ctx;
	options.memory.bytes = model_whole_bytes(path, &options);
	wick = model_open(path, &options);
	vocab = wick_report_of(wick)->vocab;
	truth[sparse] = calloc((size_t)(1 + TOKENS) * vocab, sizeof(float));
	assert_non_null(truth[sparse]);
	for (uint32_t i = 0; i <= TOKENS; i++) {
		uint32_t ids[PROMPT];

		for (uint32_t k = 0; k < PROMPT; k++)
			ids[k] = 5 + (i ? PROMPT + i - 1 : k) * 17 % 300;
		assert_int_equal(wick_session_eval(session_of(wick), ids, i ? 1 : PROMPT, NULL, NULL, NULL), 0);
		memcpy(truth[sparse] + (size_t)i * vocab, wick_session_logits(session_of(wick)), vocab * sizeof(float));
	}
	wick_close(wick);
}

static int make_model(void **state)
{
	(void)state;
	scratch_make(scratch);
	synth_checkpoint(scratch, &shape);
	path_join(path, scratch, "model.gguf");
	path_join(other, scratch, "other.gguf");
	model_pack(scratch, path, "bf16");
	whole = file_read(path, &whole_bytes);
	file_write(other, whole, whole_bytes);
	find_truth(false);
	find_truth(true);
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	free(whole);
	free(truth[0]);
	free(truth[1]);
	scratch_remove(scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_cut_between_tokens),
		cmocka_unit_test(is_overwritten_between_tokens),
		cmocka_unit_test(is_replaced_or_removed),
		cmocka_unit_test(changes_at_any_moment),
	};

	return cmocka_run_group_tests(tests, make_model, remove_model);
}
