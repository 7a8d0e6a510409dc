/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model's predictors: those that training put beside it in MODEL.pred.gguf, or else those that packing put into it.
 *
 *     struct wick_predictor_set *predictors;
 *
 *     wick_predictor_set_open(&predictors, model, path, diag);        what there is; origin says which
 *     ... wick_predictor_set_bytes(predictors) ...     for the plan; and scratch_floats for each thread of prediction
 *     wick_predictor_set_load(predictors, &fetch, depth, &mem, ...);  read, checked, bound
 *     wick_predict(&predictors->layer[i], ...);                    which neurons of layer i fire
 *     wick_predict(&predictors->ahead[i], ...);                    which of layer i + 1 will, from the same input
 */

#include "gate_levels.h"
#include "predict.h"

#include <wick/wick.h>

struct wick_fetch;
struct wick_gguf;

enum wick_predictor_set_origin {
	WICK_PREDICTORS_NONE,    /* the model has none: it is no ReLU model, or was packed by a version without them */
	WICK_PREDICTORS_PACKED,  /* made without text, in the model's file */
	WICK_PREDICTORS_TRAINED, /* in a file of their own */
	WICK_PREDICTORS_IMPORTED,
	WICK_PREDICTORS_ORIGINS,
};

extern const char *const wick_predictor_set_origins[WICK_PREDICTORS_ORIGINS]; /* "none", "packed", ... */

struct wick_predictor_set {
	enum wick_predictor_set_origin origin;
	const char *path; /* of the file that they are in */
	uint32_t layers;
	struct wick_predictor *layer; /* (layers) */
	struct wick_predictor *ahead; /* (layers); a last one without rows; NULL: there are none */
	bool residual; /* they are given what goes into the norm in front of the FFN, not what comes out of it */
	struct wick_gate_levels *levels; /* (layers); NULL: there are none */
	struct wick_tensor *firing; /* (layers): how often neurons fire, not loaded with the others; NULL: not known */
	size_t scratch_floats;        /* that the largest of them needs */
	uint64_t weight_bytes, ahead_bytes; /* of the layers' own, of those that look ahead */
	uint64_t memory_bytes;        /* held by this structure, not counting what is loaded */

	/* of a file of their own */
	struct wick_gguf *gguf;
	uint32_t *crcs;
};

/* "model.gguf" has its predictors in "model.pred.gguf"; the caller frees the name. NULL: no memory. */
char *wick_predictor_set_path(const char *model_path);

/* While model and predictors are replaced together, those of the model with this identity are in
 * "model.pred.1234abcd.gguf"; there they are found when model.pred.gguf is missing, or another model's. */
char *wick_predictor_set_path_meanwhile(const char *model_path, uint32_t identity);

/* -EINVAL, -EBADMSG: there is a file of predictors, but it belongs to another model, or is damaged. Having none is no
 * error. model_path NULL: those in the file alone. The model must outlive what is opened. */
int wick_predictor_set_open(struct wick_predictor_set **predictors, const struct wick_model *model,
	const char *model_path, struct wick_diag *diag);
void wick_predictor_set_close(struct wick_predictor_set *predictors); /* NULL is fine */

/* Of a set with firing: the shares of tokens that neurons fire for (layers, n_ff), descending in each layer. -EBADMSG: damaged.
 * -EINVAL: one is no share. */
int wick_predictor_set_firing(const struct wick_predictor_set *predictors, float *shares, struct wick_diag *diag);

/* Memory that wick_predictor_set_load() takes from mem. */
uint64_t wick_predictor_set_bytes(const struct wick_predictor_set *predictors);

/* Reads them all, with `depth` reads in flight; fetch is that of the model's file. As wick_load_all(). */
int wick_predictor_set_load(struct wick_predictor_set *predictors, const struct wick_fetch *fetch, uint32_t depth,
	struct wick_mem *mem, wick_progress_fn progress, void *user, struct wick_diag *diag);
