/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of wick trace stats: a layer of a trace as lists, the curves that describe it, and the reads of each policy
 * for it. Layers are loaded in groups, so that memory is bounded whatever the trace. */

#include "trace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#define STATS_GROUP_BYTES (256u << 20) /* of layers in memory; a single one may take more */
#define STATS_CAPACITIES_MAX 16
#define STATS_WINDOW_MAX 128 /* tokens, of the curve of distinct neurons */
#define STATS_FRIENDS 4

/* One layer: token t's active neurons are ids[start[t]] .. ids[start[t + 1] - 1], ascending. */
struct stats_layer {
	uint32_t layer, n_ff, tokens;
	uint64_t *start; /* (tokens + 1) */
	uint32_t *ids;
	uint32_t active_max; /* of a token */
};

/* The statistics of a trace. Shares are of n_ff. */
struct stats_curves {
	double *active; /* (layers) */
	uint64_t reused_uses, reusable_uses; /* uses that follow one at the token before, and all that might */
	uint32_t windows; /* of distinct; as the trace is long enough for */
	double distinct[STATS_WINDOW_MAX + 1]; /* [k], over k tokens */
	double friends[STATS_FRIENDS], friends_cold[STATS_FRIENDS]; /* how often they fire with one; without the hot */
	uint32_t friends_of; /* neurons looked at */
};

extern const uint32_t stats_friend_ranks[STATS_FRIENDS]; /* closest, second, ... */

enum stats_method {
	STATS_BELADY, /* knows the future */
	STATS_TOLD,   /* knows each neuron's chance */
	STATS_DECAY,
	STATS_LRU,
	STATS_WINDOW, /* of as many tokens as fit on average */
	STATS_METHODS,
};

extern const char *const stats_method_names[STATS_METHODS];

struct stats_replay {
	double share;                 /* of n_ff that has a row */
	uint64_t rows;                /* of all layers */
	uint64_t read[STATS_METHODS]; /* bundles, warm-up excluded */
	uint32_t raised;              /* layers with more rows than that, since so many are active at once */
	double window;                /* tokens, mean over layers */
};

struct stats {
	struct wick_trace *trace;
	const struct wick_trace_shape *shape;
	uint32_t warm_up; /* tokens */
	uint64_t stride;  /* bytes of a bundle; 0: not known */
	struct stats_curves curves;
	struct stats_replay replay[STATS_CAPACITIES_MAX];
	unsigned capacities;
	double scale; /* of a made-up trace's chances, wick_synth_solve(); 0: not known yet */
	uint64_t group_bytes; /* 0: STATS_GROUP_BYTES */
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
	bool (*stop)(void); /* asked within a layer; NULL: never */
};

/* -ECANCELED once stop says so. */
static inline int stats_stopped(const struct stats *stats)
{
	return stats->stop && stats->stop() ? -ECANCELED : 0;
}

/* Calls visit for every layer in order. */
int stats_each_layer(struct stats *stats, int (*visit)(struct stats *stats, const struct stats_layer *layer,
	struct wick_diag *diag), struct wick_diag *diag);

int stats_curves_begin(struct stats *stats, struct wick_diag *diag);
int stats_curves_add(struct stats *stats, const struct stats_layer *layer, struct wick_diag *diag);
void stats_curves_end(struct stats *stats);

/* Distinct neurons over k = 1 .. windows tokens, on average: count[k]. Returns windows, as many as the trace allows. */
uint32_t stats_distinct(const struct stats_layer *layer, double count[STATS_WINDOW_MAX + 1]);

/* All methods at all capacities, over one layer; adds to stats->replay. */
int stats_replay_add(struct stats *stats, const struct stats_layer *layer, struct wick_diag *diag);

void stats_print(const struct stats *stats, FILE *out);
int stats_print_json(const struct stats *stats, FILE *out);
int stats_write_svg(const struct stats *stats, const char *path, struct wick_diag *diag);
