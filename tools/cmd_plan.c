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

static int run(struct wick_diag *diag)
{
	struct wick_plan plan;
	json_t *json;
	int rc = wick_plan(model_path, &engine_options, &plan, diag);

	if (rc)
		return rc;
	json = plan_json(&plan);
	if (as_json) {
		json_print(json, stdout);
	} else {
		json_print_lines(json, stdout);
		putchar('\n');
		print_share(&plan, stdout);
	}
	json_decref(json);
	return 0;
}

const struct command cmd_plan = {
	.name = "plan",
	.purpose = "say what a memory budget buys",
	.synopsis = "MODEL [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Says what a run with these options would take and keep; loads nothing.",
	.options = options,
	.shared = engine_opts,
	.init = engine_options_init,
	.run = run,
};
