/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A model of a family whose files have stock GGUF's keys gives the same bits from that file as it lies, packed from it, and
 * packed from the folder that transformers wrote (make_stock.py); a packed one is whole, and a flipped bit is found. */

#include "first_session.h"
#include "fixture.h"

#include "bits.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define VOCAB 259

/* Those with a folder have its type; of one there is a checkpoint that has it inside, too. */
static const struct subject {
	const char *name, *file, *type;
	bool inside;
	const char *rest; /* the type of all but experts, where it is another */
} subjects[] = {
	{ "llama3-bf16", "model.gguf", "bf16" },
	{ "llama-bias-f16", "model.gguf", "f16" },
	{ "mistral-window-f16", "model.gguf", "f16" },
	{ "qwen2-f16", "model.gguf", "f16" },
	{ "qwen2-yarn-f16", "model.gguf", "f16" },
	{ "llama-yarn-f16", "model.gguf", "f16" },
	{ "qwen3-tied-bf16", "model.gguf", "bf16" },
	{ "llama-split-f16", "model-00001-of-00004.gguf", NULL },
	{ "qwen2-linear-f32", "model.gguf", NULL },
	{ "qwen2-window-f16", "model.gguf", "f16" },
	{ "gemma2-f16", "model.gguf", "f16" },
	{ "gemma3-f16", "model.gguf", "f16", true },
	{ "granite-f16", "model.gguf", "f16" },
	{ "starcoder2-f16", "model.gguf", "f16" },
	{ "mpt-f16", "model.gguf", "f16" },
	{ "mpt-scale-f32", "model.gguf", "f32" },
	{ "phi2-f16", "model.gguf", "f16" },
	{ "mixtral-bf16", "model.gguf", "bf16" },
	{ "qwen2moe-f16", "model.gguf", "f16" },
	{ "qwen3moe-f16", "model.gguf", "f16" },
	{ "olmoe-f16", "model.gguf", "f16" },
	{ "granitemoe-f16", "model.gguf", "f16" },
	{ "glm4moe-f16", "model.gguf", "f16" },
	{ "gpt-oss-f16", "model.gguf", "f16" },
	{ "gpt-oss-bf16", "model.gguf", "bf16" },
	{ "gpt-oss-mxfp4", "model.gguf", "mxfp4", .rest = "f32" },
	{ "smallthinker-f16", "model.gguf", "f16" },
	{ "smallthinker-softmax-bf16", "model.gguf", "bf16" },
	{ "phi3-long-f16", "model.gguf", "f16" },
	{ "phi3-short-f16", "model.gguf", NULL },
	{ "gpt2-f16", "model.gguf", "f16" },
	{ "falcon-7b-f16", "model.gguf", "f16" },
	{ "falcon-40b-f16", "model.gguf", "f16" },
};

static char scratch[PATH_MAX], packed[PATH_MAX];

static void fixture_path(char path[PATH_MAX], const struct subject *subject, const char *file)
{
	char folder[PATH_MAX], name[128];

	snprintf(name, sizeof(name), "stock/%s", subject->name);
	fixture_folder(folder, name);
	path_join(path, folder, file);
}

static int begin(void **state)
{
	char cache[PATH_MAX];

	(void)state;
	scratch_make(scratch);
	path_join(packed, scratch, "packed.gguf");
	path_join(cache, scratch, "cache");
	return setenv("XDG_CACHE_HOME", cache, 1);
}

static int end(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

static void pack_as(const char *source, const char *type, const char *rest)
{
	const struct wick_pack_options options = { .type = type, .attention_type = rest };
	struct wick_diag diag = { 0 };

	if (wick_pack(source, packed, &options, &diag))
		fail_msg("%s", diag.text);
}

static void pack(const char *source, const char *type)
{
	pack_as(source, type, NULL);
}

/* The logits of some tokens, with everything in memory or nothing. */
static void answer(float logits[VOCAB], const char *model, const char *mode)
{
	struct wick_diag diag = { 0 };
	struct wick_options options;
	struct wick *wick;
	uint32_t ids[40];

	for (uint32_t i = 0; i < WICK_COUNT_OF(ids); i++)
		ids[i] = (7 + 31 * i) % 256;
	wick_options_init(&options);
	options.memory.bytes = MODEL_WHOLE_BYTES;
	options.mode = mode;
	wick = model_open(model, &options);
	assert_int_equal(wick_report_of(wick)->vocab, VOCAB);
	assert_int_equal(wick_session_eval(session_of(wick), ids, WICK_COUNT_OF(ids), NULL, NULL, &diag), 0);
	memcpy(logits, wick_session_logits(session_of(wick)), VOCAB * sizeof(float));
	wick_close(wick);
}

static void expect_same(const char *stock, const char *what)
{
	static const char *const modes[] = { "dense", "naive" };
	float wanted[VOCAB], got[VOCAB];
	struct wick_diag diag = { 0 };

	if (wick_verify(packed, NULL, NULL, NULL, &diag))
		fail_msg("%s: %s", what, diag.text);
	answer(wanted, stock, "dense");
	for (size_t i = 0; i < WICK_COUNT_OF(modes); i++) {
		answer(got, packed, modes[i]);
		if (memcmp(got, wanted, sizeof(got)))
			fail_msg("%s, %s: other bits", what, modes[i]);
	}
}

static void the_same_bits_from_each_source(void **state)
{
	static const char *const folders[] = { "folder", "inside" };
	char stock[PATH_MAX], folder[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(subjects); i++) {
		fixture_path(stock, &subjects[i], subjects[i].file);
		pack(stock, NULL);
		expect_same(stock, subjects[i].name);
		for (size_t k = 0; k < WICK_COUNT_OF(folders) && subjects[i].type; k++) {
			if (k && !subjects[i].inside)
				continue;
			fixture_path(folder, &subjects[i], folders[k]);
			pack_as(folder, subjects[i].type, subjects[i].rest);
			expect_same(stock, subjects[i].name);
		}
	}
}

/* All experts of a layer in two tensors. */
static void the_same_bits_from_merged_experts(void **state)
{
	const struct subject subject = { "qwen3moe-f16", NULL, NULL };
	char stock[PATH_MAX], folder[PATH_MAX];

	(void)state;
	fixture_path(stock, &subject, "model.gguf");
	fixture_path(folder, &subject, "merged");
	pack(folder, "f16");
	expect_same(stock, "merged");
}

/* In a file of text, once. */
static void replace(const char *path, const char *from, const char *to)
{
	uint64_t bytes;
	char *text = file_read(path, &bytes), *at = strstr(text, from), *made = calloc(1, bytes + strlen(to) + 1);

	assert_non_null(made);
	if (!at)
		fail_msg("%s has no %s", path, from);
	memcpy(made, text, (size_t)(at - text));
	strcat(made, to);
	strcat(made, at + strlen(from));
	file_write(path, made, strlen(made));
	free(made);
	free(text);
}

/* A fixture's folder, and the path of a file in it. The caller removes it. */
static void copy_fixture(const char *fixture, char folder[PATH_MAX], const char *file, char path[PATH_MAX])
{
	const struct subject subject = { fixture, NULL, NULL };
	char from[PATH_MAX];

	path_join(folder, scratch, "folder");
	path_join(path, folder, file);
	fixture_path(from, &subject, "folder");
	assert_int_equal(mkdir(folder, 0700), 0);
	folder_copy(from, folder);
}

/* What config.json could say of experts that would be computed otherwise, or has no meaning. */
static void experts_that_are_refused(void **state)
{
	static const struct {
		const char *fixture, *from, *to, *says;
	} refused[] = {
		{ "qwen3moe-f16", "\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 2", "\"decoder_sparse_step\" is not 1, which is not supported" },
		{ "qwen3moe-f16", "\"mlp_only_layers\": []", "\"mlp_only_layers\": [1]", "\"mlp_only_layers\" is not supported" },
		{ "qwen3moe-f16", "\"num_local_experts\": 7", "\"num_local_experts\": \"7\"", "\"num_local_experts\" is not a whole number of 32 bits" },
		{ "qwen3moe-f16", "\"num_local_experts\": 7", "\"num_local_experts\": 8", "mlp.gate.weight has shape [7, 40]; config.json asks for [8, 40]" },
		{ "qwen3moe-f16", "\"num_local_experts\": 7", "\"num_local_experts\": 2", "expert_used_count is 3; 1 to 2 of 2 experts is possible" },
		{ "qwen3moe-f16", "\"num_experts_per_tok\": 3", "\"num_experts_per_tok\": 0", "expert_used_count is 0" },
		{ "qwen3moe-f16", "\"norm_topk_prob\": true", "\"norm_topk_prob\": 1", "\"norm_topk_prob\" is not true or false" },
		{ "qwen3moe-f16", "\"hidden_act\": \"silu\"", "\"hidden_act\": \"relu\"", "\"relu\" is not supported" },
		{ "olmoe-f16", "\"clip_qkv\": null", "\"clip_qkv\": 8.0", "\"clip_qkv\" is not supported" },
		{ "smallthinker-f16", "\"rope_layout\": [\n    0", "\"rope_layout\": [\n    1", "\"rope_layout\" has other layers than those with a window" },
		{ "smallthinker-f16", "\"rope_layout\": [", "\"rope_layout\": [1, ", "\"rope_layout\" is no list with an entry for each layer" },
		{ "smallthinker-f16", "\"rope_layout\"", "\"rope_lay-out\"", "\"rope_layout\" has other layers than those with a window" },
		{ "smallthinker-f16", "\"sliding_window_layout\": [\n    0", "\"sliding_window_layout\": [\n    2",
			"\"sliding_window_layout\" has other entries than 0 and 1" },
		{ "smallthinker-f16", "\"sliding_window_size\": 32", "\"sliding_window_size\": 0", "\"sliding_window_size\" is not a positive" },
		{ "smallthinker-f16", "\"moe_enable_early_router\": true", "\"moe_enable_early_router\": false",
			"\"moe_enable_early_router\" is not 1, which is not supported" },
		{ "smallthinker-f16", "\"moe_enable_secondary_experts\": false", "\"moe_enable_secondary_experts\": true",
			"\"moe_enable_secondary_experts\" is not supported" },
		{ "smallthinker-f16", "\"moe_shared_primary_experts\": 0", "\"moe_shared_primary_experts\": 1",
			"\"moe_shared_primary_experts\" is not 0" },
		{ "smallthinker-f16", "\"use_qk_norm\": false", "\"use_qk_norm\": true", "\"use_qk_norm\" is not supported" },
		{ "smallthinker-f16", "{", "{\"hidden_act\": \"silu\",", "hidden_act \"silu\" is not supported (relu is)" },
		{ "smallthinker-f16", "\"moe_primary_router_apply_softmax\": false", "\"moe_primary_router_apply_softmax\": 1",
			"\"moe_primary_router_apply_softmax\" is not true or false" },
		{ "mixtral-bf16", "\"sliding_window\": null", "\"sliding_window\": 32", "\"sliding_window\" is not supported" },
		{ "glm4moe-f16", "\"n_group\": 1", "\"n_group\": 2", "\"n_group\" is not 1" },
		{ "glm4moe-f16", "\"first_k_dense_replace\": 1", "\"first_k_dense_replace\": 3", "leading_dense_block_count 3 does not fit 3 layers" },
		{ "gpt-oss-mxfp4", "\"swiglu_limit\": 7.0", "\"swiglu_limit\": 8.0", "\"swiglu_limit\" is not 7, which is not supported" },
		{ "gpt-oss-mxfp4", "\"swiglu_alpha\": 1.702", "\"swiglu_alpha\": 1.7", "\"swiglu_alpha\" is not 1.702" },
		{ "gpt-oss-mxfp4", "\"truncate\": false", "\"truncate\": true", "\"truncate\" is true, which is not supported in this family" },
		{ "gpt-oss-mxfp4", "\"truncate\": false", "\"truncate\": null", "\"truncate\" is not true or false" },
		{ "gpt-oss-mxfp4", "\"rope_scaling\"", "\"rope_skaling\"", "\"rope_scaling\" is missing" },
		{ "gpt-oss-mxfp4", "\"quant_method\": \"mxfp4\"", "\"quant_method\": \"fp8\"", "quantised in a way that is not supported, \"fp8\"" },
		{ "gpt-oss-mxfp4", "\"quant_method\"", "\"quant_type\"", "\"quant_method\" is missing" },
		{ "gpt-oss-mxfp4", "\"modules_to_not_convert\"", "\"block_size\"", "\"block_size\" is not known for quant_method mxfp4" },
		{ "gpt-oss-mxfp4", "\"quantization_config\"", "\"quantisation_config\"", "layers.0.mlp.experts.gate_up_proj is missing" },
		{ "gpt-oss-bf16", "{", "{\"quantization_config\": {\"quant_method\": \"mxfp4\"},", "layers.0.mlp.experts.gate_up_proj_blocks is missing" },
		{ "gpt-oss-bf16", "\"intermediate_size\": 14", "\"intermediate_size\": 16", "gate_up_proj_bias has shape [5, 28]; config.json asks for [5, 32]" },
		{ "gpt-oss-mxfp4", "\"attention_bias\": true", "\"attention_bias\": false", "bias has no place in the gpt_oss model" },
		{ "gpt-oss-mxfp4", "\"intermediate_size\": 32", "\"intermediate_size\": 64", "gate_up_proj_bias has shape [4, 64]; config.json asks for [4, 128]" },
		{ "gpt-oss-mxfp4", "\"layer_types\": [", "\"layer_types\": [\"full_attention\",", "\"layer_types\" is no list with an entry for each layer" },
		{ "granitemoe-f16", "\"intermediate_size\": 18", "\"intermediate_size\": 20", "has shape [5, 36, 40]; config.json asks for [5, 40, 40]" },
	};
	char folder[PATH_MAX], config[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(refused); i++) {
		const struct wick_pack_options options = { 0 };
		struct wick_diag diag = { 0 };

		copy_fixture(refused[i].fixture, folder, "config.json", config);
		replace(config, refused[i].from, refused[i].to);
		assert_true(wick_pack(folder, packed, &options, &diag) < 0);
		if (!strstr(diag.text, refused[i].says))
			fail_msg("%s, %s: %s", refused[i].fixture, refused[i].to, diag.text);
		assert_int_equal(access(packed, F_OK), -1);
		scratch_remove(folder);
	}
}

static float largest_difference(const float *a, const float *b)
{
	float largest = 0;

	for (uint32_t i = 0; i < VOCAB; i++)
		largest = fmaxf(largest, fabsf(a[i] - b[i]));
	return largest;
}

/* A folder, packed in types that hold its numbers exactly: the logits behind each prompt are those of transformers. */
static void expect_golden(const char *name, const char *type, const char *rest)
{
	const struct subject subject = { name, NULL, NULL };
	const struct golden_run *run;
	struct wick_options options;
	struct wick_diag diag = { 0 };
	char folder[PATH_MAX], fixture[64];
	struct golden golden;
	struct wick *wick;

	snprintf(fixture, sizeof(fixture), "stock/%s", name);
	golden_load(&golden, fixture);
	fixture_path(folder, &subject, "folder");
	pack_as(folder, type, rest);
	wick_options_init(&options);
	options.memory.bytes = MODEL_WHOLE_BYTES;
	wick = model_open(packed, &options);
	for (unsigned i = 0; i < golden.run_count; i++) {
		float worst = 0;

		run = &golden.runs[i];
		wick_session_reset(session_of(wick));
		assert_int_equal(wick_session_eval(session_of(wick), run->prompt, run->prompt_count, NULL, NULL, &diag), 0);
		for (uint32_t row = 0; row < run->row_count; row++)
			if (run->rows[row] + 1 == run->prompt_count)
				worst = largest_difference(wick_session_logits(session_of(wick)), run->logits + row * VOCAB);
		assert_true(worst <= 1e-4f * run->logit_max);
	}
	wick_close(wick);
	golden_free(&golden);
}

/* Blocks as numbers: gates and ups that take turns, nibbles of neighbours, exponents are what transformers makes of them. */
static void blocks_as_numbers(void **state)
{
	(void)state;
	expect_golden("gpt-oss-mxfp4", "f32", NULL);
}

/* A tied head has the type of the embedding, whatever the others have. */
static void other_types_of_the_same_numbers(void **state)
{
	(void)state;
	expect_golden("qwen3-tied-bf16", "f32", "bf16");
}

/* The first byte of a tensor in a file of safetensors. */
static char *tensor_data(char *file, uint64_t bytes, const char *name)
{
	char *entry = memmem(file, bytes, name, strlen(name)), *offsets = entry ? strstr(entry, "\"data_offsets\":[") : NULL;
	uint64_t header_bytes;

	if (!offsets)
		fail_msg("no %s", name);
	memcpy(&header_bytes, file, sizeof(header_bytes));
	return file + sizeof(header_bytes) + header_bytes + strtoull(strchr(offsets, '[') + 1, NULL, 10);
}

/* An exponent that is no number, whether blocks are kept or not. */
static void an_exponent_that_is_none(void **state)
{
	static const char name[] = "layers.1.mlp.experts.gate_up_proj_scales", *const types[] = { NULL, "f32" };
	char folder[PATH_MAX], weights[PATH_MAX];
	uint64_t bytes;
	char *data;

	(void)state;
	copy_fixture("gpt-oss-mxfp4", folder, "model.safetensors", weights);
	data = file_read(weights, &bytes);
	tensor_data(data, bytes, name)[7] = (char)255;
	file_write(weights, data, bytes);
	free(data);
	for (size_t i = 0; i < WICK_COUNT_OF(types); i++) {
		const struct wick_pack_options options = { .type = types[i] };
		struct wick_diag diag = { 0 };

		assert_int_equal(wick_pack(folder, packed, &options, &diag), -EINVAL);
		if (!strstr(diag.text, name) || !strstr(diag.text, "number 7 is NaN"))
			fail_msg("%s", diag.text);
	}
	scratch_remove(folder);
}

/* A folder of gpt-oss whose header has another name, or shape. */
static void experts_of_another_shape(void **state)
{
	static const struct {
		const char *fixture, *from, *to, *says;
		int rc;
	} refused[] = {
		{ "gpt-oss-mxfp4", "layers.1.mlp.experts.down_proj_scales", "layers.1.mlp.experts.down_proj_skales", "layers.1.mlp.experts.down_proj_scales is missing", -ENOENT },
		{ "gpt-oss-mxfp4", "layers.1.mlp.experts.gate_up_proj_blocks", "layers.1.mlp.experts.gate_up_proj_clocks",
			"layers.1.mlp.experts.gate_up_proj_blocks is missing", -ENOENT },
		{ "gpt-oss-mxfp4", "\"shape\":[4,64,2]", "\"shape\":[4,2,64]", "_scales is not a byte for each block", -EINVAL },
		{ "gpt-oss-mxfp4", "\"shape\":[4,64,2,16]", "\"shape\":[4,64,16,2]", "_blocks has no blocks of 16 bytes", -EINVAL },
		{ "gpt-oss-bf16", "layers.1.mlp.experts.gate_up_proj\"", "layers.1.mlp.experts.gate_up_prog\"",
			"layers.1.mlp.experts.gate_up_proj is missing", -ENOENT },
		{ "gpt-oss-bf16", "layers.1.mlp.experts.down_proj\"", "layers.1.mlp.experts.down_prog\"",
			"layers.1.mlp.experts.down_proj is missing", -ENOENT },
		{ "gpt-oss-bf16", "layers.1.mlp.experts.gate_up_proj_bias", "layers.1.mlp.experts.gate_up_prog_bias",
			"layers.1.mlp.experts.gate_up_proj_bias is missing", -ENOENT },
		{ "gpt-oss-bf16", "\"shape\":[5,36,28]", "\"shape\":[5,28,36]",
			"gate_up_proj has shape [5, 28, 36]; config.json asks for [5, 36, 28]", -EINVAL },
		{ "gpt-oss-bf16", "\"shape\":[5,36,28]", "\"shape\":[5,48,21]",
			"gate_up_proj has shape [5, 48, 21]; config.json asks for [5, 36, 28]", -EINVAL },
		{ "gpt-oss-bf16", "\"shape\":[5,14,36]", "\"shape\":[5,36,14]",
			"down_proj has shape [5, 36, 14]; config.json asks for [5, 14, 36]", -EINVAL },
	};
	char folder[PATH_MAX], weights[PATH_MAX];

	(void)state;
	for (size_t i = 0; i < WICK_COUNT_OF(refused); i++) {
		const struct wick_pack_options options = { 0 };
		struct wick_diag diag = { 0 };
		uint64_t bytes;
		char *data, *at;

		copy_fixture(refused[i].fixture, folder, "model.safetensors", weights);
		data = file_read(weights, &bytes);
		at = memmem(data, bytes, refused[i].from, strlen(refused[i].from));
		if (!at)
			fail_msg("no %s", refused[i].from);
		memcpy(at, refused[i].to, strlen(refused[i].to));
		file_write(weights, data, bytes);
		free(data);
		assert_int_equal(wick_pack(folder, packed, &options, &diag), refused[i].rc);
		if (!strstr(diag.text, refused[i].says))
			fail_msg("%s: %s", refused[i].to, diag.text);
		assert_int_equal(access(packed, F_OK), -1);
		scratch_remove(folder);
	}
}

/* The up-projection of an expert by another number. */
static void an_expert_that_is_missing(void **state)
{
	static const char name[] = "layers.1.mlp.experts.6.up_proj.weight";
	char folder[PATH_MAX], weights[PATH_MAX], *at;
	const struct wick_pack_options options = { 0 };
	struct wick_diag diag = { 0 };
	uint64_t bytes;
	char *data;

	(void)state;
	copy_fixture("qwen3moe-f16", folder, "model.safetensors", weights);
	data = file_read(weights, &bytes);
	at = memmem(data, bytes, name, strlen(name));
	assert_non_null(at);
	*strchr(at, '6') = '7';
	file_write(weights, data, bytes);
	free(data);
	assert_int_equal(wick_pack(folder, packed, &options, &diag), -ENOENT);
	if (!strstr(diag.text, name))
		fail_msg("%s", diag.text);
	scratch_remove(folder);
}

/* Blocks behind the last layer, which guess further tokens, are left out; what config.json does not call so is not. */
static void blocks_that_guess_are_left_out(void **state)
{
	char folder[PATH_MAX], config[PATH_MAX];
	const struct wick_pack_options options = { 0 };
	struct wick_diag diag = { 0 };

	(void)state;
	copy_fixture("glm4moe-f16", folder, "config.json", config);
	replace(config, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2");
	assert_true(wick_pack(folder, packed, &options, &diag) < 0);
	if (!strstr(diag.text, "model.layers.2.") || !strstr(diag.text, "has no place in the glm4_moe model"))
		fail_msg("%s", diag.text);
	replace(config, "\"num_nextn_predict_layers\": 0", "\"num_nextn_predict_layers\": 1");
	if (wick_pack(folder, packed, &options, &diag) || wick_verify(packed, NULL, NULL, NULL, &diag))
		fail_msg("%s", diag.text);
	scratch_remove(folder);
}

/* What was packed is a source, too; its checksums are compared. */
static void packed_once_more(void **state)
{
	char stock[PATH_MAX], first[PATH_MAX];
	const struct wick_pack_options options = { 0 };
	struct wick_diag diag = { 0 };
	uint64_t bytes;
	uint8_t *data;

	(void)state;
	fixture_path(stock, &subjects[1], subjects[1].file);
	pack(stock, NULL);
	path_join(first, scratch, "first.gguf");
	assert_int_equal(rename(packed, first), 0);
	pack(first, NULL);
	expect_same(stock, "packed twice");
	data = file_read(first, &bytes);
	data[bytes / 2] ^= 1;
	file_write(first, data, bytes);
	assert_int_equal(unlink(packed), 0);
	assert_int_equal(wick_pack(first, packed, &options, &diag), -EBADMSG);
	assert_int_equal(access(packed, F_OK), -1);
	free(data);
}

/* One of the subjects, packed; its bytes, which the caller frees. */
static uint8_t *pack_one(uint64_t *bytes)
{
	char stock[PATH_MAX];

	fixture_path(stock, &subjects[2], subjects[2].file);
	pack(stock, NULL);
	return file_read(packed, bytes);
}

/* A bit of each block of 512 bytes, header and padding included. */
static void every_flipped_bit_is_found(void **state)
{
	uint64_t bytes;
	uint8_t *data = pack_one(&bytes);

	(void)state;
	for (uint64_t at = 24; at < bytes; at += 509) {
		struct wick_diag diag = { 0 };
		int err;

		data[at] ^= (uint8_t)(1 << at % 8);
		file_write(packed, data, bytes);
		err = wick_verify(packed, NULL, NULL, NULL, &diag);
		if (err != -EBADMSG && err != -EINVAL)
			fail_msg("a bit of byte %llu: %d, %s", (unsigned long long)at, err, diag.text);
		data[at] ^= (uint8_t)(1 << at % 8);
	}
	free(data);
}

static void cut_files_are_refused(void **state)
{
	uint64_t bytes;
	uint8_t *data = pack_one(&bytes);

	(void)state;
	for (uint64_t left = 1; left < bytes; left += 1013) {
		struct wick_diag diag = { 0 };
		char *json = NULL;

		file_write(packed, data, left);
		assert_int_equal(wick_info(packed, &json, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, packed));
	}
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_bits_from_each_source, begin, end),
		cmocka_unit_test_setup_teardown(the_same_bits_from_merged_experts, begin, end),
		cmocka_unit_test_setup_teardown(experts_that_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(blocks_as_numbers, begin, end),
		cmocka_unit_test_setup_teardown(other_types_of_the_same_numbers, begin, end),
		cmocka_unit_test_setup_teardown(experts_of_another_shape, begin, end),
		cmocka_unit_test_setup_teardown(an_exponent_that_is_none, begin, end),
		cmocka_unit_test_setup_teardown(an_expert_that_is_missing, begin, end),
		cmocka_unit_test_setup_teardown(blocks_that_guess_are_left_out, begin, end),
		cmocka_unit_test_setup_teardown(packed_once_more, begin, end),
		cmocka_unit_test_setup_teardown(every_flipped_bit_is_found, begin, end),
		cmocka_unit_test_setup_teardown(cut_files_are_refused, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
