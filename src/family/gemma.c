/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Gemma 2 and 3, as transformers writes them: norms before and after attention and FFN whose weights count from 1, windows of
 * some layers. Of Gemma 3's checkpoints those that read images, too, have the language model's config.json inside of theirs,
 * which leaves out what is usual. */

#include "family.h"

#define KEYS \
	"hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim", \
	"max_position_embeddings", "vocab_size", "rms_norm_eps", "hidden_activation", "hidden_act", "tie_word_embeddings", \
	"rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor", "layer_types", "attention_bias", \
	"query_pre_attn_scalar", "sliding_window", "attn_logit_softcapping", "final_logit_softcapping", \
	"use_bidirectional_attention", "cache_implementation"

#define BASIS \
	.norms_from_zero = true, .dense = true, .tied = true, .act = "gelu_pytorch_tanh", \
	.scale_root = "query_pre_attn_scalar", \
	.named = &(const struct wick_arch_named){ .n_ff = "intermediate_size", .norm_eps = "rms_norm_eps", \
		.act = "hidden_activation", .put_eps = "attention.layer_norm_rms_epsilon", .eps = 1e-6, \
		.usual_act = "gelu_pytorch_tanh" }, \
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { 0 } }

#define SOURCES \
	[WICK_T_EMBED] = "embed_tokens.weight", \
	[WICK_T_ATTN_NORM] = "layers.%u.input_layernorm.weight", \
	[WICK_T_ATTN_POST_NORM] = "layers.%u.post_attention_layernorm.weight", \
	[WICK_T_FFN_NORM] = "layers.%u.pre_feedforward_layernorm.weight", \
	[WICK_T_FFN_POST_NORM] = "layers.%u.post_feedforward_layernorm.weight", \
	WICK_ARCH_BOTH(Q, "layers.%u.self_attn.q_proj"), \
	WICK_ARCH_BOTH(K, "layers.%u.self_attn.k_proj"), \
	WICK_ARCH_BOTH(V, "layers.%u.self_attn.v_proj"), \
	WICK_ARCH_BOTH(O, "layers.%u.self_attn.o_proj"), \
	[WICK_T_GATE] = "layers.%u.mlp.gate_proj.weight", \
	[WICK_T_UP] = "layers.%u.mlp.up_proj.weight", \
	[WICK_T_DOWN] = "layers.%u.mlp.down_proj.weight", \
	[WICK_T_OUT_NORM] = "norm.weight", \
	[WICK_T_HEAD] = "/lm_head.weight"

static const enum wick_tensor_id qkvo[] = { WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS, WICK_T_O_BIAS, WICK_T_COUNT };

static const struct wick_arch_flag flags[] = { { "use_bidirectional_attention", false, false }, { 0 } };

const struct wick_arch_def wick_arch_gemma2 = {
	.model_type = "gemma2", .stock = "gemma2", BASIS, .flags = flags,
	.defaults = (const struct wick_arch_default[]){ { "vocab_size", 256000 }, { "hidden_size", 2304 },
		{ "intermediate_size", 9216 }, { "num_hidden_layers", 26 }, { "num_attention_heads", 8 },
		{ "num_key_value_heads", 4 }, { "head_dim", 256 }, { "max_position_embeddings", 8192 },
		{ "query_pre_attn_scalar", 256 }, { 0 } },
	.scales = (const struct wick_arch_scale[]){ { "attn_logit_softcapping", "attn_logit_softcapping", 50 },
		{ "final_logit_softcapping", "final_logit_softcapping", 30 }, { 0 } },
	.windows = &(const struct wick_arch_windows){ .window = 4096, .some = true, .full_every = 2 },
	.prefixes = (const char *const[]){ "model.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL },
	.sources = { SOURCES },
	.keys = (const char *const[]){ KEYS, NULL },
};

#define GEMMA3 \
	.stock = "gemma3", BASIS, .flags = flags, .local_rope = true, \
	.defaults = (const struct wick_arch_default[]){ { "vocab_size", 262208 }, { "hidden_size", 2304 }, \
		{ "intermediate_size", 9216 }, { "num_hidden_layers", 26 }, { "num_attention_heads", 8 }, \
		{ "num_key_value_heads", 4 }, { "head_dim", 256 }, { "max_position_embeddings", 131072 }, \
		{ "query_pre_attn_scalar", 256 }, { "rope_theta", 1e6 }, { 0 } }, \
	.scales = (const struct wick_arch_scale[]){ { "attn_logit_softcapping", "attn_logit_softcapping", 0 }, \
		{ "final_logit_softcapping", "final_logit_softcapping", 0 }, { 0 } }, \
	.windows = &(const struct wick_arch_windows){ .window = 4096, .some = true, .every = "sliding_window_pattern", \
		.full_every = 6 }, \
	.sources = { SOURCES, [WICK_T_Q_NORM] = "layers.%u.self_attn.q_norm.weight", \
		[WICK_T_K_NORM] = "layers.%u.self_attn.k_norm.weight" }, \
	.keys = (const char *const[]){ KEYS, "sliding_window_pattern", "_sliding_window_pattern", "rope_local_base_freq", NULL }

const struct wick_arch_def wick_arch_gemma3_text = {
	.model_type = "gemma3_text", GEMMA3,
	.prefixes = (const char *const[]){ "model.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL },
};

/* Checkpoints that read images, too; their tensors' names are those of transformers since 4.52, or older. */
const struct wick_arch_def wick_arch_gemma3 = {
	.model_type = "gemma3", GEMMA3, .inside = "text_config",
	.outer_keys = (const char *const[]){ "text_config", "vision_config", "mm_tokens_per_image", "boi_token_index",
		"eoi_token_index", "image_token_index", "boi_token_id", "eoi_token_id", "image_token_id", "tie_word_embeddings", NULL },
	.left_out = (const char *const[]){ "vision_tower.", "multi_modal_projector.", "model.vision_tower.",
		"model.multi_modal_projector.", NULL },
	.prefixes = (const char *const[]){ "language_model.model.", "model.language_model.", NULL },
	.whole_prefixes = (const char *const[]){ "language_model.", "", NULL },
};
