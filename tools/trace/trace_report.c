/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The report of wick trace stats: for people, and as JSON. */

#include "bits.h"
#include "figures_json.h"
#include "trace_stats.h"

static double mean_active(const struct stats *stats)
{
	double sum = 0;

	for (uint32_t layer = 0; layer < stats->shape->layers; layer++)
		sum += stats->curves.active[layer];
	return sum / stats->shape->layers;
}

static double reused(const struct stats_curves *curves)
{
	return curves->reusable_uses ? (double)curves->reused_uses / curves->reusable_uses : 0;
}

static double per_token(const struct stats *stats, const struct stats_replay *replay, enum stats_method method)
{
	return (double)replay->read[method] / (stats->shape->tokens - stats->warm_up);
}

static void print_curves(const struct stats *stats, FILE *out)
{
	const struct stats_curves *curves = &stats->curves;
	double least = 1, most = 0;

	for (uint32_t layer = 0; layer < stats->shape->layers; layer++) {
		least = WICK_MIN(least, curves->active[layer]);
		most = WICK_MAX(most, curves->active[layer]);
	}
	fprintf(out, "active            %.2f%% of the neurons at a token (layers %.2f%% to %.2f%%)\n",
		100 * mean_active(stats), 100 * least, 100 * most);
	fprintf(out, "reused            %.1f%% of them were active at the token before\n", 100 * reused(curves));
	fprintf(out, "distinct          ");
	for (uint32_t k = 1; k <= curves->windows; k *= 2)
		fprintf(out, "%s%.1f%%", k == 1 ? "" : ", ", 100 * curves->distinct[k]);
	fprintf(out, "\n%18sover 1, 2, 4 ... tokens\n", "");
	if (!curves->friends_of)
		return;
	fprintf(out, "fires with        ");
	for (unsigned i = 0; i < STATS_FRIENDS; i++)
		fprintf(out, "%s%.0f%%", i ? ", " : "", 100 * curves->friends[i]);
	fprintf(out, " of the time its closest, 2nd, 4th, 8th\n%18s", "");
	for (unsigned i = 0; i < STATS_FRIENDS; i++)
		fprintf(out, "%s%.0f%%", i ? ", " : "", 100 * curves->friends_cold[i]);
	fprintf(out, " without those that fire most\n");
}

static void print_notes(const struct stats *stats, FILE *out)
{
	uint32_t raised = 0;

	fprintf(out, "\nbelady knows the future, told %s: neither can be had.\nwindow is of ",
		stats->shape->synthetic ? "every chance" : "how often each neuron fires in all of the trace");
	for (unsigned c = 0; c < stats->capacities; c++) {
		fprintf(out, "%s%.3g", c ? ", " : "", stats->replay[c].window);
		raised = WICK_MAX(raised, stats->replay[c].raised);
	}
	fprintf(out, " tokens, as many as fit.\n");
	if (raised)
		fprintf(out, "* %u layer%s had more rows than that: so many neurons were active at once.\n", raised,
			raised == 1 ? "" : "s");
}

static void print_replays(const struct stats *stats, FILE *out)
{
	fprintf(out, "\nread for a token, in %% of all neurons, after %u tokens of warm-up:\n\n%-12s", stats->warm_up,
		"capacity, %");
	for (enum stats_method method = 0; method < STATS_METHODS; method++)
		fprintf(out, "%10s", stats_method_names[method]);
	fputc('\n', out);
	for (unsigned c = 0; c < stats->capacities; c++) {
		const struct stats_replay *replay = &stats->replay[c];

		fprintf(out, "%-12.3g", 100 * replay->share);
		for (enum stats_method method = 0; method < STATS_METHODS; method++)
			fprintf(out, "%9.3f%%", 100 * per_token(stats, replay, method) / stats->shape->n_ff / stats->shape->layers);
		if (replay->raised)
			fprintf(out, " *");
		fputc('\n', out);
	}
	for (unsigned c = 0; stats->stride && c < stats->capacities; c++) {
		fprintf(out, c ? "%-12.3g" : "\nMB for a token:\n\n%-12.3g", 100 * stats->replay[c].share);
		for (enum stats_method method = 0; method < STATS_METHODS; method++)
			fprintf(out, "%10.3f", per_token(stats, &stats->replay[c], method) * (double)stats->stride / 1e6);
		fputc('\n', out);
	}
	print_notes(stats, out);
}

void stats_print(const struct stats *stats, FILE *out)
{
	fprintf(out, "%s trace, %u tokens of %u layers of %u neurons%s\n", stats->shape->synthetic ? "synthetic" : "recorded",
		stats->shape->tokens, stats->shape->layers, stats->shape->n_ff,
		stats->shape->lookahead ? ", with a lookahead" : "");
	print_curves(stats, out);
	print_replays(stats, out);
}

static json_t *active_json(const struct stats *stats)
{
	json_t *list = json_array();

	for (uint32_t layer = 0; layer < stats->shape->layers; layer++)
		json_array_append_new(list, json_real(stats->curves.active[layer]));
	return list;
}

static json_t *distinct_json(const struct stats_curves *curves)
{
	json_t *list = json_array();

	for (uint32_t k = 1; k <= curves->windows; k++)
		json_array_append_new(list, json_pack("{s:i, s:f}", "tokens", (int)k, "share", curves->distinct[k]));
	return list;
}

static json_t *friends_json(const struct stats_curves *curves)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < STATS_FRIENDS && curves->friends_of; i++)
		json_array_append_new(list, json_pack("{s:i, s:f, s:f}", "rank", (int)stats_friend_ranks[i], "share",
			curves->friends[i], "share_without_hot", curves->friends_cold[i]));
	return list;
}

static json_t *policy_json(const struct stats *stats, const struct stats_replay *replay, enum stats_method method)
{
	json_t *policy = json_pack("{s:s, s:f}", "name", stats_method_names[method], "bundles_per_token",
		per_token(stats, replay, method));

	if (stats->stride)
		json_object_set_new(policy, "flash_bytes_per_token",
			json_real(per_token(stats, replay, method) * (double)stats->stride));
	if (method == STATS_WINDOW)
		json_object_set_new(policy, "window_tokens", json_real(replay->window));
	return policy;
}

static json_t *capacities_json(const struct stats *stats)
{
	json_t *list = json_array();

	for (unsigned c = 0; c < stats->capacities; c++) {
		const struct stats_replay *replay = &stats->replay[c];
		json_t *policies = json_array();

		for (enum stats_method method = 0; method < STATS_METHODS; method++)
			json_array_append_new(policies, policy_json(stats, replay, method));
		json_array_append_new(list, json_pack("{s:f, s:I, s:i, s:o}", "capacity_share", replay->share, "rows",
			(json_int_t)replay->rows, "raised_layers", (int)replay->raised, "policies", policies));
	}
	return list;
}

int stats_print_json(const struct stats *stats, FILE *out)
{
	const struct wick_trace_shape *shape = stats->shape;
	json_t *root = json_pack("{s:b, s:I, s:I, s:I, s:I, s:f, s:o, s:f, s:o, s:o, s:o}", "synthetic", shape->synthetic,
		"tokens", (json_int_t)shape->tokens, "layers", (json_int_t)shape->layers, "n_ff", (json_int_t)shape->n_ff,
		"warm_up_tokens", (json_int_t)stats->warm_up, "active_share", mean_active(stats), "active_share_by_layer",
		active_json(stats), "reused_share", reused(&stats->curves), "distinct", distinct_json(&stats->curves), "friends",
		friends_json(&stats->curves), "capacities", capacities_json(stats));
	int rc;

	rc = json_print(root, out);
	json_decref(root);
	return rc;
}
