/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What a session has computed, kept in a file: it goes on from there with the same bits; and a file that is damaged, cut or of
 * something else is refused with a sentence, and leaves the session without tokens and the pool as it was. */

#include "fixture.h"
#include "synth.h"

#include "bits.h"
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TOKENS 150
#define BLOCK WICK_KV_POSITIONS_STEP
#define WHOLE (TOKENS / BLOCK * BLOCK)
#define HEAD_BYTES 32

static const struct synth_shape shape = { .layers = 3, .d_model = 128, .heads = 4, .ffn = 256, .vocab = 320, .ctx = 256 };
static char scratch[PATH_MAX], model[PATH_MAX], path[PATH_MAX];
static uint32_t ids[TOKENS];

static struct wick *open_as(const char *mode, uint64_t more_bytes)
{
	bool q8 = !strcmp(mode, "q8_0");
	struct wick_options options;

	wick_options_init(&options);
	options.mode = q8 ? "dense" : mode;
	options.kv_type = q8 ? mode : NULL;
	options.sessions = 2;
	options.kv_positions = 4 * BLOCK;
	options.threads = 1;
	options.io = "pread";
	options.memory.bytes = model_least_bytes(model, &options) + more_bytes;
	return model_open(model, &options);
}

static void go_on(struct wick_session *session, uint32_t to)
{
	uint32_t from = wick_session_position(session);
	struct wick_diag diag;

	if (wick_session_eval(session, ids + from, to - from, NULL, NULL, &diag))
		fail_msg("%s", diag.text);
}

/* Keeps all tokens in a file; *logits are those after the last. */
static void keep(const char *mode, float *logits)
{
	struct wick *wick = open_as(mode, 1 << 20);
	struct wick_session *session = session_new(wick);
	struct wick_diag diag;

	go_on(session, TOKENS);
	if (logits)
		memcpy(logits, wick_session_logits(session), shape.vocab * sizeof(*logits));
	if (wick_session_keep(session, ids, path, &diag))
		fail_msg("%s", diag.text);
	wick_close(wick);
}

/* With another budget, twice. */
static void the_same_bits(void **state)
{
	static float truth[320];
	const char *mode = *state;
	struct wick_session *session;
	struct stat status;
	struct wick *wick;

	keep(mode, truth);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	wick = open_as(mode, 0);
	session = session_new(wick);
	for (unsigned i = 0; i < 2; i++) {
		struct wick_diag diag = { "" };

		if (wick_session_resume(session, path, ids, TOKENS, &diag))
			fail_msg("%s", diag.text);
		assert_int_equal(wick_session_position(session), WHOLE);
		assert_null(wick_session_logits(session));
		go_on(session, TOKENS);
		assert_memory_equal(wick_session_logits(session), truth, sizeof(truth));
		wick_session_reset(session);
	}
	wick_close(wick);
}

/* As many blocks as the tokens have in common. */
static void as_far_as_tokens_agree(void **state)
{
	static const struct { uint32_t other, count, position; } cases[] = {
		{ TOKENS, TOKENS, WHOLE }, { 0, TOKENS, 0 }, { BLOCK - 1, TOKENS, 0 }, { BLOCK, TOKENS, BLOCK }, { TOKENS, BLOCK + 1, BLOCK },
		{ TOKENS, BLOCK - 1, 0 }, { TOKENS, 0, 0 } };
	struct wick *wick;
	struct wick_session *session;
	uint32_t kept[TOKENS];

	(void)state;
	keep("dense", NULL);
	wick = open_as("dense", 0);
	session = session_new(wick);
	for (unsigned i = 0; i < WICK_COUNT_OF(cases); i++) {
		uint32_t others[TOKENS];

		memcpy(others, ids, sizeof(ids));
		if (cases[i].other < TOKENS)
			others[cases[i].other] ^= 1;
		assert_int_equal(wick_session_resume(session, path, others, cases[i].count, NULL), 0);
		assert_int_equal(wick_session_position(session), cases[i].position);
		wick_session_reset(session);
	}
	assert_int_equal(wick_kept_ids(wick, path, kept, 10, NULL), WHOLE);
	assert_int_equal(wick_kept_ids(wick, path, kept, TOKENS, NULL), WHOLE);
	assert_memory_equal(kept, ids, WHOLE * sizeof(*ids));
	wick_close(wick);
}

static void refused(struct wick *wick, int err, const char *says)
{
	struct wick_session *session = session_new(wick);
	uint32_t all = wick_free_positions(wick);
	struct wick_diag diag = { "" };

	assert_int_equal(wick_session_resume(session, path, ids, TOKENS, &diag), err);
	assert_int_equal(wick_session_position(session), 0);
	assert_int_equal(wick_free_positions(wick), all);
	if (!strstr(diag.text, says))
		fail_msg("\"%s\" does not say \"%s\"", diag.text, says);
	wick_session_destroy(session);
}

/* Every byte of the head and the tokens, and some of each block, turned; and the file cut anywhere. */
static void damage_is_noticed(void **state)
{
	struct wick *wick;
	uint64_t bytes;
	uint8_t *right;

	(void)state;
	keep("dense", NULL);
	right = file_read(path, &bytes);
	wick = open_as("dense", 0);
	for (uint64_t at = 0; at < bytes; at += at < HEAD_BYTES + WHOLE * sizeof(*ids) + 8 ? 1 : 9973) {
		bool other = at >= 8 && at < HEAD_BYTES && (at < 12 || at >= 16); /* version, binding, size of a block */

		right[at] ^= 4;
		file_write(path, right, bytes);
		refused(wick, other ? -ESTALE : -EBADMSG, path);
		right[at] ^= 4;
	}
	for (uint64_t cut = 0; cut < bytes; cut += 1 + cut / 3) {
		file_write(path, right, cut);
		refused(wick, -EBADMSG, path);
	}
	file_write(path, right, bytes);
	assert_int_equal(wick_kept_ids(wick, path, NULL, 0, NULL), WHOLE);
	free(right);
	wick_close(wick);
}

static void of_something_else(void **state)
{
	static const char *const modes[] = { "dense", "q8_0", "sparse" };
	struct timespec later[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = 1000000000 } };
	struct wick *wick;

	(void)state;
	for (unsigned made = 0; made < WICK_COUNT_OF(modes); made++) {
		keep(modes[made], NULL);
		for (unsigned read = 0; read < WICK_COUNT_OF(modes); read++) {
			wick = open_as(modes[read], 0);
			if (made != read)
				refused(wick, -ESTALE, "other options");
			else
				assert_int_equal(wick_kept_ids(wick, path, NULL, 0, NULL), WHOLE);
			wick_close(wick);
		}
	}
	keep("dense", NULL);
	assert_int_equal(utimensat(AT_FDCWD, model, later, 0), 0);
	wick = open_as("dense", 0);
	refused(wick, -ESTALE, "another model");
	wick_close(wick);
}

static void what_cannot_be(void **state)
{
	struct wick_session *session, *other;
	struct wick_diag diag;
	struct wick *wick;

	(void)state;
	keep("dense", NULL);
	wick = open_as("dense", 0);
	session = session_new(wick);
	other = session_new(wick);
	go_on(session, 3 * BLOCK - 60);
	assert_int_equal(wick_session_resume(session, path, ids, TOKENS, &diag), -EINVAL);
	assert_int_equal(wick_free_positions(wick), BLOCK);
	assert_int_equal(wick_session_need(other, BLOCK), BLOCK);
	assert_int_equal(wick_session_need(other, BLOCK + 1), 2 * BLOCK);
	assert_int_equal(wick_session_resume(other, path, ids, TOKENS, &diag), -ENOSPC);
	assert_non_null(strstr(diag.text, "64 that are free"));
	wick_session_rewind(session, BLOCK - 1);
	unlink(path);
	assert_int_equal(wick_session_keep(session, ids, path, &diag), -ENODATA);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(wick_session_resume(other, path, ids, TOKENS, &diag), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(wick_session_resume(other, path, ids, TOKENS, &diag), -EBADMSG);
	unlink(path);
	go_on(session, BLOCK);
	assert_int_equal(wick_session_keep(session, ids, "/nowhere/kept", &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "/nowhere/kept"));
	wick_close(wick);
}

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	synth_checkpoint(scratch, &shape);
	path_join(model, scratch, "model.gguf");
	path_join(path, scratch, "session.kept");
	model_pack(scratch, model, "bf16");
	for (uint32_t i = 0; i < TOKENS; i++)
		ids[i] = (i * i * 31 + i * 17 + 5) % shape.vocab;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

#define IN(mode) { "the_same_bits, " mode, the_same_bits, NULL, NULL, (void *)mode }

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN("dense"), IN("naive"), IN("sparse"), IN("q8_0"),
		cmocka_unit_test(as_far_as_tokens_agree),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(of_something_else),
		cmocka_unit_test(what_cannot_be),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
