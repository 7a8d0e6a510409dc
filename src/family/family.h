/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A family of models as checkpoints have it: how to read its config.json, and which of its tensors goes into which
 * slot of a packed model. One file a family; adding one is a table and a line in arch.c. */

#include "config.h"
#include "tensors.h"

/* How a checkpoint has the numbers of some matrices, by quantization_config: as they are, or as codes and scales in two tensors. */
enum wick_weights { WICK_WEIGHTS_PLAIN, WICK_WEIGHTS_MXFP4, WICK_WEIGHTS_FP8, WICK_WEIGHTS_COUNT };

#define WICK_FP8_BLOCK 128u /* rows, and columns, whose numbers have one scale */

struct wick_arch_def {
	const char *model_type; /* in config.json */
	/* Fills what config.json decides; sizes in bytes are left to wick_shape_complete(). */
	int (*read_config)(struct wick_shape *shape, const struct wick_config *config, struct wick_diag *diag);

	const char *const *prefixes; /* that a tensor's name may have, the usual one first, NULL at the end */
	const char *const *whole_prefixes; /* likewise, of names that start with '/' in what follows */
	const char *sources[WICK_T_COUNT]; /* behind the prefix; gate, up and down are where a bundle's parts are, too */
	uint32_t position_offset;   /* rows in front of position 0 */
	const char *const *keys;    /* of config.json that are looked at, or known to change nothing, NULL at the end */

	/* A family whose packed models have the keys and names of stock GGUF files (config_stock.c). Then there is no
	 * read_config. */
	const char *stock;          /* general.architecture; NULL: another family */
	const struct wick_arch_default *defaults; /* of keys that a config.json may leave out (until .key is NULL), or NULL: it may not */
	const struct wick_arch_scale *scales;     /* (until .key is NULL), or NULL */
	const struct wick_arch_windows *windows;  /* of attention; NULL: config.json cannot ask for any */
	const char *scale_root;     /* a key: scores are divided by its root; NULL: by that of a head's width */
	bool relu_up;               /* with ReLU: up goes through it, too */
	bool tied;                  /* where config.json does not say tie_word_embeddings */
	bool grouped;               /* queries, keys and values are one tensor: of each head of keys its queries, itself, its values */
	bool norms_from_zero;       /* 1 is added to the weights of norms */
	bool dense;                 /* no zeros are skipped, whatever its activation */
	double rotary_share;        /* where config.json does not say partial_rotary_factor; 0: of all it is 1 */
	bool local_rope;            /* layers with a window have a rope of their own */
	bool long_rope;             /* no other scaling is known */
	bool rope_between;          /* yarn's bounds are not rounded to pairs; without any scaling config.json is not whole */
	enum wick_weights weights;  /* beside PLAIN; MXFP4: of experts */
	const char *variant;        /* a flag of config.json that is true for this one of several of its type; NULL: the others */
	bool two_norms;             /* of a parallel block: attention and FFN have one each */
	const char *inside;         /* a key of config.json that has the language model's own; NULL: it is that itself */
	const char *const *outer_keys; /* beside that key, NULL at the end */
	const char *const *left_out;   /* prefixes of tensors of the other models in the checkpoint, NULL at the end, or NULL: none */
	const char *act;            /* the activation that the stock's files stand for; NULL: silu */
	const struct wick_arch_named *named; /* keys by other names than Llama's; NULL: none */
	const struct wick_arch_flag *flags;  /* (until .key is NULL), or NULL */
	const struct wick_arch_word *words;  /* likewise */
	const char *const *alone;   /* keys that have to be absent, null, false or empty, NULL at the end; or NULL */
	bool unturned;              /* there is no rotary embedding */
	const struct wick_arch_def *within; /* an object of config.json, by its model_type, with flags, words, alone, scales and keys of its
	                                       own, beside which it may have nothing; NULL: none */
	bool transposed;            /* a layer's matrices lie in the checkpoint with columns as rows */
	bool neighbours;            /* rows of queries and keys that turn together become neighbours, as GGUF has them */
	const struct wick_arch_bias *biases; /* (until .ids is NULL) */
	const struct wick_arch_experts *experts; /* NULL: it has none */
};

enum wick_arch_expert_kind { WICK_EXPERTS_NUMBER, WICK_EXPERTS_REAL, WICK_EXPERTS_FLAG };

/* A key of config.json about experts, which may be 0. */
struct wick_arch_expert_key {
	const char *key, *also;  /* also: its other name, or NULL */
	const char *put;         /* GGUF's name of it; NULL: it has to be `wanted` */
	enum wick_arch_expert_kind kind;
	double otherwise;        /* where config.json does not say it */
	double wanted;
};

struct wick_arch_experts {
	const struct wick_arch_expert_key *keys; /* (until .key is NULL) */
	const char *const *alone; /* keys that have to be absent, null, false or empty, NULL at the end; or NULL */
	uint32_t gating;          /* expert_gating_func; 0: it goes without saying */
	const char *softmax;      /* a flag, usually false, that it is softmax in place of that; or NULL */
	const char *head_norm;    /* a flag, usually false, that queries and keys are normalised head by head; or NULL */
	const char *behind;       /* a key: blocks behind the last layer that are left out; or NULL */
	bool in_turns;            /* in the former each gate's row is in front of its up's, not all gates in front of all ups */
	const char *merged[3];    /* names, as in sources, of tensors of all gates and ups, the same twice, and of all downs of a layer */
	const char *turned[3];    /* likewise, where config.json names no codes, of such with columns as rows, gates and ups in turns; or NULL */
};

/* Biases that a model has where a flag of config.json says so; key NULL: every model of the family. */
struct wick_arch_bias {
	const char *key;
	const enum wick_tensor_id *ids; /* WICK_T_COUNT at the end */
	bool usual;                     /* where config.json does not have the flag */
};

/* Names of a tensor and of its bias. */
#define WICK_ARCH_BOTH(id, name) [WICK_T_##id] = name ".weight", [WICK_T_##id##_BIAS] = name ".bias"

/* Of a key that config.json may leave out. */
struct wick_arch_default {
	const char *key;
	double value;
};

/* A number that has the same meaning on both sides. */
struct wick_arch_scale {
	const char *key, *put;
	double otherwise; /* where config.json does not say; 0: then there is none */
};

/* Layers of which sliding_window says how far they look. */
struct wick_arch_windows {
	uint32_t window;     /* where config.json has no sliding_window; 0: then there is none */
	bool by_flag;        /* only where use_sliding_window is true */
	bool some;           /* layer_types says which, else what follows; all do otherwise */
	const char *from;    /* a key: the first that has one; NULL: 0 */
	uint32_t from_otherwise;
	const char *every;   /* a key: of so many the last looks at everything; NULL: full_every says it, */
	uint32_t full_every; /* and without the key; 0: none does */
	const char *layout;  /* in place of all of these a key: a list of 0 and 1, which says it of each layer, usually of none; NULL: none is */
	const char *turned;  /* beside it, likewise: layers that have rotary embedding. Where some have a window, it is those */
	const char *size;    /* in place of sliding_window */
};

/* Names of some keys in config.json, and what they are where they are missing. */
struct wick_arch_named {
	const char *n_ff, *norm_eps, *act; /* n_ff: else four times the width; act NULL: it goes without saying */
	const char *n_ff_by;               /* in place of n_ff a key: the FFN's width over the model's, usually 4; or NULL */
	const char *width, *layers, *heads, *ctx; /* NULL: hidden_size, num_hidden_layers, num_attention_heads, max_position_embeddings */
	const char *one_kv_head;           /* a flag, usually true, that there is one head of keys; NULL: num_key_value_heads says */
	const char *kv_heads;              /* NULL: num_key_value_heads */
	const char *put_eps;               /* GGUF's key of the norm's epsilon */
	double eps;
	const char *usual_act;
};

/* A flag that has to have one value, since the other would be another arithmetic. */
struct wick_arch_flag {
	const char *key;
	bool usual, wanted;
};

/* A text that has to be one of a few. */
struct wick_arch_word {
	const char *key;
	const char *of[3]; /* the usual one first, NULL behind the last */
};

/* Lists of what frequencies are divided by: in the order of WICK_T_ROPE_FREQS and those behind it. */
enum wick_arch_list { WICK_ARCH_FREQS, WICK_ARCH_LONG, WICK_ARCH_SHORT, WICK_ARCH_LISTS };

/* What config.json says of a model of such a family, beside GGUF's keys. */
struct wick_arch_said {
	uint32_t vocab, heads, kv_heads, head_dim;
	bool tied;
	bool has[WICK_T_COUNT]; /* of its biases */
	bool sparse;            /* zeros of its FFNs can be skipped, and so: */
	struct wick_ffn_facts ffn; /* act, threshold and relu_up */
	bool head_norm;         /* queries and keys are normalised head by head */
	uint32_t left_out;      /* blocks behind the last layer */
	enum wick_weights weights;
	uint32_t rope_dim;      /* numbers of a head that are turned */
	float *divisors[WICK_ARCH_LISTS]; /* (rope_dim / 2) of the frequencies of rotary embedding, or NULL; wick_arch_said_free() */
};

struct wick_gguf_writer;

/* Puts the keys of a stock file. -EINVAL with a sentence that names file and key: one that is missing, or says that the
 * model computes something that is not supported. */
int wick_arch_put_keys(const struct wick_arch_def *arch, struct wick_arch_said *said, const struct wick_config *config,
	struct wick_gguf_writer *writer, struct wick_diag *diag);
void wick_arch_said_free(struct wick_arch_said *said); /* a zeroed one is fine */

extern const struct wick_arch_def wick_arch_opt, wick_arch_llama, wick_arch_mistral, wick_arch_bamboo, wick_arch_qwen2, wick_arch_qwen3,
	wick_arch_mixtral, wick_arch_olmoe, wick_arch_qwen2_moe, wick_arch_qwen3_moe, wick_arch_granitemoe, wick_arch_glm4_moe,
	wick_arch_gpt_oss, wick_arch_smallthinker,
	wick_arch_granite, wick_arch_gemma2, wick_arch_gemma3, wick_arch_gemma3_text, wick_arch_phi3, wick_arch_falcon, wick_arch_falcon_40b, wick_arch_phi,
	wick_arch_persimmon, wick_arch_mpt, wick_arch_starcoder2, wick_arch_gpt2;

/* The family of a config.json; -EINVAL with its name for one that is not known. */
int wick_arch_find(const struct wick_arch_def **arch, const struct wick_config *config, struct wick_diag *diag);

/* What config.json says of the language model alone; wick_config_free() frees it. What is left out is said. */
int wick_arch_language_config(struct wick_config *language, const struct wick_arch_def *arch, const struct wick_config *config,
	const struct wick_notes *notes, struct wick_diag *diag);
