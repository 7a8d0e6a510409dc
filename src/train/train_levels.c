/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* How small the gates of each layer are: the magnitudes of what is activated of them, counted over a text (CATS, arXiv
 * 2404.08763; TEAL, 2408.14690), so that any share of them has its threshold.
 *
 * They are counted by the leading bits of their numbers, in bins a thousandth wide or less. A level is where a bin ends,
 * so that below it are as many as it says, or a few more. */

#include "train.h"

#include "bits.h"
#include "json_text.h"

#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define BIN_SHIFT 13 /* bits of a number that do not count: its sign is gone, 10 of the mantissa are left */
#define BIN_INFINITY (0x7f800000u >> BIN_SHIFT)

_Static_assert(WICK_TRAIN_BINS == 1u << (31 - BIN_SHIFT), "a bin for every magnitude");

void wick_train_count(uint64_t counts[WICK_TRAIN_BINS], const float *gate, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;

		memcpy(&bits, &gate[i], sizeof(bits));
		counts[(bits & 0x7fffffff) >> BIN_SHIFT]++;
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

int wick_train_levels(float levels[WICK_GATE_LEVELS], const uint64_t counts[WICK_TRAIN_BINS], uint32_t layer,
	struct wick_diag *diag)
{
	uint64_t all = 0, below = 0;
	uint32_t percent = 1;

	for (uint32_t bin = 0; bin < WICK_TRAIN_BINS; bin++) {
		all += counts[bin];
		if (bin >= BIN_INFINITY && counts[bin])
			return wick_diag_say(diag, -ERANGE, "layer %u: some of its gates are not finite", layer);
	}
	memset(levels, 0, WICK_GATE_LEVELS * sizeof(*levels));
	for (uint32_t bin = 0; all && bin < WICK_TRAIN_BINS; bin++)
		for (below += counts[bin]; percent < WICK_GATE_LEVELS && below * 100 >= all * percent; percent++)
			levels[percent] = end_of(bin);
	return 0;
}

struct writing {
	const struct wick_train *train;
	const float (*levels)[WICK_GATE_LEVELS];
};

static int levels_of(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	const struct writing *writing = user;

	(void)ahead, (void)part;
	*data = writing->levels[layer];
	return 0;
}

static int write_file(struct writing *writing)
{
	const struct wick_train *train = writing->train;
	const struct wick_shape *model = &train->model->shape;
	uint32_t *none = calloc(2 * (size_t)model->layers, sizeof(*none));
	const struct wick_sidecar_shape shape = { .model_crc = wick_model_identity(train->model), .layers = model->layers,
		.d_model = model->d_model, .n_ff = model->n_ff, .type = WICK_F32, .ranks = none, .ahead = none + model->layers,
		.levels = true };
	int rc;

	if (!none)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for %u layers", model->layers);
	rc = wick_sidecar_write(train->path, &shape, levels_of, writing, train->diag);
	free(none);
	return rc;
}

/* The thresholds of some shares; NULL without memory. */
static char *say(const struct writing *writing)
{
	const struct wick_train *train = writing->train;
	json_t *layers = json_array();
	json_t *json = json_pack("{s:o, s:i, s:o}", "file", wick_json_name(train->path), "tokens", (int)wick_train_tokens(train),
		"gates", layers);
	char *text;

	for (uint32_t i = 0; i < train->model->shape.layers; i++) {
		const float *levels = writing->levels[i];

		json_array_append_new(layers, json_pack("{s:i, s:f, s:f, s:f}", "layer", (int)i, "threshold_30_percent",
			(double)levels[30], "threshold_50_percent", (double)levels[50], "threshold_70_percent", (double)levels[70]));
	}
	text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(json);
	return text;
}

/* The figures are made first: a file in place is a success. */
int wick_train_keep_levels(const struct wick_train *train, const float (*levels)[WICK_GATE_LEVELS], char **json)
{
	struct writing writing = { train, levels };
	int rc;

	*json = say(&writing);
	if (!*json)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for the figures");
	rc = write_file(&writing);
	if (rc) {
		free(*json);
		*json = NULL;
	}
	return rc;
}
