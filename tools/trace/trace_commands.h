/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The parts of wick trace, and their shared types. */

#include "opt.h"

extern const struct command cmd_trace_record, cmd_trace_stats, cmd_trace_synth;

/* The sizes of a packed model that a trace is compared with. */
struct trace_model {
	uint32_t layers, n_ff, crc, ctx_max, vocab;
	uint64_t stride;
	bool relu;
	uint32_t experts, chosen, dense_layers; /* experts 0: none; in front so many layers have none */
};

int trace_model_read(const char *path, struct trace_model *model, struct wick_diag *diag);
