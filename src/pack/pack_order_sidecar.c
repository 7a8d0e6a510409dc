/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Trained predictors for a model in another order: the rows of `out` and the biases go where their neurons went, `in`
 * is no neuron's and stays. A lookahead predictor is about the neurons of the next layer. */

#include "pack_job.h"

#include "bits.h"
#include "predictor_set.h"
#include "sidecar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct moving {
	struct wick_pack_job *job;
	const struct wick_predictor_set *from;
	const uint32_t *orders; /* (layers, n_ff) */
	uint8_t *read, *moved; /* the largest part */
};

static const struct wick_predictor *predictor_of(const struct wick_predictor_set *set, uint32_t layer, bool ahead)
{
	return ahead ? &set->ahead[layer] : &set->layer[layer];
}

static int part_of(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	struct moving *moving = user;
	uint32_t n_ff = moving->job->shape.n_ff;
	const uint32_t *neurons = moving->orders + (uint64_t)(layer + ahead) * n_ff;
	const struct wick_predictor *predictor = predictor_of(moving->from, layer, ahead);
	const struct wick_tensor *const parts[WICK_SIDECAR_KINDS] = { &predictor->in, &predictor->out, &predictor->bias,
		moving->from->levels ? &moving->from->levels[layer].tensor : NULL,
		moving->from->firing ? &moving->from->firing[layer] : NULL };
	bool of_neurons = part == WICK_SIDECAR_OUT || part == WICK_SIDECAR_BIAS || part == WICK_SIDECAR_FIRING;
	uint64_t bytes = part == WICK_SIDECAR_OUT ? predictor->out.row_bytes : sizeof(float);
	int rc = wick_pack_go_on(moving->job);

	if (rc == 0)
		rc = wick_pack_read_rows(
			moving->job, moving->from->gguf, parts[part], 0, parts[part]->rows, moving->read);
	if (rc)
		return rc;
	*data = of_neurons ? moving->moved : moving->read;
	for (uint32_t i = 0; of_neurons && i < n_ff; i++)
		memcpy(moving->moved + i * bytes, moving->read + neurons[i] * bytes, bytes);
	return 0;
}

static uint64_t largest(const struct wick_predictor_set *set)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < set->layers; i++) {
		if (set->levels)
			bytes = WICK_MAX(bytes, wick_tensor_bytes(&set->levels[i].tensor));
		if (set->firing)
			bytes = WICK_MAX(bytes, wick_tensor_bytes(&set->firing[i]));
		for (unsigned ahead = 0; ahead < (set->ahead ? 2 : 1); ahead++) {
			const struct wick_predictor *predictor = predictor_of(set, i, ahead);

			bytes = WICK_MAX(bytes, WICK_MAX(wick_tensor_bytes(&predictor->in),
				WICK_MAX(wick_tensor_bytes(&predictor->out), wick_tensor_bytes(&predictor->bias))));
		}
	}
	return bytes;
}

static int move(struct moving *moving, const char *path, uint32_t *ranks)
{
	const struct wick_predictor_set *from = moving->from;
	const struct wick_shape *shape = &moving->job->shape;
	struct wick_sidecar_shape sidecar = { .model_crc = moving->job->checksums[wick_pack_checksum_count(moving->job) - 1],
		.layers = shape->layers, .d_model = shape->d_model, .n_ff = shape->n_ff, .type = from->layer[0].out.type,
		.ranks = ranks, .ahead = ranks + shape->layers, .relu = from->layer[0].relu,
		.imported = from->origin == WICK_PREDICTORS_IMPORTED, .residual = from->residual, .levels = from->levels, .firing = from->firing };

	for (uint32_t i = 0; i < shape->layers; i++) {
		ranks[i] = (uint32_t)from->layer[i].in.rows;
		ranks[shape->layers + i] = from->ahead ? (uint32_t)from->ahead[i].in.rows : 0;
	}
	return wick_sidecar_write(path, &sidecar, part_of, moving, moving->job->diag);
}

int wick_pack_sidecar_in_order(struct wick_pack_job *job, const struct wick_predictor_set *from, const char *path,
	const uint32_t *orders)
{
	uint64_t bytes = largest(from);
	struct moving moving = { .job = job, .from = from, .orders = orders, .read = malloc(bytes), .moved = malloc(bytes) };
	uint32_t *ranks = calloc(2 * (size_t)from->layers, sizeof(*ranks));
	int rc;

	if (!moving.read || !moving.moved || !ranks)
		rc = wick_diag_say(job->diag, -ENOMEM, "no memory to order %s", from->path);
	else
		rc = move(&moving, path, ranks);
	free(moving.read);
	free(moving.moved);
	free(ranks);
	return rc;
}
