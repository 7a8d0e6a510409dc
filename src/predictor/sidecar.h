/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* MODEL.pred.gguf: trained predictors in a file of their own, or of gates that are apart how small they are, tied to the model
 * by its identity. One walk over its tensors for who writes it and who opens it. docs/container.md is normative. */

#include "model.h"

struct wick_gguf;
struct wick_predictor_set;

#define WICK_SIDECAR_ARCH "wick-predictors"
/* Of three versions a file has the first that knows what it has: 2 knows levels of gates, and predictors that see the residual;
 * 3 knows how often neurons fire. */
#define WICK_SIDECAR_VERSION 3

struct wick_sidecar_shape {
	uint32_t model_crc; /* the model's identity */
	uint32_t layers, d_model, n_ff;
	enum wick_type type;   /* of in and out */
	const uint32_t *ranks; /* (layers); 0 where there are levels instead */
	const uint32_t *ahead; /* (layers); of layer i: predicts layer i + 1; 0: there is none, as behind the last */
	bool relu;
	bool imported;
	bool residual; /* predictors are given what the norm in front of the FFN is given */
	bool levels; /* of gates: WICK_GATE_LEVELS of each layer */
	bool firing; /* of each neuron: the share of the text's tokens that it fired for */
};

/* Its tensors in file order. A predictor has three, in this order; behind those of a layer are its levels, then how
 * often its neurons fire. */
enum wick_sidecar_part {
	WICK_SIDECAR_IN,
	WICK_SIDECAR_OUT,
	WICK_SIDECAR_BIAS,
	WICK_SIDECAR_PARTS,
	WICK_SIDECAR_LEVELS = WICK_SIDECAR_PARTS,
	WICK_SIDECAR_FIRING,
	WICK_SIDECAR_KINDS,
};

/* Fills everything of a tensor but offset and crcs. */
void wick_sidecar_describe(struct wick_tensor *tensor, const struct wick_sidecar_shape *shape, uint32_t layer,
	bool ahead, enum wick_sidecar_part part);

/* Calls visit for every tensor in file order, until one returns other than 0. */
typedef int (*wick_sidecar_visit_fn)(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part);
int wick_sidecar_each(const struct wick_sidecar_shape *shape, wick_sidecar_visit_fn visit, void *user);

/* Entries of its wick.checksums. */
uint64_t wick_sidecar_checksums(const struct wick_sidecar_shape *shape);

/* Writes the file, complete or not at all. data: finds the bytes of a part, which stay until the next call; other than 0 ends
 * it, and data has said why. */
typedef int (*wick_sidecar_data_fn)(
	void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data);
int wick_sidecar_write(const char *path, const struct wick_sidecar_shape *shape, wick_sidecar_data_fn data, void *user,
	struct wick_diag *diag);

/* Whether an open file is of predictors, and for this model. */
bool wick_sidecar_is_of(const struct wick_gguf *gguf, const struct wick_model *model);

/* Fills predictors from an open file: for predictor_set.c. */
int wick_sidecar_bind(struct wick_predictor_set *predictors, const struct wick_model *model, struct wick_diag *diag);
