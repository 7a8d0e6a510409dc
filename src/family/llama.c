/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Llama and its kin, as transformers writes them: RMS norms, rotary embedding of halves, a gated FFN. Packed, they have
 * the keys and names of stock GGUF files; Llama's and Mistral's queries and keys lie in another order there. */

#include "family.h"

#define SOURCES \
	.weights = WICK_WEIGHTS_FP8, \
	.prefixes = (const char *const[]){ "model.", "", NULL }, .whole_prefixes = (const char *const[]){ "", NULL }, \
	.sources = { \
		[WICK_T_EMBED] = "embed_tokens.weight", \
		[WICK_T_ATTN_NORM] = "layers.%u.input_layernorm.weight", \
		[WICK_T_FFN_NORM] = "layers.%u.post_attention_layernorm.weight", \
		[WICK_T_Q_NORM] = "layers.%u.self_attn.q_norm.weight", \
		[WICK_T_K_NORM] = "layers.%u.self_attn.k_norm.weight", \
		WICK_ARCH_BOTH(Q, "layers.%u.self_attn.q_proj"), \
		WICK_ARCH_BOTH(K, "layers.%u.self_attn.k_proj"), \
		WICK_ARCH_BOTH(V, "layers.%u.self_attn.v_proj"), \
		WICK_ARCH_BOTH(O, "layers.%u.self_attn.o_proj"), \
		WICK_ARCH_BOTH(GATE, "layers.%u.mlp.gate_proj"), \
		WICK_ARCH_BOTH(UP, "layers.%u.mlp.up_proj"), \
		WICK_ARCH_BOTH(DOWN, "layers.%u.mlp.down_proj"), \
		[WICK_T_OUT_NORM] = "norm.weight", \
		[WICK_T_HEAD] = "/lm_head.weight", \
	}

/* Keys that are read for all of them; and those that change nothing here, whatever they say. */
#define KEYS \
	"hidden_size", "num_hidden_layers", "intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim", \
	"max_position_embeddings", "vocab_size", "rms_norm_eps", "hidden_act", "hidden_act_param", "tie_word_embeddings", "rope_theta", \
	"rope_scaling", "rope_parameters", "partial_rotary_factor", "layer_types", "use_sliding_window", \
	"quantization_config", "pretraining_tp", "rope_interleaved", "is_llama_config", "transformers.js_config", "max_window_layers"

#define ATTENTION_BIASES WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS

/* As config.json leaves them out. */
static const struct wick_arch_default of_mistral[] = { { "num_key_value_heads", 8 }, { 0 } };
static const struct wick_arch_default of_qwen2[] = { { "num_key_value_heads", 32 }, { 0 } };
static const struct wick_arch_default of_qwen3[] = { { "num_key_value_heads", 32 }, { "head_dim", 128 }, { 0 } };

static const struct wick_arch_windows all = { .window = 4096 };
static const struct wick_arch_windows behind = { .window = 4096, .by_flag = true, .some = true, .from = "max_window_layers",
	.from_otherwise = 28 };

static const enum wick_tensor_id qkv[] = { ATTENTION_BIASES, WICK_T_COUNT };
static const enum wick_tensor_id qkvo[] = { ATTENTION_BIASES, WICK_T_O_BIAS, WICK_T_COUNT };
static const enum wick_tensor_id ffn[] = { WICK_T_GATE_BIAS, WICK_T_UP_BIAS, WICK_T_DOWN_BIAS, WICK_T_COUNT };

const struct wick_arch_def wick_arch_llama = {
	.model_type = "llama", .stock = "llama", .neighbours = true, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { "mlp_bias", ffn }, { 0 } },
	.keys = (const char *const[]){ KEYS, "attention_bias", "mlp_bias", NULL },
};

const struct wick_arch_def wick_arch_mistral = {
	.model_type = "mistral", .stock = "llama", .neighbours = true, .defaults = of_mistral, .windows = &all, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { 0 } },
	.keys = (const char *const[]){ KEYS, "sliding_window", NULL },
};

/* Bamboo and TurboSparse-Mistral. */
const struct wick_arch_def wick_arch_bamboo = {
	.model_type = "bamboo", .stock = "llama", .neighbours = true, .windows = &all, .relu_up = true, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { 0 } },
	.keys = (const char *const[]){ KEYS, "sliding_window", NULL },
};

const struct wick_arch_def wick_arch_qwen2 = {
	.model_type = "qwen2", .stock = "qwen2", .defaults = of_qwen2, .windows = &behind, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { NULL, qkv }, { 0 } },
	.keys = (const char *const[]){ KEYS, "sliding_window", NULL },
};

const struct wick_arch_def wick_arch_qwen3 = {
	.model_type = "qwen3", .stock = "qwen3", .defaults = of_qwen3, .windows = &behind, SOURCES,
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { 0 } },
	.keys = (const char *const[]){ KEYS, "sliding_window", "attention_bias", NULL },
};

#define MLP "layers.%u.mlp."

/* As most of them name experts. Newer checkpoints may have all of a layer in two tensors. */
#define EXPERTS \
	.sources[WICK_T_ROUTER] = MLP "gate.weight", \
	.sources[WICK_T_GATE_EXPERTS] = MLP "experts.%u.gate_proj.weight", \
	.sources[WICK_T_UP_EXPERTS] = MLP "experts.%u.up_proj.weight", \
	.sources[WICK_T_DOWN_EXPERTS] = MLP "experts.%u.down_proj.weight"

#define MERGED .merged = { MLP "experts.gate_up_proj", MLP "experts.gate_up_proj", MLP "experts.down_proj" }

#define NUMBER WICK_EXPERTS_NUMBER
#define REAL WICK_EXPERTS_REAL
#define FLAG WICK_EXPERTS_FLAG

/* Keys of training, that change nothing. */
#define TRAINING "router_aux_loss_coef", "output_router_logits", "router_jitter_noise", "auto_map"

const struct wick_arch_def wick_arch_mixtral = {
	.model_type = "mixtral", .stock = "llama", .neighbours = true, SOURCES,
	.sources[WICK_T_ROUTER] = "layers.%u.block_sparse_moe.gate.weight",
	.sources[WICK_T_GATE_EXPERTS] = "layers.%u.block_sparse_moe.experts.%u.w1.weight",
	.sources[WICK_T_UP_EXPERTS] = "layers.%u.block_sparse_moe.experts.%u.w3.weight",
	.sources[WICK_T_DOWN_EXPERTS] = "layers.%u.block_sparse_moe.experts.%u.w2.weight",
	.experts = &(const struct wick_arch_experts){ MERGED,
		.keys = (const struct wick_arch_expert_key[]){
			{ "num_local_experts", NULL, "expert_count", NUMBER, 8 },
			{ "num_experts_per_tok", NULL, "expert_used_count", NUMBER, 2 }, { 0 } },
		.alone = (const char *const[]){ "sliding_window", NULL } },
	.biases = (const struct wick_arch_bias[]){ { 0 } },
	.keys = (const char *const[]){ KEYS, TRAINING, "sliding_window", "num_local_experts", "num_experts_per_tok", NULL },
};

const struct wick_arch_def wick_arch_olmoe = {
	.model_type = "olmoe", .stock = "olmoe", SOURCES,
	EXPERTS,
	.experts = &(const struct wick_arch_experts){ MERGED,
		.keys = (const struct wick_arch_expert_key[]){
			{ "num_experts", "num_local_experts", "expert_count", NUMBER, 64 },
			{ "num_experts_per_tok", NULL, "expert_used_count", NUMBER, 8 },
			{ "norm_topk_prob", NULL, "expert_weights_norm", FLAG, 0 }, { 0 } },
		.alone = (const char *const[]){ "clip_qkv", NULL } },
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { 0 } },
	.keys = (const char *const[]){ KEYS, TRAINING, "attention_bias", "num_experts", "num_local_experts",
		"num_experts_per_tok", "norm_topk_prob", "clip_qkv", NULL },
};

/* Experts in each layer, and no other way of saying it. */
#define EVERY_LAYER { "decoder_sparse_step", NULL, NULL, NUMBER, 1, 1 }
#define QWEN_KEYS "sliding_window", "num_experts", "num_local_experts", "num_experts_per_tok", "norm_topk_prob", \
	"moe_intermediate_size", "decoder_sparse_step", "mlp_only_layers"

const struct wick_arch_def wick_arch_qwen2_moe = {
	.model_type = "qwen2_moe", .stock = "qwen2moe", SOURCES,
	EXPERTS,
	.sources[WICK_T_SHARED_ROUTER] = MLP "shared_expert_gate.weight",
	.sources[WICK_T_SHARED_GATE] = MLP "shared_expert.gate_proj.weight",
	.sources[WICK_T_SHARED_UP] = MLP "shared_expert.up_proj.weight",
	.sources[WICK_T_SHARED_DOWN] = MLP "shared_expert.down_proj.weight",
	.experts = &(const struct wick_arch_experts){ MERGED,
		.keys = (const struct wick_arch_expert_key[]){
			{ "num_experts", "num_local_experts", "expert_count", NUMBER, 60 },
			{ "num_experts_per_tok", NULL, "expert_used_count", NUMBER, 4 },
			{ "moe_intermediate_size", NULL, "expert_feed_forward_length", NUMBER, 1408 },
			{ "shared_expert_intermediate_size", NULL, "expert_shared_feed_forward_length", NUMBER, 5632 },
			{ "norm_topk_prob", NULL, "expert_weights_norm", FLAG, 0 }, EVERY_LAYER, { 0 } },
		.alone = (const char *const[]){ "mlp_only_layers", NULL } },
	.biases = (const struct wick_arch_bias[]){ { NULL, qkv }, { 0 } },
	.keys = (const char *const[]){ KEYS, TRAINING, QWEN_KEYS, "qkv_bias", "shared_expert_intermediate_size", NULL },
};

const struct wick_arch_def wick_arch_qwen3_moe = {
	.model_type = "qwen3_moe", .stock = "qwen3moe", SOURCES,
	EXPERTS,
	.experts = &(const struct wick_arch_experts){ MERGED,
		.keys = (const struct wick_arch_expert_key[]){
			{ "num_experts", "num_local_experts", "expert_count", NUMBER, 128 },
			{ "num_experts_per_tok", NULL, "expert_used_count", NUMBER, 8 },
			{ "moe_intermediate_size", NULL, "expert_feed_forward_length", NUMBER, 768 },
			{ "norm_topk_prob", NULL, "expert_weights_norm", FLAG, 0 }, EVERY_LAYER, { 0 } },
		.alone = (const char *const[]){ "mlp_only_layers", NULL } },
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { 0 } },
	.keys = (const char *const[]){ KEYS, TRAINING, QWEN_KEYS, "attention_bias", NULL },
};

#define MOE "layers.%u.block_sparse_moe."

/* Experts' tensors are those of a layer. */
const struct wick_arch_def wick_arch_granitemoe = {
	.model_type = "granitemoe", .stock = "granitemoe", .neighbours = true, SOURCES,
	.sources[WICK_T_ROUTER] = MOE "router.layer.weight",
	.sources[WICK_T_GATE_EXPERTS] = MOE "input_linear.weight",
	.sources[WICK_T_UP_EXPERTS] = MOE "input_linear.weight",
	.sources[WICK_T_DOWN_EXPERTS] = MOE "output_linear.weight",
	.experts = &(const struct wick_arch_experts){
		.merged = { MOE "input_linear.weight", MOE "input_linear.weight", MOE "output_linear.weight" },
		.keys = (const struct wick_arch_expert_key[]){
			{ "num_local_experts", NULL, "expert_count", NUMBER, 8 },
			{ "num_experts_per_tok", NULL, "expert_used_count", NUMBER, 2 },
			{ "embedding_multiplier", NULL, "embedding_scale", REAL, 1 }, { "residual_multiplier", NULL, "residual_scale", REAL, 1 },
			{ "attention_multiplier", NULL, "attention.scale", REAL, 1 }, { "logits_scaling", NULL, "logit_scale", REAL, 1 }, { 0 } } },
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { 0 } },
	.keys = (const char *const[]){ KEYS, TRAINING, "attention_bias", "num_local_experts", "num_experts_per_tok",
		"embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling", NULL },
};

const struct wick_arch_def wick_arch_glm4_moe = {
	.model_type = "glm4_moe", .stock = "glm4moe", .rotary_share = 0.5, SOURCES,
	EXPERTS,
	.sources[WICK_T_ROUTER_CHOICE] = MLP "gate.e_score_correction_bias",
	.sources[WICK_T_SHARED_GATE] = MLP "shared_experts.gate_proj.weight",
	.sources[WICK_T_SHARED_UP] = MLP "shared_experts.up_proj.weight",
	.sources[WICK_T_SHARED_DOWN] = MLP "shared_experts.down_proj.weight",
	.experts = &(const struct wick_arch_experts){ MERGED, .gating = 2, .head_norm = "use_qk_norm", .behind = "num_nextn_predict_layers",
		.keys = (const struct wick_arch_expert_key[]){
			{ "n_routed_experts", NULL, "expert_count", NUMBER, 128 },
			{ "num_experts_per_tok", NULL, "expert_used_count", NUMBER, 8 },
			{ "moe_intermediate_size", NULL, "expert_feed_forward_length", NUMBER, 1408 },
			{ "n_shared_experts", NULL, "expert_shared_count", NUMBER, 1 },
			{ "first_k_dense_replace", NULL, "leading_dense_block_count", NUMBER, 1 },
			{ "routed_scaling_factor", NULL, "expert_weights_scale", REAL, 1 },
			{ "norm_topk_prob", NULL, "expert_weights_norm", FLAG, 1 },
			{ "n_group", NULL, NULL, NUMBER, 1, 1 }, { "topk_group", NULL, NULL, NUMBER, 1, 1 }, { 0 } } },
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkv }, { 0 } },
	.keys = (const char *const[]){ KEYS, TRAINING, "attention_bias", "n_routed_experts", "num_experts_per_tok",
		"moe_intermediate_size", "n_shared_experts", "first_k_dense_replace", "routed_scaling_factor", "norm_topk_prob", "n_group",
		"topk_group", "use_qk_norm", "num_nextn_predict_layers", NULL },
};

/* Granite 3. */
const struct wick_arch_def wick_arch_granite = {
	.model_type = "granite", .stock = "granite", .neighbours = true, .dense = true, SOURCES,
	.scales = (const struct wick_arch_scale[]){ { "embedding_multiplier", "embedding_scale", 1 },
		{ "residual_multiplier", "residual_scale", 1 }, { "attention_multiplier", "attention.scale", 1 },
		{ "logits_scaling", "logit_scale", 1 }, { 0 } },
	.biases = (const struct wick_arch_bias[]){ { "attention_bias", qkvo }, { "mlp_bias", ffn }, { 0 } },
	.keys = (const char *const[]){ KEYS, "attention_bias", "mlp_bias", "embedding_multiplier", "residual_multiplier",
		"attention_multiplier", "logits_scaling", NULL },
};
