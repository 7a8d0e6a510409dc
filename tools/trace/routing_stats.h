/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* wick trace stats of a trace of routing: how much of a token's experts the next ones choose again, how even they are, and what
 * a cache for all layers finds, by policy. */

#include "routing.h"

#include <stdio.h>

#define ROUTING_LAGS 8     /* 1, 2, 4 ... 128 tokens */
#define ROUTING_UNIONS 4   /* 2, 4, 8, 16 tokens */
#define ROUTING_SHARES_MAX 16

enum routing_method { ROUTING_BELADY, ROUTING_NEXTUSE, ROUTING_DECAY, ROUTING_STALE, ROUTING_LRU, ROUTING_METHODS };

extern const char *const routing_method_names[ROUTING_METHODS];

struct routing_stats {
	struct wick_routing routing;
	uint32_t warm_up;
	double lag[ROUTING_LAGS];     /* share of a token's experts that are chosen so many tokens later; below 0: too short */
	double popular;               /* the same of two tokens that know nothing of each other */
	double top_quarter;           /* share of choices that a layer's most chosen quarter of experts has: the median layer's */
	double uni[ROUTING_UNIONS];   /* different experts of so many tokens in a row, in those of one */
	double recall;                /* of the guesses, as many as are chosen; below 0: there are none */
	unsigned shares;
	struct {
		double share;             /* of all experts that have a slot */
		double cycles;
		double hits[ROUTING_METHODS]; /* below 0: fewer slots than a token chooses */
	} cache[ROUTING_SHARES_MAX];
};

/* cache[].share and shares are the caller's. */
int routing_stats_make(struct routing_stats *stats, struct wick_diag *diag);
void routing_stats_print(const struct routing_stats *stats, const struct wick_trace_shape *shape, FILE *out);
int routing_stats_print_json(const struct routing_stats *stats, const struct wick_trace_shape *shape, FILE *out);
