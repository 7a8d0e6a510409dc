/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A clone without Git LFS leaves pointers in place of files: whatever is read, the sentence says so and names the file. */

#include "packing.h"

#include "trace.h"

#include "bits.h"

#define POINTER "version https://git-lfs.github.com/spec/v1\n" \
	"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

static void assert_named(int result, const struct wick_diag *diag, const char *file)
{
	char words[128];

	snprintf(words, sizeof(words), "%s: a Git LFS pointer, not the file itself: fetch it with git lfs pull", file);
	assert_int_equal(result, -EINVAL);
	if (!strstr(diag->text, words))
		fail_msg("\"%s\", not \"%s\"", diag->text, words);
}

static void checkpoints(void **state)
{
	static const char *const files[][2] = {
		{ "plain-f32", "config.json" }, { "plain-f32", "model.safetensors" }, { "plain-f32", "vocab.json" },
		{ "plain-f32", "merges.txt" }, { "plain-f32", "tokenizer_config.json" }, { "odd-head-bf16", "tokenizer.json" },
		{ "bin-hub-f16", "pytorch_model.bin" }, { "sharded-f16", "model.safetensors.index.json" },
		{ "sharded-f16", "model-00002-of-00003.safetensors" }, { "plain-f32", "generation_config.json" },
		{ "plain-f32", "added_tokens.json" }, { "plain-f32", "special_tokens_map.json" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(files); i++) {
		struct folder source = fixture_copy(files[i][0]);
		struct wick_diag diag;
		char *out = strdup(folder_path(&source, "out.gguf"));

		folder_write(&source, files[i][1], POINTER, strlen(POINTER));
		assert_named(wick_pack(source.path, out, NULL, &diag), &diag, files[i][1]);
		folder_remove(&source);
		free(out);
	}
}

static void models_and_traces(void **state)
{
	struct folder folder = folder_make();
	struct wick_options options;
	struct wick_trace *trace;
	struct wick_diag diag = { 0 };
	struct wick *wick;
	char *json;

	(void)state;
	folder_write(&folder, "model.gguf", POINTER, strlen(POINTER));
	folder_write(&folder, "firing.trace", POINTER, strlen(POINTER));
	wick_options_init(&options);
	assert_named(wick_open(&wick, folder_path(&folder, "model.gguf"), &options, &diag), &diag, "model.gguf");
	assert_named(wick_info(folder_path(&folder, "model.gguf"), &json, &diag), &diag, "model.gguf");
	diag.text[0] = 0;
	assert_named(wick_trace_open(&trace, folder_path(&folder, "firing.trace"), &diag), &diag, "firing.trace");
	folder_remove(&folder);
}

static void predictors_and_texts(void **state)
{
	struct folder folder = fixture_copy("plain-f32");
	char *model = strdup(folder_path(&folder, "model.gguf")), *text = strdup(folder_path(&folder, "text.txt")), *json;
	struct wick_train_options training = { .texts = (const char *const[]){ text }, .text_count = 1 };
	struct wick_options options;
	struct wick_diag diag;
	struct wick *wick;

	(void)state;
	pack_well(folder.path, model, NULL);
	folder_write(&folder, "text.txt", POINTER, strlen(POINTER));
	assert_named(wick_train(model, &training, &json, &diag), &diag, "text.txt");
	folder_write(&folder, "model.pred.gguf", POINTER, strlen(POINTER));
	wick_options_init(&options);
	assert_named(wick_open(&wick, model, &options, &diag), &diag, "model.pred.gguf");
	folder_remove(&folder);
	free(model);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checkpoints),
		cmocka_unit_test(models_and_traces),
		cmocka_unit_test(predictors_and_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
