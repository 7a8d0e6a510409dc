/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* OPT (arXiv 2205.01068), as transformers writes it. Learned positions start at row 2; the 350m is post-LN and has
 * embeddings narrower than the model; the head is the embedding unless config.json says otherwise. */

#include "family.h"

#include "bits.h"

#include <errno.h>
#include <string.h>

#define NORM_EPS 1e-5f /* nn.LayerNorm's own: OPT's config has no key for it */

static const struct {
	const char *key;
	size_t place; /* of the uint32_t in struct wick_shape */
} numbers[] = {
	{ "hidden_size", offsetof(struct wick_shape, d_model) },
	{ "num_hidden_layers", offsetof(struct wick_shape, layers) },
	{ "num_attention_heads", offsetof(struct wick_shape, kind[0].attn.heads) },
	{ "ffn_dim", offsetof(struct wick_shape, n_ff) },
	{ "vocab_size", offsetof(struct wick_shape, vocab) },
	{ "max_position_embeddings", offsetof(struct wick_shape, ctx_max) },
};

static const struct {
	const char *key;
	bool otherwise;
	size_t place; /* of the bool in struct wick_shape */
} flags[] = {
	{ "layer_norm_elementwise_affine", true, offsetof(struct wick_shape, norm_affine) },
	{ "enable_bias", true, offsetof(struct wick_shape, bias) },
	{ "tie_word_embeddings", true, offsetof(struct wick_shape, tied) },
};

static int read_activation(struct wick_shape *shape, const struct wick_config *config, struct wick_diag *diag)
{
	const char *name;
	int rc = wick_config_string(config, "activation_function", "relu", &name, diag);

	if (rc)
		return rc;
	shape->kind[0].ffn.act = strcmp(name, "relu") == 0 ? WICK_ACT_RELU : WICK_ACT_GELU;
	if (!wick_is_relu(shape) && strcmp(name, "gelu") != 0)
		return wick_diag_say(diag, -EINVAL,
			"%s: activation_function \"%.80s\" is not supported (relu and gelu are)", config->path, name);
	return 0;
}

static int read_config(struct wick_shape *shape, const struct wick_config *config, struct wick_diag *diag)
{
	bool no_final_norm = false, before = true;
	int rc = read_activation(shape, config, diag);

	for (size_t k = 0; rc == 0 && k < WICK_COUNT_OF(numbers); k++)
		rc = wick_config_number(
			config, numbers[k].key, 0, (uint32_t *)((char *)shape + numbers[k].place), diag);
	for (size_t k = 0; rc == 0 && k < WICK_COUNT_OF(flags); k++)
		rc = wick_config_flag(
			config, flags[k].key, flags[k].otherwise, (bool *)((char *)shape + flags[k].place), diag);
	if (rc == 0)
		rc = wick_config_flag(config, "do_layer_norm_before", true, &before, diag);
	if (rc == 0)
		rc = wick_config_number(config, "word_embed_proj_dim", shape->d_model, &shape->d_embed, diag);
	if (rc == 0)
		rc = wick_config_flag(config, "_remove_final_layer_norm", false, &no_final_norm, diag);
	shape->arch = WICK_ARCH_OPT;
	shape->kind[0].attn.kv_heads = shape->kind[0].attn.heads;
	shape->kind[0].norm_at = before ? WICK_NORM_BEFORE : WICK_NORM_AFTER;
	shape->final_norm = before && !no_final_norm;
	shape->bundle_parts = 2;
	shape->norm_eps = NORM_EPS;
	return rc;
}

const struct wick_arch_def wick_arch_opt = {
	.model_type = "opt",
	.read_config = read_config,
	.prefixes = (const char *const[]){ "model.decoder.", "decoder.", "model.model.decoder.", NULL },
	.whole_prefixes = (const char *const[]){ "", "model.", NULL },
	.sources = {
		[WICK_T_EMBED] = "embed_tokens.weight",
		[WICK_T_POSITION] = "embed_positions.weight",
		[WICK_T_PROJECT_IN] = "project_in.weight",
		[WICK_T_ATTN_NORM] = "layers.%u.self_attn_layer_norm.weight",
		[WICK_T_ATTN_NORM_BIAS] = "layers.%u.self_attn_layer_norm.bias",
		[WICK_T_FFN_NORM] = "layers.%u.final_layer_norm.weight",
		[WICK_T_FFN_NORM_BIAS] = "layers.%u.final_layer_norm.bias",
		[WICK_T_Q_BIAS] = "layers.%u.self_attn.q_proj.bias",
		[WICK_T_K_BIAS] = "layers.%u.self_attn.k_proj.bias",
		[WICK_T_V_BIAS] = "layers.%u.self_attn.v_proj.bias",
		[WICK_T_O_BIAS] = "layers.%u.self_attn.out_proj.bias",
		[WICK_T_UP_BIAS] = "layers.%u.fc1.bias",
		[WICK_T_DOWN_BIAS] = "layers.%u.fc2.bias",
		[WICK_T_Q] = "layers.%u.self_attn.q_proj.weight",
		[WICK_T_K] = "layers.%u.self_attn.k_proj.weight",
		[WICK_T_V] = "layers.%u.self_attn.v_proj.weight",
		[WICK_T_O] = "layers.%u.self_attn.out_proj.weight",
		[WICK_T_UP] = "layers.%u.fc1.weight",
		[WICK_T_DOWN] = "layers.%u.fc2.weight",
		[WICK_T_OUT_NORM] = "final_layer_norm.weight",
		[WICK_T_OUT_NORM_BIAS] = "final_layer_norm.bias",
		[WICK_T_HEAD] = "/lm_head.weight",
		[WICK_T_PROJECT_OUT] = "project_out.weight",
	},
	.position_offset = 2,
	.keys = (const char *const[]){ "activation_function", "hidden_size", "num_hidden_layers", "num_attention_heads",
		"ffn_dim", "vocab_size", "max_position_embeddings", "do_layer_norm_before", "layer_norm_elementwise_affine",
		"enable_bias", "tie_word_embeddings", "word_embed_proj_dim", "_remove_final_layer_norm", NULL },
};
