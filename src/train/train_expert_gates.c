/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Gates of experts: an engine evaluates the text, with as many experts in memory as its budget holds, and all gates of a layer are
 * counted together (train_levels.c). */

#include "train.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct counting {
	struct wick_train *train;
	uint64_t *counts; /* (layers, WICK_TRAIN_BINS) */
	float *row;       /* (n_ff) */
	float (*levels)[WICK_GATE_LEVELS]; /* (layers) */
	uint32_t chunk;   /* that is evaluated */
};

static void count_gates(void *user, uint32_t layer, uint32_t pairs, const float *gate)
{
	const struct counting *counting = user;
	const struct wick_ffn_facts *ffn = &wick_kind(&counting->train->model->shape, layer)->ffn;

	for (uint32_t i = 0; i < pairs; i++) {
		memcpy(counting->row, gate + (size_t)i * ffn->n_ff, ffn->n_ff * sizeof(*gate));
		wick_activate_gate(&counting->train->kernels, ffn->act, counting->row, ffn->n_ff);
		wick_train_count(counting->counts + (size_t)layer * WICK_TRAIN_BINS, counting->row, ffn->n_ff);
	}
}

/* Every chunk goes through all layers. */
static int say_layer(void *user, uint64_t done, uint64_t all)
{
	const struct counting *counting = user;
	const struct wick_train *train = counting->train;
	uint32_t layers = train->model->shape.layers;
	double part = all ? (double)done / (double)all : 1;

	if (!train->options->progress)
		return 0;
	return train->options->progress(train->options->user, (uint32_t)(part * (layers - 1)), layers, "reading",
		(counting->chunk + part) / train->chunks);
}

static int open_engine(struct wick **wick, struct counting *counting, const char *path)
{
	const struct wick_train *train = counting->train;
	struct wick_options options;

	wick_options_init(&options);
	options.mode = "dense";
	options.ctx = train->chunk;
	options.threads = train->options->threads;
	options.memory.bytes = train->options->memory_bytes;
	options.beside_bytes = train->model->shape.layers * (WICK_TRAIN_BINS * sizeof(*counting->counts) + sizeof(*counting->levels)) +
		wick_train_tokens(train) * sizeof(*train->ids);
	options.eval_progress = say_layer;
	options.eval_user = counting;
	return wick_open(wick, path, &options, train->diag);
}

static int count_text(struct counting *counting, const char *path)
{
	const struct wick_watch watch = { .user = counting, .expert_gates = count_gates };
	const struct wick_train *train = counting->train;
	struct wick_session *session = NULL;
	struct wick *wick;
	int rc = open_engine(&wick, counting, path);

	if (rc)
		return rc;
	wick_watch(wick, &watch);
	rc = wick_session_create(&session, wick, train->diag);
	for (; rc == 0 && counting->chunk < train->chunks; counting->chunk++) {
		wick_session_reset(session);
		rc = wick_session_eval(session, train->ids + (size_t)counting->chunk * train->chunk, train->chunk, NULL, NULL, train->diag);
	}
	wick_close(wick);
	return rc;
}

int wick_train_expert_gates(struct wick_train *train, const char *path, char **json)
{
	const struct wick_shape *shape = &train->model->shape;
	struct counting counting = { .train = train, .counts = calloc(shape->layers, WICK_TRAIN_BINS * sizeof(*counting.counts)),
		.row = malloc(shape->n_ff * sizeof(*counting.row)), .levels = malloc(shape->layers * sizeof(*counting.levels)) };
	int rc;

	if (!counting.counts || !counting.row || !counting.levels)
		rc = wick_diag_say(train->diag, -ENOMEM, "no memory to count the gates of %u layers", shape->layers);
	else
		rc = count_text(&counting, path);
	for (uint32_t layer = 0; rc == 0 && layer < shape->layers; layer++)
		rc = wick_train_levels(counting.levels[layer], counting.counts + (size_t)layer * WICK_TRAIN_BINS, layer, train->diag);
	if (rc == 0)
		rc = wick_train_keep_levels(train, (const float(*)[WICK_GATE_LEVELS])counting.levels, json);
	free(counting.counts);
	free(counting.row);
	free(counting.levels);
	return rc == -ECANCELED ? wick_diag_say(train->diag, rc, "stopped before all of the text was counted; nothing is kept") : rc;
}
