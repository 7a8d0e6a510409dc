/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a packed model is made of, in file order: one table for who writes it, who opens it and who verifies it.
 *
 *     embeddings | layer 0: vectors, q k v o, bundles, crc, predictor | layer 1: ... | norm, head, project_out |
 *     checksums
 */

#include "model.h"

#include <stddef.h>

enum wick_slot_id {
	WICK_SLOT_EMBED, WICK_SLOT_POSITION, WICK_SLOT_PROJECT_IN,
	/* of a layer */
	WICK_SLOT_ATTN_NORM, WICK_SLOT_ATTN_NORM_BIAS, WICK_SLOT_FFN_NORM, WICK_SLOT_FFN_NORM_BIAS,
	WICK_SLOT_Q_BIAS, WICK_SLOT_K_BIAS, WICK_SLOT_V_BIAS, WICK_SLOT_O_BIAS, WICK_SLOT_UP_BIAS, WICK_SLOT_DOWN_BIAS,
	WICK_SLOT_Q, WICK_SLOT_K, WICK_SLOT_V, WICK_SLOT_O, WICK_SLOT_BUNDLES, WICK_SLOT_BUNDLE_CRCS,
	WICK_SLOT_PRED_OUT, WICK_SLOT_PRED_BIAS,
	/* of the model */
	WICK_SLOT_OUT_NORM, WICK_SLOT_OUT_NORM_BIAS, WICK_SLOT_HEAD, WICK_SLOT_PROJECT_OUT, WICK_SLOT_CHECKSUMS,
	WICK_SLOT_COUNT,
};

enum wick_slot_kind {
	WICK_KIND_VECTOR,      /* one row of f32, one checksum */
	WICK_KIND_MATRIX,      /* a checksum for every WICK_CHECK_ROWS rows */
	WICK_KIND_BUNDLES,     /* a checksum for every bundle, in the tensor that follows */
	WICK_KIND_BUNDLE_CRCS, /* that one: a row of u32, one checksum */
	WICK_KIND_PREDICTOR,   /* like a matrix, of the predictor's type; not among the model's weights */
	WICK_KIND_PREDICTOR_BIAS, /* like a vector, likewise */
	WICK_KIND_CHECKSUMS,   /* all checksums but those of bundles, then the header's, then their own */
};

struct wick_slot {
	const char *name; /* in the file: "blk.%u.attn_q.weight" */
	enum wick_slot_kind kind;
	uint8_t rows, cols, needs; /* codes of slot.c */
	bool layered;
	size_t place; /* of its struct wick_tensor in wick_layer or wick_model; the two kinds of crcs have none */
};

extern const struct wick_slot wick_slots[WICK_SLOT_COUNT];

/* Calls visit for every tensor that a model of this shape has, in file order, until one returns other than 0. */
int wick_slot_each(const struct wick_shape *shape, int (*visit)(enum wick_slot_id id, uint32_t layer, void *user),
	void *user);

/* Fills everything of the tensor but offset and crcs. */
void wick_slot_describe(
	struct wick_tensor *tensor, enum wick_slot_id id, uint32_t layer, const struct wick_shape *shape);

/* As the file's directory has it: innermost dimension first. */
void wick_slot_directory(const struct wick_tensor *tensor, enum wick_slot_id id, uint32_t *ggml_type, uint64_t ne[2]);

/* Where a model keeps it; NULL for the two kinds of crcs. */
struct wick_tensor *wick_slot_tensor(const struct wick_model *model, enum wick_slot_id id, uint32_t layer);

/* Entries of wick.checksums that guard this tensor; 0 of bundles and of wick.checksums. */
uint64_t wick_slot_blocks(const struct wick_tensor *tensor, enum wick_slot_id id);
/* Entries of wick.checksums: those of every tensor, the header's, and that of the entries before it. */
uint64_t wick_slot_checksums(const struct wick_shape *shape);

/* Unpadded bytes of all weights. */
uint64_t wick_slot_source_bytes(const struct wick_shape *shape);
