/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* MODEL.pred.gguf: trained predictors in a file of their own, tied to the model by its identity. One walk over its
 * tensors for who writes it and who opens it. docs/container.md is normative. */

#include "model.h"

struct wick_gguf;
struct wick_predictor_set;

#define WICK_SIDECAR_ARCH "wick-predictors"
#define WICK_SIDECAR_VERSION 1

struct wick_sidecar_shape {
	uint32_t model_crc; /* the model's identity */
	uint32_t layers, d_model, n_ff;
	enum wick_type type;   /* of in and out */
	const uint32_t *ranks; /* (layers) */
	const uint32_t *ahead; /* (layers); of layer i: predicts layer i + 1; 0: there is none, as behind the last */
	bool relu;
	bool imported;
};

/* Its tensors in file order. A predictor has three, in this order. */
enum wick_sidecar_part { WICK_SIDECAR_IN, WICK_SIDECAR_OUT, WICK_SIDECAR_BIAS, WICK_SIDECAR_PARTS };

/* Fills everything of a tensor but offset and crcs. */
void wick_sidecar_describe(struct wick_tensor *tensor, const struct wick_sidecar_shape *shape, uint32_t layer,
	bool ahead, enum wick_sidecar_part part);

/* Calls visit for every tensor in file order, until one returns other than 0. */
typedef int (*wick_sidecar_visit_fn)(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part);
int wick_sidecar_each(const struct wick_sidecar_shape *shape, wick_sidecar_visit_fn visit, void *user);

/* Entries of its wick.checksums. */
uint64_t wick_sidecar_checksums(const struct wick_sidecar_shape *shape);

/* Writes the file, complete or not at all. data: finds the bytes of predictor (layer, ahead)'s three parts, which stay
 * until the next call; other than 0 ends it, and data has said why. */
typedef int (*wick_sidecar_data_fn)(
	void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data);
int wick_sidecar_write(const char *path, const struct wick_sidecar_shape *shape, wick_sidecar_data_fn data, void *user,
	struct wick_diag *diag);

/* Whether an open file is of predictors, and for this model. */
bool wick_sidecar_is_of(const struct wick_gguf *gguf, const struct wick_model *model);

/* Fills predictors from an open file: for predictor_set.c. */
int wick_sidecar_bind(struct wick_predictor_set *predictors, const struct wick_model *model, struct wick_diag *diag);
