/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The sparse FFN: only the neurons that are chosen are computed, and only those that are not here are read.
 *
 * For some rows of a batch and a layer, all at once:
 *
 *     x -> chosen by each row -> slots in the bundle cache for all of them; the absent are drawn, each once
 *          resident    up-projection and activation              while reads are sent
 *          arrivals    checksum, up-projection and activation    while the next are taken back
 *          all         down-projection, ascending                as far as everything before has been computed
 *
 * Arithmetic is that of the dense decode path over a list of rows: each up-projection a dot product of its own, the
 * down-projection one sum in ascending order of neurons. So bits depend on what is chosen and on nothing else. */

#include "bits.h"
#include "choose.h"
#include "draw.h"
#include "matrix.h"
#include "sweep.h"
#include "turn.h"
#include "vectors.h"

struct wick_watch;

/* Bundles drawn ahead at once, beside what is worth it: the plan foresees the same. */
#define WICK_AHEAD_MOST 512
#define WICK_AHEAD_LEAST 4 /* enough to see whether more would pay */
#define WICK_AHEAD_SHARE 4 /* of the bundle cache, a quarter at most */

#define WICK_GATE_PIECES 4 /* of a layer's gates: reads go out after each; the plan foresees the same */

#define WICK_SPARSE_ROWS_MIN 64 /* of a layer's bundle cache: a smaller one is more bookkeeping than cache */

struct wick_sparse_shape {
	bool on;
	uint32_t window;
	uint32_t batch_tokens; /* at once, at most */
	uint64_t scratch_floats; /* of a predictor, at most */
	bool lookahead;
	uint64_t piece_bytes; /* see draw.h */
	const struct wick_policy_ops *policy;
};

/* A bundle that has landed, or could not. */
struct wick_arrival {
	struct wick_member *member;
	uint32_t bundle, slot;
	uint32_t k; /* its index in the round, or WICK_NO_SLOT */
	bool bad;
	bool unanswered; /* bad, because the drive did not answer */
};

/* Measured rates, from which the number of bundles to prefetch follows (look_ahead.c). Moving averages over layers. */
struct wick_prefetch_rates {
	double bundle_ns; /* from one bundle to the next while the drive is busy with a layer's */
	double slack_ns;  /* from the last read of a layer to the first of the next: the drive's idle time */
	double need_ns;   /* a layer's waiting, and the waiting that prefetched bundles spared it */
	uint32_t hits;    /* prefetched bundles that the current round wants */
	uint32_t rows;    /* of the layer's batch */
	double useful;    /* the share of prefetched bundles that were then chosen */
	struct wick_trial trial; /* on: drawn ahead at all; by the time of a layer for each bundle that it did not have */
	uint64_t layer_back_ns;  /* when the layer before was done, of a batch of as many rows; 0: there was none */
	uint64_t demand_back_ns; /* when the last demand read of the layer before came back */
};

/* Rows of a batch that stand one behind the other. */
struct wick_sparse_rows {
	uint32_t m; /* sparse->together, at most */
	uint32_t first; /* the number of the first one in the batch */
	bool all;   /* there are no others in it: the next layer's bundles can be guessed */
	const float *x; /* (m, d_model) */
	const float *seen; /* likewise, by predictors: x, or the residual */
	const float *gate; /* (m, n_ff), activated where they are not of ReLU; NULL: gates are in the bundles, or there are none */
	float *y;       /* (m, d_model): comes in with the down-projection's bias */
	uint32_t position[WICK_SPARSE_TOGETHER];
};

struct wick_sparse {
	bool on, lookahead;
	bool prefetch_stopped;  /* the drive did not answer a prefetch: there is none before a reset */
	bool overlap; /* else a layer's reads are waited for before anything of it is computed */
	const struct wick_model *model;
	const struct wick_compute *compute;
	struct wick_fetch *fetch;
	const struct wick_matrices *matrices;
	const struct wick_vectors *vectors;
	const struct wick_watch *watch;
	struct wick_chooser chooser;
	struct wick_group *group;   /* (layers): each by itself */
	struct wick_member *member; /* (layers) */
	struct wick_drawing drawing;
	struct wick_draw demand, ahead[2];
	struct wick_turn turn; /* of the layer that is computed */
	bool begun, sent;      /* it has; its next round has slots, and reads on their way */
	bool early;            /* the next round's first bundles have, of neurons whose gates were known first */
	struct wick_prefetch_rates rates;
	uint32_t round;          /* neurons computed at once, at most */
	uint32_t together;       /* rows, likewise */
	uint32_t *chosen;        /* (n_ff), ascending: by any row */
	uint32_t chosen_count;
	uint32_t *likely, *likely_sorted; /* (n_ff) */
	float *probability;      /* (n_ff) */
	uint32_t *place_of;      /* (n_ff): a neuron's index in the round, else WICK_NO_SLOT */
	uint32_t *slot;          /* (round) */
	uint32_t *todo;          /* (round): indices of the resident neurons still to be computed */
	uint8_t *ready;          /* (round) */
	float *h;                /* (together, round) */
	struct wick_arrival *arrival; /* (round + 3 ahead): a round's, and those prefetched before and after */
	uint8_t *fill;           /* (n_ff): has a slot whose bytes come with the sweep */
	uint64_t *mask;          /* (rows, n_ff / 64): chosen by each row of a batch of several */
	struct wick_sparse_counters {
		uint64_t bundles_active;     /* computed */
		uint64_t bundles_read;       /* drawn, ahead or not */
		uint64_t bundles_prefetched; /* of them, drawn ahead */
		uint64_t bundles_useful;     /* of them, wanted by the token they were drawn for */
		uint64_t prefetch_stops;           /* prefetches that the drive did not answer, after which there was none */
		uint64_t predict_ns, manage_ns;
	} counters;
};

/* Memory that the init function takes: for working, and for the bundle caches with their policies. */
uint64_t wick_sparse_bytes(const struct wick_model *model, const struct wick_sparse_shape *sparse);
uint64_t wick_sparse_group_bytes(const struct wick_model *model, uint32_t capacity); /* of one layer */

/* The drive's price, drawing.price, is set after it. */
void wick_sparse_init(struct wick_sparse *sparse, const struct wick_sparse_shape *size, struct wick_mem *mem);

/* Chooses for some rows, and sends for what is not here: the next call for this layer and these rows goes on from there. */
void wick_sparse_send(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows);
/* Sends for neurons below `end`, whose gates are known, of one row and while others compute the rest of its gates. Calls for a
 * layer come with a rising end; wick_sparse_send or _ffn follows them. */
void wick_sparse_send_early(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows, uint32_t end);
/* y += FFN of x. After an error some rows of y are half done. */
int wick_sparse_ffn(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows, struct wick_diag *diag);

/* A long batch, whose bundles are all swept: which neurons are chosen for each of its m tokens by what predictors see of it, as
 * bits (m, *words). */
const uint64_t *wick_sparse_mask(struct wick_sparse *sparse, uint32_t layer, uint32_t position, uint32_t m,
	const float *seen, const float *gates, size_t *words);
/* Bundles as they pass: those that have a slot by now are put into it. */
void wick_sparse_warm(struct wick_sparse *sparse, uint32_t layer, const struct wick_rows *rows);

/* After an error or for a new beginning: waits for what is in flight and empties the bundle caches. */
void wick_sparse_reset(struct wick_sparse *sparse);

/* Private to sparse.c, sparse_batch.c and ffn_sparse.c: */

/* The next round of the turn, which has one. look_ahead: the next layer's probable neurons are sent for as soon as this
 * layer's are. */
int wick_sparse_round(struct wick_sparse *sparse, const struct wick_sparse_rows *rows, bool look_ahead, struct wick_diag *diag);
/* Words of a row of the mask. */
static inline size_t wick_sparse_mask_words(const struct wick_sparse *sparse)
{
	return wick_div_up(sparse->model->shape.n_ff, 64);
}
/* Slots for the next round, and the reads of those that are not here. */
void wick_sparse_admit(struct wick_sparse *sparse);
void wick_sparse_draw(struct wick_sparse *sparse);
/* look_ahead.c */
void wick_sparse_look_ahead(struct wick_sparse *sparse, uint32_t layer, const struct wick_sparse_rows *rows);
/* The drive did not answer a prefetch. One such wait for bytes that are not needed yet is enough: there is no prefetch
 * until a reset. */
void wick_sparse_stop_prefetch(struct wick_sparse *sparse);
/* Before a layer's first round: counts how many of its prefetched bundles are among sparse->chosen. After a round: how
 * long it waited. */
void wick_sparse_score_prefetch(struct wick_sparse *sparse, struct wick_member *member);
void wick_sparse_note_wait(struct wick_sparse *sparse, uint64_t waited_ns);
/* -> chosen, for one row, of that number in the batch */
uint32_t wick_sparse_choose(struct wick_sparse *sparse, uint32_t layer, uint32_t row, uint32_t position, const float *x,
	const float *gate);
/* The same, into row i of the mask, too. */
uint32_t wick_sparse_choose_row(struct wick_sparse *sparse, uint32_t layer, uint32_t row, uint32_t position, uint32_t i, const float *x,
	const float *gate);
/* Waits for the reads of a draw and forgets what they brought: their slots stay in flight. */
void wick_sparse_drain(struct wick_sparse *sparse, struct wick_draw *draw);
/* Empties the cache of a layer with slots that nothing will fill any more. */
void wick_sparse_clean(struct wick_sparse *sparse, struct wick_member *member);
