/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick plan MODEL --memory SIZE */

#include "commands.h"
#include "engine_options.h"
#include "figures.h"
#include "figures_json.h"
#include "progress.h"
#include "text.h"

#include <stdarg.h>

static const char *model_path;
static bool as_json;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "as JSON" },
	{ OPT_END },
};

static void add_prediction(const struct wick_plan *plan, json_t *json)
{
	json_object_set_new(json, "predicted_ms_per_token",
		plan->predicted_ms_per_token > 0 ? json_real(plan->predicted_ms_per_token) : json_null());
	json_object_set_new(json, "predicted_flash_ms", json_real(plan->predicted_flash_ms));
	json_object_set_new(json, "predicted_compute_ms", json_real(plan->predicted_compute_ms));
	if (*plan->firing && !plan->expert_slots) {
		json_object_set_new(json, "predicted_neurons_per_token", json_real(plan->predicted_bundles_active));
		json_object_set_new(json, "predicted_neurons_read_per_token", json_real(plan->predicted_bundles_read));
	}
	if (plan->predicted_repacked_ms > 0)
		json_object_set_new(json, "predicted_repacked_ms_per_token", json_real(plan->predicted_repacked_ms));
	if (plan->expert_slots) {
		json_object_set_new(json, "predicted_experts_read_per_token", json_real(plan->predicted_experts_read));
		json_object_set_new(json, "predicted_hit_share", json_real(plan->predicted_hit_share));
		json_object_set_new(json, "predicted_floor_ms",
			plan->predicted_floor_ms > 0 ? json_real(plan->predicted_floor_ms) : json_null());
	}
	if (*plan->firing) {
		json_object_set_new(json, "predicted_flash_bytes_per_token", json_real(plan->predicted_flash_bytes));
		json_object_set_new(json, "firing", wick_json_name(plan->firing));
	}
	json_object_set_new(json, "profile", wick_json_name(plan->profile));
	json_object_set_new(json, "random_weights", json_boolean(plan->random_weights));
}

static int print_json(const struct wick_plan *plan, FILE *out)
{
	json_t *json = plan_json(plan);
	int rc;

	add_prediction(plan, json);
	rc = json_print(json, out);
	json_decref(json);
	return rc;
}

/* "staging      242 kB  2 buffers of 98.3 kB, for weights on their way"; no line for what takes nothing */
__attribute__((format(printf, 4, 5))) static void print_part(
	const char *name, uint64_t bytes, FILE *out, const char *note, ...)
{
	va_list args;

	if (!bytes)
		return;
	fprintf(out, "  %-12s %8s  ", name, BYTES(bytes));
	va_start(args, note);
	vfprintf(out, note, args);
	va_end(args);
	putc('\n', out);
}

static void print_memory(const struct wick_plan *plan, FILE *out)
{
	fprintf(out, "Of a budget of %s, %s are taken:\n", BYTES(plan->budget_bytes), BYTES(plan->total_bytes));
	print_free("Free memory", plan, out);
	fputc('\n', out);
	print_part("process", plan->process_bytes, out, "code, libraries, stacks");
	print_part("metadata", plan->metadata_bytes, out, "tokenizer, checksums, directory of the file");
	print_part("KV cache", plan->kv_bytes, out, "for %u tokens of context%s", plan->ctx,
		engine_options.ctx ? " (--ctx)" : "; a run takes what it needs");
	if (plan->kv_window_layers)
		fprintf(out, "  %-12s %8s  of this: %u layers keep their window, and a batch\n", "  windows",
			BYTES(plan->kv_window_bytes), plan->kv_window_layers);
	print_part("activations", plan->activation_bytes, out, "of a batch, logits included; threads: %u",
		plan->threads);
	print_part("staging", plan->staging_bytes, out, "%u buffers of %s, for weights on their way", plan->unit_count,
		BYTES(plan->unit_bytes));
	print_part("vectors", plan->vector_bytes, out, "norms and biases");
	print_part("weights", plan->resident_bytes, out, "resident, of %s", BYTES(plan->weight_bytes));
	if (plan->gate_bytes)
		fprintf(out, "  %-12s %8s  of these weights: they say what fires, of which two parts are read, not three\n", "  gates",
			BYTES(plan->gate_bytes));
	print_part("predictors", plan->predictor_bytes, out, "which neurons a token needs");
	if (plan->expert_slots)
		print_part("experts", plan->cache_bytes, out, "a cache of %u: %.1f times what a token chooses", plan->expert_slots,
			plan_cycles(plan));
	else
		print_part("neurons", plan->cache_bytes, out, "a cache of %s for each layer%s", CACHE_ROWS(plan),
			plan->cache_rows_by_firing ? ", the larger where more fire" : "");
	fprintf(out, "\nThe least that works is %s; with %s all weights fit.\n",
		BYTES(plan->minimum_bytes + plan->varies_bytes),
		BYTES(plan->whole_bytes));
}

static void print_reading(const struct wick_plan *plan, FILE *out)
{
	if (plan->swept_bytes)
		fprintf(out, "%s of weights are read for every token.\n", BYTES(plan->swept_bytes));
	if (plan->drawn_bytes)
		fprintf(out, "Of %s of %s, those that a token needs are read, unless cached.\n",
			BYTES(plan->drawn_bytes), plan_drawn(plan));
	if (plan->cache_bytes && !plan->expert_slots && !plan->cache_rows_by_firing)
		fprintf(out, "All layers have a cache of one size: how often their neurons fire is not known\n"
			     "(wick train keeps it with the predictors).\n");
	if (plan->expert_slots && plan_cycles(plan) < 1)
		fprintf(out, "The cache holds less than one token chooses (%s): few experts will be found in it;\n"
			     "a larger --memory helps.\n", BYTES(plan->cycle_bytes));
	if (!plan->swept_bytes && !plan->drawn_bytes)
		fprintf(out, "All weights fit: nothing is read.\n");
}

/* Which of the two to pack. */
static void print_repacked(const struct wick_plan *plan, FILE *out)
{
	if (plan->predicted_repacked_ms <= 0)
		return;
	fprintf(out, "Packed with its gates %s, it would take about %.1f ms.\n",
		plan->gate_bytes ? "in the bundles (no --predictor gate)" : "apart (wick pack --predictor gate)", plan->predicted_repacked_ms);
}

static void print_prediction(const struct wick_plan *plan, FILE *out)
{
	if (!(plan->swept_bytes + plan->drawn_bytes))
		fprintf(out, "About %.1f ms a token, all of it computing.\n", plan->predicted_ms_per_token);
	else if (plan->predicted_ms_per_token > 0)
		fprintf(out, "About %.1f ms a token: %.1f ms of reading (drive: %s)\nand, beside it, %.1f ms of computing.\n",
			plan->predicted_ms_per_token, plan->predicted_flash_ms, SHOWN(plan->profile), plan->predicted_compute_ms);
	else
		fprintf(out, "About %.1f ms of computing a token; how long reading takes is not known:\n%s.\n",
			plan->predicted_compute_ms, SHOWN(plan->profile));
	print_repacked(plan, out);
	if (plan->predicted_floor_ms > 0)
		fprintf(out, "No order of work takes less than %.1f ms: a layer's reads wait for its router.\n", plan->predicted_floor_ms);
	if (plan->expert_slots)
		fprintf(out, "A token finds %.1f%% of its experts in the cache, and reads %.1f: %s\n(%s).\n", 100 * plan->predicted_hit_share,
			plan->predicted_experts_read, BYTES((uint64_t)plan->predicted_flash_bytes), SHOWN(plan->firing));
	else if (*plan->firing)
		fprintf(out, "A token computes %.0f neurons, %.0f of them read for it\n(%s).\n",
			plan->predicted_bundles_active, plan->predicted_bundles_read, SHOWN(plan->firing));
	if (!plan->expert_slots && *plan->firing && plan->random_weights && !engine_options.trace)
		fprintf(out, "The weights are random: more neurons fire than that, and a run takes longer,\n"
			     "unless --trace says which fire (wick trace synth makes one).\n");
}

static int run(struct wick_diag *diag)
{
	struct wick_plan plan;
	int rc = wick_plan(model_path, &engine_options, &plan, diag);

	if (rc)
		return rc;
	if (as_json)
		return print_json(&plan, stdout);
	print_memory(&plan, stdout);
	print_reading(&plan, stdout);
	print_prediction(&plan, stdout);
	return 0;
}

const struct command cmd_plan = {
	.name = "plan",
	.purpose = "show how a memory budget would be spent, and how fast that is",
	.synopsis = "MODEL [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Shows the memory of a run with these options, part by part, and how long a\n"
		 "token would take; loads nothing. It measures the processor for a moment, in\n"
		 "48 MiB of memory beside --memory.",
	.examples = "wick plan model.gguf --memory 2G",
	.options = options,
	.shared = engine_opts,
	.init = engine_options_init,
	.check = engine_options_check,
	.run = run,
};
