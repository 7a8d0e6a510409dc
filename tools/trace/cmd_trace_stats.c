/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick trace stats FILE */

#include "gnuplot.h"
#include "progress.h"
#include "routing_stats.h"
#include "trace_commands.h"
#include "trace_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *trace_path, *capacity_text, *like_path, *svg_path;
static uint32_t warm_up;
static bool as_json;
static struct stats stats;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_TEXT, .name = "capacity", .value = "LIST", .into.text = &capacity_text,
		.help = "shares of the neurons that have a place in memory, in percent (25,35,50; of experts 12.5,25,50,75)" },
	{ OPT_COUNT, .name = "warm-up", .value = "N", .into.count = &warm_up,
		.help = "tokens before reads are counted (a quarter of them; of routing half)" },
	{ OPT_INPUT, .name = "like", .value = "MODEL", .into.text = &like_path,
		.help = "a packed model that the trace must fit, for the bytes of a neuron" },
	{ OPT_OUTPUT, .name = "svg", .value = "FILE", .into.text = &svg_path,
		.help = "a figure of distinct neurons against tokens, by gnuplot" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "JSON instead" },
	{ OPT_END },
};

static void init(void)
{
	capacity_text = NULL;
	warm_up = UINT32_MAX;
}

static int read_capacities(const char *text, struct wick_diag *diag)
{
	const char *rest = text;

	for (stats.capacities = 0; *rest || !stats.capacities; stats.capacities++) {
		char *end;
		double percent = strtod(rest, &end);

		if (end == rest || (*end && *end != ',') || (*end == ',' && !end[1]) || !(percent > 0 && percent <= 100))
			return wick_diag_say(diag, -EINVAL, "--capacity takes percentages after commas, not '%s'", text);
		if (stats.capacities == STATS_CAPACITIES_MAX)
			return wick_diag_say(diag, -EINVAL, "--capacity takes up to %d of them", STATS_CAPACITIES_MAX);
		stats.replay[stats.capacities].share = percent / 100;
		rest = end + (*end == ',');
	}
	return 0;
}

static int check(struct wick_diag *diag)
{
	return read_capacities(capacity_text ? capacity_text : "25,35,50", diag);
}

static int visit(struct stats *of, const struct stats_layer *layer, struct wick_diag *diag)
{
	int rc = stats_curves_add(of, layer, diag);

	return rc ? rc : stats_replay_add(of, layer, diag);
}

/* The model that it must be like; and how many tokens come before reads are counted: one in so many, unless it is said. */
static int fit(uint32_t one_in, struct wick_diag *diag)
{
	bool of_experts = stats.shape->chosen;
	struct trace_model model;
	int rc = like_path ? trace_model_read(like_path, &model, diag) : 0;

	if (!rc && like_path) {
		rc = wick_trace_fits(stats.trace, model.layers, of_experts ? model.experts : model.n_ff, of_experts ? model.chosen : 0,
			model.crc, diag);
		stats.stride = model.stride;
	}
	if (rc)
		return rc;
	stats.warm_up = warm_up == UINT32_MAX ? stats.shape->tokens / one_in : warm_up;
	if (stats.warm_up < stats.shape->tokens)
		return 0;
	return wick_diag_say(diag, -EINVAL, "--warm-up %u: %s has only %u tokens", stats.warm_up, trace_path, stats.shape->tokens);
}

_Static_assert(ROUTING_SHARES_MAX == STATS_CAPACITIES_MAX, "what --capacity takes has room in both");

/* Of the whole trace at once, which is small. */
static int measure_routing(struct wick_diag *diag)
{
	int rc = fit(2, diag);
	struct routing_stats of = { .warm_up = stats.warm_up };

	if (!rc && svg_path)
		rc = wick_diag_say(diag, -EINVAL, "--svg draws neurons, and %s is of experts", trace_path);
	if (!rc && !capacity_text)
		rc = read_capacities("12.5,25,50,75", diag);
	if (!rc)
		rc = wick_routing_load(&of.routing, stats.trace, diag);
	for (of.shares = 0; of.shares < stats.capacities; of.shares++)
		of.cache[of.shares].share = stats.replay[of.shares].share;
	if (!rc)
		rc = routing_stats_make(&of, diag);
	if (!rc && as_json)
		rc = routing_stats_print_json(&of, stats.shape, stdout);
	else if (!rc)
		routing_stats_print(&of, stats.shape, stdout);
	wick_routing_free(&of.routing);
	return rc;
}

static int show_layers(void *user, uint64_t done, uint64_t total)
{
	progress_say(user, "looked at layer %u of %u", (unsigned)done, (unsigned)total);
	return interrupted();
}

static int measure(struct wick_diag *diag)
{
	struct progress progress;
	int rc = fit(4, diag);

	progress_begin(&progress, "");
	stats.progress = show_layers;
	stats.user = &progress;
	stats.stop = interrupted;
	if (!rc && svg_path)
		rc = gnuplot_check(diag);
	if (!rc)
		rc = stats_curves_begin(&stats, diag);
	if (!rc)
		rc = stats_each_layer(&stats, visit, diag);
	progress_end(&progress);
	if (rc)
		return rc == -ECANCELED ? wick_diag_say(diag, rc, "stopped") : rc;
	stats_curves_end(&stats);
	if (as_json)
		rc = stats_print_json(&stats, stdout);
	else
		stats_print(&stats, stdout);
	return !rc && svg_path ? stats_write_svg(&stats, svg_path, diag) : rc;
}

static int run(struct wick_diag *diag)
{
	int rc = wick_trace_open(&stats.trace, trace_path, diag);

	if (rc)
		return rc;
	interrupt_catch();
	stats.shape = wick_trace_shape(stats.trace);
	rc = stats.shape->chosen ? measure_routing(diag) : measure(diag);
	free(stats.curves.active);
	wick_trace_close(stats.trace);
	return rc;
}

const struct command cmd_trace_stats = {
	.name = "trace stats",
	.purpose = "describe a trace, and the reads of each policy for it",
	.synopsis = "FILE [options]",
	.operand = "FILE",
	.operand_into = &trace_path,
	.about = "Says which share of the neurons is active, how many are used again, how many\n"
		 "distinct ones a number of tokens uses, and which fire together; and what each\n"
		 "policy would read from flash for a token, beside two bounds: belady, which\n"
		 "knows the future, and told, which knows how likely each neuron is.\n"
		 "\n"
		 "Of a trace of routing: how many experts are chosen again some tokens later, how\n"
		 "many different ones some tokens choose, and what a cache finds, by policy.",
	.examples = "wick trace stats novel.trace --like model.gguf --capacity 10,50",
	.options = options,
	.init = init,
	.check = check,
	.run = run,
};
