/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Files that end early, as broken downloads do: whatever the length, a checkpoint is refused with a sentence and nothing is
 * written, or (where only white space is lost) packed to the same bytes as the whole; and predictors of another program are
 * refused, or written as predictors that can be opened. A packed model, a stock file or a part of one, its predictors, a trace and the profile of a drive are refused at every length. What training
 * keeps until it is done may have any length: the predictors are the same in the end. Some lengths are tried; with
 * WICK_EXHAUSTIVE=1 in the environment all of them (of what training keeps, more). */

#include "fixture.h"
#include "operations.h"
#include "pairs.h"
#include "predictors.h"

#include "bits.h"
#include "gguf.h"
#include "profile.h"
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

#define LENGTHS 150      /* of each file */
#define LENGTHS_FAMILY 24 /* of a file of each dense family, packed and as it lies */
#define LENGTHS_KEPT 8   /* of what training keeps: each is one run of it */
#define LENGTHS_KEPT_EXHAUSTIVE 200
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
	{ "sharded-f16", "model-00001-of-00003.safetensors" },
	{ "sharded-f16", "model-00002-of-00003.safetensors" },
	{ "sharded-f16", "model-00003-of-00003.safetensors" },
	{ "blocks-f16", "model.safetensors" },
	{ "odd-head-bf16", "model.safetensors" },
	{ "odd-head-bf16", "tokenizer.json" },
	{ "bin-hub-f16", "pytorch_model.bin" },
	{ "post-norm-f16", "pytorch_model.bin" },
	{ "sharded-bin-bf16", "pytorch_model.bin.index.json" },
	{ "sharded-bin-bf16", "pytorch_model-00001-of-00003.bin" },
	{ "sharded-bin-bf16", "pytorch_model-00002-of-00003.bin" },
	{ "sharded-bin-bf16", "pytorch_model-00003-of-00003.bin" },
	{ "stock/qwen3-tied-bf16/folder", "config.json" },
	{ "stock/qwen3-tied-bf16/folder", "model.safetensors" },
	{ "stock/gpt2-f16/folder", "config.json" },
	{ "stock/gpt2-f16/folder", "model.safetensors" },
};

static char scratch[PATH_MAX];

/* Calls try(path, length) for about so many lengths of the file, from long to short, the shortest and longest among them, and
 * puts the file back. */
static void each_length_of(const char *path, uint64_t count, void (*try)(const char *path, uint64_t length))
{
	uint64_t bytes, step, ends = count / 8;
	void *whole = file_read(path, &bytes);

	step = 1 + bytes / count;
	for (uint64_t length = bytes; length--;) {
		if (length % step && length > ends && bytes - length > ends)
			continue;
		assert_int_equal(truncate(path, (off_t)length), 0);
		try(path, length);
	}
	file_write(path, whole, bytes);
	free(whole);
}

static void each_length(const char *path, void (*try)(const char *path, uint64_t length))
{
	each_length_of(path, getenv("WICK_EXHAUSTIVE") ? UINT64_MAX : LENGTHS, try);
}

static char source[PATH_MAX], out[PATH_MAX];
static unsigned refused, fine;

/* What comes of the whole checkpoint. */
static struct {
	void *model;
	uint64_t bytes;
} uncut;

static bool is_uncut(const char *path)
{
	uint64_t bytes;
	void *model = file_read(path, &bytes);
	bool same = bytes == uncut.bytes && !memcmp(model, uncut.model, bytes);

	free(model);
	return same;
}

static void pack_or_refuse(const char *path, uint64_t length)
{
	const struct wick_pack_options options = { .type = "f16" };
	struct wick_diag diag = { 0 };
	int code = wick_pack(source, out, &options, &diag);

	if (code < 0 && diag.text[0] && access(out, F_OK)) {
		refused++;
		return;
	}
	if (code || !is_uncut(out))
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
	model_pack(source, out, "f16");
	uncut.model = file_read(out, &uncut.bytes);
	assert_int_equal(unlink(out), 0);
	refused = fine = 0;
	each_length(path, pack_or_refuse);
	print_message("  %s of %s: %u lengths refused, %u fine\n", cut->file, cut->fixture, refused, fine);
	assert_true(refused > fine);
	free(uncut.model);
	scratch_remove(source);
}

static char opens[PATH_MAX]; /* what is opened */

static uint64_t needed; /* bytes: a file that is longer may be opened */

/* The file that was cut is the one that is opened, or another part of the same model. */
static void refuse_model(const char *path, uint64_t length)
{
	struct wick_options options;
	struct wick_diag diag = { 0 };
	struct wick *wick;

	if (length >= needed)
		return;
	wick_options_init(&options);
	if (wick_open(&wick, opens, &options, &diag) >= 0 || !strstr(diag.text, path))
		fail_msg("%llu bytes: open says \"%s\"", (unsigned long long)length, diag.text);
	if (wick_verify(opens, NULL, NULL, NULL, &diag) >= 0 || !strstr(diag.text, path))
		fail_msg("%llu bytes: verify says \"%s\"", (unsigned long long)length, diag.text);
	refused++;
}

static const struct packed {
	const char *fixture, *type;
} packed[] = { { "post-norm-f16", "f16" }, { "blocks-f16", "q4_0" }, { "blocks-f16", "q8_0" },
	{ "stock/qwen3moe-f16/model.gguf", NULL }, { "stock/gpt-oss-mxfp4/model.gguf", NULL } };

static void a_cut_model(void **state)
{
	const struct packed *of = *state;
	char folder[PATH_MAX], path[PATH_MAX];

	fixture_folder(folder, of->fixture);
	path_join(path, scratch, "model.gguf");
	memcpy(opens, path, sizeof(opens));
	needed = UINT64_MAX;
	model_pack(folder, path, of->type);
	refused = 0;
	each_length(path, refuse_model);
	print_message("  %s in %s: %u lengths refused\n", of->fixture, of->type ? of->type : "its types", refused);
}

/* A stock file of one part, or one of several, as it lies. */
static const struct cut stock[] = {
	{ "stock/qwen3-tied-bf16", "model.gguf" },
	{ "stock/qwen3moe-f16", "model.gguf" },
	{ "stock/gpt-oss-mxfp4", "model.gguf" },
	{ "stock/llama-split-f16", "model-00001-of-00004.gguf" },
	{ "stock/llama-split-f16", "model-00003-of-00004.gguf" },
};

/* The end of what a stock file says and of its tensors; padding may follow. */
static uint64_t bytes_needed(const char *path)
{
	struct wick_gguf *gguf;
	uint64_t needs;

	assert_int_equal(wick_gguf_open(&gguf, path, NULL), 0);
	wick_gguf_header(gguf, &needs);
	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);

		needs = WICK_MAX(needs, tensor->offset + tensor->bytes);
	}
	wick_gguf_close(gguf);
	return needs;
}

static void a_cut_stock_file(void **state)
{
	const struct cut *cut = *state;
	char folder[PATH_MAX], path[PATH_MAX];

	path_join(source, scratch, "stock");
	fixture_folder(folder, cut->fixture);
	assert_int_equal(mkdir(source, 0700), 0);
	folder_copy(folder, source);
	path_join(path, source, cut->file);
	needed = bytes_needed(path);
	path_join(opens, source, strstr(cut->file, "-of-") ? "model-00001-of-00004.gguf" : cut->file);
	refused = 0;
	each_length(path, refuse_model);
	print_message("  %s of %s: %u lengths refused\n", cut->file, cut->fixture, refused);
	scratch_remove(source);
}

/* The model is the file `path`, of which some lengths are tried. */
static void cut_family(const char *path)
{
	memcpy(opens, path, sizeof(opens));
	each_length_of(path, getenv("WICK_EXHAUSTIVE") ? UINT64_MAX : LENGTHS_FAMILY, refuse_model);
}

static void each_dense_family(void **state)
{
	(void)state;
	refused = 0;
	for (unsigned i = 0; i < DENSE_FAMILIES; i++) {
		char name[128], from[PATH_MAX], path[PATH_MAX];
		uint64_t bytes;
		void *data;

		snprintf(name, sizeof(name), "stock/%s/model.gguf", dense_families[i]);
		fixture_folder(from, name);
		path_join(path, scratch, "model.gguf");
		needed = UINT64_MAX;
		model_pack(from, path, NULL);
		cut_family(path);
		needed = bytes_needed(from);
		data = file_read(from, &bytes);
		file_write(path, data, bytes);
		free(data);
		cut_family(path);
	}
	print_message("  %u lengths refused\n", refused);
	assert_true(refused > 2 * DENSE_FAMILIES * LENGTHS_FAMILY / 2);
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

static const struct wick_profile_key drive = { .device = "drive", .method = "uring", .direct = true };

/* Only the end of the last line can be missing. */
static void refuse_profile(const char *path, uint64_t length)
{
	struct wick_profile profile;
	struct wick_diag diag = { 0 };
	int code = wick_profile_load(&profile, &drive, &diag);

	if (code == 0)
		fine++;
	else if (code < 0 && strstr(diag.text, path))
		refused++;
	else
		fail_msg("%llu bytes: code %d, \"%s\"", (unsigned long long)length, code, diag.text);
}

static void a_cut_profile(void **state)
{
	const struct wick_profile_cell cells[] = { { 4096, 1, 90, 91 }, { 4096, 8, 12, 110 }, { 65536, 1, 150, 152 },
		{ 65536, 8, 40, 400 } };
	struct wick_profile profile = { .key = drive, .model = "Some Drive", .measured_s = 1790000000 };
	struct wick_diag diag = { 0 };
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(setenv("XDG_CACHE_HOME", scratch, 1), 0);
	assert_int_equal(wick_profile_fit(&profile, cells, WICK_COUNT_OF(cells), &diag), 0);
	assert_int_equal(wick_profile_save(&profile, path, &diag), 0);
	refused = fine = 0;
	each_length_of(path, UINT64_MAX, refuse_profile);
	print_message("  %u lengths refused\n", refused);
	assert_int_equal(fine, 1);
}

static void import_or_refuse(const char *path, uint64_t length)
{
	struct wick_diag diag = { 0 };
	char *json = NULL;
	int code = wick_import_predictors(at.model, source, NULL, NULL, &json, &diag);

	free(json);
	if (code < 0 && strstr(diag.text, path) && access(at.sidecar, F_OK)) {
		refused++;
		return;
	}
	if (code || wick_verify(at.model, NULL, NULL, NULL, &diag))
		fail_msg("%s, %llu bytes: code %d, \"%s\"", path, (unsigned long long)length, code, diag.text);
	assert_int_equal(unlink(at.sidecar), 0);
	fine++;
}

static void cut_predictors_of_others(void **state)
{
	char folder[PATH_MAX], path[PATH_MAX];

	(void)state;
	path_join(folder, getenv("WICK_SOURCE"), "tests/unit/fixtures/powerinfer/odd");
	path_join(source, at.scratch, "others");
	assert_int_equal(mkdir(source, 0700), 0);
	folder_copy(folder, source);
	for (int i = 0; i < 2; i++) {
		path_join(path, source, i ? "model_1.pt" : "model_0.pt");
		refused = fine = 0;
		each_length(path, import_or_refuse);
		print_message("  %s: %u lengths refused, %u fine\n", i ? "model_1.pt" : "model_0.pt", refused, fine);
		assert_true(refused > fine);
	}
}

/* What training keeps when it is stopped, and what it makes in the end. */
static struct {
	void *kept, *made;
	uint64_t kept_bytes, made_bytes;
} training;

static int stop_in_the_last_layer(void *user, uint32_t layer, uint32_t layers, const char *what, double done)
{
	(void)user, (void)what, (void)done;
	return layer + 1 == layers;
}

/* What is left of it is taken over, the rest learned again. */
static void train_on(const char *path, uint64_t length)
{
	struct wick_diag diag = { 0 };
	uint64_t bytes;
	void *made;

	if (operations_train(15, NULL, &diag))
		fail_msg("%llu bytes: \"%s\"", (unsigned long long)length, diag.text);
	made = file_read(at.sidecar, &bytes);
	assert_int_equal(bytes, training.made_bytes);
	assert_memory_equal(made, training.made, bytes);
	free(made);
	file_write(path, training.kept, training.kept_bytes);
	fine++;
}

static void what_training_keeps(void **state)
{
	(void)state;
	assert_int_equal(operations_train(15, NULL, NULL), 0);
	training.made = file_read(at.sidecar, &training.made_bytes);
	assert_int_equal(unlink(at.sidecar), 0);
	assert_int_equal(operations_train(15, stop_in_the_last_layer, NULL), -ECANCELED);
	training.kept = file_read(at.part, &training.kept_bytes);
	assert_true(training.kept_bytes > training.made_bytes / 4); /* a layer at least */
	fine = 0;
	each_length_of(at.part, getenv("WICK_EXHAUSTIVE") ? LENGTHS_KEPT_EXHAUSTIVE : LENGTHS_KEPT, train_on);
	print_message("  %u lengths of %llu bytes\n", fine, (unsigned long long)training.kept_bytes);
	free(training.kept);
	free(training.made);
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
#define CUT_STOCK(i) { stock[i].fixture, a_cut_stock_file, make_scratch, remove_scratch, (void *)&stock[i] }
#define CUT_MODEL(i) { packed[i].fixture, a_cut_model, make_scratch, remove_scratch, (void *)&packed[i] }

int main(void)
{
	const struct CMUnitTest tests[] = {
		CUT(0), CUT(1), CUT(2), CUT(3), CUT(4), CUT(5), CUT(6), CUT(7), CUT(8), CUT(9), CUT(10), CUT(11), CUT(12), CUT(13),
		CUT(14), CUT(15), CUT(16), CUT(17), CUT(18), CUT(19), CUT(20), CUT(21),
		CUT_MODEL(0), CUT_MODEL(1), CUT_MODEL(2), CUT_MODEL(3), CUT_MODEL(4),
		CUT_STOCK(0), CUT_STOCK(1), CUT_STOCK(2), CUT_STOCK(3), CUT_STOCK(4),
		cmocka_unit_test_setup_teardown(each_dense_family, make_scratch, remove_scratch),
		cmocka_unit_test_setup_teardown(cut_predictors, make_scratch, remove_scratch),
		cmocka_unit_test_setup_teardown(a_cut_trace, make_scratch, remove_scratch),
		cmocka_unit_test_setup_teardown(a_cut_profile, make_scratch, remove_scratch),
		cmocka_unit_test_setup_teardown(cut_predictors_of_others, operations_make, operations_remove),
		cmocka_unit_test_setup_teardown(what_training_keeps, operations_make, operations_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
