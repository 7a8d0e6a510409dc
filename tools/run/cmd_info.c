/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick info MODEL */

#include "commands.h"
#include "figures_json.h"

#include <errno.h>
#include <stdlib.h>

static const char *model_path;
static bool as_json;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Options:" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "as JSON" },
	{ OPT_END },
};

static int run(struct wick_diag *diag)
{
	json_t *info;
	char *text;
	int rc = wick_info(model_path, &text, diag);

	if (rc)
		return rc;
	info = json_loads(text, 0, NULL);
	free(text);
	if (!info)
		return wick_diag_say(diag, -EINVAL, "%s: what the library says of it is no JSON", model_path);
	if (as_json)
		rc = json_print(info, stdout);
	else
		rc = json_print_lines(info, stdout);
	json_decref(info);
	return rc;
}

const struct command cmd_info = {
	.name = "info",
	.purpose = "describe a model",
	.synopsis = "MODEL [--json]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Says what a model is made of; loads no weights.",
	.options = options,
	.run = run,
};
