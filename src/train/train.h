/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* wick_train() of wick.h: one sweep over the model, a layer at a time.
 *
 *     text -> chunks of ids -> residuals (tokens, d_model)                     train_text.c, train_sweep.c
 *     ranks: the more neurons fire in a layer, the more bytes                  train_allot.c
 *     for each layer: its weights are read; every chunk goes through it, which leaves the inputs of its FFN and the
 *         neurons that fired; from these its predictor is learned, and the lookahead of the layer before; both are kept on disk
 *     thresholds for all of them together -> MODEL.pred.gguf                   train_finish.c
 *
 * Of a model whose gates are apart and never 0 there is nothing to learn but how small they are: one sweep that counts
 * (train_gates.c). Likewise of experts, which an engine evaluates (train_expert_gates.c).
 *
 * Memory is that of one layer and of the tokens. */

#include "file.h"
#include "forward.h"
#include "gate_levels.h"
#include "io.h"
#include "kernels.h"
#include "mem.h"
#include "model.h"
#include "sidecar.h"
#include "train_fit.h"
#include "watch.h"

#include <wick/wick.h>

struct wick_tokenizer;

/* The figures of one predictor once it has been learned. */
struct wick_trained {
	uint32_t rank; /* 0: there is none */
	bool done;
	struct wick_fitted fitted;
};

struct wick_train {
	const struct wick_train_options *options;
	double share, ahead_share; /* of the model's bytes */
	struct wick_diag *diag;
	struct wick_model *model;
	struct wick_tokenizer *tokenizer;
	struct wick_file file;
	struct wick_io *io;
	struct wick_pool *pool;
	struct wick_kernels kernels;
	struct wick_fetch fetch;
	char *path; /* of what will be written */
	enum wick_type type;

	/* text */
	uint32_t tokens_most; /* that were asked for, or are usual */
	uint32_t chunk;       /* tokens */
	uint32_t chunks, held_chunks; /* the held-out ones stand at the end */
	uint32_t *ids;        /* (chunks, chunk) */

	/* the sweep */
	float *residual;      /* (tokens, d_model) */
	uint16_t *x, *x_before; /* (tokens, d_model): into this layer's FFN, and the one before's */
	uint8_t *fired;       /* (tokens, fired_bytes) */
	size_t fired_bytes;
	float *firing;        /* (layers, n_ff): the share of tokens that a neuron fired for */
	float *up;            /* (n_ff, d_model) of the current layer */
	struct wick_model one; /* a model of that layer alone */
	struct wick_tensor one_tensors[WICK_T_COUNT];
	struct wick_matrices matrices;
	struct wick_forward forward;
	struct wick_watch watch;
	struct wick_mem mem;
	uint64_t weights_at;  /* in mem; what is before it stays for all layers */
	uint32_t at_token;    /* that the current batch begins with */
	bool out_of_range;    /* x could not hold what an FFN was given */

	struct wick_trained *own, *ahead; /* (layers) */
	uint32_t target;      /* predictors begun, for progress */
	int keep_fd;
	char *keep_path;
};

#define WICK_TRAIN_CHUNKS_MIN 20u

static inline uint32_t wick_train_tokens(const struct wick_train *train)
{
	return train->chunks * train->chunk;
}

/* Reports progress; other than 0: stop. part: the finished share of the current predictor. During the census, the pass
 * over all layers that comes before any predictor is learned, no layer counts as reached. */
int wick_train_say(struct wick_train *train, uint32_t layer, const char *what, double part);

int wick_train_read_text(struct wick_train *train);

/* Fills residual with embeddings; then layer by layer x, fired and up, with what was in x moved to x_before. */
int wick_train_sweep_begin(struct wick_train *train);
int wick_train_sweep_layer(struct wick_train *train, uint32_t layer);
void wick_train_sweep_end(struct wick_train *train); /* before another one */
/* A layer for its residuals alone, and for what train->watch sees. */
int wick_train_pass_layer(struct wick_train *train, uint32_t layer);

/* The whole work for gates that are never 0, and for those of experts. */
int wick_train_gates(struct wick_train *train, char **json);
int wick_train_expert_gates(struct wick_train *train, const char *path, char **json);

/* Numbers by their magnitude: how many there are of which. */
#define WICK_TRAIN_BINS (1u << 18)
void wick_train_count(uint64_t counts[WICK_TRAIN_BINS], const float *gate, size_t count);
/* The levels of counts; of none they are 0. -ERANGE: the layer has gates that are not finite. */
int wick_train_levels(float levels[WICK_GATE_LEVELS], const uint64_t counts[WICK_TRAIN_BINS], uint32_t layer,
	struct wick_diag *diag);
/* Writes the levels of all layers, and what there is to say of them, which the caller frees. */
int wick_train_keep_levels(const struct wick_train *train, const float (*levels)[WICK_GATE_LEVELS], char **json);

/* Ranks of all predictors, and room for them. */
int wick_train_allot(struct wick_train *train);
uint32_t wick_train_rank_max(const struct wick_train *train); /* that this may give one */

/* The predictors learned so far, kept beside the output until that is written. A file of other options, or damaged, is
 * begun anew. */
int wick_train_keep_open(struct wick_train *train);
int wick_train_keep(struct wick_train *train, uint32_t layer, bool ahead);
void wick_train_keep_close(struct wick_train *train, bool done);

int wick_train_finish(struct wick_train *train, char **json);
