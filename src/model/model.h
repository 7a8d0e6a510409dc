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
#include "types.h"

#include <stdbool.h>
#include <stdint.h>

#define WICK_FILE_ALIGN 4096 /* every tensor starts there, and the file ends there */
#define WICK_CHECK_ROWS 16

struct wick_gguf;

struct wick_tensor {
	char name[48];       /* as in the file; "" when the model has no such tensor */
	enum wick_type type; /* of its numbers */
	uint64_t rows;
	uint64_t cols;
	uint64_t offset;      /* bytes from the start of the file, a multiple of WICK_FILE_ALIGN */
	uint64_t row_bytes;   /* from one row to the next; of bundles: the stride */
	uint32_t check_rows;
	const uint32_t *crcs; /* ceil(rows / check_rows); owned by the model */
};

static inline uint64_t wick_tensor_bytes(const struct wick_tensor *tensor)
{
	return tensor->rows * tensor->row_bytes;
}

enum wick_arch { WICK_ARCH_OPT, WICK_ARCH_COUNT };

struct wick_shape {
	enum wick_arch arch;
	uint32_t layers, d_model, d_embed, heads, kv_heads, head_dim, n_ff, vocab, ctx_max;
	bool norm_first;      /* pre-LN; OPT-350m is post-LN */
	bool final_norm;
	bool project;         /* project_in (d_model, d_embed) and project_out (d_embed, d_model) */
	bool tied;            /* the head is the embedding */
	bool bias;            /* linear layers have biases */
	bool norm_affine;     /* norms have weights */
	bool relu;            /* else gelu (exact, by erf) */
	bool predictor;       /* there is one in the file, made without text: see pack_predictor.c */
	enum wick_type predictor_type;
	float norm_eps;
	uint32_t bundle_parts; /* 2: up, down; 3: gate, up, down */
	uint64_t part_bytes;   /* of one part of a bundle: d_model numbers */
	uint64_t bundle_bytes; /* parts * part_bytes, unpadded */
	uint64_t stride;       /* from one bundle to the next */
	enum wick_type type;   /* of matrices and bundles */
	uint64_t source_bytes; /* wick.source_bytes: the unpadded weights at the packed type */
};

struct wick_layer { /* vectors are f32, (1, n); biases may be absent */
	struct wick_tensor attn_norm, attn_norm_bias, ffn_norm, ffn_norm_bias;
	struct wick_tensor q_bias, k_bias, v_bias, o_bias, up_bias, down_bias;
	struct wick_tensor q, k, v, o; /* (out, in) */
	struct wick_tensor bundles;    /* (n_ff, parts * d_model) */
	struct wick_tensor pred_out, pred_bias; /* (n_ff, d_model), (1, n_ff); if there is a predictor */
};

struct wick_model {
	struct wick_gguf *gguf;
	struct wick_shape shape;
	struct wick_tensor embed, position;         /* (vocab, d_embed), (ctx_max, d_model) */
	struct wick_tensor project_in, project_out; /* (d_model, d_embed), (d_embed, d_model) */
	struct wick_tensor out_norm, out_norm_bias;
	struct wick_tensor head; /* a copy of embed's entry when tied */
	struct wick_layer *layer; /* (layers) */
	uint32_t *crcs;           /* all of them */
	uint64_t crc_count;
	uint64_t memory_bytes; /* held by this structure, the checksums and the metadata */
};

/* 0, or -EINVAL with a sentence naming file and tensor: not a packed model, a missing tensor, a wrong shape, a header
 * whose checksum does not match (-EBADMSG, this one). */
int wick_model_open(struct wick_model **model, const char *path, struct wick_diag *diag);
void wick_model_close(struct wick_model *model);

/* The last entry of wick.checksums: it depends on every byte of the file that is not padding. */
uint32_t wick_model_identity(const struct wick_model *model);

/* Calls visit for every tensor the model has, in file order (a tied head is not visited twice). */
void wick_model_each(
	const struct wick_model *model, void (*visit)(const struct wick_tensor *tensor, void *user), void *user);
