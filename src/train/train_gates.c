/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How small the gates of each layer are: the magnitudes of what is activated of them, counted over a text (CATS, arXiv
 * 2404.08763; TEAL, 2408.14690), so that any share of them has its threshold.
 *
 * They are counted by the leading bits of their numbers, in bins a thousandth wide or less. A level is where a bin ends,
 * so that below it are as many as it says, or a few more. */

#include "train.h"

#include "bits.h"
#include "gate_levels.h"
#include "json_text.h"

#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define BIN_SHIFT 13 /* bits of a number that do not count: its sign is gone, 10 of the mantissa are left */
#define BINS (1u << (31 - BIN_SHIFT))
#define BIN_INFINITY (0x7f800000u >> BIN_SHIFT)

struct counting {
	struct wick_train *train;
	uint64_t *counts; /* (BINS), of the layer */
	float *row;       /* (n_ff) */
	float (*levels)[WICK_GATE_LEVELS]; /* (layers) */
};

static void count_gates(void *user, uint32_t layer, uint32_t position, uint32_t m, const float *gate)
{
	const struct counting *counting = user;
	const struct wick_shape *shape = &counting->train->model->shape;

	(void)layer, (void)position;
	for (uint32_t i = 0; i < m; i++) {
		memcpy(counting->row, gate + (size_t)i * shape->n_ff, shape->n_ff * sizeof(*gate));
		wick_activate(&counting->train->kernels, shape->kind[0].ffn.act, counting->row, shape->n_ff);
		for (uint32_t k = 0; k < shape->n_ff; k++) {
			uint32_t bits;

			memcpy(&bits, &counting->row[k], sizeof(bits));
			counting->counts[(bits & 0x7fffffff) >> BIN_SHIFT]++;
		}
	}
}

/* The number that a bin ends before. */
static float end_of(uint32_t bin)
{
	uint32_t bits = (bin + 1) << BIN_SHIFT;
	float end;

	memcpy(&end, &bits, sizeof(end));
	return bin + 1 < BIN_INFINITY ? end : FLT_MAX;
}

static int find_levels(const struct counting *counting, uint32_t layer)
{
	uint64_t all = 0, below = 0;
	float *levels = counting->levels[layer];
	uint32_t percent = 1;

	for (uint32_t bin = 0; bin < BINS; bin++) {
		all += counting->counts[bin];
		if (bin >= BIN_INFINITY && counting->counts[bin])
			return wick_diag_say(counting->train->diag, -ERANGE, "layer %u: some of its gates are not finite", layer);
	}
	levels[0] = 0;
	for (uint32_t bin = 0; bin < BINS; bin++)
		for (below += counting->counts[bin]; percent < WICK_GATE_LEVELS && below * 100 >= all * percent; percent++)
			levels[percent] = end_of(bin);
	return 0;
}

static int sweep(struct counting *counting)
{
	struct wick_train *train = counting->train;
	int rc = wick_train_sweep_begin(train);

	train->watch = (struct wick_watch){ .user = counting, .gates = count_gates };
	for (uint32_t layer = 0; rc == 0 && layer < train->model->shape.layers; layer++) {
		memset(counting->counts, 0, BINS * sizeof(*counting->counts));
		rc = wick_train_pass_layer(train, layer);
		if (rc == 0)
			rc = find_levels(counting, layer);
		train->target++;
	}
	return rc;
}

static int levels_of(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	const struct counting *counting = user;

	(void)ahead, (void)part;
	*data = counting->levels[layer];
	return 0;
}

static int write_file(const struct counting *counting)
{
	const struct wick_train *train = counting->train;
	const struct wick_shape *model = &train->model->shape;
	uint32_t *none = calloc(2 * (size_t)model->layers, sizeof(*none));
	const struct wick_sidecar_shape shape = { .model_crc = wick_model_identity(train->model), .layers = model->layers,
		.d_model = model->d_model, .n_ff = model->n_ff, .type = WICK_F32, .ranks = none, .ahead = none + model->layers,
		.levels = true };
	int rc;

	if (!none)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for %u layers", model->layers);
	rc = wick_sidecar_write(train->path, &shape, levels_of, (void *)counting, train->diag);
	free(none);
	return rc;
}

/* The thresholds of some shares; NULL without memory. */
static char *say(const struct counting *counting)
{
	const struct wick_train *train = counting->train;
	json_t *layers = json_array();
	json_t *json = json_pack("{s:o, s:i, s:o}", "file", wick_json_name(train->path), "tokens", (int)wick_train_tokens(train),
		"gates", layers);
	char *text;

	for (uint32_t i = 0; i < train->model->shape.layers; i++) {
		const float *levels = counting->levels[i];

		json_array_append_new(layers, json_pack("{s:i, s:f, s:f, s:f}", "layer", (int)i, "threshold_30_percent",
			(double)levels[30], "threshold_50_percent", (double)levels[50], "threshold_70_percent", (double)levels[70]));
	}
	text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(json);
	return text;
}

/* The figures are made first: a file in place is a success. */
static int finish(const struct counting *counting, char **json)
{
	int rc;

	*json = say(counting);
	if (!*json)
		return wick_diag_say(counting->train->diag, -ENOMEM, "no memory for the figures");
	rc = write_file(counting);
	if (rc) {
		free(*json);
		*json = NULL;
	}
	return rc;
}

int wick_train_gates(struct wick_train *train, char **json)
{
	const struct wick_shape *shape = &train->model->shape;
	struct counting counting = { .train = train, .counts = malloc(BINS * sizeof(*counting.counts)),
		.row = malloc(shape->n_ff * sizeof(*counting.row)), .levels = malloc(shape->layers * sizeof(*counting.levels)) };
	int rc;

	train->residual = calloc(wick_train_tokens(train), shape->d_model * sizeof(float));
	if (!counting.counts || !counting.row || !counting.levels || !train->residual)
		rc = wick_diag_say(train->diag, -ENOMEM, "no memory for %u tokens", wick_train_tokens(train));
	else
		rc = sweep(&counting);
	if (rc == 0)
		rc = finish(&counting, json);
	free(counting.counts);
	free(counting.row);
	free(counting.levels);
	return rc == -ECANCELED ? wick_diag_say(train->diag, rc, "stopped before all layers were counted; nothing is kept") : rc;
}
