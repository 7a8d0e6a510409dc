/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where each weight matrix is: its first resident_rows rows in memory, the rest in the file.
 *
 * The places stand in the order in which a token needs them, so that walking them is the sweep:
 *
 *     embed  position  project_in  { q k v o ffn } x layers  project_out  head
 *
 * embed and position are looked up row by row; all others are matrices, used whole. A tied head is the embedding: then
 * the embed place is empty and lookups go to the head's.
 */

#include "model.h"

#include <stdint.h>

/* A share of a GEMM tile, for what goes by smaller ones. */
#define WICK_TILE_ROWS 64

/* GEMM is cut at multiples of this many rows counted from row 0, whatever is resident: OpenBLAS's bits change with the
 * shape of a tile. Resident parts and swept units are whole tiles, but for a matrix's last. On tiles of 64 rows
 * OpenBLAS reaches four fifths of its rate, since it packs the tokens anew for each; small models have no memory for
 * more. */
static inline uint32_t wick_gemm_rows(const struct wick_shape *shape)
{
	return shape->d_model < 1024 ? WICK_TILE_ROWS : 4 * WICK_TILE_ROWS;
}

enum { WICK_PLACE_EMBED, WICK_PLACE_POSITION, WICK_PLACE_PROJECT_IN, WICK_PLACE_LAYERS };
enum { WICK_PLACE_Q, WICK_PLACE_K, WICK_PLACE_V, WICK_PLACE_O, WICK_PLACE_FFN, WICK_PLACES_A_LAYER };

struct wick_place {
	const struct wick_tensor *tensor; /* NULL: the model has none here */
	uint64_t rows;                    /* that this run can need; less than the tensor's for positions beyond ctx */
	uint64_t resident_rows;
	uint32_t tile_rows; /* wick_gemm_rows() of the model */
	uint8_t *base; /* of the resident rows, row_bytes apart as in the file */
	bool lookup;   /* fetched by the row, never swept */
	bool drawn;    /* bundles that are fetched one by one; swept for the batches that compute all of them */
};

static inline uint32_t wick_place_count(const struct wick_shape *shape)
{
	return WICK_PLACE_LAYERS + shape->layers * WICK_PLACES_A_LAYER + 2;
}

static inline uint32_t wick_place_layer(uint32_t layer, uint32_t which)
{
	return WICK_PLACE_LAYERS + layer * WICK_PLACES_A_LAYER + which;
}

static inline uint32_t wick_place_project_out(const struct wick_shape *shape)
{
	return WICK_PLACE_LAYERS + shape->layers * WICK_PLACES_A_LAYER;
}

static inline uint32_t wick_place_head(const struct wick_shape *shape)
{
	return wick_place_project_out(shape) + 1;
}

static inline bool wick_place_is_ffn(const struct wick_shape *shape, uint32_t place)
{
	return place >= WICK_PLACE_LAYERS && place < wick_place_project_out(shape) &&
		(place - WICK_PLACE_LAYERS) % WICK_PLACES_A_LAYER == WICK_PLACE_FFN;
}

/* Rows that are read again for every batch; drawn: for one that sweeps drawn places too. */
static inline uint64_t wick_place_swept_rows(const struct wick_place *place, bool drawn)
{
	return place->tensor && !place->lookup && (drawn || !place->drawn) ? place->rows - place->resident_rows : 0;
}

/* Fills wick_place_count() places, nothing resident yet. */
void wick_places_init(struct wick_place *places, const struct wick_model *model, uint32_t ctx);
