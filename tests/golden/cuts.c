/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Files that end early, as broken downloads do: whatever the length, a checkpoint is refused with a sentence and nothing is
 * written, or (where what is left is a smaller file of its own right) packed as a model that verifies. A packed model, its
 * predictors and a trace are refused at every length. Some lengths are tried; with WICK_EXHAUSTIVE=1 in the environment all of them. */

#include "fixture.h"
#include "predictors.h"

#include "bits.h"
#include "trace.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTHS 150 /* of each file */
#define TRACE_TOKENS 20

static const struct cut {
	const char *fixture, *file;
} cuts[] = {
	{ "plain-f32", "config.json" },
	{ "plain-f32", "vocab.json" },
	{ "plain-f32", "merges.txt" },
	{ "plain-f32", "tokenizer_config.json" },
	{ "plain-f32", "model.safetensors" },
	{ "sharded-f16", "model.safetensors.index.json" },
	{ "sharded-f16", "model-00002-of-00003.safetensors" },
	{ "post-norm-f16", "pytorch_model.bin" },
	{ "sharded-bin-bf16", "pytorch_model.bin.index.json" },
	{ "sharded-bin-bf16", "pytorch_model-00003-of-00003.bin" },
};

static char scratch[PATH_MAX];

/* Calls try(path, length) for lengths of the file from long to short, the shortest and longest among them, and puts the
 * file back. */
static void each_length(const char *path, void (*try)(const char *path, uint64_t length))
{
	uint64_t bytes, step;
	void *whole = file_read(path, &bytes);

	step = getenv("WICK_EXHAUSTIVE") ? 1 : 1 + bytes / LENGTHS;
	for (uint64_t length = bytes; length--;) {
		if (length % step && length > 20 && bytes - length > 20)
			continue;
		assert_int_equal(truncate(path, (off_t)length), 0);
		try(path, length);
	}
	file_write(path, whole, bytes);
	free(whole);
}

static char source[PATH_MAX], out[PATH_MAX];
static unsigned refused, fine;

static void pack_or_refuse(const char *path, uint64_t length)
{
	const struct wick_pack_options options = { .type = "f16" };
	struct wick_diag diag = { 0 };
	int code = wick_pack(source, out, &options, &diag);

	if (code < 0 && diag.text[0] && access(out, F_OK)) {
		refused++;
		return;
	}
	if (code || wick_verify(out, NULL, NULL, NULL, &diag))
		fail_msg("%s, %llu bytes: code %d, \"%s\"", path, (unsigned long long)length, code, diag.text);
	unlink(out);
	fine++;
}

static void a_cut_checkpoint(void **state)
{
	const struct cut *cut = *state;
	char folder[PATH_MAX], path[PATH_MAX];

	path_join(source, scratch, "source");
	path_join(out, scratch, "out.gguf");
	fixture_folder(folder, cut->fixture);
	assert_int_equal(mkdir(source, 0700), 0);
	folder_copy(folder, source);
	path_join(path, source, cut->file);
	refused = fine = 0;
	each_length(path, pack_or_refuse);
	print_message("  %s: %u lengths refused, %u fine\n", cut->file, refused, fine);
	assert_true(refused || !strcmp(cut->file, "merges.txt"));
	scratch_remove(source);
}

static void refuse_model(const char *path, uint64_t length)
{
	struct wick_options options;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	wick_options_init(&options);
	if (wick_open(&wick, path, &options, &diag) >= 0 || !strstr(diag.text, path))
		fail_msg("%llu bytes: open says \"%s\"", (unsigned long long)length, diag.text);
	if (wick_verify(path, NULL, NULL, NULL, &diag) >= 0 || !strstr(diag.text, path))
		fail_msg("%llu bytes: verify says \"%s\"", (unsigned long long)length, diag.text);
	refused++;
}

static void a_cut_model(void **state)
{
	char folder[PATH_MAX], path[PATH_MAX];

	(void)state;
	fixture_folder(folder, "post-norm-f16");
	path_join(path, scratch, "model.gguf");
	model_pack(folder, path, "f16");
	refused = 0;
	each_length(path, refuse_model);
	print_message("  %u lengths refused\n", refused);
}

static void refuse_predictors(const char *path, uint64_t length)
{
	struct wick_options options;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	wick_options_init(&options);
	options.mode = "sparse";
	if (wick_open(&wick, source, &options, &diag) >= 0 || !strstr(diag.text, path))
		fail_msg("%llu bytes: open says \"%s\"", (unsigned long long)length, diag.text);
	refused++;
}

static void cut_predictors(void **state)
{
	char folder[PATH_MAX], path[PATH_MAX];

	(void)state;
	fixture_folder(folder, "blocks-f16");
	path_join(source, scratch, "model.gguf");
	path_join(path, scratch, "model.pred.gguf");
	model_pack(folder, source, "q4_0");
	predictors_write(source);
	refused = 0;
	each_length(path, refuse_predictors);
	print_message("  %u lengths refused\n", refused);
}

/* Reading ends with an error before the tokens do. */
static void refuse_trace(const char *path, uint64_t length)
{
	struct wick_diag diag = { 0 };
	struct wick_trace *opened;
	int code = wick_trace_open(&opened, path, &diag);

	for (uint64_t token = 0; !code && token < TRACE_TOKENS; token++)
		code = wick_trace_seek(opened, token, &diag);
	wick_trace_close(opened);
	if (code >= 0 || !strstr(diag.text, path))
		fail_msg("%llu bytes: code %d, \"%s\"", (unsigned long long)length, code, diag.text);
	refused++;
}

static void a_cut_trace(void **state)
{
	const struct wick_trace_shape shape = { .layers = 3, .n_ff = 300, .lookahead = false };
	struct wick_trace_writer *writer;
	struct wick_diag diag;
	char path[PATH_MAX];
	uint32_t ids[300];

	(void)state;
	path_join(path, scratch, "some.trace");
	assert_int_equal(wick_trace_create(&writer, path, &shape, &diag), 0);
	for (uint32_t i = 0; i < 3 * TRACE_TOKENS; i++) {
		uint32_t count = 0;

		for (uint32_t id = i % 7; id < 300; id += 3 + i % 5)
			ids[count++] = id;
		assert_int_equal(wick_trace_add(writer, i % 3, ids, count, NULL, NULL, 0, &diag), 0);
	}
	assert_int_equal(wick_trace_commit(writer, &diag), 0);
	refused = 0;
	each_length(path, refuse_trace);
	print_message("  %u lengths refused\n", refused);
}

static int make_scratch(void **state)
{
	(void)state;
	scratch_make(scratch);
	return 0;
}

static int remove_scratch(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

#define CUT(i) { cuts[i].file, a_cut_checkpoint, make_scratch, remove_scratch, (void *)&cuts[i] }

int main(void)
{
	const struct CMUnitTest tests[] = {
		CUT(0), CUT(1), CUT(2), CUT(3), CUT(4), CUT(5), CUT(6), CUT(7), CUT(8), CUT(9),
		cmocka_unit_test_setup_teardown(a_cut_model, make_scratch, remove_scratch),
		cmocka_unit_test_setup_teardown(cut_predictors, make_scratch, remove_scratch),
		cmocka_unit_test_setup_teardown(a_cut_trace, make_scratch, remove_scratch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
