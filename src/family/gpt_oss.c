/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* gpt-oss: all experts of a layer in one tensor of gates and ups, which take turns, and one of downs. Its authors wrote them in
 * MXFP4, a row for each output; where they are plain numbers, as transformers writes them, there is a row for each input. */

#include "family.h"

#define ATTENTION "layers.%u.self_attn."
#define MLP "layers.%u.mlp."
#define GATE_UP MLP "experts.gate_up_proj"
#define DOWN MLP "experts.down_proj"

static const enum wick_tensor_id qkvo[] = { WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS, WICK_T_O_BIAS, WICK_T_COUNT };

const struct wick_arch_def wick_arch_gpt_oss = {
	.model_type = "gpt_oss", .stock = "gpt-oss", .dense = true, .weights = WICK_WEIGHTS_MXFP4, .rope_between = true,
	.prefixes = (const char *const[]){ "model.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL },
	.defaults = (const struct wick_arch_default[]){ { "num_key_value_heads", 8 }, { "head_dim", 64 }, { "rms_norm_eps", 1e-5 },
		{ "rope_theta", 150000 }, { 0 } },
	.windows = &(const struct wick_arch_windows){ .window = 128, .some = true, .full_every = 2 },
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo, true }, { 0 } },
	.experts = &(const struct wick_arch_experts){ .merged = { GATE_UP "_blocks", GATE_UP "_blocks", DOWN "_blocks" },
		.turned = { GATE_UP, GATE_UP, DOWN }, .in_turns = true,
		.keys = (const struct wick_arch_expert_key[]){
			{ "num_local_experts", "num_experts", "expert_count", WICK_EXPERTS_NUMBER, 128 },
			{ "num_experts_per_tok", NULL, "expert_used_count", WICK_EXPERTS_NUMBER, 4 },
			{ "swiglu_alpha", NULL, NULL, WICK_EXPERTS_REAL, 1.702, 1.702 },
			{ "swiglu_limit", NULL, NULL, WICK_EXPERTS_REAL, 7, 7 }, { 0 } } },
	.sources = {
		[WICK_T_EMBED] = "embed_tokens.weight",
		[WICK_T_ATTN_NORM] = "layers.%u.input_layernorm.weight",
		[WICK_T_FFN_NORM] = "layers.%u.post_attention_layernorm.weight",
		WICK_ARCH_BOTH(Q, ATTENTION "q_proj"),
		WICK_ARCH_BOTH(K, ATTENTION "k_proj"),
		WICK_ARCH_BOTH(V, ATTENTION "v_proj"),
		WICK_ARCH_BOTH(O, ATTENTION "o_proj"),
		[WICK_T_SINKS] = ATTENTION "sinks",
		WICK_ARCH_BOTH(ROUTER, MLP "router"),
		[WICK_T_GATE_EXPERTS] = GATE_UP "_blocks",
		[WICK_T_UP_EXPERTS] = GATE_UP "_blocks",
		[WICK_T_DOWN_EXPERTS] = DOWN "_blocks",
		[WICK_T_GATE_EXPERTS_BIAS] = GATE_UP "_bias",
		[WICK_T_UP_EXPERTS_BIAS] = GATE_UP "_bias",
		[WICK_T_DOWN_EXPERTS_BIAS] = DOWN "_bias",
		[WICK_T_OUT_NORM] = "norm.weight",
		[WICK_T_HEAD] = "/lm_head.weight",
	},
	.keys = (const char *const[]){ "hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads",
		"num_key_value_heads", "head_dim", "max_position_embeddings", "initial_context_length", "vocab_size", "rms_norm_eps",
		"hidden_act", "tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor",
		"layer_types", "sliding_window", "use_sliding_window", "attention_bias", "num_local_experts", "num_experts",
		"num_experts_per_tok", "experts_per_token", "swiglu_alpha", "swiglu_limit", "router_aux_loss_coef", "output_router_logits",
		"quantization_config", "auto_map", NULL },
};
