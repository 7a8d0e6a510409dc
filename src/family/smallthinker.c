/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* SmallThinker (arXiv 2507.20984) as its authors wrote it. */

#include "family.h"

#define MOE "layers.%u.block_sparse_moe."

const struct wick_arch_def wick_arch_smallthinker = {
	.model_type = "smallthinker", .stock = "smallthinker", .act = "relu", .dense = true, .tied = true,
	.prefixes = (const char *const[]){ "model.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL },
	.named = &(const struct wick_arch_named){ .n_ff = "moe_ffn_hidden_size", .norm_eps = "rms_norm_eps", .act = "hidden_act",
		.put_eps = "attention.layer_norm_rms_epsilon", .eps = 1e-6, .usual_act = "relu" },
	.defaults = (const struct wick_arch_default[]){ { "num_key_value_heads", 2 }, { "head_dim", 128 }, { "rope_theta", 1e6 },
		{ "moe_ffn_hidden_size", 768 }, { 0 } },
	.windows = &(const struct wick_arch_windows){ .window = 4096, .size = "sliding_window_size", .layout = "sliding_window_layout",
		.turned = "rope_layout" },
	.biases = (const struct wick_arch_bias[]){ { 0 } },
	.experts = &(const struct wick_arch_experts){ .gating = 2, .softmax = "moe_primary_router_apply_softmax",
		.merged = { MOE "experts.gate_up_proj", MOE "experts.gate_up_proj", MOE "experts.down_proj" },
		.keys = (const struct wick_arch_expert_key[]){
			{ "moe_num_primary_experts", NULL, "expert_count", WICK_EXPERTS_NUMBER, 32 },
			{ "moe_num_active_primary_experts", NULL, "expert_used_count", WICK_EXPERTS_NUMBER, 4 },
			{ "moe_enable_early_router", NULL, NULL, WICK_EXPERTS_FLAG, 1, 1 },
			{ "moe_shared_primary_experts", NULL, NULL, WICK_EXPERTS_NUMBER, 0, 0 },
			{ "moe_num_secondary_experts", NULL, NULL, WICK_EXPERTS_NUMBER, 0, 0 }, { 0 } },
		.alone = (const char *const[]){ "moe_enable_secondary_experts", "use_qk_norm", "rope_scaling", NULL } },
	.sources = {
		[WICK_T_EMBED] = "embed_tokens.weight",
		[WICK_T_ATTN_NORM] = "layers.%u.input_layernorm.weight",
		[WICK_T_FFN_NORM] = "layers.%u.post_attention_layernorm.weight",
		[WICK_T_Q] = "layers.%u.self_attn.q_proj.weight",
		[WICK_T_K] = "layers.%u.self_attn.k_proj.weight",
		[WICK_T_V] = "layers.%u.self_attn.v_proj.weight",
		[WICK_T_O] = "layers.%u.self_attn.o_proj.weight",
		[WICK_T_ROUTER] = MOE "primary_router.weight",
		[WICK_T_GATE_EXPERTS] = MOE "experts.%u.gate.weight",
		[WICK_T_UP_EXPERTS] = MOE "experts.%u.up.weight",
		[WICK_T_DOWN_EXPERTS] = MOE "experts.%u.down.weight",
		[WICK_T_OUT_NORM] = "norm.weight",
		[WICK_T_HEAD] = "/lm_head.weight",
	},
	.keys = (const char *const[]){ "model_name", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
		"head_dim", "max_position_embeddings", "vocab_size", "rms_norm_eps", "hidden_act", "tie_word_embeddings", "rope_theta",
		"rope_scaling", "rope_layout", "sliding_window_layout", "sliding_window_size", "moe_layer_layout", "dense_ffn_hidden_size",
		"moe_num_primary_experts", "moe_num_active_primary_experts", "moe_ffn_hidden_size", "moe_primary_router_apply_softmax",
		"moe_shared_primary_experts", "moe_enable_early_router", "moe_enable_secondary_experts", "moe_num_secondary_experts",
		"moe_secondary_expert_size", "use_qk_norm", "output_router_logits", "auto_map", NULL },
};
