/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The closing lines, and the JSON of a run. */

#include "figures.h"

#include "bits.h"
#include "figures_json.h"
#include "text.h"
#include "progress.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* Nothing is divided by nothing: a run of no tokens has figures of 0. */
static double per(double amount, double by)
{
	return by > 0 ? amount / by : 0;
}

double hit_ratio(const struct wick_stats *stats)
{
	return 1 - per((double)wick_stats_missed(stats), (double)wick_stats_wanted(stats));
}

/* "309 neurons computed a token, 257 read; 10 prefetched and not used" */
static void print_neurons(const struct wick_stats *stats, FILE *out)
{
	double passes = (double)stats->tokens;

	if (stats->bundles_active)
		fprintf(out, "neurons %.0f computed a token, %.0f read; %.0f prefetched and not used\n",
			per((double)stats->bundles_active, passes), per((double)stats->bundles_read, passes),
			per((double)stats->bundles_wasted, passes));
	if (stats->expert_gates)
		fprintf(out, "gates   %.0f%% of the experts' were zero\n", 100 * per((double)stats->expert_zeros, (double)stats->expert_gates));
}

/* "experts 384 a token, 80.1% of them cached: 76.4 read, 218 MB, waited for 81.2 ms; 3.1 prefetched, 0.4 of these wasted" */
static void print_experts(const struct wick_stats *stats, FILE *out)
{
	double passes = (double)stats->tokens;

	fprintf(out, "experts %.0f a token, %.1f%% of them cached: %.1f read, %s, waited for %.1f ms",
		per((double)stats->experts_active, passes), 100 * hit_ratio(stats), per((double)stats->experts_read, passes),
		BYTES(per((double)stats->expert_bytes, passes)), per((double)stats->expert_wait_ns / 1e6, passes));
	if (stats->experts_prefetched)
		fprintf(out, "; %.1f prefetched, %.1f of these wasted", per((double)stats->experts_prefetched, passes),
			per((double)stats->experts_wasted, passes));
	fputc('\n', out);
}

/* Where measured time overruled what the drive's profile says. */
static void print_switches(const struct run_figures *run, FILE *out)
{
	const struct wick_stats *stats = &run->decode;

	if (run->prompt.gap_switches + stats->gap_switches)
		fprintf(out, "        gaps between neurons are %s: reads took %.2f times as long with them as without\n",
			stats->gaps ? "read through again" : "not read through any more", stats->gaps_ratio);
	if (run->prompt.ahead_switches + stats->ahead_switches)
		fprintf(out, "        %s: a layer took %.2f times as long with prefetching as without\n",
			stats->ahead ? "neurons are prefetched again" : "nothing is prefetched any more", stats->ahead_ratio);
}

static void print_flash(const struct run_figures *run, FILE *out)
{
	const struct wick_stats *stats = &run->decode;
	double seconds = (double)run->decode_ns / 1e9;

	if (stats->flash_bytes)
		fprintf(out, "flash   %s a token, %.2f GB/s, %.0f%% of the time spent waiting for it\n",
			BYTES(per((double)stats->flash_bytes, (double)stats->tokens)), per((double)stats->flash_bytes / 1e9, seconds),
			100 * per((double)stats->io_wait_ns, (double)run->decode_ns));
	else
		fprintf(out, "flash   nothing read\n");
	if (run->prompt.prefetch_stops + stats->prefetch_stops)
		fprintf(out, "        the drive did not answer a prefetch, and nothing was prefetched after it\n");
	print_switches(run, out);
	if (stats->retries || stats->repaired)
		fprintf(out, "        %" PRIu64 " reads repeated after errors, %" PRIu64 " blocks right only at the second reading\n",
			stats->retries, stats->repaired);
}

/* A budget that did not hold is a broken promise, not a figure. */
static void print_peak(uint64_t peak_bytes, uint64_t budget_bytes, FILE *out)
{
	if (peak_bytes > budget_bytes)
		fprintf(out, "memory  %s MORE than the budget of %s (%s at most): this is a mistake in wick, please report it\n",
			BYTES(peak_bytes - budget_bytes), BYTES(budget_bytes), BYTES(peak_bytes));
	else
		fprintf(out, "memory  %s at most, of a budget of %s\n", BYTES(peak_bytes), BYTES(budget_bytes));
}

void print_figures(const struct run_figures *run, const struct wick_plan *plan, bool verbose, FILE *out)
{
	const struct wick_stats *stats = &run->decode;
	double seconds = (double)run->decode_ns / 1e9, passes = (double)stats->tokens;

	fprintf(out, "\nprompt  %u token%s in %.2f s\n", run->prompt_tokens, run->prompt_tokens == 1 ? "" : "s",
		(double)run->prompt_ns / 1e9);
	fprintf(out, "text    %u tokens, %.2f tokens/s, %.1f ms a token; stop: %s%s%s; seed: %" PRIu64 "\n", run->tokens,
		per(passes, seconds), per(1e3 * seconds, passes), run->stop, run->stopped_by ? " " : "",
		SHOWN(json_string_value(run->stopped_by)), run->seed);
	print_flash(run, out);
	if (stats->experts_read || (verbose && stats->experts_active))
		print_experts(stats, out);
	if (verbose)
		print_neurons(stats, out);
	print_peak(stats->peak_bytes, plan->budget_bytes, out);
}

static void set_count(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *key, const char *value)
{
	json_object_set_new(object, key, wick_json_name(value));
}

static void set_real(json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, json_real(value));
}

static void set_experts(json_t *json, const struct wick_stats *stats)
{
	set_count(json, "experts_active", stats->experts_active);
	set_count(json, "experts_read", stats->experts_read);
	set_count(json, "experts_prefetched", stats->experts_prefetched);
	set_count(json, "experts_wasted", stats->experts_wasted);
	set_real(json, "hit_ratio", hit_ratio(stats));
	if (stats->expert_gates)
		set_real(json, "gate_zeros", per((double)stats->expert_zeros, (double)stats->expert_gates));
	set_real(json, "experts_per_token", per((double)stats->experts_active, (double)stats->tokens));
	set_real(json, "experts_read_per_token", per((double)stats->experts_read, (double)stats->tokens));
	set_real(json, "experts_prefetched_per_token", per((double)stats->experts_prefetched, (double)stats->tokens));
	set_real(json, "experts_wasted_per_token", per((double)stats->experts_wasted, (double)stats->tokens));
	set_real(json, "expert_bytes_per_token", per((double)stats->expert_bytes, (double)stats->tokens));
	set_real(json, "expert_wait_ms", per((double)stats->expert_wait_ns / 1e6, (double)stats->tokens));
}

/* The plan's members, in its own order. */
static const struct {
	const char *key;
	size_t offset;
	bool wide; /* 64 bits */
} plan_members[] = {
#define MEMBER(name) { #name, offsetof(struct wick_plan, name), sizeof(((struct wick_plan *)0)->name) == 8 }
	MEMBER(budget_bytes), MEMBER(total_bytes), MEMBER(process_bytes), MEMBER(metadata_bytes), MEMBER(vector_bytes),
	MEMBER(kv_bytes), MEMBER(activation_bytes), MEMBER(staging_bytes), MEMBER(resident_bytes), MEMBER(swept_bytes),
	MEMBER(weight_bytes), MEMBER(source_bytes), MEMBER(minimum_bytes), MEMBER(whole_bytes), MEMBER(free_bytes),
	MEMBER(ctx),	MEMBER(threads), MEMBER(unit_count), MEMBER(unit_bytes), MEMBER(predictor_bytes), MEMBER(cache_bytes),
	MEMBER(drawn_bytes), MEMBER(cache_rows), MEMBER(cache_rows_least),
	MEMBER(cache_rows_most), MEMBER(window),
#undef MEMBER
};

json_t *plan_json(const struct wick_plan *plan)
{
	json_t *json = json_object();

	for (size_t i = 0; i < WICK_COUNT_OF(plan_members); i++) {
		const void *at = (const char *)plan + plan_members[i].offset;

		set_count(json, plan_members[i].key,
			plan_members[i].wide ? *(const uint64_t *)at : *(const uint32_t *)at);
	}
	if (plan->gate_bytes)
		set_count(json, "gate_bytes", plan->gate_bytes);
	if (plan->kv_window_layers) {
		set_count(json, "kv_window_bytes", plan->kv_window_bytes);
		set_count(json, "kv_window_layers", plan->kv_window_layers);
	}
	if (plan->cycle_bytes) {
		set_count(json, "cycle_bytes", plan->cycle_bytes);
		set_count(json, "expert_slots", plan->expert_slots);
		set_real(json, "cache_cycles", plan_cycles(plan));
	}
	return json;
}

static void set_report(json_t *json, const struct wick_report *report)
{
	set_text(json, "model", report->model);
	set_text(json, "arch", report->arch);
	set_text(json, "type", report->type);
	set_text(json, "mode", report->mode);
	if (report->gate_percent > 0)
		set_real(json, "gate_percent", (double)report->gate_percent);
	set_text(json, "io", report->io);
	set_text(json, "io_why", report->io_why);
	json_object_set_new(json, "direct", json_boolean(report->direct));
	set_text(json, "direct_why", report->direct_why);
	json_object_set_new(json, "verified", json_boolean(report->verified));
	set_text(json, "sums", report->sums);
	set_text(json, "profile", report->profile);
	set_text(json, "kernels", report->kernels);
	set_text(json, "pages", report->pages);
	set_text(json, "limit", report->limit);
	set_text(json, "numa", report->numa);
	set_text(json, "predictors", report->predictors);
	set_text(json, "predictors_path", report->predictors_path);
	json_object_set_new(json, "lookahead", json_boolean(report->lookahead));
	set_text(json, "lookahead_why", report->lookahead_why);
	set_count(json, "cpus", report->cpus);
	set_text(json, "threads_why", report->threads_why);
}

json_t *run_json(const struct run_figures *run, const struct wick_report *report, const struct wick_plan *plan)
{
	const struct wick_stats *stats = &run->decode;
	double passes = (double)stats->tokens, ms = (double)run->decode_ns / 1e6;
	double wait_ms = (double)stats->io_wait_ns / 1e6;
	json_t *json = json_object();

	set_report(json, report);
	set_count(json, "seed", run->seed);
	set_count(json, "prompt_tokens", run->prompt_tokens);
	set_real(json, "prompt_ms", (double)run->prompt_ns / 1e6);
	set_count(json, "prompt_flash_bytes", run->prompt.flash_bytes);
	set_count(json, "tokens", run->tokens);
	set_text(json, "stop", run->stop);
	if (run->stopped_by)
		json_object_set(json, "stopped_by", run->stopped_by);
	set_real(json, "ms_per_token", per(ms, passes));
	set_real(json, "tokens_per_s", per(1e3 * passes, ms));
	set_real(json, "io_wait_ms", per(wait_ms, passes));
	set_real(json, "io_busy_ms", per((double)stats->io_busy_ns / 1e6, passes));
	set_real(json, "compute_ms", per((double)stats->compute_ns / 1e6, passes));
	set_real(json, "predict_ms", per((double)stats->predict_ns / 1e6, passes));
	set_real(json, "manage_ms", per((double)stats->manage_ns / 1e6, passes));
	set_real(json, "neurons_per_token", per((double)stats->bundles_active, passes));
	set_real(json, "neurons_read_per_token", per((double)stats->bundles_read, passes));
	set_real(json, "neurons_ahead_per_token", per((double)stats->bundles_prefetched, passes));
	set_real(json, "neurons_wasted_per_token", per((double)stats->bundles_wasted, passes));
	if (stats->experts_active)
		set_experts(json, stats);
	set_real(json, "io_wait_share", per(wait_ms, ms));
	set_real(json, "flash_bytes_per_token", per((double)stats->flash_bytes, passes));
	set_real(json, "reads_per_token", per((double)stats->reads, passes));
	set_real(json, "mb_per_s", per((double)stats->flash_bytes / 1e3, ms));
	set_count(json, "retries", run->prompt.retries + stats->retries);
	set_count(json, "resumed", run->prompt.resumed + stats->resumed);
	set_count(json, "repaired", run->prompt.repaired + stats->repaired);
	set_count(json, "prefetch_stops", run->prompt.prefetch_stops + stats->prefetch_stops);
	json_object_set_new(json, "gaps_read_through", json_boolean(stats->gaps));
	set_real(json, "gaps_ratio", stats->gaps_ratio);
	set_count(json, "gap_switches", run->prompt.gap_switches + stats->gap_switches);
	json_object_set_new(json, "prefetching", json_boolean(stats->ahead));
	set_real(json, "prefetch_ratio", stats->ahead_ratio);
	set_count(json, "prefetch_switches", run->prompt.ahead_switches + stats->ahead_switches);
	set_real(json, "load_ms", (double)stats->load_ns / 1e6);
	set_count(json, "load_bytes", stats->load_bytes);
	set_count(json, "peak_bytes", stats->peak_bytes);
	set_count(json, "budget_bytes", plan->budget_bytes);
	json_object_set_new(json, "plan", plan_json(plan));
	return json;
}
