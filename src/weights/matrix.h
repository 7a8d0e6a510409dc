/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where each weight matrix is: its first resident_rows rows in memory, the rest in the file.
 *
 * They stand in the order in which the steps of a token need them, so that walking them is the sweep:
 *
 *     embed  position  { q k v o ffn } x layers  head
 *
 * Tables are looked up row by row; all others are used whole. A tied head is the embedding: lookups go to its rows.
 */

#include "model.h"

#include <stdint.h>

#define WICK_TILE_ROWS 64

/* Matrices are divided at multiples of this many rows counted from row 0: resident parts and swept units are whole tiles,
 * but for a matrix's last. It is no matter of bits: large tiles are fewer pieces to hand out, small models have no memory
 * for them. */
static inline uint32_t wick_tile_rows(const struct wick_shape *shape)
{
	return shape->d_model < 1024 ? WICK_TILE_ROWS : 4 * WICK_TILE_ROWS;
}

struct wick_matrix {
	const struct wick_tensor *tensor;
	uint64_t rows;          /* that this run can need; less than the tensor's for positions beyond ctx */
	uint64_t resident_rows;
	uint8_t *base;          /* of the resident rows, row_bytes apart as in the file; of experts in pieces: see wick_matrix_expert() */
	uint32_t tile_rows;     /* wick_tile_rows() of the model */
	enum wick_keep keep;
	bool lookup;  /* fetched by the row, never swept */
	bool bundles; /* rows are bundles of an FFN */
	bool drawn;   /* bundles that are fetched one by one; swept for the batches that compute all of them */
};

struct wick_matrices {
	const struct wick_steps *steps;
	struct wick_matrix *at; /* (count) */
	uint32_t *slots;        /* (layers), of the bundle cache; as many as neurons where bundles are resident */
	uint32_t count;
};

/* Rows of experts are resident, or read by the expert. */
static inline bool wick_matrix_is_swept(const struct wick_matrix *matrix)
{
	return !matrix->lookup && !matrix->tensor->experts;
}

/* Rows that are read again for every batch; drawn: for one that sweeps drawn matrices too. */
static inline uint64_t wick_matrix_swept_rows(const struct wick_matrix *matrix, bool drawn)
{
	return wick_matrix_is_swept(matrix) && (drawn || !matrix->drawn) ? matrix->rows - matrix->resident_rows : 0;
}

/* Memory for its first rows. */
uint64_t wick_matrix_bytes(const struct wick_matrix *matrix, uint64_t rows);

struct wick_file;
/* The rows of a resident expert; files as struct wick_fetch has them. Experts that do not lie one behind the other in the file
 * do not in memory: each has the blocks of the drive around it. */
const uint8_t *wick_matrix_expert(const struct wick_matrix *matrix, uint32_t expert, const struct wick_file *files);

/* The bundles of a layer's FFN; NULL: it has none. */
static inline struct wick_matrix *wick_matrices_bundles(const struct wick_matrices *matrices, uint32_t layer)
{
	uint32_t i = wick_steps_bundles(matrices->steps, layer);

	return i == WICK_NO_MATRIX ? NULL : &matrices->at[i];
}

/* The model's matrices, nothing resident yet. -ENOMEM. */
int wick_matrices_make(struct wick_matrices *matrices, const struct wick_model *model, uint32_t ctx, struct wick_diag *diag);
void wick_matrices_free(struct wick_matrices *matrices); /* a zeroed one is fine */
