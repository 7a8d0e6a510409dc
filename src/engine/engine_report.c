/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The methods really in use, for people. */

#include "engine.h"

#include "bits.h"
#include "gguf.h"
#include "io.h"
#include "policy.h"
#include "shape.h"
#include "predictor_set.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

/* The model's own name, or its file's. */
static void name_model(struct wick *wick, const char *path)
{
	struct wick_gguf_string name;
	const char *slash = strrchr(path, '/');

	if (!wick_gguf_string(wick->model->gguf, "general.name", &name, NULL) && name.length)
		snprintf(wick->name, sizeof(wick->name), "%.*s", (int)WICK_MIN(name.length, sizeof(wick->name) - 1),
			name.bytes);
	else
		snprintf(wick->name, sizeof(wick->name), "%s", slash ? slash + 1 : path);
}

static const char *lookahead_why(const struct wick *wick)
{
	if (wick->settings.mode != WICK_MODE_SPARSE || wick->forward.sparse.lookahead)
		return "";
	if (!wick->settings.lookahead)
		return "lookahead 0 was asked for";
	if (wick->trace[0])
		return "the trace has no guesses";
	if (wick_gate_is_apart(&wick->model->shape))
		return "gates say only of their own layer what fires";
	return wick->predictors->origin == WICK_PREDICTORS_PACKED
		? "it takes predictors that wick train makes"
		: "these predictors were made without";
}

/* Which predictors or trace choose the neurons. */
static void report_choice(struct wick *wick)
{
	struct wick_report *report = &wick->report;

	report->policy = wick->settings.mode == WICK_MODE_SPARSE ? wick_policy_name(wick->settings.policy) : "";
	report->predictors = report->predictors_path = "";
	report->lookahead = wick->forward.sparse.lookahead;
	report->lookahead_why = lookahead_why(wick);
	if (wick->trace[0]) {
		report->predictors = "trace";
		report->predictors_path = wick_trace_path(wick->trace[0]);
	} else if (wick->predictors && wick_gate_is_apart(&wick->model->shape)) {
		report->predictors = "gate";
	} else if (wick->predictors) {
		report->predictors = wick_predictor_set_origins[wick->predictors->origin];
		report->predictors_path = wick->predictors->path;
	}
}

/* A file that is not read directly, if there is one. */
static const struct wick_file *least_direct(const struct wick *wick)
{
	const struct wick_file *least = &wick->files[0];

	for (uint32_t i = 1; i < wick->model->parts.count; i++)
		least = wick->files[i].direct ? least : &wick->files[i];
	return least;
}

void wick_engine_report(struct wick *wick, const char *path)
{
	const struct wick_shape *shape = &wick->model->shape;
	const struct wick_file *file = least_direct(wick);

	name_model(wick, path);
	wick_topo_say(&wick->topo, wick->numa, sizeof(wick->numa));
	wick->report = (struct wick_report){ .size = sizeof(wick->report), .model = wick->name, .arch = shape->name,
		.type = wick_types[shape->type].name, .mode = wick_mode_names[wick->settings.mode],
		.kv_type = wick_types[wick->settings.kv.type].name,
		.io = wick_io_method(wick->io), .io_why = wick_io_why(wick->io), .direct = file->direct,
		.verified = !wick->settings.no_verify, .sums = wick->sums.said,
		.direct_why = wick->settings.buffered ? "buffered was asked for" : file->why, .profile = wick->drive.said,
		.kernels = wick->kernels.name, .pages = wick->mem.pages, .limit = wick->limit, .threads_why = wick->threads_why,
		.numa = wick->numa, .cpus = wick->topo.cpu_count,
		.vocab = shape->vocab, .layers = shape->layers, .d_model = shape->d_model, .n_ff = shape->n_ff,
		.ctx_max = shape->ctx_max, .gate_percent = wick->settings.gate_percent };
	report_choice(wick);
}

const struct wick_plan *wick_plan_of(const struct wick *wick)
{
	return &wick->plan;
}

const struct wick_report *wick_report_of(const struct wick *wick)
{
	return &wick->report;
}

const char *wick_version(void)
{
	return WICK_VERSION;
}
