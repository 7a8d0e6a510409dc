/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The report of wick trace stats of routing: for people, and as JSON. */

#include "figures_json.h"
#include "routing_stats.h"

#include <errno.h>

static void print_shares(const char *name, const double *values, unsigned count, const char *unit, double times, FILE *out)
{
	fprintf(out, "%-18s", name);
	for (unsigned i = 0; i < count && values[i] >= 0; i++)
		fprintf(out, "%s%.*f%s", i ? ", " : "", times > 1 ? 1 : 2, times * values[i], unit);
	fputc('\n', out);
}

static void print_caches(const struct routing_stats *stats, FILE *out)
{
	fprintf(out, "\nfound in a cache for all layers, in %% of what is chosen after %u tokens of warm-up:\n\n%-11s%7s", stats->warm_up,
		"slots, %", "cycles");
	for (enum routing_method m = 0; m < ROUTING_METHODS; m++)
		fprintf(out, "%10s", routing_method_names[m]);
	fputc('\n', out);
	for (unsigned c = 0; c < stats->shares; c++) {
		fprintf(out, "%-11.3g%7.2f", 100 * stats->cache[c].share, stats->cache[c].cycles);
		for (enum routing_method m = 0; m < ROUTING_METHODS; m++)
			if (stats->cache[c].hits[m] < 0)
				fprintf(out, "%10s", "-");
			else
				fprintf(out, "%10.1f", 100 * stats->cache[c].hits[m]);
		fputc('\n', out);
	}
	fprintf(out, "\nbelady knows the future, which cannot be had. A cycle is what a token chooses over all layers.\n");
}

static const char *fit_of(const struct wick_trace_shape *shape)
{
	return shape->synthetic ? wick_routing_preset_at(shape->preset)->fit : NULL;
}

void routing_stats_print(const struct routing_stats *stats, const struct wick_trace_shape *shape, FILE *out)
{
	fprintf(out, "%s routing, %u tokens of %u layers with %u of %u experts%s\n", shape->synthetic ? "synthetic" : "recorded",
		shape->tokens, shape->layers, shape->chosen, shape->n_ff, shape->lookahead ? ", with guesses" : "");
	if (shape->synthetic)
		fprintf(out, "preset            %s, fitted to %s\n", wick_routing_preset_at(shape->preset)->name, fit_of(shape));
	print_shares("chosen again", stats->lag, ROUTING_LAGS, "%", 100, out);
	fprintf(out, "%18safter 1, 2, 4 ... tokens; %.1f%% by popularity alone\n", "", 100 * stats->popular);
	fprintf(out, "most chosen       a quarter of the experts has %.1f%% of the choices\n", 100 * stats->top_quarter);
	print_shares("different", stats->uni, ROUTING_UNIONS, "", 1, out);
	fprintf(out, "%18stimes a token's, of 2, 4, 8, 16 tokens\n", "");
	if (stats->recall >= 0)
		fprintf(out, "guesses           %.1f%% of what is chosen\n", 100 * stats->recall);
	print_caches(stats, out);
}

static json_t *list_json(const double *values, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count && values[i] >= 0; i++)
		json_array_append_new(list, json_real(values[i]));
	return list;
}

static json_t *caches_json(const struct routing_stats *stats)
{
	json_t *list = json_array();

	for (unsigned c = 0; c < stats->shares; c++) {
		json_t *hits = json_object();

		for (enum routing_method m = 0; m < ROUTING_METHODS; m++)
			json_object_set_new(hits, routing_method_names[m],
				stats->cache[c].hits[m] < 0 ? json_null() : json_real(stats->cache[c].hits[m]));
		json_array_append_new(list, json_pack("{s:f, s:f, s:o}", "slots_share", stats->cache[c].share, "cycles",
			stats->cache[c].cycles, "hit_share", hits));
	}
	return list;
}

int routing_stats_print_json(const struct routing_stats *stats, const struct wick_trace_shape *shape, FILE *out)
{
	json_t *json = json_pack("{s:b, s:i, s:i, s:i, s:i, s:s?, s:s?, s:o, s:f, s:f, s:o, s:o, s:i, s:o}", "synthetic",
		(int)shape->synthetic, "tokens", (int)shape->tokens, "layers", (int)shape->layers, "experts", (int)shape->n_ff,
		"experts_chosen", (int)shape->chosen, "preset",
		shape->synthetic ? wick_routing_preset_at(shape->preset)->name : NULL, "fit", fit_of(shape), "chosen_again_share",
		list_json(stats->lag, ROUTING_LAGS), "popular_share", stats->popular, "top_quarter_share", stats->top_quarter,
		"different_ratio", list_json(stats->uni, ROUTING_UNIONS), "guesses_recall",
		stats->recall < 0 ? json_null() : json_real(stats->recall), "warm_up", (int)stats->warm_up, "caches", caches_json(stats));
	int err = json_print(json, out);

	json_decref(json);
	return err;
}
