/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* From a trace of natural order to a model in order of co-activation and a trace of it (see bench_order.h).
 *
 *     trace   | replayed       | rest ...                  |
 *                  |               `-> order of each layer -> ordered model
 *                  `-- the same neurons, by their places ---> trace of the ordered model
 */

#include "bench_order.h"

#include "bits.h"
#include "order.h"
#include "progress.h"
#include "text.h"
#include "trace.h"
#include "trace_commands.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK ".order-"    /* between the model's name and this process's number in the names of its files */
#define REST_LEAST 256u /* tokens that decide an order */

/* One trace written as a part of another. */
struct copy {
	struct wick_trace *from;
	struct wick_trace_writer *to;
	const uint32_t *place_of; /* (layers, n_ff); NULL: neurons stay where they are */
	uint32_t *ids, *likely;   /* (n_ff) */
	float *probability;       /* (n_ff) */
	uint8_t *is_active;       /* (n_ff) */
};

static void move_ids(uint32_t *ids, uint32_t count, const uint32_t *place_of)
{
	for (uint32_t i = 0; place_of && i < count; i++)
		ids[i] = place_of[ids[i]];
}

static uint32_t ascending(uint32_t *ids, uint32_t count, uint8_t *is_active, uint32_t n_ff)
{
	uint32_t sorted = 0;

	for (uint32_t i = 0; i < count; i++)
		is_active[ids[i]] = 1;
	for (uint32_t i = 0; i < n_ff; i++) {
		if (is_active[i])
			ids[sorted++] = i;
		is_active[i] = 0;
	}
	return sorted;
}

static int copy_layer(struct copy *copy, uint32_t layer, struct wick_diag *diag)
{
	uint32_t n_ff = wick_trace_shape(copy->from)->n_ff;
	const uint32_t *place_of = copy->place_of ? copy->place_of + (uint64_t)layer * n_ff : NULL;
	uint32_t count = wick_trace_active(copy->from, layer, copy->ids);
	uint32_t likely = wick_trace_likely(copy->from, layer, copy->likely, copy->probability, n_ff);

	move_ids(copy->ids, count, place_of);
	move_ids(copy->likely, likely, place_of);
	count = ascending(copy->ids, count, copy->is_active, n_ff);
	return wick_trace_add(copy->to, layer, copy->ids, count, copy->likely, copy->probability, likely, diag);
}

static int copy_tokens(struct copy *copy, uint32_t first, uint32_t end, struct wick_diag *diag)
{
	int rc = 0;

	for (uint32_t token = first; rc == 0 && token < end; token++) {
		rc = wick_trace_seek(copy->from, token, diag);
		for (uint32_t layer = 0; rc == 0 && layer < wick_trace_shape(copy->from)->layers; layer++)
			rc = copy_layer(copy, layer, diag);
	}
	return rc;
}

/* Tokens [first, end) of a trace, as one of the model with this identity. */
static int write_part(struct wick_trace *from, const char *path, uint32_t first, uint32_t end, uint32_t model_crc,
	const uint32_t *place_of, struct wick_diag *diag)
{
	struct wick_trace_shape shape = *wick_trace_shape(from);
	struct copy copy = { .from = from, .place_of = place_of, .ids = calloc(shape.n_ff, sizeof(uint32_t)),
		.likely = calloc(shape.n_ff, sizeof(uint32_t)), .probability = calloc(shape.n_ff, sizeof(float)),
		.is_active = calloc(shape.n_ff, 1) };
	int rc = -ENOMEM;

	shape.model_crc = model_crc;
	if (copy.ids && copy.likely && copy.probability && copy.is_active)
		rc = wick_trace_create(&copy.to, path, &shape, diag);
	if (rc == 0) {
		rc = copy_tokens(&copy, first, end, diag);
		if (rc)
			wick_trace_discard(copy.to);
		else
			rc = wick_trace_commit(copy.to, diag);
	}
	free(copy.ids);
	free(copy.likely);
	free(copy.probability);
	free(copy.is_active);
	return rc;
}

/* Where the model's neurons went: the order is found again, as packing found it. */
static int find_places(uint32_t *place_of, const char *rest, const struct trace_model *model, struct wick_diag *diag)
{
	uint32_t *neurons = calloc(model->n_ff, sizeof(*neurons));
	struct wick_order *order = NULL;
	int rc = neurons ? wick_order_open(&order, rest, model->layers, model->n_ff, model->crc, diag) : -ENOMEM;

	for (uint32_t layer = 0; rc == 0 && layer < model->layers; layer++) {
		rc = wick_order_layer(order, layer, neurons, NULL, NULL, diag);
		for (uint32_t i = 0; rc == 0 && i < model->n_ff; i++)
			place_of[(uint64_t)layer * model->n_ff + neurons[i]] = i;
	}
	wick_order_close(order);
	free(neurons);
	return rc;
}

static int pack(const struct bench_ordered *ordered, const char *model_path, struct wick_diag *diag)
{
	struct progress progress;
	struct wick_pack_options options = { .order = "coactivation", .trace = ordered->rest, .progress = progress_show,
		.user = &progress };
	int rc;

	progress_begin(&progress, "ordering");
	rc = wick_pack(model_path, ordered->model, &options, diag);
	progress_end(&progress);
	return rc == -ECANCELED ? wick_diag_say(diag, rc, "stopped") : rc;
}

static int map_trace(const struct bench_ordered *ordered, struct wick_trace *from, const struct trace_model *model,
	uint32_t replayed, struct wick_diag *diag)
{
	uint32_t *place_of = calloc((uint64_t)model->layers * model->n_ff, sizeof(*place_of));
	struct trace_model result;
	int rc = place_of ? trace_model_read(ordered->model, &result, diag) : -ENOMEM;

	if (rc == 0)
		rc = find_places(place_of, ordered->rest, model, diag);
	if (rc == 0)
		rc = write_part(from, ordered->trace, 0, replayed, result.crc, place_of, diag);
	free(place_of);
	return rc;
}

/* Whether it says what fires together, of tokens that are not measured. */
static int check_trace(const struct wick_trace *from, uint32_t replayed, struct wick_diag *diag)
{
	const struct wick_trace_shape *shape = wick_trace_shape(from);

	if (shape->synthetic)
		return wick_diag_say(diag, -ENODATA, "a synthetic trace has no co-activation");
	if (shape->tokens < replayed + REST_LEAST)
		return wick_diag_say(diag, -ENODATA,
			"the trace has %u tokens; %u are replayed, and at least %u others decide the order", shape->tokens,
			replayed, REST_LEAST);
	return 0;
}

static int make_all(struct bench_ordered *ordered, const char *model_path, struct wick_trace *from, uint32_t replayed,
	struct wick_diag *diag)
{
	struct trace_model model;
	int rc = check_trace(from, replayed, diag);

	if (rc == 0)
		rc = trace_model_read(model_path, &model, diag);
	if (rc == 0)
		rc = wick_trace_fits(from, model.layers, model.n_ff, 0, model.crc, diag);
	if (rc == 0)
		rc = write_part(from, ordered->rest, replayed, wick_trace_shape(from)->tokens, model.crc, NULL, diag);
	if (rc == 0)
		rc = pack(ordered, model_path, diag);
	if (rc == 0)
		rc = map_trace(ordered, from, &model, replayed, diag);
	return rc;
}

/* Files whose bench does not run any more. It may run where process numbers are others, so they are only named. */
static void say_left(const char *model_path)
{
	const char *slash = strrchr(model_path, '/'), *name = slash ? slash + 1 : model_path;
	char *folder = strndup(model_path, (size_t)(name - model_path));
	DIR *dir = folder ? opendir(*folder ? folder : ".") : NULL;
	size_t length = strlen(name), mark = strlen(MARK);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *rest = entry->d_name + length;
		int pid = strncmp(entry->d_name, name, length) || strncmp(rest, MARK, mark) ? 0 : atoi(rest + mark);

		if (pid > 0 && kill(pid, 0) && errno == ESRCH)
			fprintf(stderr, "left by a bench that was killed: %s%s\n", SHOWN(folder), SHOWN(entry->d_name));
	}
	if (dir)
		closedir(dir);
	free(folder);
}

int bench_order_make(struct bench_ordered *ordered, const char *model_path, const char *trace_path, uint32_t replayed,
	struct wick_diag *diag)
{
	struct wick_trace *from = NULL;
	int rc;

	*ordered = (struct bench_ordered){ "" };
	if (!trace_path)
		return wick_diag_say(diag, -ENODATA, "needs --trace FILE, recorded from the model");
	if (strlen(model_path) + sizeof(MARK "2147483647.pred.gguf") > PATH_MAX)
		return wick_diag_say(diag, -ENAMETOOLONG, "%s: no room in its name for what is written beside it", model_path);
	rc = wick_trace_open(&from, trace_path, diag);
	if (rc)
		return rc;
	say_left(model_path);
	snprintf(ordered->model, PATH_MAX, "%s" MARK "%d.gguf", model_path, (int)getpid());
	snprintf(ordered->trace, PATH_MAX, "%s" MARK "%d.trace", model_path, (int)getpid());
	snprintf(ordered->rest, PATH_MAX, "%s" MARK "%d.rest", model_path, (int)getpid());
	snprintf(ordered->predictors, PATH_MAX, "%s" MARK "%d.pred.gguf", model_path, (int)getpid());
	rc = make_all(ordered, model_path, from, replayed, diag);
	wick_trace_close(from);
	if (rc)
		bench_order_remove(ordered);
	return rc;
}

void bench_order_remove(const struct bench_ordered *ordered)
{
	const char *const paths[] = { ordered->model, ordered->trace, ordered->rest, ordered->predictors };

	for (size_t i = 0; i < WICK_COUNT_OF(paths); i++)
		if (*paths[i])
			unlink(paths[i]);
}
