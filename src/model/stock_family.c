/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The table of families, and which of them a file is of (see stock_family.h). */

#include "stock_family.h"

#include "bits.h"
#include "gguf.h"
#include "model.h"
#include "tensors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct wick_stock_family families[] = {
	{ .name = "llama", .keys = WICK_KEYS_RMS | WICK_KEYS_EXPERTS | WICK_KEYS_LAYOUT, .norm = WICK_NORM_RMS,
		.rope = WICK_ROPE_NEIGHBOURS, .act = WICK_ACT_SILU, .gated = true, .norm_weights = true,
		.layout = "Meta AI original pth" },
	{ .name = "qwen2", .keys = WICK_KEYS_RMS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES, .act = WICK_ACT_SILU,
		.gated = true },
	{ .name = "qwen3", .keys = WICK_KEYS_RMS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES, .act = WICK_ACT_SILU,
		.gated = true, .head_norm = true },
	{ .name = "olmoe", .keys = WICK_KEYS_RMS | WICK_KEYS_EXPERTS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_SILU, .gated = true, .whole_norm = true, .always_experts = true },
	{ .name = "qwen2moe", .keys = WICK_KEYS_RMS | WICK_KEYS_EXPERTS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_SILU, .gated = true, .always_experts = true, .shared_gate = true },
	{ .name = "qwen3moe", .keys = WICK_KEYS_RMS | WICK_KEYS_EXPERTS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_SILU, .gated = true, .head_norm = true, .always_experts = true, .norm_weights = true },
	{ .name = "granitemoe", .keys = WICK_KEYS_RMS | WICK_KEYS_EXPERTS | WICK_KEYS_SCALES, .norm = WICK_NORM_RMS,
		.rope = WICK_ROPE_NEIGHBOURS, .act = WICK_ACT_SILU, .gated = true, .always_experts = true,
		.norm_weights = true, .finetuned_is_rope = true },
	{ .name = "glm4moe", .keys = WICK_KEYS_RMS | WICK_KEYS_EXPERTS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_SILU, .gated = true, .always_experts = true, .router = WICK_ROUTER_SIGMOID, .norm_weights = true,
		.choice_bias = true, .head_norm_by = "blk.0.attn_q_norm.weight", .names = { { WICK_T_FFN_NORM, "blk.%u.post_attention_norm.weight" } } },
	{ .name = "gpt-oss", .keys = WICK_KEYS_RMS | WICK_KEYS_EXPERTS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_SWIGLU_OAI, .gated = true, .always_experts = true, .router = WICK_ROUTER_SOFTMAX_CHOSEN,
		.biased_experts = true, .sinks = true, .rope_between = true, .full_every = 2,
		.names = { { WICK_T_FFN_NORM, "blk.%u.post_attention_norm.weight" } } },
	{ .name = "smallthinker", .keys = WICK_KEYS_RMS | WICK_KEYS_EXPERTS, .norm = WICK_NORM_RMS,
		.rope = WICK_ROPE_HALVES, .act = WICK_ACT_RELU, .gated = true, .always_experts = true,
		.router = WICK_ROUTER_SIGMOID, .norm_weights = true, .early_router = true, .full_every = 4, .full_first = true,
		.full_unturned = true },
	{ .name = "granite", .keys = WICK_KEYS_RMS | WICK_KEYS_SCALES, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_NEIGHBOURS,
		.act = WICK_ACT_SILU, .gated = true, .finetuned_is_rope = true },
	{ .name = "gemma2", .keys = WICK_KEYS_RMS | WICK_KEYS_SOFTCAPS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_GELU_TANH, .gated = true, .sandwich = true, .scaled_embedding = true, .softcap = 50,
		.logit_cap = 30, .window = 4096, .full_every = 2, .wide_scale_layers = 46 },
	{ .name = "gemma3", .keys = WICK_KEYS_RMS | WICK_KEYS_SOFTCAPS | WICK_KEYS_LOCAL_ROPE, .norm = WICK_NORM_RMS,
		.rope = WICK_ROPE_HALVES, .act = WICK_ACT_GELU_TANH, .gated = true, .head_norm = true, .sandwich = true,
		.scaled_embedding = true, .full_every = 6, .local_rope_base = 10000, .wide_scale_layers = 62 },
	{ .name = "phi2", .keys = WICK_KEYS_LAYER_NORM, .norm = WICK_NORM_LAYER, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_GELU_TANH, .parallel = true },
	{ .name = "phi3", .keys = WICK_KEYS_RMS, .norm = WICK_NORM_RMS, .rope = WICK_ROPE_HALVES, .act = WICK_ACT_SILU,
		.gated = true },
	{ .name = "falcon", .keys = WICK_KEYS_LAYER_NORM | WICK_KEYS_LAYOUT, .norm = WICK_NORM_LAYER,
		.rope = WICK_ROPE_HALVES, .act = WICK_ACT_GELU, .parallel = true, .layout = "jploski",
		.second_norm = "blk.0.attn_norm_2.weight",
		.names = { { WICK_T_ATTN_NORM, "blk.%u.attn_norm_2.weight" }, { WICK_T_ATTN_NORM_BIAS, "blk.%u.attn_norm_2.bias" },
			{ WICK_T_FFN_NORM, "blk.%u.attn_norm.weight" }, { WICK_T_FFN_NORM_BIAS, "blk.%u.attn_norm.bias" } } },
	{ .name = "persimmon", .keys = WICK_KEYS_LAYER_NORM, .norm = WICK_NORM_LAYER, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_RELU2, .head_norm = true, .packed_only = true },
	{ .name = "gpt2", .keys = WICK_KEYS_LAYER_NORM, .norm = WICK_NORM_LAYER, .act = WICK_ACT_GELU_TANH, .positions = true },
	{ .name = "mpt", .keys = WICK_KEYS_LAYER_NORM | WICK_KEYS_ALIBI, .norm = WICK_NORM_LAYER, .norm_unbiased = true,
		.act = WICK_ACT_GELU },
	{ .name = "starcoder2", .keys = WICK_KEYS_LAYER_NORM, .norm = WICK_NORM_LAYER, .rope = WICK_ROPE_HALVES,
		.act = WICK_ACT_GELU_TANH },
};

/* Architectures that are known by name only. */
static const struct {
	const char *name, *needs;
} unknown[] = {
	{ "deepseek2", "multi-head latent attention" },
	{ "qwen3next", "gated delta nets" },
	{ "qwen35", "gated delta nets" },
	{ "qwen35moe", "gated delta nets" },
};

static int refuse_family(const struct wick_gguf *gguf, struct wick_gguf_string name, struct wick_diag *diag)
{
	char known[256];
	size_t at = 0;

	for (size_t i = 0; i < WICK_COUNT_OF(unknown); i++)
		if (strlen(unknown[i].name) == name.length && !memcmp(unknown[i].name, name.bytes, name.length))
			return wick_diag_say(diag, -EINVAL, "%s: models of the architecture %s are not supported: they need %s",
				wick_gguf_path(gguf), unknown[i].name, unknown[i].needs);
	for (size_t i = 0; i < WICK_COUNT_OF(families); i++)
		if (!families[i].packed_only)
			at += (size_t)snprintf(known + at, sizeof(known) - at, "%s, ", families[i].name);
	return wick_diag_say(diag, -EINVAL,
		"%s: models of the architecture \"%.*s\" are not supported; those of %sand what wick pack makes are",
		wick_gguf_path(gguf), (int)WICK_MIN(name.length, 80), name.bytes, known);
}

/* Whether a text has one of the names by which Llamas with ReLU gates are known. */
static bool says_relu(struct wick_gguf_string text)
{
	static const char *const names[] = { "relu", "prosparse", "turbosparse" };

	for (size_t n = 0; n < WICK_COUNT_OF(names); n++) {
		size_t length = strlen(names[n]);

		for (uint64_t i = 0; i + length <= text.length; i++)
			if (!strncasecmp(text.bytes + i, names[n], length))
				return true;
	}
	return false;
}

static int refuse_relu(const struct wick_gguf *gguf, const char *key, struct wick_gguf_string text, struct wick_diag *diag)
{
	return wick_diag_say(diag, -EINVAL, "%s: %s \"%.*s\" says that gates are ReLU, for which stock GGUF has no key: they would "
		"be computed as SiLU; pack the model's Hugging Face folder instead: wick pack FOLDER -o MODEL", wick_gguf_path(gguf),
		key, (int)WICK_MIN(text.length, 80), text.bytes);
}

int wick_stock_check_relu(const struct wick_stock_family *family, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	static const char *const keys[] = { "general.name", "general.basename", "general.finetune" };
	struct wick_gguf_string text;
	enum wick_gguf_type type;
	uint64_t count = 0;

	if (family != families) /* of Llama alone there are such copies */
		return 0;
	for (size_t i = 0; i < WICK_COUNT_OF(keys); i++)
		if (!wick_gguf_string(gguf, keys[i], &text, NULL) && says_relu(text))
			return refuse_relu(gguf, keys[i], text, diag);
	if (wick_gguf_array(gguf, "general.tags", &type, &count, NULL))
		return 0;
	for (uint64_t i = 0; i < count; i++) {
		text = wick_gguf_array_string(gguf, "general.tags", i);
		if (says_relu(text))
			return refuse_relu(gguf, "general.tags", text, diag);
	}
	return 0;
}

void wick_stock_tensor_name(char *name, const struct wick_shape *shape, uint8_t id, uint32_t layer)
{
	const struct wick_stock_family *family = families;

	while (strcmp(family->name, shape->name))
		family++;
	wick_tensor_name(name, id, layer);
	for (unsigned i = 0; (!family->second_norm || shape->kind[0].two_norms) && i < WICK_STOCK_NAMES; i++)
		if (family->names[i].name && family->names[i].id == id)
			snprintf(name, WICK_TENSOR_NAME, family->names[i].name, layer);
}

int wick_stock_family(const struct wick_stock_family **family, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_gguf_string name;
	int err = wick_gguf_string(gguf, "general.architecture", &name, diag);

	if (err == -ENOENT)
		return wick_diag_say(diag, -EINVAL, "%s: key \"general.architecture\" is missing", wick_gguf_path(gguf));
	for (size_t i = 0; !err && i < WICK_COUNT_OF(families); i++) {
		*family = &families[i];
		if (strlen(families[i].name) == name.length && !memcmp(families[i].name, name.bytes, name.length))
			return 0;
	}
	return err ? err : refuse_family(gguf, name, diag);
}
