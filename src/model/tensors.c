/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The table of a packed model's tensors, and sizes that follow from it. */

#include "tensors.h"

#include "bits.h"
#include "directory.h"
#include "gguf.h"

#include <stdio.h>
#include <string.h>

/* A dimension, and the feature that a model must have for a tensor that not all have. */
enum { ONE, D_MODEL, D_EMBED, N_FF, VOCAB, CTX, Q_DIM, KV_DIM, V_DIM, HEADS_DIM, K_DIM, Q_NORM_DIM, K_NORM_DIM, ROPE_PAIRS, BUNDLE, CHECKSUMS,
	HEADS, EXPERTS, EXPERTS_N_FF, EXPERTS_D_MODEL, SHARED_N_FF };
enum { BIAS = 1, NORM = 2, PROJECT = 4, FINAL = 8, UNTIED = 16, PREDICTOR = 32,
	SANDWICH = 64, HEAD_NORM = 128, PLAIN_FFN = 256, GATED = 512, SERIAL = 1024, BUNDLED = 2048, POSITIONS = 4096,
	STOCK = 8192, NORM_BIAS = 16384, EXPERT = 32768, SHARED = 65536, SHARED_GATE = 131072,
	CHOICE = 262144, HEAD_NORM_BIAS = 524288, SINKS = 1048576, EXPERT_BIAS = 2097152, LONG_ROPE = 4194304 };

#define VECTOR WICK_TENSOR_VECTOR
#define MATRIX WICK_TENSOR_MATRIX

const struct wick_tensor_entry wick_tensor_table[WICK_T_COUNT] = {
	[WICK_T_EMBED] = { "token_embd.weight", MATRIX, VOCAB, D_EMBED, 0 },
	[WICK_T_POSITION] = { "position_embd.weight", MATRIX, CTX, D_MODEL, POSITIONS },
	[WICK_T_PROJECT_IN] = { "token_embd_in.weight", MATRIX, D_MODEL, D_EMBED, PROJECT },
	[WICK_T_ATTN_NORM] = { "blk.%u.attn_norm.weight", VECTOR, ONE, D_MODEL, NORM },
	[WICK_T_ATTN_NORM_BIAS] = { "blk.%u.attn_norm.bias", VECTOR, ONE, D_MODEL, NORM_BIAS },
	[WICK_T_FFN_NORM] = { "blk.%u.ffn_norm.weight", VECTOR, ONE, D_MODEL, NORM | SERIAL },
	[WICK_T_FFN_NORM_BIAS] = { "blk.%u.ffn_norm.bias", VECTOR, ONE, D_MODEL, NORM_BIAS | SERIAL },
	[WICK_T_ATTN_POST_NORM] = { "blk.%u.post_attention_norm.weight", VECTOR, ONE, D_MODEL, SANDWICH },
	[WICK_T_FFN_POST_NORM] = { "blk.%u.post_ffw_norm.weight", VECTOR, ONE, D_MODEL, SANDWICH },
	[WICK_T_Q_NORM] = { "blk.%u.attn_q_norm.weight", VECTOR, ONE, Q_NORM_DIM, HEAD_NORM },
	[WICK_T_K_NORM] = { "blk.%u.attn_k_norm.weight", VECTOR, ONE, K_NORM_DIM, HEAD_NORM },
	[WICK_T_Q_NORM_BIAS] = { "blk.%u.attn_q_norm.bias", VECTOR, ONE, Q_NORM_DIM, HEAD_NORM_BIAS },
	[WICK_T_K_NORM_BIAS] = { "blk.%u.attn_k_norm.bias", VECTOR, ONE, K_NORM_DIM, HEAD_NORM_BIAS },
	[WICK_T_Q_BIAS] = { "blk.%u.attn_q.bias", VECTOR, ONE, Q_DIM, BIAS },
	[WICK_T_K_BIAS] = { "blk.%u.attn_k.bias", VECTOR, ONE, KV_DIM, BIAS },
	[WICK_T_V_BIAS] = { "blk.%u.attn_v.bias", VECTOR, ONE, V_DIM, BIAS },
	[WICK_T_O_BIAS] = { "blk.%u.attn_output.bias", VECTOR, ONE, D_MODEL, BIAS },
	[WICK_T_UP_BIAS] = { "blk.%u.ffn_up.bias", VECTOR, ONE, N_FF, BIAS },
	[WICK_T_DOWN_BIAS] = { "blk.%u.ffn_down.bias", VECTOR, ONE, D_MODEL, BIAS },
	[WICK_T_GATE_BIAS] = { "blk.%u.ffn_gate.bias", VECTOR, ONE, N_FF, STOCK },
	[WICK_T_SHARED_ROUTER] = { "blk.%u.ffn_gate_inp_shexp.weight", VECTOR, ONE, D_MODEL, SHARED_GATE },
	[WICK_T_ROUTER_CHOICE] = { "blk.%u.exp_probs_b.bias", VECTOR, ONE, EXPERTS, CHOICE },
	[WICK_T_SINKS] = { "blk.%u.attn_sinks.weight", VECTOR, ONE, HEADS, SINKS },
	[WICK_T_ROUTER_BIAS] = { "blk.%u.ffn_gate_inp.bias", VECTOR, ONE, EXPERTS, EXPERT_BIAS },
	[WICK_T_GATE_EXPERTS_BIAS] = { "blk.%u.ffn_gate_exps.bias", VECTOR, ONE, EXPERTS_N_FF, EXPERT_BIAS },
	[WICK_T_UP_EXPERTS_BIAS] = { "blk.%u.ffn_up_exps.bias", VECTOR, ONE, EXPERTS_N_FF, EXPERT_BIAS },
	[WICK_T_DOWN_EXPERTS_BIAS] = { "blk.%u.ffn_down_exps.bias", VECTOR, ONE, EXPERTS_D_MODEL, EXPERT_BIAS },
	[WICK_T_Q] = { "blk.%u.attn_q.weight", MATRIX, Q_DIM, D_MODEL, 0 },
	[WICK_T_K] = { "blk.%u.attn_k.weight", MATRIX, KV_DIM, D_MODEL, 0 },
	[WICK_T_V] = { "blk.%u.attn_v.weight", MATRIX, V_DIM, D_MODEL, 0 },
	[WICK_T_O] = { "blk.%u.attn_output.weight", MATRIX, D_MODEL, HEADS_DIM, 0 },
	[WICK_T_GATE] = { "blk.%u.ffn_gate.weight", MATRIX, N_FF, D_MODEL, GATED },
	[WICK_T_UP] = { "blk.%u.ffn_up.weight", MATRIX, N_FF, D_MODEL, PLAIN_FFN },
	[WICK_T_DOWN] = { "blk.%u.ffn_down.weight", MATRIX, D_MODEL, N_FF, PLAIN_FFN },
	[WICK_T_ROUTER] = { "blk.%u.ffn_gate_inp.weight", MATRIX, EXPERTS, D_MODEL, EXPERT },
	[WICK_T_GATE_EXPERTS] = { "blk.%u.ffn_gate_exps.weight", MATRIX, EXPERTS_N_FF, D_MODEL, EXPERT },
	[WICK_T_UP_EXPERTS] = { "blk.%u.ffn_up_exps.weight", MATRIX, EXPERTS_N_FF, D_MODEL, EXPERT },
	[WICK_T_DOWN_EXPERTS] = { "blk.%u.ffn_down_exps.weight", MATRIX, EXPERTS_D_MODEL, N_FF, EXPERT },
	[WICK_T_SHARED_GATE] = { "blk.%u.ffn_gate_shexp.weight", MATRIX, SHARED_N_FF, D_MODEL, SHARED },
	[WICK_T_SHARED_UP] = { "blk.%u.ffn_up_shexp.weight", MATRIX, SHARED_N_FF, D_MODEL, SHARED },
	[WICK_T_SHARED_DOWN] = { "blk.%u.ffn_down_shexp.weight", MATRIX, D_MODEL, SHARED_N_FF, SHARED },
	[WICK_T_BUNDLES] = { "blk.%u.ffn_bundles", WICK_TENSOR_BUNDLES, N_FF, BUNDLE, BUNDLED },
	[WICK_T_BUNDLE_CRCS] = { "blk.%u.ffn_crc", WICK_TENSOR_BUNDLE_CRCS, ONE, N_FF, BUNDLED },
	[WICK_T_PRED_OUT] = { "blk.%u.ffn_pred_out.weight", WICK_TENSOR_PREDICTOR, N_FF, D_MODEL, PREDICTOR },
	[WICK_T_PRED_BIAS] = { "blk.%u.ffn_pred.bias", WICK_TENSOR_PREDICTOR_BIAS, ONE, N_FF, PREDICTOR },
	[WICK_T_OUT_NORM] = { "output_norm.weight", VECTOR, ONE, D_MODEL, NORM | FINAL },
	[WICK_T_OUT_NORM_BIAS] = { "output_norm.bias", VECTOR, ONE, D_MODEL, NORM_BIAS | FINAL },
	[WICK_T_ROPE_FREQS] = { "rope_freqs.weight", VECTOR, ONE, ROPE_PAIRS, STOCK },
	[WICK_T_ROPE_LONG] = { "rope_factors_long.weight", VECTOR, ONE, ROPE_PAIRS, LONG_ROPE },
	[WICK_T_ROPE_SHORT] = { "rope_factors_short.weight", VECTOR, ONE, ROPE_PAIRS, LONG_ROPE },
	[WICK_T_HEAD_BIAS] = { "output.bias", VECTOR, ONE, VOCAB, STOCK },
	[WICK_T_HEAD] = { "output.weight", MATRIX, VOCAB, D_EMBED, UNTIED },
	[WICK_T_PROJECT_OUT] = { "token_embd_out.weight", MATRIX, D_EMBED, D_MODEL, PROJECT },
	[WICK_T_CHECKSUMS] = { "wick.checksums", WICK_TENSOR_CHECKSUMS, ONE, CHECKSUMS, 0 },
};

static uint64_t dimension(const struct wick_shape *shape, uint32_t layer, uint8_t which)
{
	const struct wick_attn_facts *attn = &wick_kind(shape, layer)->attn;
	const struct wick_ffn_facts *ffn = &wick_kind(shape, layer)->ffn;

	switch (which) {
	case K_DIM:
		return attn->k_dim;
	case Q_NORM_DIM:
		return attn->whole_norm ? (uint64_t)attn->heads * attn->k_dim : attn->k_dim;
	case K_NORM_DIM:
		return attn->whole_norm ? (uint64_t)attn->kv_heads * attn->k_dim : attn->k_dim;
	case ROPE_PAIRS:
		return attn->rope_dim / 2;
	case D_MODEL:
		return shape->d_model;
	case D_EMBED:
		return shape->d_embed;
	case N_FF:
		return ffn->n_ff;
	case HEADS:
		return attn->heads;
	case EXPERTS:
		return ffn->experts.count;
	case EXPERTS_N_FF:
		return (uint64_t)ffn->experts.count * ffn->n_ff;
	case EXPERTS_D_MODEL:
		return (uint64_t)ffn->experts.count * shape->d_model;
	case SHARED_N_FF:
		return ffn->experts.shared_n_ff;
	case VOCAB:
		return shape->vocab;
	case CTX:
		return shape->ctx_max;
	case Q_DIM:
		return (uint64_t)attn->heads * attn->k_dim;
	case KV_DIM:
		return (uint64_t)attn->kv_heads * attn->k_dim;
	case V_DIM:
		return (uint64_t)attn->kv_heads * attn->v_dim;
	case HEADS_DIM:
		return (uint64_t)attn->heads * attn->v_dim;
	case BUNDLE:
		return (uint64_t)shape->bundle_parts * shape->d_model;
	case CHECKSUMS:
		return wick_tensors_checksums(shape);
	default:
		return 1;
	}
}

static unsigned features(const struct wick_shape *shape, uint32_t layer)
{
	const struct wick_layer_facts *facts = wick_kind(shape, layer);
	const struct {
		bool has;
		unsigned feature;
	} all[] = {
		{ shape->bias, BIAS }, { shape->norm_affine, NORM },
		{ shape->norm_affine && !shape->norm_unbiased && shape->norm == WICK_NORM_LAYER, NORM_BIAS }, { shape->project, PROJECT }, { shape->final_norm, FINAL },
		{ !shape->tied, UNTIED }, { shape->predictor, PREDICTOR }, { shape->positions, POSITIONS },
		{ facts->norm_at == WICK_NORM_BOTH, SANDWICH }, { facts->attn.head_norm || facts->attn.whole_norm, HEAD_NORM },
		{ facts->attn.head_norm && shape->norm == WICK_NORM_LAYER, HEAD_NORM_BIAS },
		{ !facts->parallel || facts->two_norms, SERIAL }, { shape->bundle_parts, BUNDLED },
		{ !shape->bundle_parts && !facts->ffn.experts.count, PLAIN_FFN }, 
		{ facts->ffn.gated && !facts->ffn.experts.count && shape->bundle_parts != 3, GATED },
		{ facts->ffn.experts.count, EXPERT }, { facts->ffn.experts.shared_n_ff, SHARED },
		{ facts->ffn.experts.shared_gate, SHARED_GATE },
		{ facts->ffn.experts.choice_bias, CHOICE }, { facts->attn.sinks, SINKS }, { facts->ffn.experts.biased, EXPERT_BIAS },
		{ facts->attn.rope_scaling == WICK_SCALING_LONG, LONG_ROPE },
	};
	unsigned features = 0;

	for (size_t i = 0; i < WICK_COUNT_OF(all); i++)
		features |= all[i].has ? all[i].feature : 0;
	return features;
}

/* Tensors [first, last) of one layer, or of the model's parts before and after the layers. */
static int each_of(const struct wick_shape *shape, unsigned first, unsigned last, uint32_t layer,
	int (*visit)(enum wick_tensor_id id, uint32_t layer, void *user), void *user)
{
	unsigned has = features(shape, layer);
	int rc = 0;

	for (unsigned id = first; rc == 0 && id < last; id++)
		if (!(wick_tensor_table[id].needs & ~has))
			rc = visit(id, layer, user);
	return rc;
}

int wick_tensors_each(
	const struct wick_shape *shape, int (*visit)(enum wick_tensor_id id, uint32_t layer, void *user), void *user)
{
	int rc = each_of(shape, 0, WICK_T_ATTN_NORM, 0, visit, user);

	for (uint32_t layer = 0; rc == 0 && layer < shape->layers; layer++)
		rc = each_of(shape, WICK_T_ATTN_NORM, WICK_T_OUT_NORM, layer, visit, user);
	return rc ? rc : each_of(shape, WICK_T_OUT_NORM, WICK_T_COUNT, 0, visit, user);
}

int wick_tensors_all(uint32_t layers, int (*visit)(enum wick_tensor_id id, uint32_t layer, void *user), void *user)
{
	int rc = 0;

	for (unsigned id = 0; rc == 0 && id < WICK_T_LAYER_FIRST; id++)
		rc = visit(id, 0, user);
	for (uint32_t layer = 0; layer < layers; layer++)
		for (unsigned id = WICK_T_LAYER_FIRST; rc == 0 && id < WICK_T_LAYER_END; id++)
			rc = visit(id, layer, user);
	for (unsigned id = WICK_T_LAYER_END; rc == 0 && id < WICK_T_COUNT; id++)
		rc = visit(id, 0, user);
	return rc;
}

bool wick_tensor_belongs(const struct wick_shape *shape, enum wick_tensor_id id, uint32_t layer)
{
	return !(wick_tensor_table[id].needs & ~features(shape, layer));
}

bool wick_tensor_is_needed(const struct wick_shape *shape, enum wick_tensor_id id, uint32_t layer)
{
	return wick_tensor_belongs(shape, id, layer) && wick_tensor_is_numbers(id);
}

void wick_tensor_name(char name[WICK_TENSOR_NAME], enum wick_tensor_id id, uint32_t layer)
{
	snprintf(name, WICK_TENSOR_NAME, wick_tensor_table[id].name, layer);
}

/* Of how many experts a tensor holds the rows one after another; 0: of none. */
static uint32_t experts_of(const struct wick_tensor_entry *entry, const struct wick_shape *shape, uint32_t layer)
{
	bool holds = entry->rows == EXPERTS_N_FF || entry->rows == EXPERTS_D_MODEL || entry->cols == EXPERTS_N_FF ||
		entry->cols == EXPERTS_D_MODEL;

	return holds ? wick_kind(shape, layer)->ffn.experts.count : 0;
}

static enum wick_type type_of(enum wick_tensor_kind kind, const struct wick_shape *shape)
{
	switch (kind) {
	case WICK_TENSOR_MATRIX:
		return shape->matrix_type;
	case WICK_TENSOR_BUNDLES:
		return shape->type;
	case WICK_TENSOR_PREDICTOR:
		return shape->predictor_type;
	default:
		return WICK_F32;
	}
}

void wick_tensor_describe(
	struct wick_tensor *tensor, enum wick_tensor_id id, uint32_t layer, const struct wick_shape *shape)
{
	const struct wick_tensor_entry *entry = &wick_tensor_table[id];

	memset(tensor, 0, sizeof(*tensor));
	wick_tensor_name(tensor->name, id, layer);
	tensor->type = type_of(entry->kind, shape);
	tensor->rows = dimension(shape, layer, entry->rows);
	tensor->cols = dimension(shape, layer, entry->cols);
	tensor->row_bytes = wick_type_bytes(tensor->type, tensor->cols);
	if (entry->kind == WICK_TENSOR_BUNDLES)
		tensor->row_bytes = shape->stride;
	tensor->vector = entry->kind == WICK_TENSOR_VECTOR;
	tensor->experts = experts_of(entry, shape, layer);
	tensor->check_rows = 1;
	if (entry->kind == WICK_TENSOR_MATRIX || entry->kind == WICK_TENSOR_PREDICTOR)
		tensor->check_rows = WICK_CHECK_ROWS;
}

void wick_tensor_directory(const struct wick_tensor *tensor, enum wick_tensor_id id, uint32_t *ggml_type, uint64_t ne[2])
{
	ne[0] = tensor->cols;
	ne[1] = tensor->rows;
	if (tensor->vector && tensor->experts) {
		ne[0] /= tensor->experts;
		ne[1] = tensor->experts;
	}
	switch (wick_tensor_table[id].kind) {
	case WICK_TENSOR_BUNDLES:
		*ggml_type = WICK_GGML_I8;
		ne[0] = tensor->row_bytes;
		break;
	case WICK_TENSOR_BUNDLE_CRCS:
	case WICK_TENSOR_CHECKSUMS:
		*ggml_type = WICK_GGML_I32;
		break;
	default:
		*ggml_type = wick_directory_type(tensor->type);
		if (tensor->type == WICK_Q2)
			ne[0] = tensor->row_bytes;
	}
}

bool wick_tensor_is_numbers(enum wick_tensor_id id)
{
	return wick_tensor_table[id].kind != WICK_TENSOR_BUNDLE_CRCS && wick_tensor_table[id].kind != WICK_TENSOR_CHECKSUMS;
}

bool wick_tensor_is_norm(enum wick_tensor_id id)
{
	return strstr(wick_tensor_table[id].name, "norm.weight");
}

uint64_t wick_tensor_blocks(const struct wick_tensor *tensor, enum wick_tensor_id id)
{
	if (wick_tensor_table[id].kind == WICK_TENSOR_BUNDLES || wick_tensor_table[id].kind == WICK_TENSOR_CHECKSUMS)
		return 0;
	return wick_div_up(tensor->rows, tensor->check_rows);
}

struct sum {
	const struct wick_shape *shape;
	uint64_t total;
};

static int add_blocks(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct sum *sum = user;
	struct wick_tensor tensor;

	if (id == WICK_T_CHECKSUMS)
		return 0;
	wick_tensor_describe(&tensor, id, layer, sum->shape);
	sum->total += wick_tensor_blocks(&tensor, id);
	return 0;
}

uint64_t wick_tensors_checksums(const struct wick_shape *shape)
{
	struct sum sum = { shape, 0 };

	wick_tensors_each(shape, add_blocks, &sum);
	return sum.total + 2;
}

static bool is_weight(enum wick_tensor_kind kind)
{
	return kind == WICK_TENSOR_VECTOR || kind == WICK_TENSOR_MATRIX || kind == WICK_TENSOR_BUNDLES;
}

static int add_bytes(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct sum *sum = user;
	struct wick_tensor tensor;

	if (!is_weight(wick_tensor_table[id].kind))
		return 0;
	wick_tensor_describe(&tensor, id, layer, sum->shape);
	sum->total = wick_add(sum->total, wick_mul(tensor.rows, wick_type_bytes(tensor.type, tensor.cols)));
	return 0;
}

uint64_t wick_tensors_source_bytes(const struct wick_shape *shape)
{
	struct sum sum = { shape, 0 };

	wick_tensors_each(shape, add_bytes, &sum);
	return sum.total;
}
