/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Made stock files: as large as the published ones, and models that run. */

#include "../golden/first_session.h"
#include "gguf.h"

#include "bits.h"
#include "packing.h"

#include <math.h>

/* Bytes of files as published on Hugging Face (bartowski's and unsloth's of mid-2025), but falcon's, which is its parameters
 * as transformers counts them. Published files have a vocabulary and merges, of some megabytes, which these do not have. */
static const struct {
	const char *source, *type;
	double gb;
} published[] = {
	{ "qwen3-30b-a3b", "q4_k_m", 18.56 }, { "qwen3-30b-a3b", "q6_k", 25.09 }, { "qwen3-30b-a3b", "q8_0", 32.48 },
	{ "mixtral-8x7b", "q4_k_m", 28.45 }, { "mixtral-8x7b", "q8_0", 49.63 }, { "olmoe", "q4_k_m", 4.21 },
	{ "olmoe", "q8_0", 7.36 }, { "llama-3.1-8b", "q4_k_m", 4.92 }, { "llama-3.1-8b", "q8_0", 8.54 },
	{ "mistral-7b", "q4_k_m", 4.37 }, { "qwen3-8b", "q4_k_m", 5.03 }, { "qwen3-8b", "q8_0", 8.71 },
	{ "gpt-oss-20b", "mxfp4", 12.11 }, { "smallthinker-21b", "q4_k_m", 13.1 }, { "gemma-3-12b", "q4_k_m", 7.30 }, { "phi-4", "q4_k_m", 9.05 }, { "falcon-7b", "f16", 13.85 },
};

/* Nothing is written: it is told how much it would be, and stops it. */
static int stop(void *user, uint64_t done, uint64_t total)
{
	(void)done;
	*(uint64_t *)user = total;
	return 1;
}

static void test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(published); i++) {
		uint64_t bytes = 0;
		struct wick_pack_options options = { .layout = "stock", .type = published[i].type, .progress = stop, .user = &bytes };
		struct wick_diag diag;
		char source[80];

		snprintf(source, sizeof(source), "synthetic:%s", published[i].source);
		assert_int_equal(wick_pack(source, "/nowhere/out.gguf", &options, &diag), -ECANCELED);
		if (fabs((double)bytes / 1e9 / published[i].gb - 1) > 0.005)
			fail_msg("%s as %s takes %.3f GB, published are %.2f", source, options.type, (double)bytes / 1e9, published[i].gb);
	}
}

/* Whether the logits are numbers of a size that a sampler can work with. */
static void assert_runs(const char *path)
{
	struct wick_options options;
	struct wick_diag diag;
	struct wick *wick;
	uint32_t ids[8] = { 5, 70, 90, 110, 130, 150, 170, 190 };
	const float *logits;

	wick_options_init(&options);
	if (wick_open(&wick, path, &options, &diag))
		fail_msg("%s", diag.text);
	assert_non_null(strstr(wick_report_of(wick)->model, "synthetic:"));
	if (wick_session_eval(session_of(wick), ids, WICK_COUNT_OF(ids), NULL, NULL, &diag))
		fail_msg("%s", diag.text);
	logits = wick_session_logits(session_of(wick));
	for (uint32_t i = 0; i < wick_report_of(wick)->vocab; i++)
		assert_true(isfinite(logits[i]) && fabsf(logits[i]) < 100);
	wick_close(wick);
}

static void test_runs(void **state)
{
	static const char *const types[] = { "f32", "f16", "bf16", "q4_0", "q8_0", "q4_k_m", "q5_k_m", "q6_k", "mxfp4" };
	struct folder folder = folder_make();
	char *path = strdup(folder_path(&folder, "made.gguf"));

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(types); i++) {
		struct wick_pack_options options = { .layout = "stock", .type = types[i] };

		pack_well("synthetic:moe-tiny,layers=2", path, &options);
		assert_runs(path);
	}
	free(path);
	folder_remove(&folder);
}

/* The tensors of a shape are those that wick asks of a file of its family; merged ones have their names. */
static void test_families(void **state)
{
	static const struct {
		const char *source, *tensor;
		uint64_t ne[3];
	} made[] = {
		{ "synthetic:olmoe,layers=1,experts=8,vocab=300", "blk.0.ffn_down_exps.weight", { 1024, 2048, 8 } },
		{ "synthetic:gpt-oss-20b,layers=1,experts=4,vocab=300", "blk.0.ffn_down_exps.bias", { 2880, 4, 1 } },
		{ "synthetic:smallthinker-21b,layers=1,experts=6,vocab=300", "blk.0.ffn_gate_inp.weight", { 2560, 6, 1 } },
		{ "synthetic:mistral-7b,layers=1,vocab=300", "blk.0.ffn_up.weight", { 4096, 14336, 1 } },
		{ "synthetic:gemma-3-12b,layers=1,vocab=300", "blk.0.post_ffw_norm.weight", { 3840, 1, 1 } },
		{ "synthetic:phi-4,layers=1,vocab=300", "blk.0.ffn_up.weight", { 5120, 2 * 17920, 1 } },
		{ "synthetic:falcon-7b,layers=1,vocab=300", "blk.0.attn_qkv.weight", { 4544, (71 + 2) * 64, 1 } },
	};
	struct wick_pack_options options = { .layout = "stock" };
	struct folder folder = folder_make();
	char *path = strdup(folder_path(&folder, "made.gguf"));

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(made); i++) {
		const struct wick_gguf_tensor *tensor;
		struct wick_gguf *gguf;

		pack_well(made[i].source, path, &options);
		assert_int_equal(wick_gguf_open(&gguf, path, NULL), 0);
		tensor = wick_gguf_tensor(gguf, made[i].tensor);
		if (!tensor)
			fail_msg("%s has no %s", made[i].source, made[i].tensor);
		assert_memory_equal(tensor->ne, made[i].ne, sizeof(made[i].ne));
		wick_gguf_close(gguf);
		assert_runs(path);
	}
	free(path);
	folder_remove(&folder);
}

static void test_refused(void **state)
{
	static const struct {
		const char *source, *layout, *type, *why;
	} wrong[] = {
		{ "synthetic:qwen3-31b", "stock", NULL, "there is no such shape in stock layout; there are moe-tiny, qwen3-30b-a3b" },
		{ "synthetic:opt-1.3b", "stock", NULL, "there is no such shape" },
		{ "synthetic:olmoe", NULL, NULL, "in stock layout only" },
		{ "synthetic:olmoe,layers=4", NULL, NULL, "in stock layout only" },
		{ "synthetic:olmoe,layers=17", "stock", NULL, "none above the model's own" },
		{ "synthetic:olmoe,layers=0", "stock", NULL, "layers=N" },
		{ "synthetic:olmoe,layers=2x", "stock", NULL, "layers=N" },
		{ "synthetic:olmoe,width=2", "stock", NULL, "layers=N" },
		{ "synthetic:olmoe,experts=7", "stock", NULL, "8 experts are chosen" },
		{ "synthetic:mistral-7b,experts=1", "stock", NULL, "none that it lacks" },
		{ "synthetic:olmoe", "stock", "q3_k", "possible are f32, f16" },
		{ "folder", "stock", NULL, "only synthetic models" },
	};

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(wrong); i++) {
		struct wick_pack_options options = { .layout = wrong[i].layout, .type = wrong[i].type };
		struct wick_diag diag;

		assert_int_equal(wick_pack(wrong[i].source, "/nowhere/out.gguf", &options, &diag), -EINVAL);
		if (!strstr(diag.text, wrong[i].why))
			fail_msg("%s: \"%s\" does not say \"%s\"", wrong[i].source, diag.text, wrong[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
