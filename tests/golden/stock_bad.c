/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Stock GGUF files that no model can have: keys with impossible numbers, keys and tensors too many or too few. Each is
 * refused with a sentence that names the key or the tensor. */

#include "fixture.h"

#include "bits.h"
#include "gguf.h"
#include "variant.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE "stock/qwen2-linear-f32"
#define TYPE_F32 6

static const char *const keys[] = {
	"qwen2.rope.freq_base", "qwen2.rope.scaling.factor", "qwen2.attention.layer_norm_rms_epsilon",
};

/* The value of a key of a GGUF file: the name, its type, then four bytes. */
static uint8_t *value_of(uint8_t *data, uint64_t bytes, const char *key)
{
	uint8_t *name = memmem(data, bytes, key, strlen(key));
	uint32_t type;

	assert_non_null(name);
	memcpy(&type, name + strlen(key), sizeof(type));
	assert_int_equal(type, TYPE_F32);
	return name + strlen(key) + sizeof(type);
}

static void refuse(const char *path, const char *key)
{
	struct wick_diag diag = { 0 };
	char *json = NULL;

	assert_int_equal(wick_info(path, &json, &diag), -EINVAL);
	assert_null(json);
	assert_non_null(strstr(diag.text, path));
	if (!strstr(diag.text, key))
		fail_msg("\"%s\" does not say \"%s\"", diag.text, key);
}

static void reals_are_positive_floats(void **state)
{
	const float values[] = { 0, -1, -10000, NAN, INFINITY, -INFINITY, FLT_MIN / 2 };
	char folder[PATH_MAX], scratch[PATH_MAX], from[PATH_MAX], path[PATH_MAX];
	uint64_t bytes;
	uint8_t *data;

	(void)state;
	scratch_make(scratch);
	fixture_folder(folder, FIXTURE);
	path_join(from, folder, "model.gguf");
	path_join(path, scratch, "model.gguf");
	data = file_read(from, &bytes);
	for (size_t k = 0; k < WICK_COUNT_OF(keys); k++) {
		uint8_t *value = value_of(data, bytes, keys[k]);
		float kept;

		memcpy(&kept, value, sizeof(kept));
		for (size_t i = 0; i < WICK_COUNT_OF(values); i++) {
			if (values[i] == 0 && strstr(keys[k], "scaling"))
				continue; /* others write that for none */
			memcpy(value, &values[i], sizeof(values[i]));
			file_write(path, data, bytes);
			refuse(path, keys[k]);
		}
		memcpy(value, &kept, sizeof(kept));
	}
	free(data);
	scratch_remove(scratch);
}

/* Where the divisors of frequencies lie in the file. */
static uint64_t divisors_at(const char *path)
{
	struct wick_gguf *gguf;
	uint64_t offset;

	assert_int_equal(wick_gguf_open(&gguf, path, NULL), 0);
	offset = wick_gguf_tensor(gguf, "rope_freqs.weight")->offset;
	wick_gguf_close(gguf);
	return offset;
}

static void angles_can_be_divided(void **state)
{
	const float values[] = { 0, -1, NAN, INFINITY };
	char folder[PATH_MAX], scratch[PATH_MAX], from[PATH_MAX], path[PATH_MAX];
	uint64_t bytes, offset;
	uint8_t *data;

	(void)state;
	scratch_make(scratch);
	fixture_folder(folder, "stock/llama3-bf16");
	path_join(from, folder, "model.gguf");
	path_join(path, scratch, "model.gguf");
	data = file_read(from, &bytes);
	offset = divisors_at(from);
	for (size_t i = 0; i < WICK_COUNT_OF(values); i++) {
		struct wick_options options;
		struct wick_diag diag;
		struct wick *wick;

		memcpy(data + offset + sizeof(float), &values[i], sizeof(values[i]));
		file_write(path, data, bytes);
		wick_options_init(&options);
		assert_int_equal(wick_open(&wick, path, &options, &diag), -EINVAL);
		assert_non_null(strstr(diag.text, "\"rope_freqs.weight\": number 1 is"));
	}
	free(data);
	scratch_remove(scratch);
}

static void put_relu_name(struct wick_gguf_writer *writer)
{
	wick_gguf_put_string(writer, "general.name", "Some ReLULLaMA 7B");
}

static void put_prosparse(struct wick_gguf_writer *writer)
{
	wick_gguf_put_string(writer, "general.finetune", "ProSparse");
}

static void put_relu_tag(struct wick_gguf_writer *writer)
{
	char *tags[] = { "text-generation", "relu" };

	wick_gguf_put_strings(writer, "general.tags", tags, WICK_COUNT_OF(tags));
}

static void put_unknown(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen2.attention.temperature_scale", 0.1f);
}

static void put_yarn_bounds(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen2.rope.scaling.yarn_beta_fast", 1);
	wick_gguf_put_f32(writer, "qwen2.rope.scaling.yarn_beta_slow", 2);
}

static void put_yarn_factor(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen2.rope.scaling.yarn_attn_factor", 1);
}

static void put_yarn_log(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen2.rope.scaling.yarn_log_multiplier", 0.1f);
}

static void put_yarn_fast(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen2.rope.scaling.yarn_beta_fast", 32);
}

static void put_yarn_slow(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen3.rope.scaling.yarn_beta_slow", 1);
}

static void put_attn_factor(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen2.rope.scaling.attn_factor", 1.2f);
}

static void put_attn_factor_1(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen2.rope.scaling.attn_factor", 1);
}

static void put_vocab(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "llama.vocab_size", 260);
}

static void put_chosen(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "qwen3moe.expert_used_count", 8);
}

static void put_gating(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "qwen3moe.expert_gating_func", 4);
}

static void put_groups(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "qwen3moe.expert_group_count", 8);
	wick_gguf_put_u32(writer, "qwen3moe.expert_group_used_count", 4);
}

static void put_guesses(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "glm4moe.block_count", 4);
	wick_gguf_put_u32(writer, "glm4moe.nextn_predict_layers", 1);
}

static void put_all_dense(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "glm4moe.leading_dense_block_count", 3);
}

static void put_experts(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "qwen3.expert_count", 8);
}

static void put_latent(struct wick_gguf_writer *writer)
{
	wick_gguf_put_string(writer, "general.architecture", "deepseek2");
}

static void put_recurrent(struct wick_gguf_writer *writer)
{
	wick_gguf_put_string(writer, "general.architecture", "qwen35moe");
}

static void put_no_rope(struct wick_gguf_writer *writer)
{
	wick_gguf_put_bool(writer, "granite.rope.scaling.finetuned", false);
}

static void put_dense_alone(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "llama.leading_dense_block_count", 1u << 24);
}

static void put_one_dense(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "llama.leading_dense_block_count", 1);
}

static void put_window(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "glm4moe.attention.sliding_window", 32);
}

static void put_no_softcap(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "gemma2.attn_logit_softcapping", 0);
}

static void put_no_logit_cap(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "gemma2.final_logit_softcapping", 0);
}

static void put_no_pattern(struct wick_gguf_writer *writer)
{
	wick_gguf_put_u32(writer, "gemma3.attention.sliding_window_pattern", 0);
}

static void put_short_pattern(struct wick_gguf_writer *writer)
{
	const int32_t pattern[] = { 1, 0 };

	wick_gguf_put_i32s(writer, "gemma3.attention.sliding_window_pattern", pattern, WICK_COUNT_OF(pattern));
}

static void put_no_alibi(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "mpt.attention.max_alibi_bias", 0);
}

static void put_no_clip(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "mpt.attention.clamp_kqv", 0);
}

static void put_layout(struct wick_gguf_writer *writer)
{
	wick_gguf_put_string(writer, "falcon.tensor_data_layout", "original");
}

static void put_longrope(struct wick_gguf_writer *writer)
{
	wick_gguf_put_string(writer, "llama.rope.scaling.type", "longrope");
}

static void put_logit_scale(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "llama.logit_scale", 2);
}

/* What is changed, and what the sentence says. */
static const struct {
	const char *fixture;
	struct variant variant;
	const char *says;
} refused[] = {
	{ "llama-f32", { .without = { "general.name" }, .put = put_relu_name }, "general.name \"Some ReLULLaMA 7B\" says that gates are ReLU" },
	{ "llama-f32", { .put = put_prosparse }, "general.finetune \"ProSparse\" says" },
	{ "llama-f32", { .put = put_relu_tag }, "wick pack FOLDER" },
	{ "llama-f32", { .put = put_vocab }, "vocab_size is 260, but tensor \"token_embd.weight\" has 259 rows" },
	{ "qwen2-f16", { .put = put_unknown }, "key \"qwen2.attention.temperature_scale\" is not known" },
	{ "qwen2-f16", { .without = { "qwen2.rope.scaling.factor" } }, "rope scaling yarn without rope.scaling.factor" },
	{ "qwen2-f16", { .without = { "qwen2.rope.scaling.original_context_length" } },
		"rope scaling yarn without rope.scaling.original_context_length" },
	{ "qwen2-f16", { .put = put_yarn_bounds }, "rope.scaling.yarn_beta_fast 1 is not above rope.scaling.yarn_beta_slow 2" },
	{ "qwen2-linear-f32", { .put = put_yarn_fast }, "rope.scaling.yarn_beta_fast where rope.scaling.type is not yarn" },
	{ "qwen3-f32", { .put = put_yarn_slow }, "rope.scaling.yarn_beta_slow where rope.scaling.type is not yarn" },
	{ "qwen2-linear-f32", { .put = put_attn_factor }, "rope.scaling.attn_factor where rope.scaling.type is not yarn or longrope" },
	{ "qwen2-f16", { .put = put_yarn_factor }, "key \"qwen2.rope.scaling.yarn_attn_factor\" is not known" },
	{ "qwen2-f16", { .put = put_yarn_log }, "key \"qwen2.rope.scaling.yarn_log_multiplier\" is not known" },
	{ "qwen2-f16", { .without = { "qwen2.rope.scaling.type" } }, "rope.scaling.factor 4 without rope.scaling.type" },
	{ "qwen2-linear-f32", { .without = { "qwen2.rope.scaling.factor" } }, "rope scaling linear without rope.scaling.factor" },
	{ "qwen2-f16", { .without = { "qwen2.attention.layer_norm_rms_epsilon" } },
		"key \"qwen2.attention.layer_norm_rms_epsilon\" is missing" },
	{ "qwen3moe-f16", { .without = { "qwen3moe.expert_count" } }, "qwen3moe.expert_count is 0 or missing" },
	{ "qwen3moe-f16", { .without = { "qwen3moe.expert_used_count" } }, "expert_used_count is 0; 1 to 7 of 7 experts" },
	{ "qwen3moe-f16", { .without = { "qwen3moe.expert_used_count" }, .put = put_chosen }, "expert_used_count is 8" },
	{ "qwen3moe-f16", { .put = put_gating }, "expert_gating_func 4 is not known" },
	{ "qwen3moe-f16", { .put = put_groups }, "experts in 8 groups, of which 4" },
	{ "qwen3moe-f16", { .no_tensor = "blk.1.ffn_gate_inp.weight" }, "tensor \"blk.1.ffn_gate_inp.weight\" is missing" },
	{ "qwen3moe-f16", { .no_tensor = "blk.1.ffn_down_exps.weight" }, "tensor \"blk.1.ffn_down_exps.weight\" is missing" },
	{ "qwen3moe-f16", { .new_tensor = "blk.0.ffn_gate_up_exps.weight" }, "\"blk.0.ffn_gate_up_exps.weight\" has no place" },
	{ "qwen3moe-f16", { .odd_tensor = "blk.0.ffn_up_exps.weight", .more_rows = 1 },
		"tensor \"blk.0.ffn_up_exps.weight\" is 40 x 21 x 7, not 40 x 20 x 7" },
	{ "gpt-oss-f16", { .no_tensor = "blk.1.attn_sinks.weight" }, "tensor \"blk.1.attn_sinks.weight\" is missing" },
	{ "gpt-oss-f16", { .no_tensor = "blk.2.ffn_up_exps.bias" }, "tensor \"blk.2.ffn_up_exps.bias\" is missing" },
	{ "gpt-oss-f16", { .no_tensor = "blk.0.ffn_gate_inp.bias" }, "tensor \"blk.0.ffn_gate_inp.bias\" is missing" },
	{ "smallthinker-f16", { .new_tensor = "blk.0.ffn_gate_inp.bias" }, "tensor \"blk.0.ffn_gate_inp.bias\" has no place" },
	{ "glm4moe-f16", { .new_tensor = "blk.3.nextn.enorm.weight" }, "tensor \"blk.3.nextn.enorm.weight\" has no place" },
	{ "glm4moe-f16", { .without = { "glm4moe.block_count" }, .put = put_guesses, .new_tensor = "blk.4.nextn.enorm.weight" },
		"tensor \"blk.4.nextn.enorm.weight\" has no place" },
	{ "glm4moe-f16", { .without = { "glm4moe.leading_dense_block_count" }, .put = put_all_dense },
		"leading_dense_block_count 3 does not fit 3 layers" },
	{ "glm4moe-f16", { .no_tensor = "blk.2.exp_probs_b.bias" }, "tensor \"blk.2.exp_probs_b.bias\" is missing" },
	{ "qwen3-f32", { .put = put_experts }, "key \"qwen3.expert_count\" is not known" },
	{ "qwen3-f32", { .without = { "general.architecture" }, .put = put_latent }, "need multi-head latent attention" },
	{ "qwen3-f32", { .without = { "general.architecture" }, .put = put_recurrent }, "need gated delta nets" },
	{ "qwen3-f32", { .no_tensor = "blk.1.attn_k_norm.weight" }, "tensor \"blk.1.attn_k_norm.weight\" is missing" },
	{ "qwen3-f32", { .new_tensor = "blk.0.attn_sinks.weight" }, "tensor \"blk.0.attn_sinks.weight\" has no place" },
	{ "qwen3-f32", { .odd_tensor = "blk.1.ffn_up.weight", .more_rows = 1 }, "tensor \"blk.1.ffn_up.weight\" is 64 x 97, not 64 x 96" },
	{ "gemma2-f16", { .without = { "gemma2.attn_logit_softcapping" }, .put = put_no_softcap },
		"gemma2.attn_logit_softcapping is 0; a number above 0 is needed" },
	{ "gemma2-f16", { .without = { "gemma2.final_logit_softcapping" }, .put = put_no_logit_cap },
		"gemma2.final_logit_softcapping is 0; a number above 0 is needed" },
	{ "gemma3-f16", { .put = put_no_pattern }, "gemma3.attention.sliding_window_pattern is 0" },
	{ "gemma3-f16", { .put = put_short_pattern },
		"gemma3.attention.sliding_window_pattern has 2 entries; true or false is needed for each of 7 layers" },
	{ "falcon-40b-f16", { .odd_tensor = "blk.1.attn_qkv.weight", .more_rows = 1 },
		"tensor \"blk.1.attn_qkv.weight\" is 48 x 81, not 48 x 80" },
	{ "phi3-short-f16", { .odd_tensor = "blk.0.ffn_up.weight", .more_rows = 1 },
		"tensor \"blk.0.ffn_up.weight\" is 64 x 141, not 64 x 140" },
	{ "falcon-40b-f16", { .without = { "falcon.tensor_data_layout" }, .put = put_layout },
		"falcon.tensor_data_layout \"original\" is not supported; \"jploski\" is" },
	{ "falcon-40b-f16", { .no_tensor = "blk.1.attn_norm_2.bias" }, "tensor \"blk.1.attn_norm_2.bias\" is missing" },
	{ "falcon-40b-f16", { .no_tensor = "blk.0.attn_qkv.weight" }, "tensor \"blk.0.attn_q.weight\" is missing" },
	{ "phi3-short-f16", { .no_tensor = "rope_factors_short.weight" },
		"tensor \"rope_factors_short.weight\" is missing" },
	{ "phi3-short-f16", { .no_tensor = "rope_factors_long.weight" },
		"tensor \"rope_factors_long.weight\" is missing" },
	{ "phi3-short-f16", { .without = { "phi3.rope.scaling.attn_factor" } },
		"rope scaling longrope without rope.scaling.attn_factor" },
	{ "phi3-short-f16", { .without = { "phi3.rope.scaling.original_context_length" } },
		"rope scaling longrope without rope.scaling.original_context_length" },
	{ "llama-f32", { .put = put_longrope }, "rope scaling longrope without rope.scaling.original_context_length" },
	{ "llama-f32", { .put = put_logit_scale }, "key \"llama.logit_scale\" is not known" },
	{ "granite-f16", { .without = { "granite.logit_scale" } }, "key \"granite.logit_scale\" is missing" },
	{ "granite-f16", { .without = { "granite.rope.scaling.finetuned" }, .put = put_no_rope },
		"granite.rope.scaling.finetuned is false: models without a rotary embedding" },
	{ "llama-f32", { .put = put_dense_alone }, "leading_dense_block_count 16777216 does not fit" },
	{ "llama-f32", { .put = put_one_dense }, "leading_dense_block_count in a model without experts" },
	{ "glm4moe-f16", { .put = put_window }, "glm4moe.attention.sliding_window together with leading_dense_block_count" },
	{ "gpt2-f16", { .no_tensor = "position_embd.weight" }, "tensor \"position_embd.weight\" is missing" },
	{ "mpt-f16", { .without = { "mpt.attention.max_alibi_bias" } }, "key \"mpt.attention.max_alibi_bias\" is missing" },
	{ "mpt-f16", { .without = { "mpt.attention.max_alibi_bias" }, .put = put_no_alibi },
		"mpt.attention.max_alibi_bias is 0; a number above 0 is needed" },
	{ "mpt-f16", { .without = { "mpt.attention.clamp_kqv" }, .put = put_no_clip },
		"mpt.attention.clamp_kqv is 0; a number above 0 is needed" },
	{ "mpt-f16", { .new_tensor = "blk.0.attn_norm.bias" }, "tensor \"blk.0.attn_norm.bias\" has no place" },
	{ "mpt-f16", { .new_tensor = "position_embd.weight" }, "tensor \"position_embd.weight\" has no place" },
	{ "mpt-f16", { .new_tensor = "blk.0.attn_q_norm.weight" }, "tensor \"blk.0.attn_q_norm.weight\" has no place" },
	{ "mpt-f16", { .odd_tensor = "blk.1.attn_qkv.weight", .more_rows = 1 },
		"tensor \"blk.1.attn_qkv.weight\" is 48 x 145, not 48 x 144" },
	{ "starcoder2-f16", { .no_tensor = "blk.0.ffn_norm.bias" }, "tensor \"blk.0.ffn_norm.bias\" is missing" },
};

static void what_cannot_be_is_refused(void **state)
{
	char scratch[PATH_MAX], path[PATH_MAX];

	(void)state;
	scratch_make(scratch);
	path_join(path, scratch, "model.gguf");
	for (size_t i = 0; i < WICK_COUNT_OF(refused); i++) {
		variant_write(path, refused[i].fixture, &refused[i].variant);
		refuse(path, refused[i].says);
	}
	scratch_remove(scratch);
}

static void put_none(struct wick_gguf_writer *writer)
{
	wick_gguf_put_f32(writer, "qwen2.rope.scaling.factor", 0);
}

/* As they are, these are models; the ways of change that are tried above do not break them. */
static void what_can_be_is_opened(void **state)
{
	static const struct {
		const char *fixture;
		struct variant variant;
	} opened[] = {
		{ "qwen2-linear-f32", { .without = { NULL } } },
		{ "qwen2-linear-f32", { .without = { "qwen2.rope.scaling.factor" }, .put = put_none } },
		{ "qwen2-linear-f32", { .put = put_attn_factor_1 } },
		{ "glm4moe-f16", { .without = { "glm4moe.block_count" }, .put = put_guesses, .new_tensor = "blk.3.nextn.enorm.weight" } },
	};
	char scratch[PATH_MAX], path[PATH_MAX], *json;

	(void)state;
	scratch_make(scratch);
	path_join(path, scratch, "model.gguf");
	for (size_t i = 0; i < WICK_COUNT_OF(opened); i++) {
		variant_write(path, opened[i].fixture, &opened[i].variant);
		assert_int_equal(wick_info(path, &json, NULL), 0);
		free(json);
	}
	scratch_remove(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reals_are_positive_floats),
		cmocka_unit_test(angles_can_be_divided), cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(what_can_be_is_opened) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
