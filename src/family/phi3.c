/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Phi-3, 3.5 and 4, as transformers writes them: Llama's layers, with queries, keys and values in one tensor, gate and up in
 * one, and long rope. */

#include "family.h"

const struct wick_arch_def wick_arch_phi3 = {
	.model_type = "phi3", .stock = "phi3", .dense = true, .rotary_share = 1, .long_rope = true,
	.defaults = (const struct wick_arch_default[]){ { "rms_norm_eps", 1e-5 }, { "original_max_position_embeddings", 4096 },
		{ 0 } },
	.windows = &(const struct wick_arch_windows){ 0 },
	.biases = (const struct wick_arch_bias[]){ { 0 } },
	.prefixes = (const char *const[]){ "model.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL },
	.sources = {
		[WICK_T_EMBED] = "embed_tokens.weight",
		[WICK_T_ATTN_NORM] = "layers.%u.input_layernorm.weight",
		[WICK_T_FFN_NORM] = "layers.%u.post_attention_layernorm.weight",
		[WICK_T_Q] = "layers.%u.self_attn.qkv_proj.weight",
		[WICK_T_K] = "layers.%u.self_attn.qkv_proj.weight",
		[WICK_T_V] = "layers.%u.self_attn.qkv_proj.weight",
		[WICK_T_O] = "layers.%u.self_attn.o_proj.weight",
		[WICK_T_GATE] = "layers.%u.mlp.gate_up_proj.weight",
		[WICK_T_UP] = "layers.%u.mlp.gate_up_proj.weight",
		[WICK_T_DOWN] = "layers.%u.mlp.down_proj.weight",
		[WICK_T_OUT_NORM] = "norm.weight",
		[WICK_T_HEAD] = "/lm_head.weight",
	},
	.keys = (const char *const[]){ "hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads",
		"num_key_value_heads", "head_dim", "max_position_embeddings", "original_max_position_embeddings", "vocab_size",
		"rms_norm_eps", "hidden_act", "tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters",
		"partial_rotary_factor", "sliding_window", "use_sliding_window", "layer_types", "resid_pdrop", "embd_pdrop", "auto_map", NULL },
};
