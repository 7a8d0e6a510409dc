/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Thresholds from held-out scores, the file of predictors, and the report on them.
 *
 * A score is the logarithm of odds, so one threshold for all layers takes the neuron that is likelier, wherever it is:
 * the highest at which enough of all that fired are found. Lookahead has one of its own. */

#include "train.h"

#include "bits.h"
#include "json_text.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#define RECALL 0.986 /* of all neurons that fire; a little more than asked for, since other text is a little harder */
#define RECALL_AHEAD 0.90

/* Held-out neurons whose score is in bin `from` or above. */
struct tally {
	uint64_t predicted, found, fired;
};

static void add_up(struct tally *tally, const struct wick_trained *trained, uint32_t from)
{
	for (uint32_t bin = 0; trained->rank && bin < WICK_FIT_BINS; bin++) {
		uint64_t no = trained->fitted.counts[0][bin], yes = trained->fitted.counts[1][bin];

		tally->fired += yes;
		tally->found += bin >= from ? yes : 0;
		tally->predicted += bin >= from ? yes + no : 0;
	}
}

static struct tally tally_of(const struct wick_trained *trained, uint32_t layers, uint32_t from)
{
	struct tally tally = { 0 };

	for (uint32_t i = 0; i < layers; i++)
		add_up(&tally, &trained[i], from);
	return tally;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 1;
}

static uint32_t threshold_bin(const struct wick_trained *trained, uint32_t layers, double recall)
{
	uint32_t low = 0, high = WICK_FIT_BINS;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;
		struct tally tally = tally_of(trained, layers, middle);

		if (share(tally.found, tally.fired) >= recall)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void fold_in(struct wick_train *train, struct wick_trained *trained, uint32_t bin)
{
	float threshold = (float)bin * (2.0f * WICK_FIT_REACH / WICK_FIT_BINS) - WICK_FIT_REACH;

	for (uint32_t layer = 0; layer < train->model->shape.layers; layer++)
		for (uint32_t i = 0; trained[layer].rank && i < train->model->shape.n_ff; i++)
			trained[layer].fitted.bias[i] -= threshold;
}

static int part_of(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	const struct wick_train *train = user;
	const struct wick_fitted *fitted = ahead ? &train->ahead[layer].fitted : &train->own[layer].fitted;
	const void *parts[WICK_SIDECAR_KINDS] = { fitted->in, fitted->out, fitted->bias,
		[WICK_SIDECAR_FIRING] = train->firing + (size_t)layer * train->model->shape.n_ff };

	*data = parts[part];
	return 0;
}

static int write_file(struct wick_train *train)
{
	const struct wick_shape *model = &train->model->shape;
	uint32_t layers = model->layers, *ranks = malloc(2 * (size_t)layers * sizeof(*ranks));
	struct wick_sidecar_shape shape = { .model_crc = wick_model_identity(train->model), .layers = layers,
		.d_model = model->d_model, .n_ff = model->n_ff, .type = train->type, .ranks = ranks, .ahead = ranks + layers,
		.firing = true };
	int rc;

	if (!ranks)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for %u ranks", layers);
	for (uint32_t i = 0; i < layers; i++) {
		ranks[i] = train->own[i].rank;
		ranks[layers + i] = train->ahead[i].rank;
	}
	rc = wick_sidecar_write(train->path, &shape, part_of, train, train->diag);
	free(ranks);
	return rc;
}

static uint64_t bytes_of(const struct wick_train *train, const struct wick_trained *trained)
{
	const struct wick_shape *shape = &train->model->shape;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < shape->layers; i++)
		if (trained[i].rank)
			bytes += trained[i].rank * wick_type_bytes(train->type, shape->d_model) +
				shape->n_ff * (wick_type_bytes(train->type, trained[i].rank) + sizeof(float));
	return bytes;
}

/* "recall" and so on, of a layer or of all. */
static json_t *figures(const struct tally *tally, uint32_t tokens, uint64_t neurons)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "active_share", (double)tally->fired / ((double)neurons * tokens), "recall",
		share(tally->found, tally->fired), "precision", share(tally->found, tally->predicted), "predicted_per_active",
		share(tally->predicted, tally->fired));
}

static json_t *list(const struct wick_train *train, const struct wick_trained *trained, uint32_t bin)
{
	uint32_t held = train->held_chunks * train->chunk;
	json_t *layers = json_array();

	for (uint32_t i = 0; i < train->model->shape.layers; i++) {
		struct tally tally = { 0 };
		json_t *layer;

		if (!trained[i].rank)
			continue;
		add_up(&tally, &trained[i], bin);
		layer = figures(&tally, held, train->model->shape.n_ff);
		json_object_set_new(layer, "layer", json_integer(i));
		json_object_set_new(layer, "rank", json_integer(trained[i].rank));
		json_object_set_new(layer, "steps", json_integer(trained[i].fitted.steps));
		json_array_append_new(layers, layer);
	}
	return layers;
}

static json_t *section(const struct wick_train *train, const struct wick_trained *trained, uint32_t bin)
{
	uint32_t layers = train->model->shape.layers, with = 0;
	struct tally tally = tally_of(trained, layers, bin);
	uint64_t bytes = bytes_of(train, trained);
	json_t *all;

	for (uint32_t i = 0; i < layers; i++)
		with += trained[i].rank > 0;
	all = figures(&tally, train->held_chunks * train->chunk, (uint64_t)with * train->model->shape.n_ff);
	json_object_set_new(all, "bytes", json_integer((json_int_t)bytes));
	json_object_set_new(all, "model_share", json_real((double)bytes / (double)train->model->shape.source_bytes));
	json_object_set_new(all, "layers", list(train, trained, bin));
	return all;
}

/* The figures as text, for the caller to free; NULL without memory. */
static char *say_figures(const struct wick_train *train, uint32_t own, uint32_t ahead)
{
	json_t *json = json_pack("{s:o, s:s, s:i, s:i}", "file", wick_json_name(train->path), "type",
		wick_types[train->type].name, "tokens", (int)wick_train_tokens(train), "held_out_tokens",
		(int)(train->held_chunks * train->chunk));
	char *text;

	json_object_set_new(json, "predictors", section(train, train->own, own));
	if (train->ahead[0].rank)
		json_object_set_new(json, "lookahead", section(train, train->ahead, ahead));
	text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(json);
	return text;
}

int wick_train_finish(struct wick_train *train, char **text)
{
	uint32_t layers = train->model->shape.layers;
	uint32_t own = threshold_bin(train->own, layers, RECALL), ahead = threshold_bin(train->ahead, layers, RECALL_AHEAD);
	char *figures_text = say_figures(train, own, ahead); /* first: a file in place is a success */
	int rc;

	if (!figures_text)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for the figures");
	fold_in(train, train->own, own);
	fold_in(train, train->ahead, ahead);
	rc = write_file(train);
	if (rc)
		free(figures_text);
	else
		*text = figures_text;
	return rc;
}
