/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The facts of a layer that its family fixes, as data. The layers of a model are of one kind or of a few (every third
 * one with another attention, say); struct wick_shape has the kinds, and says of which each layer is. steps.c makes
 * steps of them; nothing else knows in which order a layer is computed. */

#include <stdbool.h>
#include <stdint.h>

#define WICK_KINDS_MAX 8
#define WICK_EXPERTS_MAX 4096 /* of a layer */
#define WICK_CHOSEN_MAX 64    /* of them, for a row */

enum wick_norm { WICK_NORM_LAYER, WICK_NORM_RMS, WICK_NORM_COUNT };

/* Where a layer normalises: the input of attention and FFN; the residual after each; or input and output of each. */
enum wick_norm_at { WICK_NORM_BEFORE, WICK_NORM_AFTER, WICK_NORM_BOTH, WICK_NORM_AT_COUNT };

enum wick_act {
	WICK_ACT_RELU,
	WICK_ACT_GELU,      /* x Phi(x), by the error function */
	WICK_ACT_GELU_TANH, /* its approximation by tanh */
	WICK_ACT_SILU,      /* x / (1 + e^-x) */
	WICK_ACT_RELU2,     /* the square of ReLU */
	WICK_ACT_SWIGLU_OAI, /* of a gate g and up u: g / (1 + e^(-1.702 g)) * (u + 1), g up to 7, u within -7 and 7 */
	WICK_ACT_COUNT,
};

/* Which numbers of a head rotary embedding turns together. */
enum wick_rope {
	WICK_ROPE_NONE,
	WICK_ROPE_HALVES,     /* i and i + rope_dim / 2 */
	WICK_ROPE_NEIGHBOURS, /* 2 i and 2 i + 1 */
	WICK_ROPE_COUNT,
};

enum wick_scaling {
	WICK_SCALING_NONE,
	WICK_SCALING_LINEAR, /* angles are divided by rope_factor */
	WICK_SCALING_YARN,   /* arXiv 2309.00071 */
	WICK_SCALING_LONG,   /* longrope (arXiv 2402.13753): angles are divided by one of two lists of numbers */
	WICK_SCALING_COUNT,
};

struct wick_attn_facts {
	uint32_t heads, kv_heads; /* of queries; of keys and values, each shared by heads / kv_heads of the former */
	uint32_t k_dim, v_dim;    /* numbers of a head */
	enum wick_rope rope;
	uint32_t rope_dim;        /* numbers of a head, from the first on, that are turned; even */
	float rope_base;
	enum wick_scaling rope_scaling;
	float rope_factor;          /* by which the context was stretched; of linear and yarn */
	uint32_t rope_original_ctx; /* yarn, long: before that */
	float rope_attn_factor;     /* yarn: of cosines and sines, beside its own; long: of cosines and sines */
	float rope_fast, rope_slow; /* yarn: pairs that turn more often than fast over the original context stay as they are, those that
	                               turn less often than slow are stretched, between them it goes over */
	bool rope_between;          /* yarn: where stretching begins and ends may lie between two pairs */
	float scale;              /* of q . k */
	float softcap;            /* scores are softcap * tanh(score / softcap); 0: they are not */
	float clip;               /* queries, keys and values are bounded by -clip and clip; 0: they are not */
	float alibi;              /* a head's scores fall with the distance (ALiBi, arXiv 2108.12409), of the last of a
	                             power of two by 2^-alibi a position; 0: they do not */
	uint32_t window;          /* positions that are looked at, the own one included; 0: all */
	bool head_norm;           /* queries and keys are normalised, head by head, before they are turned */
	bool whole_norm;          /* likewise, all heads as one vector */
	bool latent;              /* keys are kept, one for all heads, and values are the first v_dim numbers of them: what multi-head latent
	                             attention keeps. No family has it */
	uint32_t state_floats;    /* of a recurrent layer, which keeps numbers that each position changes, and nothing of positions; 0: it does.
	                             No family has them */
	bool sinks;               /* each head has a score that takes a share of the softmax, and has no value */
};

/* How a router's outputs become scores. The `chosen` best experts of a row are computed; of equal ones those in front. */
enum wick_router {
	WICK_ROUTER_SOFTMAX,        /* shares among all experts */
	WICK_ROUTER_SIGMOID,        /* each by itself */
	WICK_ROUTER_SOFTMAX_CHOSEN, /* shares among those that are chosen */
	WICK_ROUTER_COUNT,
};

struct wick_expert_facts {
	uint32_t count; /* 0: the FFN is not made of experts */
	uint32_t chosen;
	enum wick_router router;
	bool norm_weights; /* the scores of those chosen are divided by their sum */
	bool choice_bias;  /* numbers that are added to scores for the choice alone */
	bool biased;       /* the router's outputs have biases, and those of each expert's matrices */
	bool early;        /* the router is given the layer's input, before any norm and attention */
	float scale;       /* of the weights that an expert's output is multiplied by */
	uint32_t shared_n_ff; /* of an expert that all rows go through; 0: none */
	bool shared_gate;     /* its output is multiplied by a sigmoid of the input */
};

struct wick_ffn_facts {
	enum wick_act act;
	float threshold; /* of ReLU: numbers that are not above it become 0 (FATReLU, arXiv 2402.13516) */
	bool gated; /* h = act(gate x) * (up x), else h = act(up x) */
	bool relu_up; /* with a gate: h = act(gate x) * relu(up x) (dReLU, arXiv 2406.05955) */
	uint32_t n_ff; /* of an expert, where there are some */
	struct wick_expert_facts experts;
};

struct wick_layer_facts {
	enum wick_norm_at norm_at;
	bool parallel; /* attention and FFN are given the same input, and both are added to the residual */
	bool two_norms; /* of a parallel block: each has a norm of its own */
	struct wick_attn_facts attn;
	struct wick_ffn_facts ffn;
};

/* Whether what is not above 0, or a threshold, becomes 0. */
static inline bool wick_act_is_relu(enum wick_act act)
{
	return act == WICK_ACT_RELU || act == WICK_ACT_RELU2;
}

extern const char *const wick_act_names[WICK_ACT_COUNT]; /* as wick.activation has them: "relu", "gelu", ... */
extern const char *const wick_norm_names[WICK_NORM_COUNT];

static inline uint32_t wick_q_width(const struct wick_attn_facts *attn)
{
	return attn->heads * attn->k_dim;
}

static inline uint32_t wick_heads_width(const struct wick_attn_facts *attn)
{
	return attn->heads * attn->v_dim;
}
