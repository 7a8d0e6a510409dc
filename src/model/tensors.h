/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tensors of a packed model in file order: one table for writing, opening and verifying it.
 *
 *     embeddings | layer 0: vectors, q k v o, bundles, crc, predictor | layer 1: ... | norm, head, project_out |
 *     checksums
 */

#include "model.h"

enum wick_tensor_kind {
	WICK_TENSOR_VECTOR,      /* one row of f32, one checksum */
	WICK_TENSOR_MATRIX,      /* a checksum for every WICK_CHECK_ROWS rows */
	WICK_TENSOR_BUNDLES,     /* a checksum for every bundle, in the tensor that follows */
	WICK_TENSOR_BUNDLE_CRCS, /* that one: a row of u32, one checksum */
	WICK_TENSOR_PREDICTOR,   /* like a matrix, of the predictor's type; not among the model's weights */
	WICK_TENSOR_PREDICTOR_BIAS, /* like a vector, likewise */
	WICK_TENSOR_CHECKSUMS,   /* all checksums but those of bundles, then the header's, then their own */
};

struct wick_tensor_entry {
	const char *name; /* in the file: "blk.%u.attn_q.weight" */
	enum wick_tensor_kind kind;
	uint8_t rows, cols; /* codes of tensors.c, */
	uint32_t needs;     /* and these */
};

extern const struct wick_tensor_entry wick_tensor_table[WICK_T_COUNT];

/* Calls visit for every tensor that a model of this shape has, in file order, until one returns other than 0. */
int wick_tensors_each(const struct wick_shape *shape, int (*visit)(enum wick_tensor_id id, uint32_t layer, void *user),
	void *user);

/* The same for every tensor that any model of so many layers may have. */
int wick_tensors_all(uint32_t layers, int (*visit)(enum wick_tensor_id id, uint32_t layer, void *user), void *user);

/* Whether a model of this shape cannot be without it; and that it holds numbers. */
bool wick_tensor_belongs(const struct wick_shape *shape, enum wick_tensor_id id, uint32_t layer);
bool wick_tensor_is_needed(const struct wick_shape *shape, enum wick_tensor_id id, uint32_t layer);

/* Its name in a file. */
void wick_tensor_name(char name[WICK_TENSOR_NAME], enum wick_tensor_id id, uint32_t layer);

/* Fills everything of the tensor but offset and crcs. */
void wick_tensor_describe(
	struct wick_tensor *tensor, enum wick_tensor_id id, uint32_t layer, const struct wick_shape *shape);

/* As the file's directory has it: innermost dimension first. */
void wick_tensor_directory(const struct wick_tensor *tensor, enum wick_tensor_id id, uint32_t *ggml_type, uint64_t ne[2]);

/* Whether it holds numbers of the model or of its predictors, and not checksums. */
bool wick_tensor_is_numbers(enum wick_tensor_id id);

/* Whether it is what a normalised vector is multiplied by. */
bool wick_tensor_is_norm(enum wick_tensor_id id);

/* Entries of wick.checksums that guard this tensor; 0 of bundles and of wick.checksums. */
uint64_t wick_tensor_blocks(const struct wick_tensor *tensor, enum wick_tensor_id id);
/* Entries of wick.checksums: those of every tensor, the header's, and that of the entries before it. */
uint64_t wick_tensors_checksums(const struct wick_shape *shape);

/* Unpadded bytes of all weights. */
uint64_t wick_tensors_source_bytes(const struct wick_shape *shape);
