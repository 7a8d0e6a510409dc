/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The report of a run: sentences for people, JSON for programs. */

#include <jansson.h>
#include <stdio.h>
#include <wick/wick.h>

struct run_figures {
	struct wick_stats prompt; /* of evaluating the prompt */
	struct wick_stats decode; /* of the tokens after it */
	uint64_t prompt_ns, decode_ns; /* by the clock */
	uint32_t prompt_tokens;
	uint32_t tokens; /* written */
	uint64_t seed;
	const char *stop; /* why it ended: "length", "eos", "stop", "context", "interrupted" */
	json_t *stopped_by; /* "eos", "stop": the token or text; NULL: neither */
};

/* Model, memory and flash, a line each, and why something better is not used. verbose: also the predictors, the
 * resident weights, the cache, pages and nodes, how flash is read, the drive's profile, and the processor. */
void print_start(const struct wick_report *report, const struct wick_plan *plan, bool verbose, FILE *out);

/* "NAME: 23.5 GB, less than the budget", where free memory is less. */
void print_free(const char *name, const struct wick_plan *plan, FILE *out);

/* The prompt's time, the text's, the reads, and the peak of memory. verbose: also how many neurons. */
void print_figures(const struct run_figures *run, const struct wick_plan *plan, bool verbose, FILE *out);

/* Of the neurons and experts that were wanted, the share that was in memory: what was read ahead and then used was not. */
double hit_ratio(const struct wick_stats *stats);

/* Of experts: how many times what a token chooses their cache holds; and what is drawn: "experts" or "neurons". */
double plan_cycles(const struct wick_plan *plan);
const char *plan_drawn(const struct wick_plan *plan);
/* How many neurons the cache of a layer holds: "320", or "76 to 760" where layers differ. */
#define CACHE_ROWS_TEXT 32
const char *say_cache_rows(char text[CACHE_ROWS_TEXT], const struct wick_plan *plan);
#define CACHE_ROWS(plan) say_cache_rows((char[CACHE_ROWS_TEXT]){ "" }, plan)

json_t *plan_json(const struct wick_plan *plan);
json_t *run_json(const struct run_figures *run, const struct wick_report *report, const struct wick_plan *plan);
