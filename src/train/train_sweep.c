/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The model, a layer at a time: the ordinary forward pass over a model that has only this one, with all residuals in
 * memory between one layer and the next. */

#include "train.h"

#include "bits.h"
#include "load.h"
#include "matrix.h"
#include "pool.h"
#include "range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 32
#define TABLES_MAX 4 /* embedding, positions, projection, and one more */

static struct wick_forward_shape size_of(const struct wick_train *train)
{
	return (struct wick_forward_shape){ .ctx = train->chunk, .sequences = 1, .threads = wick_pool_threads(train->pool) };
}

static uint64_t cost(const struct wick_matrix *matrix)
{
	return wick_mem_cost(matrix->rows * matrix->tensor->row_bytes + WICK_FILE_ALIGN);
}

static void keep(struct wick_train *train, struct wick_matrix *matrix, struct wick_load *loads, uint32_t *count)
{
	matrix->resident_rows = matrix->rows;
	matrix->base = wick_mem_take(&train->mem, matrix->rows * matrix->tensor->row_bytes + WICK_FILE_ALIGN);
	loads[(*count)++] = (struct wick_load){ .tensor = matrix->tensor, .rows = matrix->rows, .base = matrix->base };
}

static void attach(struct wick_train *train, const struct wick_model *model)
{
	train->forward = (struct wick_forward){ .model = model, .matrices = &train->matrices, .fetch = &train->fetch,
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
			memcpy(train->forward.buffer[WICK_X], residual, m * d_model * sizeof(float));
			rc = step(train, m, position);
			memcpy(residual, train->forward.buffer[WICK_X], m * d_model * sizeof(float));
		}
	return rc;
}

static int embed_step(struct wick_train *train, uint32_t m, uint32_t position)
{
	return wick_forward_embed(&train->forward, train->ids + train->at_token, m, position, train->diag);
}

/* Whether an embedding needs a matrix: those before the first layer, and a head that is the table. */
static bool is_embedding(const struct wick_steps *steps, uint32_t matrix)
{
	return matrix < steps->first_matrix[0] || matrix == steps->step[0].matrix;
}

static int embed(struct wick_train *train)
{
	const struct wick_steps *steps = &train->model->steps;
	struct wick_forward_shape size = size_of(train);
	uint64_t bytes = wick_forward_bytes(train->model, &size);
	struct wick_load loads[TABLES_MAX];
	uint32_t count = 0;
	int rc = wick_matrices_make(&train->matrices, train->model, train->chunk, train->diag);

	for (uint32_t i = 0; rc == 0 && i < train->matrices.count; i++)
		if (is_embedding(steps, i))
			bytes += cost(&train->matrices.at[i]);
	if (rc == 0)
		rc = wick_mem_reserve(&train->mem, bytes, train->diag);
	if (rc)
		return rc;
	attach(train, train->model);
	wick_forward_init(&train->forward, &size, &train->mem);
	for (uint32_t i = 0; i < train->matrices.count; i++)
		if (is_embedding(steps, i))
			keep(train, &train->matrices.at[i], loads, &count);
	rc = wick_load_all(&train->fetch, loads, count, DEPTH, NULL, NULL, train->diag);
	if (rc == 0)
		rc = each_batch(train, 0, "embedding", embed_step);
	if (rc == 0)
		wick_train_sweep_end(train);
	return rc;
}

static void forget_layer(struct wick_train *train)
{
	wick_matrices_free(&train->matrices);
	wick_steps_free(&train->one.steps);
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
			if (h[i * ldh + k] != 0)
				bits[(first + k) / 8] |= (uint8_t)(1 << (first + k) % 8);
	}
}

/* The model of this layer alone, and its matrices. */
static int take_layer(struct wick_train *train, uint32_t layer)
{
	int rc;

	forget_layer(train);
	rc = wick_model_of_layer(&train->one, train->model, layer, train->one_tensors, train->diag);
	return rc ? rc : wick_matrices_make(&train->matrices, &train->one, train->chunk, train->diag);
}

static int begin(struct wick_train *train)
{
	const struct wick_kv_shape kv = { .blocks = wick_kv_blocks(train->chunk), .sequences = 1, .ctx = train->chunk,
		.type = WICK_F16 };
	struct wick_forward_shape size = size_of(train);
	const uint32_t *first;
	uint64_t bytes;
	int rc;

	rc = take_layer(train, 0);
	if (rc)
		return rc;
	first = train->one.steps.first_matrix;
	bytes = wick_forward_bytes(&train->one, &size) + wick_kv_bytes(&train->one.shape, &kv) +
		wick_vectors_bytes(&train->one);
	for (uint32_t i = first[0]; i < first[1]; i++)
		bytes += cost(&train->matrices.at[i]);
	if (wick_mem_reserve(&train->mem, bytes + 16 * WICK_MEM_ALIGN, train->diag))
		return -ENOMEM;
	attach(train, &train->one);
	wick_forward_init(&train->forward, &size, &train->mem);
	wick_kv_init(&train->forward.kv, &train->one.shape, &kv, &train->mem);
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
	forget_layer(train);
}

static int layer_step(struct wick_train *train, uint32_t m, uint32_t position)
{
	return wick_forward_layer(&train->forward, 0, m, position, train->diag);
}

static int load_layer(struct wick_train *train, uint32_t layer)
{
	struct wick_load loads[2 * WICK_T_COUNT];
	const uint32_t *first;
	uint32_t count;
	int rc = take_layer(train, layer);

	if (rc)
		return rc;
	first = train->one.steps.first_matrix;
	train->mem.used = train->weights_at;
	count = wick_vectors_init(&train->forward.vectors, &train->one, &train->file, &train->mem, loads);
	for (uint32_t i = first[0]; i < first[1]; i++)
		keep(train, &train->matrices.at[i], loads, &count);
	rc = wick_load_all(&train->fetch, loads, count, DEPTH, NULL, NULL, train->diag);
	if (rc == 0)
		wick_forward_ready(&train->forward);
	return rc;
}

int wick_train_pass_layer(struct wick_train *train, uint32_t layer)
{
	int rc = load_layer(train, layer);

	return rc ? rc : each_batch(train, layer, "reading", layer_step);
}

int wick_train_sweep_layer(struct wick_train *train, uint32_t layer)
{
	const struct wick_shape *shape = &train->model->shape;
	const struct wick_matrix *bundles;
	uint16_t *before = train->x_before;
	int rc = load_layer(train, layer);

	if (rc)
		return rc;
	bundles = wick_matrices_bundles(&train->matrices, 0);
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
