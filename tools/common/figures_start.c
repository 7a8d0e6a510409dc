/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The start-up lines: model, memory and flash in a line each, and a line for each thing that is worse than it could be.
 * The rest is for those who ask (-v). */

#include "figures.h"

#include "engine_options.h"
#include "progress.h"
#include "text.h"

#include <math.h>
#include <string.h>

static void print_why(const char *instead_of, const char *why, FILE *out)
{
	if (why && *why)
		fprintf(out, "        not %s: %s\n", instead_of, SHOWN(why));
}

/* "opt-8m: opt, f16, 16.5 MB of weights; mode sparse" */
static void print_model(const struct wick_report *report, const struct wick_plan *plan, FILE *out)
{
	fprintf(out, "model   %s: %s, %s, %s of weights; mode %s\n", SHOWN(report->model), report->arch, report->type,
		BYTES(plan->source_bytes), report->mode);
	if (plan->random_weights)
		fprintf(out, "        synthetic: its weights are random, and its text means nothing\n");
}

/* Which predictors choose the neurons, and which policy keeps them. */
static void print_sparse(const struct wick_report *report, const struct wick_plan *plan, FILE *out)
{
	if (!*report->policy)
		return;
	fprintf(out, "        neurons chosen by ");
	if (plan->gate_bytes && strcmp(report->predictors, "trace"))
		fprintf(out, "their gates, %s of weights", BYTES(plan->gate_bytes));
	else if (strcmp(report->predictors, "trace"))
		fprintf(out, "%s predictors, %s of ", report->predictors, BYTES(plan->predictor_bytes));
	fprintf(out, "%s\n", SHOWN(report->predictors_path));
	fprintf(out, "        cache policy %s", report->policy);
	if (plan->window)
		fprintf(out, " of %u tokens", plan->window);
	fprintf(out, "%s\n", report->lookahead ? "; the next layer's neurons are prefetched" : "");
	print_why("prefetched", report->lookahead_why, out);
}

/* "19.1 MB = 9.2 for the process + 9.9 for weights, KV cache and buffers": three numbers in the unit of the first,
 * rounded so that they add up. */
static void print_budget(const struct wick_plan *plan, FILE *out)
{
	struct bytes_unit unit = bytes_unit((double)plan->budget_bytes);
	double budget = (double)plan->budget_bytes / unit.bytes, process = (double)plan->process_bytes / unit.bytes;
	int decimals = process < 0.95 ? 2 : 1;
	double steps = pow(10, decimals);

	if (process * steps < 0.5) {
		fprintf(out, "memory  %s: %s for the process, the rest for weights, KV cache and buffers\n", BYTES(plan->budget_bytes),
			BYTES(plan->process_bytes));
		return;
	}
	budget = round(budget * steps) / steps;
	process = round(process * steps) / steps;
	fprintf(out, "memory  %.*f %s = %.*f for the process + %.*f for weights, KV cache and buffers\n", decimals, budget, unit.name,
		decimals, process, decimals, budget - process);
}

void print_free(const char *name, const struct wick_plan *plan, FILE *out)
{
	if (plan->free_bytes && plan->budget_bytes > plan->free_bytes)
		fprintf(out, "%s: %s, less than the budget\n", name, BYTES(plan->free_bytes));
}

double plan_cycles(const struct wick_plan *plan)
{
	return plan->cycle_bytes ? (double)plan->cache_bytes / (double)plan->cycle_bytes : 0;
}

const char *say_cache_rows(char text[CACHE_ROWS_TEXT], const struct wick_plan *plan)
{
	if (plan->cache_rows_least < plan->cache_rows_most)
		snprintf(text, CACHE_ROWS_TEXT, "%u to %u", plan->cache_rows_least, plan->cache_rows_most);
	else
		snprintf(text, CACHE_ROWS_TEXT, "%u", plan->cache_rows);
	return text;
}

const char *plan_drawn(const struct wick_plan *plan)
{
	return plan->expert_slots ? "experts" : "neurons";
}

/* The parts of the model that are in memory, and their pages. */
static void print_resident(const struct wick_report *report, const struct wick_plan *plan, FILE *out)
{
	if (engine_options.memory.percent > 0)
		fprintf(out, "        %g%% of the weights, and what the process takes\n", engine_options.memory.percent);
	fprintf(out, "        %s of weights resident\n", BYTES(plan->resident_bytes));
	if (plan->expert_slots)
		fprintf(out, "        %u experts cached, %s of %s: %.1f times what a token chooses%s\n", plan->expert_slots,
			BYTES(plan->cache_bytes), BYTES(plan->drawn_bytes), plan_cycles(plan),
			plan_cycles(plan) < 1 ? ", so that few are found there" : "");
	else if (plan->drawn_bytes)
		fprintf(out, "        %s neurons of each layer cached, %s of %s\n", CACHE_ROWS(plan), BYTES(plan->cache_bytes),
			BYTES(plan->drawn_bytes));
	fprintf(out, "        KV cache for %u tokens of context, %s\n", plan->ctx, BYTES(plan->kv_bytes));
	fprintf(out, "        %s; %s\n", report->pages, report->numa);
}

/* "5.2 MB read for every token, and what it needs of 11.8 MB of neurons" */
static void print_reading(const struct wick_plan *plan, FILE *out)
{
	if (plan->swept_bytes && plan->drawn_bytes)
		fprintf(out, "flash   %s read for every token, and what it needs of %s of %s\n", BYTES(plan->swept_bytes),
			BYTES(plan->drawn_bytes), plan_drawn(plan));
	else if (plan->swept_bytes)
		fprintf(out, "flash   %s read for every token\n", BYTES(plan->swept_bytes));
	else if (plan->drawn_bytes)
		fprintf(out, "flash   what a token needs of %s of %s is read for it\n", BYTES(plan->drawn_bytes), plan_drawn(plan));
	else
		fprintf(out, "flash   nothing to read: all weights fit in memory\n");
}

static void print_method(const struct wick_report *report, bool verbose, FILE *out)
{
	if (!report->verified)
		fprintf(out, "        not verified: damage goes unnoticed\n");
	else if (verbose && report->sums[0])
		fprintf(out, "        %s\n", SHOWN(report->sums));
	print_why("uring", report->io_why, out);
	print_why("direct", report->direct_why, out);
	if (verbose)
		fprintf(out, "        %s, %s\n        %s\n", report->io, report->direct ? "direct" : "buffered",
			SHOWN(report->profile));
}

static void print_processor(const struct wick_report *report, const struct wick_plan *plan, FILE *out)
{
	fprintf(out, "cpu     %s, %u thread%s", report->kernels, plan->threads, plan->threads == 1 ? "" : "s");
	if (plan->threads > report->cpus)
		fprintf(out, " on %u CPU%s", report->cpus, report->cpus == 1 ? "" : "s");
	if (*report->threads_why)
		fprintf(out, " (%s)", report->threads_why);
	fprintf(out, "\n");
}

void print_start(const struct wick_report *report, const struct wick_plan *plan, bool verbose, FILE *out)
{
	print_model(report, plan, out);
	if (report->gate_percent > 0)
		fprintf(out, "        the smallest %g%% of its gates are taken for 0: answers are not the model's\n",
			(double)report->gate_percent);
	if (verbose)
		print_sparse(report, plan, out);
	print_budget(plan, out);
	if (strcmp(report->kv_type, "f16"))
		fprintf(out, "        keys and values are %s: answers are not those of f16\n", report->kv_type);
	if (*report->limit)
		fprintf(out, "        %s\n", report->limit);
	else
		print_free("        free memory", plan, out);
	if (verbose)
		print_resident(report, plan, out);
	print_reading(plan, out);
	print_method(report, verbose, out);
	if (verbose || *report->threads_why)
		print_processor(report, plan, out);
	fputc('\n', out);
}
