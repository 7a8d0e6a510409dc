/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of a family leave out, since its own code fixes it: one line of the table a family. */

#include "diag.h"
#include "facts.h"

#include <stdbool.h>
#include <stdint.h>

struct wick_gguf;
struct wick_shape;

/* Keys, of stock_keys.c, that not every family's files have. */
enum {
	WICK_KEYS_RMS = 1, WICK_KEYS_LAYER_NORM = 2, WICK_KEYS_SCALES = 4, WICK_KEYS_SOFTCAPS = 8, WICK_KEYS_LAYOUT = 16,
	WICK_KEYS_LOCAL_ROPE = 32, WICK_KEYS_EXPERTS = 64, WICK_KEYS_ALIBI = 128,
};

/* A tensor that a family's files have by another name than tensors.c. */
struct wick_stock_name {
	uint8_t id; /* enum wick_tensor_id */
	const char *name;
};

#define WICK_STOCK_NAMES 4

struct wick_stock_family {
	const char *name; /* general.architecture */
	unsigned keys;    /* WICK_KEYS_* */
	enum wick_norm norm;
	enum wick_rope rope;
	enum wick_act act;
	bool gated;     /* the FFN */
	bool head_norm; /* queries and keys are normalised head by head */
	bool whole_norm; /* likewise, all heads as one vector */
	bool sinks;      /* of attention */
	bool rope_between; /* yarn's bounds are not rounded to pairs */
	enum wick_router router; /* of WICK_KEYS_EXPERTS, and likewise: */
	bool norm_weights;
	bool always_experts; /* it is not without */
	bool shared_gate, choice_bias, biased_experts, early_router;
	bool norm_unbiased; /* LayerNorms have no biases */
	bool parallel;  /* attention and FFN */
	bool sandwich;  /* norms of what attention and FFN add, too */
	bool packed_only; /* stock files are not run: no other program's are known to be right */
	bool positions; /* learned ones are added to embeddings; there is no rotary embedding */
	bool scaled_embedding; /* times the root of the model's width */
	float softcap, logit_cap; /* where keys do not say: 0: none */
	uint32_t window;          /* likewise */
	uint32_t full_every;      /* likewise: of so many layers the last looks beyond the window; 0: none does */
	bool full_first;          /* not the last of them, but the first, */
	bool full_unturned;       /* which has no rotary embedding then */
	float local_rope_base;    /* likewise, of layers with a window, which have no scaling then; 0: as the others */
	uint32_t wide_scale_layers; /* queries of a model of so many layers are scaled by its width over its heads */
	bool finetuned_is_rope; /* rope.scaling.finetuned says whether there is a rotary embedding, else nothing of the arithmetic */
	const char *layout;         /* the one value of tensor_data_layout that is understood */
	const char *head_norm_by;   /* a tensor of files whose queries and keys are normalised head by head */
	const char *second_norm;    /* a tensor of files whose parallel blocks have two norms; these names are theirs then: */
	struct wick_stock_name names[WICK_STOCK_NAMES];
};

/* -EINVAL with a sentence: a file's name or tags say that it computes something that no key can say. */
int wick_stock_check_relu(const struct wick_stock_family *family, const struct wick_gguf *gguf, struct wick_diag *diag);

/* As files of the family that is the shape's have it. */
void wick_stock_tensor_name(char *name, const struct wick_shape *shape, uint8_t id, uint32_t layer);

/* The family of an open file. -EINVAL with a sentence: it is not known. */
int wick_stock_family(const struct wick_stock_family **family, const struct wick_gguf *gguf, struct wick_diag *diag);
