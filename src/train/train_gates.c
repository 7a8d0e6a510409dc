/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Gates that are apart from their neurons, and hardly ever 0: one sweep over the model, which counts them (train_levels.c). */

#include "train.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct counting {
	struct wick_train *train;
	uint64_t *counts; /* (WICK_TRAIN_BINS), of the layer */
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
		wick_train_count(counting->counts, counting->row, shape->n_ff);
	}
}

static int sweep(struct counting *counting)
{
	struct wick_train *train = counting->train;
	int rc = wick_train_sweep_begin(train);

	train->watch = (struct wick_watch){ .user = counting, .gates = count_gates };
	for (uint32_t layer = 0; rc == 0 && layer < train->model->shape.layers; layer++) {
		memset(counting->counts, 0, WICK_TRAIN_BINS * sizeof(*counting->counts));
		rc = wick_train_pass_layer(train, layer);
		if (rc == 0)
			rc = wick_train_levels(counting->levels[layer], counting->counts, layer, train->diag);
		train->target++;
	}
	return rc;
}

int wick_train_gates(struct wick_train *train, char **json)
{
	const struct wick_shape *shape = &train->model->shape;
	struct counting counting = { .train = train, .counts = malloc(WICK_TRAIN_BINS * sizeof(*counting.counts)),
		.row = malloc(shape->n_ff * sizeof(*counting.row)), .levels = malloc(shape->layers * sizeof(*counting.levels)) };
	int rc;

	train->residual = calloc(wick_train_tokens(train), shape->d_model * sizeof(float));
	if (!counting.counts || !counting.row || !counting.levels || !train->residual)
		rc = wick_diag_say(train->diag, -ENOMEM, "no memory for %u tokens", wick_train_tokens(train));
	else
		rc = sweep(&counting);
	if (rc == 0)
		rc = wick_train_keep_levels(train, (const float(*)[WICK_GATE_LEVELS])counting.levels, json);
	free(counting.counts);
	free(counting.row);
	free(counting.levels);
	return rc == -ECANCELED ? wick_diag_say(train->diag, rc, "stopped before all layers were counted; nothing is kept") : rc;
}
