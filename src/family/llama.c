/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Llama and its kin, as transformers writes them: RMS norms, rotary embedding of halves, a gated FFN. Packed, they have
 * the keys and names of stock GGUF files; Llama's and Mistral's queries and keys lie in another order there. */

#include "family.h"

#define SOURCES \
	.prefixes = (const char *const[]){ "model.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL }, \
	.sources = { \
		[WICK_T_EMBED] = "embed_tokens.weight", \
		[WICK_T_ATTN_NORM] = "layers.%u.input_layernorm.weight", \
		[WICK_T_FFN_NORM] = "layers.%u.post_attention_layernorm.weight", \
		[WICK_T_Q_NORM] = "layers.%u.self_attn.q_norm.weight", \
		[WICK_T_K_NORM] = "layers.%u.self_attn.k_norm.weight", \
		[WICK_T_Q_BIAS] = "layers.%u.self_attn.q_proj.bias", \
		[WICK_T_K_BIAS] = "layers.%u.self_attn.k_proj.bias", \
		[WICK_T_V_BIAS] = "layers.%u.self_attn.v_proj.bias", \
		[WICK_T_O_BIAS] = "layers.%u.self_attn.o_proj.bias", \
		[WICK_T_UP_BIAS] = "layers.%u.mlp.up_proj.bias", \
		[WICK_T_GATE_BIAS] = "layers.%u.mlp.gate_proj.bias", \
		[WICK_T_DOWN_BIAS] = "layers.%u.mlp.down_proj.bias", \
		[WICK_T_Q] = "layers.%u.self_attn.q_proj.weight", \
		[WICK_T_K] = "layers.%u.self_attn.k_proj.weight", \
		[WICK_T_V] = "layers.%u.self_attn.v_proj.weight", \
		[WICK_T_O] = "layers.%u.self_attn.o_proj.weight", \
		[WICK_T_GATE] = "layers.%u.mlp.gate_proj.weight", \
		[WICK_T_UP] = "layers.%u.mlp.up_proj.weight", \
		[WICK_T_DOWN] = "layers.%u.mlp.down_proj.weight", \
		[WICK_T_OUT_NORM] = "norm.weight", \
		[WICK_T_HEAD] = "/lm_head.weight", \
	}

/* Keys that are read for all of them; and those that change nothing here, whatever they say. */
#define KEYS \
	"hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim", \
	"max_position_embeddings", "vocab_size", "rms_norm_eps", "hidden_act", "hidden_act_param", "tie_word_embeddings", "rope_theta", \
	"rope_scaling", "rope_parameters", "partial_rotary_factor", "layer_types", "use_sliding_window", \
	"pretraining_tp", "rope_interleaved", "is_llama_config", "transformers.js_config", "max_window_layers"

#define ATTENTION_BIASES WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS

static const enum wick_tensor_id qkv[] = { ATTENTION_BIASES, WICK_T_COUNT };
static const enum wick_tensor_id qkvo[] = { ATTENTION_BIASES, WICK_T_O_BIAS, WICK_T_COUNT };
static const enum wick_tensor_id ffn[] = { WICK_T_GATE_BIAS, WICK_T_UP_BIAS, WICK_T_DOWN_BIAS, WICK_T_COUNT };

const struct wick_arch_def wick_arch_llama = {
	.model_type = "llama", .stock = "llama", .neighbours = true, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { "mlp_bias", ffn }, { 0 } },
	.keys = (const char *const[]){ KEYS, "attention_bias", "mlp_bias", NULL },
};

const struct wick_arch_def wick_arch_mistral = {
	.model_type = "mistral", .stock = "llama", .neighbours = true, .window = 4096, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { 0 } },
	.keys = (const char *const[]){ KEYS, "sliding_window", NULL },
};

/* Bamboo and TurboSparse-Mistral. */
const struct wick_arch_def wick_arch_bamboo = {
	.model_type = "bamboo", .stock = "llama", .neighbours = true, .window = 4096, .relu_up = true, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { 0 } },
	.keys = (const char *const[]){ KEYS, "sliding_window", NULL },
};

const struct wick_arch_def wick_arch_qwen2 = {
	.model_type = "qwen2", .stock = "qwen2", SOURCES,
	.biases = (const struct wick_arch_bias[]){ { NULL, qkv }, { 0 } },
	.keys = (const char *const[]){ KEYS, "sliding_window", NULL },
};

const struct wick_arch_def wick_arch_qwen3 = {
	.model_type = "qwen3", .stock = "qwen3", .head_dim = 128, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { 0 } },
	.keys = (const char *const[]){ KEYS, "sliding_window", "attention_bias", NULL },
};
