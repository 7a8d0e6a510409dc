/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Falcon (arXiv 2311.16867), Phi-2, Persimmon, MPT, StarCoder2 and GPT-2, as transformers writes them: LayerNorm, an FFN without gates, and
 * in the first two attention and FFN side by side. Copies of the first three with ReLU are packed as bundles. */

#include "family.h"

#define COMMON \
	"hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings", "vocab_size", \
	"tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor", "hidden_act_param", \
	"hidden_dropout", "layer_types", "use_sliding_window"

static const enum wick_tensor_id linears[] = { WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS, WICK_T_O_BIAS, WICK_T_UP_BIAS,
	WICK_T_DOWN_BIAS, WICK_T_COUNT };
static const enum wick_tensor_id linears_and_head[] = { WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS, WICK_T_O_BIAS,
	WICK_T_UP_BIAS, WICK_T_DOWN_BIAS, WICK_T_HEAD_BIAS, WICK_T_COUNT };

#define FALCON \
	.model_type = "falcon", .stock = "falcon", .act = "gelu", .tied = true, .grouped = true, \
	.biases = (const struct wick_arch_bias[]){ { 0 } }, \
	.defaults = (const struct wick_arch_default[]){ { "max_position_embeddings", 2048 }, { 0 } }, \
	.prefixes = (const char *const[]){ "transformer.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL }, \
	.keys = (const char *const[]){ COMMON, "ffn_hidden_size", "layer_norm_epsilon", "activation", "multi_query", \
		"parallel_attn", "alibi", "new_decoder_architecture", "bias", "num_kv_heads", "num_ln_in_parallel_attn", \
		"apply_residual_connection_post_layernorm", NULL }

#define FALCON_NAMED \
	.n_ff = "ffn_hidden_size", .norm_eps = "layer_norm_epsilon", .act = "activation", \
	.put_eps = "attention.layer_norm_epsilon", .eps = 1e-5, .usual_act = "gelu"

#define FALCON_FLAGS { "parallel_attn", true, true }, { "alibi", false, false }, { "bias", false, false }

#define FALCON_SOURCES \
	[WICK_T_EMBED] = "word_embeddings.weight", \
	[WICK_T_Q] = "h.%u.self_attention.query_key_value.weight", \
	[WICK_T_K] = "h.%u.self_attention.query_key_value.weight", \
	[WICK_T_V] = "h.%u.self_attention.query_key_value.weight", \
	[WICK_T_O] = "h.%u.self_attention.dense.weight", \
	[WICK_T_UP] = "h.%u.mlp.dense_h_to_4h.weight", \
	[WICK_T_DOWN] = "h.%u.mlp.dense_4h_to_h.weight", \
	WICK_ARCH_BOTH(OUT_NORM, "ln_f"), \
	[WICK_T_HEAD] = "/lm_head.weight"

const struct wick_arch_def wick_arch_falcon = {
	FALCON,
	.named = &(const struct wick_arch_named){ FALCON_NAMED, .one_kv_head = "multi_query" },
	.flags = (const struct wick_arch_flag[]){ FALCON_FLAGS, { "new_decoder_architecture", false, false }, { 0 } },
	.sources = {
		FALCON_SOURCES,
		WICK_ARCH_BOTH(ATTN_NORM, "h.%u.input_layernorm"),
	},
};

const struct wick_arch_def wick_arch_falcon_40b = {
	FALCON, .variant = "new_decoder_architecture", .two_norms = true,
	.named = &(const struct wick_arch_named){ FALCON_NAMED, .kv_heads = "num_kv_heads" },
	.flags = (const struct wick_arch_flag[]){ FALCON_FLAGS, { 0 } },
	.sources = {
		FALCON_SOURCES,
		WICK_ARCH_BOTH(ATTN_NORM, "h.%u.ln_attn"),
		WICK_ARCH_BOTH(FFN_NORM, "h.%u.ln_mlp"),
	},
};

#define BASE \
	.prefixes = (const char *const[]){ "model.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL }

#define BASE_SOURCES \
	[WICK_T_EMBED] = "embed_tokens.weight", \
	WICK_ARCH_BOTH(ATTN_NORM, "layers.%u.input_layernorm")

#define NAMED(eps_name, act_name) \
	&(const struct wick_arch_named){ .n_ff = "intermediate_size", .norm_eps = eps_name, .act = "hidden_act", \
		.put_eps = "attention.layer_norm_epsilon", .eps = 1e-5, .usual_act = act_name }

const struct wick_arch_def wick_arch_phi = {
	.model_type = "phi", .stock = "phi2", .act = "gelu_new", .rotary_share = 0.5, BASE,
	.named = NAMED("layer_norm_eps", "gelu_new"),
	.flags = (const struct wick_arch_flag[]){ { "qk_layernorm", false, false }, { 0 } },
	.biases = (const struct wick_arch_bias[]){ { NULL, linears_and_head }, { 0 } },
	.sources = {
		BASE_SOURCES,
		WICK_ARCH_BOTH(Q, "layers.%u.self_attn.q_proj"),
		WICK_ARCH_BOTH(K, "layers.%u.self_attn.k_proj"),
		WICK_ARCH_BOTH(V, "layers.%u.self_attn.v_proj"),
		WICK_ARCH_BOTH(O, "layers.%u.self_attn.dense"),
		WICK_ARCH_BOTH(UP, "layers.%u.mlp.fc1"),
		WICK_ARCH_BOTH(DOWN, "layers.%u.mlp.fc2"),
		WICK_ARCH_BOTH(OUT_NORM, "final_layernorm"),
		WICK_ARCH_BOTH(HEAD, "/lm_head"),
	},
	.keys = (const char *const[]){ COMMON, "intermediate_size", "layer_norm_eps", "hidden_act", "num_key_value_heads",
		"qk_layernorm", "resid_pdrop", "embd_pdrop", NULL },
};

const struct wick_arch_def wick_arch_persimmon = {
	.model_type = "persimmon", .stock = "persimmon", .act = "relu2", .rotary_share = 0.5, .grouped = true, BASE,
	.named = NAMED("layer_norm_eps", "relu2"),
	.flags = (const struct wick_arch_flag[]){ { "qk_layernorm", true, true }, { 0 } },
	.biases = (const struct wick_arch_bias[]){ { NULL, linears }, { 0 } },
	.sources = {
		BASE_SOURCES,
		WICK_ARCH_BOTH(FFN_NORM, "layers.%u.post_attention_layernorm"),
		WICK_ARCH_BOTH(Q_NORM, "layers.%u.self_attn.q_layernorm"),
		WICK_ARCH_BOTH(K_NORM, "layers.%u.self_attn.k_layernorm"),
		WICK_ARCH_BOTH(Q, "layers.%u.self_attn.query_key_value"),
		WICK_ARCH_BOTH(K, "layers.%u.self_attn.query_key_value"),
		WICK_ARCH_BOTH(V, "layers.%u.self_attn.query_key_value"),
		WICK_ARCH_BOTH(O, "layers.%u.self_attn.dense"),
		WICK_ARCH_BOTH(UP, "layers.%u.mlp.dense_h_to_4h"),
		WICK_ARCH_BOTH(DOWN, "layers.%u.mlp.dense_4h_to_h"),
		WICK_ARCH_BOTH(OUT_NORM, "final_layernorm"),
		[WICK_T_HEAD] = "/lm_head.weight",
	},
	.keys = (const char *const[]){ COMMON, "intermediate_size", "layer_norm_eps", "hidden_act", "qk_layernorm", NULL },
};

/* Keys of MPT's attn_config that change nothing: attn_impl says by which program. Its alibi_bias_max is passed over by
 * transformers, which takes 8; the authors' code does not. */
static const struct wick_arch_def mpt_attention = {
	.model_type = "attn_config", .stock = "mpt",
	.flags = (const struct wick_arch_flag[]){ { "alibi", true, true }, { "prefix_lm", false, false }, { "qk_ln", false, false },
		{ "attn_uses_sequence_id", false, false }, { 0 } },
	.words = (const struct wick_arch_word[]){ { "attn_type", { "multihead_attention" } }, { 0 } },
	.alone = (const char *const[]){ "rope", "qk_gn", "kv_n_heads", NULL },
	.scales = (const struct wick_arch_scale[]){ { "alibi_bias_max", "attention.max_alibi_bias", 8 },
		{ "clip_qkv", "attention.clamp_kqv", 0 }, { "softmax_scale", "attention.scale", 0 }, { 0 } },
	.keys = (const char *const[]){ "alibi", "alibi_bias_max", "attn_type", "attn_impl", "attn_pdrop", "attn_uses_sequence_id",
		"clip_qkv", "prefix_lm", "qk_ln", "softmax_scale", "rope", "qk_gn", "kv_n_heads",
		"chunk_size_feed_forward", NULL },
};

/* Positions are told by ALiBi, and so learned_pos_emb changes nothing. */
const struct wick_arch_def wick_arch_mpt = {
	.model_type = "mpt", .stock = "mpt", .act = "gelu", .tied = true, .dense = true, .unturned = true, .within = &mpt_attention,
	.prefixes = (const char *const[]){ "transformer.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL },
	.named = &(const struct wick_arch_named){ .n_ff_by = "expansion_ratio", .norm_eps = "layer_norm_epsilon", .width = "d_model",
		.layers = "n_layers", .heads = "n_heads", .ctx = "max_seq_len", .put_eps = "attention.layer_norm_epsilon", .eps = 1e-5,
		.usual_act = "gelu" },
	.flags = (const struct wick_arch_flag[]){ { "no_bias", true, true }, { 0 } },
	.words = (const struct wick_arch_word[]){ { "norm_type", { "low_precision_layernorm", "layernorm" } }, { 0 } },
	.alone = (const char *const[]){ "logit_scale", "ffn_config", NULL },
	.biases = (const struct wick_arch_bias[]){ { 0 } },
	.sources = {
		[WICK_T_EMBED] = "wte.weight",
		[WICK_T_ATTN_NORM] = "blocks.%u.norm_1.weight",
		[WICK_T_FFN_NORM] = "blocks.%u.norm_2.weight",
		[WICK_T_Q] = "blocks.%u.attn.Wqkv.weight",
		[WICK_T_K] = "blocks.%u.attn.Wqkv.weight",
		[WICK_T_V] = "blocks.%u.attn.Wqkv.weight",
		[WICK_T_O] = "blocks.%u.attn.out_proj.weight",
		[WICK_T_UP] = "blocks.%u.ffn.up_proj.weight",
		[WICK_T_DOWN] = "blocks.%u.ffn.down_proj.weight",
		[WICK_T_OUT_NORM] = "norm_f.weight",
		[WICK_T_HEAD] = "/lm_head.weight",
	},
	.keys = (const char *const[]){ "d_model", "n_layers", "n_heads", "max_seq_len", "vocab_size", "expansion_ratio",
		"layer_norm_epsilon", "attn_config", "tie_word_embeddings", "no_bias", "norm_type", "logit_scale", "ffn_config",
		"learned_pos_emb", "embedding_fraction", "init_device", "init_config", "emb_pdrop", "resid_pdrop", "tokenizer_name",
		"verbose", "auto_map", "fc_type", NULL },
};

const struct wick_arch_def wick_arch_starcoder2 = {
	.model_type = "starcoder2", .stock = "starcoder2", .act = "gelu_pytorch_tanh", .tied = true, .dense = true, BASE,
	.named = NAMED("norm_epsilon", "gelu_pytorch_tanh"),
	.defaults = (const struct wick_arch_default[]){ { "num_key_value_heads", 2 }, { "intermediate_size", 12288 }, { 0 } },
	.windows = &(const struct wick_arch_windows){ 0 },
	.biases = (const struct wick_arch_bias[]){ { "use_bias", linears, true }, { 0 } },
	.sources = {
		BASE_SOURCES,
		WICK_ARCH_BOTH(FFN_NORM, "layers.%u.post_attention_layernorm"),
		WICK_ARCH_BOTH(Q, "layers.%u.self_attn.q_proj"),
		WICK_ARCH_BOTH(K, "layers.%u.self_attn.k_proj"),
		WICK_ARCH_BOTH(V, "layers.%u.self_attn.v_proj"),
		WICK_ARCH_BOTH(O, "layers.%u.self_attn.o_proj"),
		WICK_ARCH_BOTH(UP, "layers.%u.mlp.c_fc"),
		WICK_ARCH_BOTH(DOWN, "layers.%u.mlp.c_proj"),
		WICK_ARCH_BOTH(OUT_NORM, "norm"),
		[WICK_T_HEAD] = "/lm_head.weight",
	},
	.keys = (const char *const[]){ COMMON, "intermediate_size", "norm_epsilon", "hidden_act", "num_key_value_heads",
		"use_bias", "sliding_window", "residual_dropout", "embedding_dropout", "mlp_type", "norm_type", NULL },
};

/* Matrices are those of Conv1D, which has a row for each input. The causal mask, which old checkpoints have among a layer's
 * tensors (attn.bias), is left out. */
const struct wick_arch_def wick_arch_gpt2 = {
	.model_type = "gpt2", .stock = "gpt2", .act = "gelu_new", .tied = true, .dense = true, .unturned = true, .transposed = true,
	.prefixes = (const char *const[]){ "transformer.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL },
	.named = &(const struct wick_arch_named){ .n_ff = "n_inner", .norm_eps = "layer_norm_epsilon", .act = "activation_function",
		.width = "n_embd", .layers = "n_layer", .heads = "n_head", .ctx = "n_positions",
		.put_eps = "attention.layer_norm_epsilon", .eps = 1e-5, .usual_act = "gelu_new" },
	.flags = (const struct wick_arch_flag[]){ { "scale_attn_weights", true, true }, { "scale_attn_by_inverse_layer_idx", false, false },
		{ "reorder_and_upcast_attn", false, false }, { "add_cross_attention", false, false }, { 0 } },
	.biases = (const struct wick_arch_bias[]){ { NULL, linears }, { 0 } },
	.sources = {
		[WICK_T_EMBED] = "wte.weight",
		[WICK_T_POSITION] = "wpe.weight",
		WICK_ARCH_BOTH(ATTN_NORM, "h.%u.ln_1"),
		WICK_ARCH_BOTH(FFN_NORM, "h.%u.ln_2"),
		WICK_ARCH_BOTH(Q, "h.%u.attn.c_attn"),
		WICK_ARCH_BOTH(K, "h.%u.attn.c_attn"),
		WICK_ARCH_BOTH(V, "h.%u.attn.c_attn"),
		WICK_ARCH_BOTH(O, "h.%u.attn.c_proj"),
		WICK_ARCH_BOTH(UP, "h.%u.mlp.c_fc"),
		WICK_ARCH_BOTH(DOWN, "h.%u.mlp.c_proj"),
		WICK_ARCH_BOTH(OUT_NORM, "ln_f"),
		[WICK_T_HEAD] = "/lm_head.weight",
	},
	.keys = (const char *const[]){ "n_embd", "n_layer", "n_head", "n_positions", "n_inner", "n_ctx", "vocab_size",
		"layer_norm_epsilon", "activation_function", "tie_word_embeddings", "scale_attn_weights",
		"scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention", "attn_pdrop", "embd_pdrop",
		"resid_pdrop", "summary_type", "summary_use_proj", "summary_activation", "summary_first_dropout",
		"summary_proj_to_labels", NULL },
};
