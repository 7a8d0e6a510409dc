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
	struct wick_verified verified;
	int rc;

	interrupt_catch();
	progress_begin(&progress, "verifying");
	rc = wick_verify(model_path, progress_show, &progress, &verified, diag);
	progress_end(&progress);
	if (!rc && verified.learned)
		printf("%s: of %" PRIu64 " blocks %" PRIu64 " had no checksum and have one now; the others match\n",
			SHOWN(model_path), verified.blocks, verified.learned);
	else if (!rc)
		printf("%s: all %" PRIu64 " checksums match\n", SHOWN(model_path), verified.blocks);
	return rc;
}

const struct command cmd_verify = {
	.name = "verify",
	.purpose = "read a whole model and compare its checksums",
	.synopsis = "MODEL",
	.operand = "MODEL",
	.operand_into = &model_path,
	.about = "Reads the model from end to end and compares every checksum of it; and\n"
		 "likewise the predictors beside it that were trained for it, MODEL.pred.gguf.\n"
		 "A stock GGUF file has no checksums: they are learned, and kept beside it in\n"
		 "MODEL.gguf.sums, so that the next time shows whether the drive still gives the\n"
		 "same.",
	.options = options,
	.run = run,
};
