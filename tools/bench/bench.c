/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One row: an engine opened, tokens until it is warm, tokens that count (see bench.h). */

#include "bench.h"

#include "bench_order.h"
#include "clock.h"
#include "engine_options.h"
#include "median.h"
#include "progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wick/instruments.h>

#define ENOUGH_NS 20000000000u /* a slow way is timed no longer than this, */
#define TOKENS_MIN 3u          /* once it has as many tokens */

/* The figures of each token: columns, so that each has its median. */
enum { MS, IO_WAIT_MS, IO_BUSY_MS, COMPUTE_MS, FLASH_BYTES, READS, FLASH_FLOOR_MS, MEMORY_FLOOR_MS,
	DEPENDENT_FLOOR_MS, HIT_SHARE, FIGURES };

struct timing {
	struct wick *wick;
	struct wick_session *session;
	const struct bench_way *way;
	double memory_mb_per_s;
	double *figures[FIGURES]; /* (tokens) */
	uint32_t token; /* that is evaluated next */
	struct wick_diag *diag;
};

/* Evaluates the current token, picks the next one, which costs nothing here, and keeps the figures as number i. */
static int time_token(struct timing *timing, uint32_t i)
{
	static const struct wick_sampling sampling = { .size = sizeof(sampling), .temp = 0.8f, .top_p = 0.95f };
	struct wick_stats stats;
	uint64_t begun_ns;
	int rc;

	if (timing->way->forgets)
		wick_forget(timing->wick);
	wick_stats_reset(timing->wick);
	begun_ns = wick_now_ns();
	rc = wick_session_eval(timing->session, &timing->token, 1, NULL, NULL, timing->diag);
	timing->figures[MS][i] = (double)(wick_now_ns() - begun_ns) / 1e6;
	if (rc)
		return rc;
	wick_stats(timing->wick, &stats);
	timing->figures[IO_WAIT_MS][i] = (double)stats.io_wait_ns / 1e6;
	timing->figures[COMPUTE_MS][i] = timing->figures[MS][i] - timing->figures[IO_WAIT_MS][i];
	timing->figures[FLASH_BYTES][i] = (double)stats.flash_bytes;
	timing->figures[READS][i] = (double)stats.reads;
	timing->figures[IO_BUSY_MS][i] = (double)stats.io_busy_ns / 1e6;
	timing->figures[FLASH_FLOOR_MS][i] = (double)stats.flash_floor_ns / 1e6;
	timing->figures[MEMORY_FLOOR_MS][i] = (double)stats.memory_bytes / timing->memory_mb_per_s / 1e3;
	timing->figures[DEPENDENT_FLOOR_MS][i] = (double)stats.dependent_floor_ns / 1e6;
	timing->figures[HIT_SHARE][i] = stats.experts_active ?
		1 - (double)(stats.experts_read - stats.experts_wasted) / (double)stats.experts_active : 0;
	timing->token = wick_session_sample(timing->session, &sampling);
	return interrupted() ? wick_diag_say(timing->diag, -ECANCELED, "stopped") : 0;
}

const char *bench_name(const struct bench_row *row)
{
	return row->way->name ? row->way->name : row->mode;
}

static int time_tokens(struct timing *timing, struct bench_row *row, uint32_t most)
{
	struct progress progress;
	uint64_t begun_ns;
	int rc = 0;

	progress_begin(&progress, "");
	for (uint32_t i = 0; !rc && i < row->warm_up; i++) {
		progress_say(&progress, "%s: warming up, token %u of %u", bench_name(row), i + 1, row->warm_up);
		rc = time_token(timing, 0);
	}
	begun_ns = wick_now_ns();
	for (row->tokens = 0; !rc && row->tokens < most; row->tokens++) {
		if (row->tokens >= TOKENS_MIN && wick_now_ns() - begun_ns > ENOUGH_NS)
			break;
		progress_say(&progress, "%s: token %u of %u, the last one in %.1f ms", bench_name(row), row->tokens + 1, most,
			row->tokens ? timing->figures[MS][row->tokens - 1] : 0.0);
		rc = time_token(timing, row->tokens);
	}
	progress_end(&progress);
	return rc;
}

static int time_engine(struct wick *wick, struct bench_row *row, const struct bench_job *job)
{
	struct timing timing = { .wick = wick, .way = row->way, .diag = job->diag,
		.memory_mb_per_s = job->memory_mb_per_s };
	double *into[FIGURES] = { [MS] = &row->ms, [IO_WAIT_MS] = &row->io_wait_ms, [IO_BUSY_MS] = &row->io_busy_ms,
		[COMPUTE_MS] = &row->compute_ms, [FLASH_BYTES] = &row->flash_bytes, [READS] = &row->reads,
		[FLASH_FLOOR_MS] = &row->flash_floor_ms, [MEMORY_FLOOR_MS] = &row->memory_floor_ms,
		[DEPENDENT_FLOOR_MS] = &row->dependent_floor_ms, [HIT_SHARE] = &row->hit_share };
	double *figures = malloc(FIGURES * job->tokens * sizeof(*figures));
	int64_t bos_count;
	int rc;

	if (!figures)
		return -ENOMEM;
	for (unsigned f = 0; f < FIGURES; f++)
		timing.figures[f] = figures + (size_t)f * job->tokens;
	bos_count = wick_tokenize(wick, "", 0, WICK_TOKENIZE_BOS, &timing.token, 1); /* without one, token 0 begins */
	rc = bos_count < 0 ? (int)bos_count : wick_session_create(&timing.session, wick, job->diag);
	if (!rc) {
		wick_session_seed(timing.session, 1);
		rc = time_tokens(&timing, row, job->tokens);
	}
	for (unsigned f = 0; !rc && f < FIGURES; f++)
		*into[f] = wick_median(timing.figures[f], row->tokens);
	free(figures);
	return rc;
}

static void keep_report(struct bench_row *row, const struct wick_report *report)
{
	snprintf(row->model, sizeof(row->model), "%s", report->model);
	snprintf(row->type, sizeof(row->type), "%s", report->type);
	snprintf(row->mode, sizeof(row->mode), "%s", report->mode);
}

int bench_run(struct bench_row *row, const struct bench_way *way, const struct bench_job *job)
{
	const struct wick_instruments off = { .size = sizeof(off), .no_bridge = !way->bridge, .no_overlap = !way->overlap,
		.no_bundles = !way->bundled, .no_gate_first = !way->gate_first, .memory_mb_per_s = job->memory_mb_per_s };
	struct wick_options options = job->options;
	const char *model_path = job->model_path;
	struct wick_plan predicted;
	struct wick *wick;
	int rc;

	*row = (struct bench_row){ .way = way };
	options.mode = way->mode;
	options.policy = way->policy;
	options.instruments = &off;
	options.lookahead = way->lookahead;
	if (way->mode && strcmp(way->mode, "sparse") && !way->experts)
		options.trace = NULL;
	if (way->ordered && job->ordered) {
		model_path = job->ordered->model;
		options.trace = job->ordered->trace;
	}
	rc = wick_plan(model_path, &options, &predicted, job->diag);
	row->warm_up = predicted.cache_rows || predicted.expert_slots ? job->tokens : 1; /* there are caches to fill */
	if (!rc && row->warm_up + job->tokens > predicted.ctx)
		rc = wick_diag_say(job->diag, -ENOSPC, "--tokens %u: with %u before them they need a context of %u, and it is "
			"%u (--ctx)", job->tokens, row->warm_up, row->warm_up + job->tokens, predicted.ctx);
	if (!rc)
		rc = engine_open(&wick, model_path, &options, job->diag);
	if (rc)
		return rc;
	row->plan = *wick_plan_of(wick);
	row->plan.predicted_ms_per_token = predicted.predicted_ms_per_token;
	if (way->forgets) /* no plan does */
		row->plan.predicted_ms_per_token = 0;
	keep_report(row, wick_report_of(wick));
	rc = time_engine(wick, row, job);
	wick_close(wick);
	return rc;
}

/* Weights that stay, with predictors and bundle caches. */
static uint64_t dram_bytes(const struct wick_plan *plan)
{
	return plan->vector_bytes + plan->resident_bytes + plan->predictor_bytes + plan->cache_bytes;
}

static bool knows_flash(const struct bench_row *row)
{
	return row->flash_floor_ms > 0 || !(row->plan.swept_bytes + row->plan.drawn_bytes);
}

/* How many times as long as the larger floor; 0 where one of them is not known, as memory's is not of what the
 * processor's cache holds. */
static double over_floor(const struct bench_row *row)
{
	long cache_bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
	bool cached = cache_bytes > 0 && row->plan.weight_bytes <= (uint64_t)cache_bytes;
	double floor_ms = row->flash_floor_ms > row->memory_floor_ms ? row->flash_floor_ms : row->memory_floor_ms;

	if (row->plan.expert_slots)
		return row->dependent_floor_ms > 0 ? row->ms / row->dependent_floor_ms : 0;
	return floor_ms > 0 && !cached && knows_flash(row) ? row->ms / floor_ms : 0;
}

/* The share of the drive's reading time that the processor did not wait for. */
static double hidden_share(const struct bench_row *row)
{
	return row->io_busy_ms > row->io_wait_ms ? 1 - row->io_wait_ms / row->io_busy_ms : 0;
}

/* In six columns, with as many decimals as there is room for. */
static void print_figure(double value, FILE *out)
{
	fprintf(out, " %5.*f", value < 99.995 ? 2 : value < 999.95 ? 1 : 0, value);
}

/* One that may not be known. */
static void print_known(double value, FILE *out)
{
	if (value > 0)
		print_figure(value, out);
	else
		fprintf(out, " %5s", "-");
}

static json_t *known(double value)
{
	return value > 0 ? json_real(value) : json_null();
}

/* Of experts the floor is one that knows that reads depend on routers, and hits are shown. */
void bench_print_head(bool experts, FILE *out)
{
	fprintf(out, "              MB    MB                ms    ms    ms    ms    ms    ms%s\n", experts ? "             %" : "");
	fprintf(out, "            DRAM flash reads  GB/s  wait  comp total  plan %s   mem x floor%s\n", experts ? "floor" : "drive",
		experts ? "  hits" : "");
}

void bench_print_row(const struct bench_row *row, FILE *out)
{
	fprintf(out, "%-10s", bench_name(row));
	print_figure((double)dram_bytes(&row->plan) / 1e6, out);
	print_figure(row->flash_bytes / 1e6, out);
	fprintf(out, " %5.0f", row->reads);
	print_figure(row->ms > 0 ? row->flash_bytes / 1e6 / row->ms : 0, out);
	print_figure(row->io_wait_ms, out);
	print_figure(row->compute_ms, out);
	print_figure(row->ms, out);
	print_known(row->plan.predicted_ms_per_token, out);
	print_known(row->plan.expert_slots ? row->dependent_floor_ms : row->flash_floor_ms, out);
	print_known(row->memory_floor_ms, out);
	fputs("  ", out);
	print_known(over_floor(row), out);
	if (row->plan.expert_slots)
		print_figure(100 * row->hit_share, out);
	putc('\n', out);
}

static json_t *row_json(const struct bench_row *row)
{
	double mb_per_s = row->ms > 0 ? row->flash_bytes / 1e3 / row->ms : 0;

	return json_pack("{s:s, s:s?, s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o, s:f, s:o, s:i, s:i}", "name",
		bench_name(row), "adds", row->way->adds, "mode", row->mode, "dram_bytes", (json_int_t)dram_bytes(&row->plan), "budget_bytes",
		(json_int_t)row->plan.budget_bytes, "flash_bytes_per_token", row->flash_bytes, "reads_per_token",
		row->reads, "mb_per_s", mb_per_s, "io_wait_ms", row->io_wait_ms, "io_busy_ms", row->io_busy_ms,
		"hidden_share", hidden_share(row), "compute_ms", row->compute_ms, "ms_per_token", row->ms, "plan_ms",
		known(row->plan.predicted_ms_per_token), "flash_floor_ms",
		knows_flash(row) ? json_real(row->flash_floor_ms) : json_null(), "memory_floor_ms", row->memory_floor_ms,
		"floor_ratio", known(over_floor(row)), "tokens", (int)row->tokens, "warm_up",
		(int)row->warm_up);
}

/* Of experts, two figures more. */
static json_t *whole_json(const struct bench_row *row)
{
	json_t *json = row_json(row);

	if (row->plan.expert_slots) {
		json_object_set_new(json, "dependent_floor_ms", known(row->dependent_floor_ms));
		json_object_set_new(json, "hit_share", json_real(row->hit_share));
	}
	return json;
}

json_t *bench_json(const struct bench_row *rows, unsigned count)
{
	json_t *modes = json_array();

	for (unsigned i = 0; i < count; i++)
		if (json_array_append_new(modes, whole_json(&rows[i]))) {
			json_decref(modes);
			return NULL;
		}
	return modes;
}
