/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "fixture.h"

#include "bits.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

const struct golden_case golden_cases[GOLDEN_CASES] = {
	{ "plain-f32", "f32" },
	{ "sharded-f16", "f32" },
	{ "sharded-f16", "f16" },
	{ "odd-head-bf16", "f32" },
	{ "odd-head-bf16", "bf16" },
	{ "bin-hub-f16", "f32" },
	{ "bin-hub-f16", "f16" },
	{ "sharded-bin-bf16", "f32" },
	{ "sharded-bin-bf16", "bf16" },
	{ "post-norm-f16", "f32" },
	{ "post-norm-f16", "f16" },
	{ "blocks-f16", "f32" },
	{ "blocks-f16", "f16" },
	{ "blocks-f16", "q8_0", "blocks-f16/q8_0" },
	{ "blocks-f16", "q4_0", "blocks-f16/q4_0" },
};

void path_join(char path[PATH_MAX], const char *folder, const char *name)
{
	assert_in_range(snprintf(path, PATH_MAX, "%s/%s", folder, name), 1, PATH_MAX - 1);
}

void fixture_folder(char path[PATH_MAX], const char *name)
{
	const char *source = getenv("WICK_SOURCE");

	if (!source)
		fail_msg("WICK_SOURCE is unset: it names the source tree (meson test sets it)");
	assert_in_range(snprintf(path, PATH_MAX, "%s/tests/golden/fixtures/%s", source, name), 1, PATH_MAX - 1);
}

uint64_t file_bytes(const char *path)
{
	struct stat status;

	if (stat(path, &status))
		fail_msg("%s: %s", path, strerror(errno));
	return (uint64_t)status.st_size;
}

void *file_read(const char *path, uint64_t *bytes)
{
	char *data;
	FILE *file = fopen(path, "rb");

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	*bytes = file_bytes(path);
	data = malloc(*bytes + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, *bytes, file), *bytes);
	data[*bytes] = 0;
	fclose(file);
	return data;
}

void file_write(const char *path, const void *data, uint64_t bytes)
{
	FILE *file = fopen(path, "wb");

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

/* Calls visit with the path of each entry of a folder and returns how many there are. */
static unsigned folder_each(const char *folder, void (*visit)(const char *path, const char *name, const char *user),
	const char *user)
{
	struct dirent *entry;
	char path[PATH_MAX];
	unsigned count = 0;
	DIR *dir = opendir(folder);

	if (!dir)
		fail_msg("%s: %s", folder, strerror(errno));
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		count++;
		path_join(path, folder, entry->d_name);
		if (visit)
			visit(path, entry->d_name, user);
	}
	closedir(dir);
	return count;
}

unsigned folder_entries(const char *folder)
{
	return folder_each(folder, NULL, NULL);
}

static bool is_folder(const char *path)
{
	struct stat status;

	return !lstat(path, &status) && S_ISDIR(status.st_mode);
}

/* Files only: blocks-f16 has answers of its own in folders. */
static void copy_one(const char *path, const char *name, const char *to)
{
	char target[PATH_MAX];
	uint64_t bytes;
	void *data;

	if (is_folder(path))
		return;
	data = file_read(path, &bytes);
	path_join(target, to, name);
	file_write(target, data, bytes);
	free(data);
}

void folder_copy(const char *from, const char *to)
{
	folder_each(from, copy_one, to);
}

void scratch_make(char folder[PATH_MAX])
{
	const char *build = getenv("WICK_BUILD"), *tmp = getenv("TMPDIR");

	path_join(folder, build ? build : tmp ? tmp : "/tmp", "scratch-XXXXXX");
	if (!mkdtemp(folder))
		fail_msg("%s: %s", folder, strerror(errno));
}

static void remove_one(const char *path, const char *name, const char *user)
{
	(void)name;
	(void)user;
	if (is_folder(path))
		scratch_remove(path);
	else
		unlink(path);
}

void scratch_remove(const char *folder)
{
	folder_each(folder, remove_one, NULL);
	rmdir(folder);
}

/* An array of ids, which the caller frees. */
static uint32_t *ids_of(const json_t *object, const char *key, uint32_t *count)
{
	const json_t *array = json_object_get(object, key);
	uint32_t *ids;

	if (!json_is_array(array))
		fail_msg("golden.json: no array \"%s\"", key);
	*count = (uint32_t)json_array_size(array);
	ids = calloc(*count + 1, sizeof(*ids));
	assert_non_null(ids);
	for (uint32_t i = 0; i < *count; i++)
		ids[i] = (uint32_t)json_integer_value(json_array_get(array, i));
	return ids;
}

static void load_run(struct golden_run *run, const json_t *json, uint32_t vocab, const float *logits)
{
	run->prompt = ids_of(json, "prompt", &run->prompt_count);
	run->greedy = ids_of(json, "greedy", &run->greedy_count);
	run->rows = ids_of(json, "rows", &run->row_count);
	run->logits = logits;
	for (uint64_t i = 0; i < (uint64_t)run->row_count * vocab; i++)
		run->logit_max = fmaxf(run->logit_max, fabsf(logits[i]));
}

static void load_text(struct golden_text *text, const json_t *json)
{
	const char *value = json_string_value(json_object_get(json, "text"));

	assert_non_null(value);
	text->text = strdup(value);
	text->ids = ids_of(json, "ids", &text->count);
}

/* The logits of a run begin where those of the run before end; together they are the whole file. */
static void load_runs(struct golden *golden, const json_t *runs, uint64_t logits_bytes)
{
	uint64_t used = 0;

	golden->run_count = (unsigned)json_array_size(runs);
	golden->runs = calloc(golden->run_count + 1, sizeof(*golden->runs));
	assert_non_null(golden->runs);
	for (unsigned i = 0; i < golden->run_count; i++) {
		const json_t *json = json_array_get(runs, i);
		uint64_t rows = json_array_size(json_object_get(json, "rows"));

		assert_in_range((used + rows) * golden->vocab * sizeof(float), 1, logits_bytes);
		load_run(&golden->runs[i], json, golden->vocab, golden->logits + used * golden->vocab);
		used += rows;
	}
	assert_int_equal(used * golden->vocab * sizeof(float), logits_bytes);
}

void golden_load(struct golden *golden, const char *name)
{
	char folder[PATH_MAX], path[PATH_MAX];
	json_error_t error;
	const json_t *texts;
	uint64_t bytes;
	json_t *json;

	memset(golden, 0, sizeof(*golden));
	fixture_folder(folder, name);
	path_join(path, folder, "golden.json");
	json = json_load_file(path, 0, &error);
	if (!json)
		fail_msg("%s: %s", path, error.text);
	path_join(path, folder, "golden.f32");
	golden->logits = file_read(path, &bytes);
	golden->vocab = (uint32_t)json_integer_value(json_object_get(json, "vocab"));
	golden->tolerance = (float)json_number_value(json_object_get(json, "tolerance"));
	load_runs(golden, json_object_get(json, "runs"), bytes);
	texts = json_object_get(json, "texts");
	golden->text_count = (unsigned)json_array_size(texts);
	golden->texts = calloc(golden->text_count + 1, sizeof(*golden->texts));
	assert_non_null(golden->texts);
	for (unsigned i = 0; i < golden->text_count; i++)
		load_text(&golden->texts[i], json_array_get(texts, i));
	json_decref(json);
	assert_in_range(golden->run_count, 3, 5);
}

void golden_free(struct golden *golden)
{
	for (unsigned i = 0; i < golden->run_count; i++) {
		free(golden->runs[i].prompt);
		free(golden->runs[i].greedy);
		free(golden->runs[i].rows);
	}
	for (unsigned i = 0; i < golden->text_count; i++) {
		free(golden->texts[i].text);
		free(golden->texts[i].ids);
	}
	free(golden->runs);
	free(golden->texts);
	free(golden->logits);
}

const struct golden_run *golden_run(const struct golden *golden, uint32_t prompt_count)
{
	for (unsigned i = 0; i < golden->run_count; i++)
		if (golden->runs[i].prompt_count == prompt_count)
			return &golden->runs[i];
	fail_msg("no run with a prompt of %u tokens", prompt_count);
	return NULL;
}

float golden_worst(const struct golden *golden, const struct golden_run *run, const float *logits)
{
	float worst = 0;

	for (uint32_t row = 0; row < run->row_count; row++)
		for (uint32_t i = 0; i < golden->vocab; i++) {
			float got = logits[(size_t)run->rows[row] * golden->vocab + i];
			float difference = fabsf(got - run->logits[(size_t)row * golden->vocab + i]) / run->logit_max;

			worst = isnan(difference) ? INFINITY : WICK_MAX(worst, difference);
		}
	return worst;
}

void model_pack(const char *folder, const char *out, const char *type)
{
	const struct wick_pack_options options = { .type = type };
	struct wick_diag diag = { 0 };
	int code = wick_pack(folder, out, &options, &diag);

	if (code)
		fail_msg("packing %s as %s: %d, %s", folder, type, code, diag.text);
}

/* Asked of the kernel itself, so that a method that fails is not taken for one that is not allowed. */
bool uring_allowed(void)
{
	uint64_t params[32] = { 0 }; /* struct io_uring_params, and some */
	long ring = syscall(SYS_io_uring_setup, 1, params);

	if (ring < 0) {
		print_message("  io_uring is not tested: the kernel says %s\n", strerror(errno));
		return false;
	}
	close((int)ring);
	return true;
}

struct wick *model_open(const char *model, const struct wick_options *options)
{
	struct wick_diag diag = { 0 };
	struct wick *wick;
	int code = wick_open(&wick, model, options, &diag);

	if (code)
		fail_msg("opening %s: %d, %s", model, code, diag.text);
	return wick;
}

struct wick_session *session_new(struct wick *wick)
{
	struct wick_session *session;
	struct wick_diag diag = { 0 };

	if (wick_session_create(&session, wick, &diag))
		fail_msg("%s", diag.text);
	return session;
}

void session_eval_each(struct wick_session *session, const uint32_t *ids, uint32_t count, uint32_t vocab, float *logits)
{
	struct wick_diag diag;

	for (uint32_t i = 0; i < count; i++) {
		if (wick_session_eval(session, &ids[i], 1, NULL, NULL, &diag))
			fail_msg("%s", diag.text);
		memcpy(logits + (size_t)i * vocab, wick_session_logits(session), vocab * sizeof(float));
	}
}

uint64_t model_least_bytes(const char *model, const struct wick_options *options)
{
	struct wick_options one = *options;
	struct wick_plan plan;

	one.memory = (struct wick_memory){ .bytes = 1 };
	assert_int_equal(wick_plan(model, &one, &plan, NULL), -ENOSPC);
	assert_int_not_equal(plan.minimum_bytes, 0);
	return plan.minimum_bytes;
}

uint64_t model_whole_bytes(const char *model, const struct wick_options *options)
{
	struct wick_options one = *options;
	struct wick_plan plan;

	one.memory = (struct wick_memory){ .bytes = 1 };
	assert_int_equal(wick_plan(model, &one, &plan, NULL), -ENOSPC);
	return plan.whole_bytes;
}
