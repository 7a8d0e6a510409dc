/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A damaged packed model gives the same answer or a sentence, never another answer; and wrong requests are refused with
 * the engine as it was. */

#include "first_session.h"
#include "answer.h"
#include "fixture.h"

#include "bits.h"
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PROMPT_MAX 33 /* tokens: all prompts of an answer but the longest */

static char scratch[PATH_MAX], model[PATH_MAX];
static struct answer truth;

/* Opens the model with everything swept, or everything resident, and takes its answer. 0 or the error. */
static int answer_of(struct answer *answer, bool resident, struct wick_diag *diag)
{
	struct wick_options options;
	struct wick *wick;
	int err;

	*answer = (struct answer){ 0 };
	wick_options_init(&options);
	options.ctx = 64;
	options.all_logits = true;
	options.threads = 1;
	options.mode = resident ? "dense" : "naive";
	err = wick_open(&wick, model, &options, diag);
	if (!err)
		err = answer_take(answer, wick, PROMPT_MAX, diag);
	wick_close(wick);
	return err;
}

static void write_byte(uint64_t at, uint8_t byte)
{
	int fd = open(model, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	assert_int_equal(close(fd), 0);
}

static uint8_t read_byte(uint64_t at)
{
	uint8_t byte;
	int fd = open(model, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	close(fd);
	return byte;
}

/* With one byte flipped: either an error that is said, or the truth. Returns whether it was an error. */
static bool check_flipped(uint64_t at, bool resident)
{
	struct wick_diag diag = { 0 };
	struct answer answer;
	int err = answer_of(&answer, resident, &diag);

	if (err && (err > 0 || !diag.text[0]))
		fail_msg("byte %llu flipped: code %d and the sentence \"%s\"", (unsigned long long)at, err, diag.text);
	if (!err && answer_differs(&answer, &truth) >= 0)
		fail_msg("byte %llu flipped: another answer", (unsigned long long)at);
	answer_free(&answer);
	return err;
}

/* Anywhere in the file: a prime's multiples, so that all tensors and places in a sector are met. */
static void a_flipped_byte_never_changes_the_answer(void **state)
{
	uint64_t bytes = file_bytes(model), step = 1999;
	unsigned errors = 0, flips = 0;

	(void)state;
	for (uint64_t at = 0; at < bytes; at += at < 40000 ? 211 : step) {
		uint8_t was = read_byte(at);

		write_byte(at, was ^ (uint8_t)(1 << (flips++ % 8)));
		errors += check_flipped(at, flips % 2);
		write_byte(at, was);
	}
	print_message("  %u of %u flipped bytes were noticed\n", errors, flips);
	assert_in_range(errors, flips / 2, flips);
}

/* Flips the first number's byte, one in the middle and the last of a tensor: verify names the tensor every time. */
static void check_tensor(const struct wick_tensor *tensor, void *user)
{
	uint64_t last_row = (tensor->rows - 1) * tensor->row_bytes;
	uint64_t places[] = { 0, tensor->rows / 2 * tensor->row_bytes + 5,
		last_row + wick_type_bytes(tensor->type, tensor->cols) - 1 };

	(*(unsigned *)user)++;
	for (unsigned i = 0; i < WICK_COUNT_OF(places); i++) {
		uint64_t at = tensor->offset + places[i];
		struct wick_diag diag = { 0 };
		uint8_t was = read_byte(at);

		write_byte(at, was ^ 0x10);
		if (wick_verify(model, NULL, NULL, NULL, &diag) != -EBADMSG || !strstr(diag.text, tensor->name))
			fail_msg("%s, byte %llu flipped: verify says \"%s\"", tensor->name,
				(unsigned long long)places[i], diag.text);
		write_byte(at, was);
	}
}

static void verify_finds_a_flipped_byte_in_every_tensor(void **state)
{
	struct wick_model *opened;
	struct wick_diag diag = { 0 };
	unsigned tensors = 0;
	struct wick_verified verified = { 0 };

	(void)state;
	assert_int_equal(wick_verify(model, NULL, NULL, &verified, &diag), 0);
	assert_int_not_equal(verified.blocks, 0);
	assert_int_equal(wick_model_open(&opened, model, &diag), 0);
	wick_model_each(opened, check_tensor, &tensors);
	wick_model_close(opened);
	assert_in_range(tensors, 30, 64); /* two layers of OPT, its tables and norms */
}

static void a_cut_file_is_refused(void **state)
{
	uint64_t bytes;
	uint8_t *whole = file_read(model, &bytes);

	(void)state;
	for (uint64_t keep = 0; keep < bytes; keep += keep < 8192 ? 97 : 3989) {
		struct wick_diag open_diag = { 0 }, verify_diag = { 0 };
		struct wick_options options;
		struct wick *wick;

		wick_options_init(&options);
		file_write(model, whole, keep);
		if (!wick_open(&wick, model, &options, &open_diag) || !strstr(open_diag.text, "model.gguf"))
			fail_msg("cut at %llu: open says \"%s\"", (unsigned long long)keep, open_diag.text);
		if (wick_verify(model, NULL, NULL, NULL, &verify_diag) >= 0 || !strstr(verify_diag.text, "model.gguf"))
			fail_msg("cut at %llu: verify says \"%s\"", (unsigned long long)keep, verify_diag.text);
	}
	file_write(model, whole, bytes);
	free(whole);
}

static struct wick *open_small(uint32_t ctx)
{
	struct wick_options options;

	wick_options_init(&options);
	options.ctx = ctx;
	options.all_logits = true;
	return model_open(model, &options);
}

/* After each refusal the engine goes on from where it was, with the bits it would have had. */
static void wrong_tokens_are_refused(void **state)
{
	struct wick *wick = open_small(8), *other = open_small(8);
	uint32_t vocab = wick_report_of(wick)->vocab, ids[9] = { 2, 9, 10, 11, 12, 13, 14, 15, 16 };
	struct wick_diag diag = { 0 };

	(void)state;
	assert_int_equal(wick_session_eval(session_of(wick), ids, 0, NULL, NULL, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "empty"));
	assert_int_equal(wick_session_eval(session_of(wick), ids, 9, NULL, NULL, &diag), -ENOSPC);
	assert_non_null(strstr(diag.text, "9 "));
	assert_non_null(strstr(diag.text, "8"));
	assert_int_equal(wick_session_position(session_of(wick)), 0);
	assert_int_equal(wick_session_eval(session_of(wick), ids, 3, NULL, NULL, &diag), 0);
	assert_int_equal(wick_session_eval(session_of(wick), &vocab, 1, NULL, NULL, &diag), -EINVAL);
	assert_int_equal(wick_session_eval(session_of(wick), ids, 6, NULL, NULL, &diag), -ENOSPC);
	assert_int_equal(wick_session_position(session_of(wick)), 3);
	assert_int_equal(wick_session_eval(session_of(wick), ids + 3, 5, NULL, NULL, &diag), 0);
	assert_int_equal(wick_session_position(session_of(wick)), 8);
	assert_int_equal(wick_session_eval(session_of(wick), ids, 1, NULL, NULL, &diag), -ENOSPC);
	assert_int_equal(wick_session_eval(session_of(other), ids, 3, NULL, NULL, &diag), 0);
	assert_int_equal(wick_session_eval(session_of(other), ids + 3, 5, NULL, NULL, &diag), 0);
	assert_memory_equal(wick_session_logits(session_of(wick)), wick_session_logits(session_of(other)), vocab * sizeof(float));
	wick_close(wick);
	wick_close(other);
}

struct wrong {
	struct wick_options options;
	int code;
	const char *word;
};

static void wrong_options_are_refused(void **state)
{
	static const struct wrong wrongs[] = {
		{ { .mode = "fast" }, -EINVAL, "fast" },
		{ { .io = "carrier-pigeon" }, -EINVAL, "carrier-pigeon" },
		{ { .ctx = 100000 }, -EINVAL, "100000" },
		{ { .threads = 100000 }, -EINVAL, "100000" },
		{ { .queue_depth = 100000 }, -EINVAL, "100000" },
		{ { .chunk_bytes = 100 }, -EINVAL, "100" },
		{ { .chunk_bytes = 4097 }, -EINVAL, "4097" },
		{ { .chunk_bytes = UINT64_MAX }, -EINVAL, "18446744073709551615" },
	};

	(void)state;
	for (unsigned i = 0; i < WICK_COUNT_OF(wrongs); i++) {
		struct wick_diag diag = { 0 };
		struct wick_options options = wrongs[i].options;
		struct wick *wick;
		int code;

		options.size = sizeof(options);
		options.cpu_mask = ~0u;
		code = wick_open(&wick, model, &options, &diag);
		if (code != wrongs[i].code || wick || !strstr(diag.text, wrongs[i].word))
			fail_msg("instead of refusing %s: code %d, \"%s\"", wrongs[i].word, code, diag.text);
	}
}

/* A byte less than the smallest budget does not work; the sentence names one that works in another process, too, where
 * libraries lie elsewhere. */
static void too_small_a_budget_is_refused(void **state)
{
	static const char *const modes[] = { "dense", "hybrid", "naive", "sparse" };
	struct wick_options options;

	(void)state;
	wick_options_init(&options);
	for (unsigned i = 0; i < WICK_COUNT_OF(modes); i++) {
		struct wick_diag diag = { 0 };
		struct wick *wick;
		struct wick_plan plan;
		char number[32];
		uint64_t least;

		options.mode = modes[i];
		least = model_least_bytes(model, &options);
		options.memory.bytes = least - 1;
		assert_int_equal(wick_plan(model, &options, &plan, NULL), -ENOSPC);
		snprintf(number, sizeof(number), "%llu", (unsigned long long)(least + plan.varies_bytes));
		assert_int_equal(wick_open(&wick, model, &options, &diag), -ENOSPC);
		assert_non_null(strstr(diag.text, number));
		options.memory.bytes = least;
		wick = model_open(model, &options);
		assert_true(wick_plan_of(wick)->total_bytes <= least);
		wick_close(wick);
	}
}

static void what_is_no_model_is_refused(void **state)
{
	char path[PATH_MAX];
	struct wick_options options;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	(void)state;
	wick_options_init(&options);
	path_join(path, scratch, "absent.gguf");
	assert_int_equal(wick_open(&wick, path, &options, &diag), -ENOENT);
	assert_non_null(strstr(diag.text, "absent.gguf"));
	assert_true(wick_open(&wick, scratch, &options, &diag) < 0);
	assert_non_null(strstr(diag.text, scratch));
	path_join(path, scratch, "text.gguf");
	file_write(path, "GGUF is what this begins with, but it is a text.", 48);
	assert_int_equal(wick_open(&wick, path, &options, &diag), -EINVAL);
	assert_non_null(strstr(diag.text, "text.gguf"));
}

static int make_model(void **state)
{
	char folder[PATH_MAX];

	(void)state;
	fixture_folder(folder, "post-norm-f16");
	scratch_make(scratch);
	path_join(model, scratch, "model.gguf");
	model_pack(folder, model, "f16");
	assert_int_equal(answer_of(&truth, true, NULL), 0);
	return 0;
}

static int remove_model(void **state)
{
	(void)state;
	answer_free(&truth);
	scratch_remove(scratch);
	return 0;
}

#define WITH_MODEL(test) cmocka_unit_test_setup_teardown(test, make_model, remove_model)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MODEL(a_flipped_byte_never_changes_the_answer),
		WITH_MODEL(verify_finds_a_flipped_byte_in_every_tensor),
		WITH_MODEL(a_cut_file_is_refused),
		WITH_MODEL(wrong_tokens_are_refused),
		WITH_MODEL(wrong_options_are_refused),
		WITH_MODEL(too_small_a_budget_is_refused),
		WITH_MODEL(what_is_no_model_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
