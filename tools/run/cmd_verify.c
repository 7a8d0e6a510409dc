/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick verify MODEL */

#include "commands.h"
#include "progress.h"
#include "text.h"

#include <inttypes.h>

static const char *model_path;

static const struct opt options[] = { { OPT_END } };

static int run(struct wick_diag *diag)
{
	struct progress progress;
	uint64_t blocks;
	int rc;

	interrupt_catch();
	progress_begin(&progress, "verifying");
	rc = wick_verify(model_path, progress_show, &progress, &blocks, diag);
	progress_end(&progress);
	if (!rc)
		printf("%s: all %" PRIu64 " checksums match\n", SHOWN(model_path), blocks);
	return rc;
}

const struct command cmd_verify = {
	.name = "verify",
	.purpose = "read a whole model and compare its checksums",
	.synopsis = "MODEL",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Reads the packed model from end to end and compares every checksum in it; and\n"
		 "likewise the predictors beside it that were trained for it, MODEL.pred.gguf.",
	.options = options,
	.run = run,
};
