/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A packed model, opened and validated: what it is made of and where in the file. Loads no weights.
 *
 * Every weight matrix is rows of row_bytes, guarded by one CRC-32C per check_rows rows (the last block may be shorter):
 * bundles have a block each, other matrices WICK_CHECK_ROWS rows a block, vectors one block. docs/container.md is
 * normative.
 */

#include "diag.h"
#include "facts.h"
#include "gguf_parts.h"
#include "steps.h"
#include "types.h"

#include <stdbool.h>
#include <stdint.h>

#define WICK_FILE_ALIGN 4096 /* every tensor starts there, and the file ends there */
#define WICK_CHECK_ROWS 16
#define WICK_TENSOR_NAME 48

/* A tensor of a model, in the order of a packed file. Vectors are f32, (1, n); biases may be absent. */
enum wick_tensor_id {
	WICK_T_EMBED, WICK_T_POSITION, WICK_T_PROJECT_IN,
	/* of a layer */
	WICK_T_ATTN_NORM, WICK_T_ATTN_NORM_BIAS, WICK_T_FFN_NORM, WICK_T_FFN_NORM_BIAS,
	WICK_T_ATTN_POST_NORM, WICK_T_FFN_POST_NORM, WICK_T_Q_NORM, WICK_T_K_NORM, WICK_T_Q_NORM_BIAS, WICK_T_K_NORM_BIAS,
	WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS, WICK_T_O_BIAS, WICK_T_UP_BIAS, WICK_T_GATE_BIAS,
	WICK_T_DOWN_BIAS,
	WICK_T_SHARED_ROUTER, WICK_T_ROUTER_CHOICE, WICK_T_SINKS, WICK_T_ROUTER_BIAS,
	WICK_T_GATE_EXPERTS_BIAS, WICK_T_UP_EXPERTS_BIAS, WICK_T_DOWN_EXPERTS_BIAS,
	WICK_T_Q, WICK_T_K, WICK_T_V, WICK_T_O, WICK_T_GATE, WICK_T_UP, WICK_T_DOWN,
	WICK_T_ROUTER, WICK_T_GATE_EXPERTS, WICK_T_UP_EXPERTS, WICK_T_DOWN_EXPERTS,
	WICK_T_SHARED_GATE, WICK_T_SHARED_UP, WICK_T_SHARED_DOWN, WICK_T_BUNDLES, WICK_T_BUNDLE_CRCS,
	WICK_T_PRED_OUT, WICK_T_PRED_BIAS,
	/* of the model */
	WICK_T_OUT_NORM, WICK_T_OUT_NORM_BIAS, WICK_T_ROPE_FREQS, WICK_T_ROPE_LONG, WICK_T_ROPE_SHORT,
	WICK_T_HEAD_BIAS, WICK_T_HEAD, WICK_T_PROJECT_OUT, WICK_T_CHECKSUMS,
	WICK_T_COUNT,
};

#define WICK_T_LAYER_FIRST WICK_T_ATTN_NORM
#define WICK_T_LAYER_END WICK_T_OUT_NORM
#define WICK_T_OF_LAYER (WICK_T_LAYER_END - WICK_T_LAYER_FIRST)

/* Where an expert's rows begin. */
struct wick_place {
	uint64_t offset;
	uint16_t part;
};

struct wick_tensor {
	char name[WICK_TENSOR_NAME]; /* as in the file; "" when the model has no such tensor */
	enum wick_type type; /* of its numbers */
	uint64_t rows;
	uint64_t cols;
	uint64_t first_row;   /* of a matrix in the file's tensor of that name, where it is a part of it */
	uint64_t offset;      /* bytes from the start of its file, of a packed model a multiple of WICK_FILE_ALIGN */
	uint16_t part;        /* which file of the model has it */
	uint64_t row_bytes;   /* from one row to the next; of bundles: the stride */
	uint32_t check_rows;
	uint32_t experts; /* of which it holds the rows one after another; 0: it is not one of experts */
	const struct wick_place *expert_at; /* (experts), owned by the model, in place of offset and part; NULL: they lie one behind the other */
	bool vector; /* a norm or a bias: f32, one row, always in memory */
	const uint32_t *crcs; /* ceil(rows / check_rows); owned by the model; NULL: the file has none */
	uint8_t *learned;       /* (likewise) of a stock file: not 0: the checksum is known; NULL: all are */
	uint32_t *learned_crcs; /* crcs, to be written to; see sums.h */
};

static inline uint64_t wick_tensor_bytes(const struct wick_tensor *tensor)
{
	return tensor->rows * tensor->row_bytes;
}

static inline uint64_t wick_expert_rows(const struct wick_tensor *tensor)
{
	return tensor->experts ? tensor->rows / tensor->experts : tensor->rows;
}

/* Where a row is. The next ones follow it, up to the end of its expert. */
static inline struct wick_place wick_tensor_place(const struct wick_tensor *tensor, uint64_t row)
{
	struct wick_place place = { tensor->offset, tensor->part };

	if (tensor->expert_at) {
		place = tensor->expert_at[row / wick_expert_rows(tensor)];
		row %= wick_expert_rows(tensor);
	}
	place.offset += row * tensor->row_bytes;
	return place;
}

enum wick_arch { WICK_ARCH_OPT, WICK_ARCH_COUNT };

struct wick_shape {
	const char *name; /* general.architecture */
	enum wick_arch arch;
	uint32_t layers, d_model, d_embed, n_ff, vocab, ctx_max; /* n_ff: of the widest FFN */
	uint32_t left_out; /* blocks of the file behind the last layer that nothing uses */
	struct wick_layer_facts kind[WICK_KINDS_MAX];
	uint32_t kinds;
	const uint8_t *kind_of_layer; /* (layers), owned by the model; NULL: all are of kind 0 */
	enum wick_norm norm;
	bool final_norm;
	bool project;         /* project_in (d_model, d_embed) and project_out (d_embed, d_model) */
	bool positions;       /* learned ones are added to the embedding */
	bool tied;            /* the head is the embedding */
	bool bias;            /* linear layers have biases */
	bool norm_affine;     /* norms have weights, */
	bool norm_unbiased;   /* and, though LayerNorms, no biases */
	bool predictor;       /* there is one in the file, made without text: see pack_predictor.c */
	enum wick_type predictor_type;
	float norm_eps;
	float embed_scale, residual_scale, logit_scale; /* of embeddings, of what is added to the residual, of logits; 0: none */
	float logit_cap; /* logits are logit_cap * tanh(logit / logit_cap); 0: they are not */
	uint32_t bundle_parts; /* 2: up, down, gates apart where there are some; 3: gate, up, down; 0: FFNs are no bundles */
	uint64_t part_bytes;   /* of one part of a bundle: d_model numbers */
	uint64_t bundle_bytes; /* parts * part_bytes, unpadded */
	uint64_t stride;       /* from one bundle to the next */
	enum wick_type type;   /* of bundles; of a stock file, of most of it */
	enum wick_type matrix_type; /* of attention, embeddings and head */
	uint64_t source_bytes; /* wick.source_bytes: the unpadded weights at the packed type */
};

struct wick_model {
	struct wick_gguf_parts parts; /* one file, or those of a stock model that is split */
	struct wick_gguf *gguf; /* the first, which has the keys */
	bool stock; /* keys are those of a stock file, and tensors, but for bundles; without crcs, they lie anywhere */
	struct wick_shape shape;
	struct wick_steps steps;
	struct wick_tensor *tensors; /* (wick_tensors_count()): see wick_tensor_at(); a tied head is a copy of the embedding's */
	uint32_t *crcs;           /* all of them */
	uint64_t crc_count;
	uint32_t identity;
	struct wick_place *places; /* (place_count) of experts that do not lie one behind the other */
	uint64_t place_count;
	uint64_t memory_bytes; /* held by this structure, the checksums and the metadata */
};

static inline const struct wick_layer_facts *wick_kind(const struct wick_shape *shape, uint32_t layer)
{
	return &shape->kind[shape->kind_of_layer ? shape->kind_of_layer[layer] : 0];
}

/* Whether an FFN's exact zeros can be skipped; one of experts is no such. */
static inline bool wick_is_relu(const struct wick_shape *shape)
{
	const struct wick_ffn_facts *ffn = &shape->kind[0].ffn;

	return !ffn->experts.count && wick_act_is_relu(ffn->act);
}

/* Whether FFNs have gates that are matrices, and not parts of bundles: they say which neurons fire. */
static inline bool wick_gate_is_apart(const struct wick_shape *shape)
{
	return shape->bundle_parts == 2 && shape->kind[0].ffn.gated;
}

/* Such gates that are hardly ever exactly 0 (SwiGLU): all neurons fire, unless a threshold cuts small ones. */
static inline bool wick_gate_is_soft(const struct wick_shape *shape)
{
	return wick_gate_is_apart(shape) && !wick_is_relu(shape);
}

/* Whether packing has a choice of where gates are: they can be exactly 0, so that they say what fires. */
static inline bool wick_gate_can_be_apart(const struct wick_shape *shape)
{
	return shape->bundle_parts && shape->kind[0].ffn.gated && wick_is_relu(shape);
}

/* The part of a neuron that says whether it fires. */
static inline enum wick_part_id wick_firing_part(const struct wick_shape *shape)
{
	return shape->kind[0].ffn.gated ? WICK_PART_GATE : WICK_PART_UP;
}

/* Whether some of a model's layers have experts. */
static inline bool wick_has_experts(const struct wick_shape *shape)
{
	for (uint32_t i = 0; i < shape->kinds; i++)
		if (shape->kind[i].ffn.experts.count)
			return true;
	return false;
}

/* Of the layers that have some; all of them have as many. NULL: none has. */
static inline const struct wick_expert_facts *wick_experts_of(const struct wick_shape *shape)
{
	for (uint32_t i = 0; i < shape->kinds; i++)
		if (shape->kind[i].ffn.experts.count)
			return &shape->kind[i].ffn.experts;
	return NULL;
}

static inline bool wick_tensor_layered(enum wick_tensor_id id)
{
	return id >= WICK_T_LAYER_FIRST && id < WICK_T_LAYER_END;
}

/* Entries of a model's table: its own tensors in front, then those of each layer. */
static inline uint64_t wick_tensors_count(uint32_t layers)
{
	return WICK_T_COUNT - WICK_T_OF_LAYER + (uint64_t)layers * WICK_T_OF_LAYER;
}

/* The entry of a tensor; layer is ignored for those of the model. */
static inline uint64_t wick_tensor_index(uint32_t layer, enum wick_tensor_id id)
{
	if (wick_tensor_layered(id))
		return WICK_T_COUNT - WICK_T_OF_LAYER + (uint64_t)layer * WICK_T_OF_LAYER + (id - WICK_T_LAYER_FIRST);
	return id < WICK_T_LAYER_FIRST ? id : id - WICK_T_OF_LAYER;
}

/* rows 0: the model has none. */
static inline struct wick_tensor *wick_tensor_at(const struct wick_model *model, uint32_t layer, enum wick_tensor_id id)
{
	return &model->tensors[wick_tensor_index(layer, id)];
}

/* A gate, up or down (enum wick_part_id) of a layer's experts, all of them. */
static inline struct wick_tensor *wick_expert_tensor(const struct wick_model *model, uint32_t layer, uint32_t part)
{
	return wick_tensor_at(model, layer, WICK_T_GATE_EXPERTS + part);
}

/* Which of these a tensor is; WICK_PARTS: none. */
static inline enum wick_part_id wick_expert_part(enum wick_tensor_id id)
{
	return id >= WICK_T_GATE_EXPERTS && id <= WICK_T_DOWN_EXPERTS ? id - WICK_T_GATE_EXPERTS : WICK_PARTS;
}

/* A head that is the embedding is a copy of its entry, made again whenever that has changed. */
static inline void wick_model_tie(struct wick_model *model)
{
	if (model->shape.tied)
		*wick_tensor_at(model, 0, WICK_T_HEAD) = *wick_tensor_at(model, 0, WICK_T_EMBED);
}

/* 0, or -EINVAL with a sentence naming file and tensor: not a packed model, a missing tensor, a wrong shape, a header
 * whose checksum does not match (-EBADMSG, this one). */
int wick_model_open(struct wick_model **model, const char *path, struct wick_diag *diag);
void wick_model_close(struct wick_model *model);

/* Of a model with checksums of its own, the last entry of wick.checksums: it depends on every byte of the file that is not padding. Of
 * another one, the checksum of its header: it depends on names, keys and tokenizer, and on no number. */
uint32_t wick_model_identity(const struct wick_model *model);

/* Whether entry i of the table is a tensor of the model's own: a tied head is the embedding once more. */
static inline bool wick_tensor_is_own(const struct wick_model *model, uint64_t i)
{
	return model->tensors[i].rows && !(model->shape.tied && i == wick_tensor_index(0, WICK_T_HEAD));
}

/* A model of one of its layers, with steps of its own, which wick_steps_free() frees; tensors has room for WICK_T_COUNT, and
 * what else it points at stays the model's. -ENOMEM. */
int wick_model_of_layer(struct wick_model *one, const struct wick_model *model, uint32_t layer,
	struct wick_tensor *tensors, struct wick_diag *diag);

/* The sizes of a model whose neurons have gates, packed the other way: gates that are apart in the bundles, with the predictors that
 * packing makes for these, or those in the bundles apart, without. For plans: nothing of it is in a file. What the two have in common
 * stays the model's. wick_model_repacked_free() frees the rest, after an error, too. -ENOMEM. */
int wick_model_repack(struct wick_model *other, const struct wick_model *model, struct wick_diag *diag);
void wick_model_repacked_free(struct wick_model *other);

/* Calls visit for every tensor the model has, in file order (a tied head is not visited twice). */
void wick_model_each(
	const struct wick_model *model, void (*visit)(const struct wick_tensor *tensor, void *user), void *user);
