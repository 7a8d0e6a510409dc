/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "predictors.h"

#include "kernels.h"
#include "predictor_set.h"
#include "sidecar.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LAYERS_MAX 8
#define RANK 32
#define BIAS -0.85f  /* of a score of variance 1: a fifth is above */
#define BIAS_AHEAD -0.6f

/* Own layer i has rank RANK or twice that; it is drawn from seed i, in either role. */
struct random_predictors {
	struct wick_sidecar_shape shape;
	uint32_t ranks[LAYERS_MAX], ahead[LAYERS_MAX];
	struct wick_kernels kernels;
	void *data; /* of the part asked for last */
};

static float uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (float)(int32_t)(*state >> 32) * 0x1p-31f;
}

/* in takes an x of numbers about 1 to hidden numbers of variance 1, out those to scores of variance 1. */
static void fill_row(float *row, const struct wick_tensor *tensor, enum wick_sidecar_part part, bool ahead, uint64_t *state)
{
	float scale = sqrtf(3.0f / (float)tensor->cols);

	for (uint64_t c = 0; c < tensor->cols; c++)
		row[c] = part == WICK_SIDECAR_BIAS ? (ahead ? BIAS_AHEAD : BIAS) : scale * uniform(state);
}

/* Neurons of every second layer fire twice as often as those of the others, so that bundle caches are of two sizes. */
static void fill_firing(float *row, uint64_t count, uint32_t layer)
{
	for (uint64_t i = 0; i < count; i++)
		row[i] = (float)(1 + layer % 2) / 4 * (float)(i * 5 % count) / (float)count;
}

static int make_part(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	struct random_predictors *random = user;
	uint64_t state = (layer + ahead) * WICK_SIDECAR_PARTS + part + 1;
	struct wick_tensor tensor;
	float *row;

	wick_sidecar_describe(&tensor, &random->shape, layer, ahead, part);
	row = malloc(tensor.cols * sizeof(*row));
	free(random->data);
	random->data = malloc(wick_tensor_bytes(&tensor));
	for (uint64_t i = 0; i < tensor.rows; i++) {
		uint8_t *to = (uint8_t *)random->data + i * tensor.row_bytes;

		if (part == WICK_SIDECAR_FIRING)
			fill_firing(row, tensor.cols, layer);
		else
			fill_row(row, &tensor, part, ahead, &state);
		if (tensor.type == WICK_F32)
			memcpy(to, row, tensor.row_bytes);
		else
			random->kernels.from_f32[tensor.type](to, row, tensor.cols);
	}
	free(row);
	*data = random->data;
	return 0;
}

void predictors_write(const char *model_path)
{
	char *path = wick_predictor_set_path(model_path);
	struct random_predictors random = { 0 };
	struct wick_diag diag = { 0 };
	struct wick_model *model;

	if (wick_model_open(&model, model_path, &diag))
		fail_msg("%s", diag.text);
	assert_in_range(model->shape.layers, 1, LAYERS_MAX);
	for (uint32_t i = 0; i < model->shape.layers; i++)
		random.ranks[i] = RANK * (1 + i % 2);
	memcpy(random.ahead, random.ranks + 1, (model->shape.layers - 1) * sizeof(*random.ahead));
	random.shape = (struct wick_sidecar_shape){ .model_crc = wick_model_identity(model), .layers = model->shape.layers,
		.d_model = model->shape.d_model, .n_ff = model->shape.n_ff, .type = WICK_Q4_0, .ranks = random.ranks,
		.ahead = random.ahead, .firing = true };
	wick_kernels_init(&random.kernels, ~0u);
	if (wick_sidecar_write(path, &random.shape, make_part, &random, &diag))
		fail_msg("%s", diag.text);
	free(random.data);
	free(path);
	wick_model_close(model);
}
