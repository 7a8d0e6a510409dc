/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick trace PART */

#include "commands.h"
#include "trace_commands.h"

static const struct command *const parts[] = { &cmd_trace_record, &cmd_trace_stats, &cmd_trace_synth, NULL };
static const struct opt options[] = { { OPT_END } };

const struct command cmd_trace = {
	.name = "trace",
	.purpose = "make activation traces, and describe them",
	.synopsis = "record|stats|synth ...",
	.about = "A trace says which neurons of each layer were active for each token. It stands\n"
		 "for a model where what is read from flash is to be studied, at any size.\n"
		 "\n"
		 "  record      record one while a model reads a text\n"
		 "  stats       say what is in a trace, and what each policy would read for it\n"
		 "  synth       make one up, in the shape of the paper's\n"
		 "\n"
		 "`wick help trace synth` explains one of them.",
	.options = options,
	.parts = parts,
};
