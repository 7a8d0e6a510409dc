/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A batch of tokens through the model. */

#include "attn.h"
#include "bits.h"
#include "compute.h"
#include "expert_cache.h"
#include "experts.h"
#include "gate_levels.h"
#include "kv.h"
#include "matrix.h"
#include "sparse.h"
#include "sweep.h"
#include "vectors.h"

#include <wick/wick.h>

struct wick_mem;
struct wick_routing;
struct wick_watch;

struct wick_forward_shape {
	uint32_t ctx, threads;
	uint32_t sequences;
	bool all_logits; /* room for a whole batch's; else for those of one row of each sequence */
};

struct wick_forward {
	const struct wick_model *model;
	struct wick_matrices *matrices;
	struct wick_compute compute;
	struct wick_fetch *fetch;
	struct wick_sweep sweep;
	struct wick_sparse sparse;
	struct wick_kv kv;
	struct wick_vectors vectors;
	struct wick_landing lookup;    /* for rows of embeddings that are not resident */
	uint32_t batch_tokens;         /* room for so many */
	uint32_t ctx;                  /* positions of a sequence, at most */
	struct wick_batch_row *rows;   /* (batch_tokens): of the next batch */
	float *buffer[WICK_BUFFERS];   /* (batch_tokens, steps.width); logits: (logits_rows, vocab) */
	uint32_t logits_rows;
	struct wick_expert_room experts;
	struct wick_expert_cache expert_cache; /* capacity 0: all are resident */
	const struct wick_gate_levels *gate_levels; /* (layers), where gates are cut */
	float gate_percent;            /* of the gates, that are; 0: none */
	const struct wick_routing *routing; /* replayed: what routers choose is dropped; or NULL */
	float *h;                      /* FFN scratch */
	size_t h_floats;
	float *scores;                 /* (threads, scores_floats): scratch of attention */
	size_t scores_floats;
	uint32_t *spans;               /* (batch_tokens + 1): scratch of attention */
	float *turns;                  /* (kinds, batch_tokens, rope_dim_most): cosines and sines of the batch's positions */
	double *frequencies;           /* (kinds, rope_dim_most / 2): see rope.h */
	uint32_t rope_dim_most;
	const struct wick_watch *watch; /* or NULL */
};

/* Memory that wick_forward_init() takes from mem, without KV and sweep. */
uint64_t wick_forward_bytes(const struct wick_model *model, const struct wick_forward_shape *size);
/* Staging for single rows of tables that are not resident. */
uint64_t wick_forward_lookup_bytes(const struct wick_model *model, uint64_t chunk_bytes);

void wick_forward_init(struct wick_forward *forward, const struct wick_forward_shape *size, struct wick_mem *mem);
void wick_forward_lookup_init(struct wick_forward *forward, struct wick_mem *mem);

/* Once the vectors are loaded, and before the first batch. */
void wick_forward_ready(struct wick_forward *forward);

struct wick_batch {
	uint32_t m;      /* of forward->rows; <= batch_tokens */
	uint32_t m_next; /* of the batch that follows, as far as is known; else 1 */
	const struct wick_eval_progress *progress; /* told after each layer; or NULL */
};

/* How far an evaluation is, for a caller that shows it, counted in tokens times layers; the callback may cancel. */
struct wick_eval_progress {
	wick_progress_fn tell;
	void *user;
	uint64_t done, total;
};

/* The rows of forward->rows. Leaves the logits of those that want theirs, logits_rows at most, in buffer WICK_LOGITS, one
 * after the other. */
int wick_forward_batch(struct wick_forward *forward, const struct wick_batch *batch, struct wick_diag *diag);

/* One row of a table as floats, from memory or, if it is not there, with its check block from the file. */
int wick_look_up(struct wick_forward *forward, const struct wick_matrix *table, uint64_t row, float *into,
	struct wick_diag *diag);

/* The same in steps, for callers that keep the residual stream themselves (training): buffer WICK_X (m, d_model) =
 * the tokens' embeddings, which then go through one layer. They are of sequence 0. */
int wick_forward_embed(struct wick_forward *forward, const uint32_t *ids, uint32_t m, uint32_t position,
	struct wick_diag *diag);
int wick_forward_layer(struct wick_forward *forward, uint32_t layer, uint32_t m, uint32_t position,
	struct wick_diag *diag);
