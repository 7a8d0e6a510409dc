/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The model, a layer at a time: the ordinary forward pass over a model that has only this one, with all residuals in
 * memory between one layer and the next. */

#include "train.h"

#include "bits.h"
#include "load.h"
#include "place.h"
#include "pool.h"
#include "range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 32

static struct wick_forward_shape size_of(const struct wick_train *train)
{
	return (struct wick_forward_shape){ .ctx = train->chunk, .threads = wick_pool_threads(train->pool) };
}

static uint64_t place_cost(const struct wick_place *place)
{
	return place->tensor ? wick_mem_cost(place->rows * place->tensor->row_bytes + WICK_FILE_ALIGN) : 0;
}

static void keep_place(struct wick_train *train, struct wick_place *place, struct wick_load *loads, uint32_t *count)
{
	if (!place->tensor)
		return;
	place->resident_rows = place->rows;
	place->base = wick_mem_take(&train->mem, place->rows * place->tensor->row_bytes + WICK_FILE_ALIGN);
	loads[(*count)++] = (struct wick_load){ .tensor = place->tensor, .rows = place->rows, .base = place->base };
}

static void attach(struct wick_train *train, const struct wick_model *model)
{
	train->forward = (struct wick_forward){ .model = model, .places = train->places, .fetch = &train->fetch,
		.compute = { .kernels = &train->kernels, .pool = train->pool } };
}

/* The batches of all chunks: their residuals go in and come back changed. layer and what are for the progress. */
static int each_batch(struct wick_train *train, uint32_t layer, const char *what,
	int (*step)(struct wick_train *train, uint32_t m, uint32_t position))
{
	size_t d_model = train->model->shape.d_model;
	int rc = 0;

	for (uint32_t c = 0; rc == 0 && c < train->chunks; c++)
		for (uint32_t position = 0; rc == 0 && position < train->chunk; position += train->forward.batch_tokens) {
			uint32_t m = WICK_MIN(train->forward.batch_tokens, train->chunk - position);
			float *residual = train->residual + ((size_t)c * train->chunk + position) * d_model;

			if (wick_train_say(train, layer, what, 0))
				return -ECANCELED;
			train->at_token = c * train->chunk + position;
			memcpy(train->forward.x, residual, m * d_model * sizeof(float));
			rc = step(train, m, position);
			memcpy(residual, train->forward.x, m * d_model * sizeof(float));
		}
	return rc;
}

static int embed_step(struct wick_train *train, uint32_t m, uint32_t position)
{
	return wick_forward_embed(&train->forward, train->ids + train->at_token, m, position, train->diag);
}

static int embed(struct wick_train *train)
{
	const struct wick_shape *shape = &train->model->shape;
	uint32_t tables[] = { WICK_PLACE_EMBED, WICK_PLACE_POSITION, WICK_PLACE_PROJECT_IN, wick_place_head(shape) };
	uint32_t table_count = shape->tied ? 4 : 3, count = 0;
	struct wick_forward_shape size = size_of(train);
	uint64_t bytes = wick_forward_bytes(shape, &size);
	struct wick_load loads[4];
	int rc;

	train->places = calloc(wick_place_count(shape), sizeof(*train->places));
	if (!train->places)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for the embedding");
	wick_places_init(train->places, train->model, train->chunk);
	for (uint32_t i = 0; i < table_count; i++)
		bytes += place_cost(&train->places[tables[i]]);
	rc = wick_mem_reserve(&train->mem, bytes, train->diag);
	if (rc)
		return rc;
	attach(train, train->model);
	wick_forward_init(&train->forward, &size, &train->mem);
	for (uint32_t i = 0; i < table_count; i++)
		keep_place(train, &train->places[tables[i]], loads, &count);
	rc = wick_load_all(&train->fetch, loads, count, DEPTH, NULL, NULL, train->diag);
	if (rc == 0)
		rc = each_batch(train, 0, "embedding", embed_step);
	if (rc == 0)
		wick_train_sweep_end(train);
	return rc;
}

static void see_inputs(void *user, uint32_t layer, uint32_t position, uint32_t m, const float *x)
{
	struct wick_train *train = user;
	size_t d_model = train->model->shape.d_model;

	(void)layer, (void)position;
	train->out_of_range |= !wick_all_below(x, m * d_model, wick_limit_of(WICK_F16));
	train->kernels.from_f32[WICK_F16](train->x + train->at_token * d_model, x, m * d_model);
	memset(train->fired + train->at_token * train->fired_bytes, 0, m * train->fired_bytes);
}

static void see_fired(void *user, uint32_t layer, uint32_t position, uint32_t m, uint32_t first, uint32_t count,
	const float *h, size_t ldh)
{
	struct wick_train *train = user;

	(void)layer, (void)position;
	for (uint32_t i = 0; i < m; i++) {
		uint8_t *bits = train->fired + (train->at_token + i) * train->fired_bytes;

		for (uint32_t k = 0; k < count; k++)
			if (h[i * ldh + k] > 0)
				bits[(first + k) / 8] |= (uint8_t)(1 << (first + k) % 8);
	}
}

static int begin(struct wick_train *train)
{
	struct wick_forward_shape size = size_of(train);
	uint64_t bytes;

	wick_model_of_layer(&train->one, train->model, 0, train->one_tensors);
	train->places = calloc(wick_place_count(&train->one.shape), sizeof(*train->places));
	if (!train->places)
		return wick_diag_say(train->diag, -ENOMEM, "no memory for a layer");
	wick_places_init(train->places, &train->one, train->chunk);
	bytes = wick_forward_bytes(&train->one.shape, &size) + wick_kv_bytes(&train->one.shape, train->chunk) +
		wick_vectors_bytes(&train->one);
	for (uint32_t i = 0; i < WICK_PLACES_A_LAYER; i++)
		bytes += place_cost(&train->places[wick_place_layer(0, i)]);
	if (wick_mem_reserve(&train->mem, bytes + 16 * WICK_MEM_ALIGN, train->diag))
		return -ENOMEM;
	attach(train, &train->one);
	wick_forward_init(&train->forward, &size, &train->mem);
	wick_kv_init(&train->forward.kv, &train->one.shape, train->chunk, &train->mem);
	train->watch = (struct wick_watch){ .user = train, .inputs = see_inputs, .fired = see_fired };
	train->forward.watch = &train->watch;
	train->weights_at = train->mem.used;
	return 0;
}

int wick_train_sweep_begin(struct wick_train *train)
{
	int rc = embed(train);

	return rc ? rc : begin(train);
}

void wick_train_sweep_end(struct wick_train *train)
{
	wick_mem_release(&train->mem);
	train->mem = (struct wick_mem){ 0 };
	free(train->places);
	train->places = NULL;
}

static int layer_step(struct wick_train *train, uint32_t m, uint32_t position)
{
	return wick_forward_layer(&train->forward, 0, m, position, train->diag);
}

static int load_layer(struct wick_train *train, uint32_t layer)
{
	struct wick_load loads[WICK_PLACES_A_LAYER + WICK_T_COUNT];
	uint32_t count;

	train->mem.used = train->weights_at;
	wick_model_of_layer(&train->one, train->model, layer, train->one_tensors);
	wick_places_init(train->places, &train->one, train->chunk);
	count = wick_vectors_init(&train->forward.vectors, &train->one, &train->mem, loads);
	for (uint32_t i = 0; i < WICK_PLACES_A_LAYER; i++)
		keep_place(train, &train->places[wick_place_layer(0, i)], loads, &count);
	return wick_load_all(&train->fetch, loads, count, DEPTH, NULL, NULL, train->diag);
}

int wick_train_sweep_layer(struct wick_train *train, uint32_t layer)
{
	const struct wick_shape *shape = &train->model->shape;
	const struct wick_place *bundles = &train->places[wick_place_layer(0, WICK_PLACE_FFN)];
	uint16_t *before = train->x_before;
	int rc = load_layer(train, layer);

	if (rc)
		return rc;
	train->x_before = train->x;
	train->x = before;
	for (uint32_t i = 0; i < shape->n_ff; i++)
		train->kernels.to_f32[bundles->tensor->type](
			train->up + (size_t)i * shape->d_model, bundles->base + i * shape->stride, shape->d_model);
	rc = each_batch(train, layer, "reading", layer_step);
	if (rc == 0 && train->out_of_range)
		rc = wick_diag_say(train->diag, -ERANGE,
			"layer %u: its FFN is given numbers that f16 cannot hold: nothing can be learned from them", layer);
	return rc;
}
