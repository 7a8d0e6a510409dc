/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick plan MODEL --memory SIZE */

#include "commands.h"
#include "engine.h"
#include "figures.h"
#include "json.h"

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
	if (*plan->firing) {
		json_object_set_new(json, "predicted_neurons_per_token", json_real(plan->predicted_bundles_active));
		json_object_set_new(json, "predicted_neurons_read_per_token", json_real(plan->predicted_bundles_read));
		json_object_set_new(json, "predicted_flash_bytes_per_token", json_real(plan->predicted_flash_bytes));
		json_object_set_new(json, "firing", json_string(plan->firing));
	}
	json_object_set_new(json, "profile", json_string(plan->profile));
}

static void print_prediction(const struct wick_plan *plan, FILE *out)
{
	if (!(plan->swept_bytes + plan->drawn_bytes))
		fprintf(out, "about %.1f ms a token, all of it computing\n", plan->predicted_ms_per_token);
	else if (plan->predicted_ms_per_token > 0)
		fprintf(out, "about %.1f ms a token: %.1f of computing beside %.1f of reading (%s)\n",
			plan->predicted_ms_per_token, plan->predicted_compute_ms, plan->predicted_flash_ms, plan->profile);
	else
		fprintf(out, "about %.1f ms of computing a token; how long reading takes is not known: %s\n",
			plan->predicted_compute_ms, plan->profile);
	if (*plan->firing)
		fprintf(out, "%.0f neurons a token, %.0f of them read: %s\n", plan->predicted_bundles_active,
			plan->predicted_bundles_read, plan->firing);
}

static int run(struct wick_diag *diag)
{
	struct wick_plan plan;
	json_t *json;
	int rc = wick_plan(model_path, &engine_options, &plan, diag);

	if (rc)
		return rc;
	json = plan_json(&plan);
	add_prediction(&plan, json);
	if (as_json) {
		rc = json_print(json, stdout);
	} else {
		rc = json_print_lines(json, stdout);
		putchar('\n');
		print_share(&plan, stdout);
		print_prediction(&plan, stdout);
	}
	json_decref(json);
	return rc;
}

const struct command cmd_plan = {
	.name = "plan",
	.purpose = "say what a memory budget buys",
	.synopsis = "MODEL [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Says what a run with these options would take and keep; loads nothing.\n"
		 "It measures the processor for a moment, in 48 MiB of memory beside --memory.",
	.options = options,
	.shared = engine_opts,
	.init = engine_options_init,
	.check = engine_options_check,
	.run = run,
};
