/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Predictors that others have trained: a folder of model_0.pt, model_1.pt, ..., one for each layer, as PowerInfer's models
 * come with them. Each is a state dict with the two matrices of a perceptron, fc1.weight (rank, d_model) and fc2.weight
 * (n_ff, rank), and a ReLU between; a score above 0 means that the neuron fires. They are in the order of the checkpoint.
 *
 * In PowerInfer's graphs those of OPT are given the FFN's input; those of Llama and its like what goes into the norm in front of
 * it, and those of Falcon the layer's input, which is the same there. Of other families it has none.
 *
 * One file is open at a time, and one matrix in memory. */

#include "bits.h"
#include "gguf.h"
#include "json_text.h"
#include "kernels.h"
#include "model.h"
#include "predictor_set.h"
#include "range.h"
#include "shape.h"
#include "sidecar.h"
#include "torch.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wick/wick.h>

#define CLOSED UINT32_MAX
#define NATURAL "natural"

struct import {
	const char *folder;
	struct wick_model *model;
	struct wick_sidecar_shape shape;
	uint32_t *ranks; /* (2, layers): those of the layers, and zeros */
	struct wick_kernels kernels;
	uint32_t at; /* the layer whose file is open, or CLOSED */
	struct wick_source_file file;
	struct wick_source_list list;
	uint8_t *part; /* the one asked for last, as stored */
	uint64_t bytes, done; /* of all parts, and of those before this one */
	wick_progress_fn progress;
	void *user;
	struct wick_diag *diag;
};

static void close_layer(struct import *import)
{
	if (import->at == CLOSED)
		return;
	wick_torch.close(&import->file);
	wick_torch.forget(&import->file);
	wick_source_close(&import->file);
	wick_source_list_free(&import->list);
	free(import->file.path);
	import->list = (struct wick_source_list){ 0 };
	import->at = CLOSED;
}

static const char part_in[] = "fc1.weight", part_out[] = "fc2.weight";

/* A bias, say, would have to be added: a predictor without it is another one. */
static int refuse_others(const struct import *import)
{
	for (unsigned i = 0; i < import->list.count; i++) {
		const char *name = import->list.tensors[i].name;

		if (strcmp(name, part_in) && strcmp(name, part_out))
			return wick_diag_say(import->diag, -EINVAL, "%s: \"%s\" is no part of a predictor, which is %s and %s",
				import->file.path, wick_diag_name(name), part_in, part_out);
	}
	return 0;
}

static int open_layer(struct import *import, uint32_t layer)
{
	int rc;

	if (import->at == layer)
		return 0;
	close_layer(import);
	import->file = (struct wick_source_file){ .fd = -1 };
	if (asprintf(&import->file.path, "%s/model_%u.pt", import->folder, layer) < 0)
		return wick_diag_say(import->diag, -ENOMEM, "%s: no memory for a name", import->folder);
	import->at = layer;
	rc = wick_source_open(&import->file, import->diag);
	if (rc == 0)
		rc = wick_torch.list(&import->file, &import->list, import->diag);
	return rc ? rc : refuse_others(import);
}

/* The matrix of this name, of rows or columns that are known: 0 stands for any number. */
static int find_matrix(struct import *import, const char *name, uint64_t rows, uint64_t cols,
	const struct wick_source_tensor **matrix)
{
	const char *path = import->file.path;
	char text[96];

	*matrix = NULL;
	for (unsigned i = 0; i < import->list.count; i++)
		if (strcmp(import->list.tensors[i].name, name) == 0)
			*matrix = &import->list.tensors[i];
	if (!*matrix)
		return wick_diag_say(import->diag, -EINVAL, "%s: \"%s\" is missing", path, name);
	if ((*matrix)->unfit)
		return wick_diag_say(import->diag, -EINVAL, "%s: \"%s\" %s", path, name, (*matrix)->unfit);
	if ((*matrix)->dims != 2 || (rows && (*matrix)->shape[0] != rows) || (cols && (*matrix)->shape[1] != cols) ||
		!(*matrix)->shape[0] || !(*matrix)->shape[1] || (*matrix)->shape[0] > WICK_DIM_MAX ||
		(*matrix)->shape[1] > WICK_DIM_MAX)
		return wick_diag_say(import->diag, -EINVAL, "%s: \"%s\" is %s, which does not fit the model: %u wide, %u neurons",
			path, name, wick_source_shape_text(text, (*matrix)->shape, (*matrix)->dims), import->shape.d_model,
			import->shape.n_ff);
	return 0;
}

static int find_part(struct import *import, uint32_t layer, enum wick_sidecar_part part,
	const struct wick_source_tensor **matrix)
{
	uint32_t rank = import->ranks[layer];
	int rc = open_layer(import, layer);

	if (rc)
		return rc;
	if (part == WICK_SIDECAR_IN)
		return find_matrix(import, part_in, rank, import->shape.d_model, matrix);
	return find_matrix(import, part_out, import->shape.n_ff, rank, matrix);
}

/* Every file is looked at before anything is written. q8_0 where all widths are in whole blocks: nothing is lost by it that
 * a predictor would notice. */
static int look_at_all(struct import *import)
{
	uint32_t block = wick_types[WICK_Q8_0].block;
	bool blocks = import->shape.d_model % block == 0;

	for (uint32_t i = 0; i < import->shape.layers; i++) {
		const struct wick_source_tensor *matrix;
		int rc = find_part(import, i, WICK_SIDECAR_IN, &matrix);

		if (rc)
			return rc;
		import->ranks[i] = (uint32_t)matrix->shape[0];
		blocks = blocks && import->ranks[i] % block == 0;
		rc = find_part(import, i, WICK_SIDECAR_OUT, &matrix);
		if (rc)
			return rc;
	}
	import->shape.type = blocks ? WICK_Q8_0 : WICK_F16;
	return 0;
}

/* Of a row from number `first` of the matrix on: the one that is no number, or not in the type. */
static int refuse_number(const struct import *import, const struct wick_source_tensor *matrix, uint64_t first,
	const float *row, enum wick_type type)
{
	const char *name = wick_types[type].name;
	uint64_t i = 0;

	while (wick_all_below(row + i, 1, wick_limit_of(type)))
		i++;
	if (!isfinite(row[i]))
		return wick_diag_say(import->diag, -EINVAL, "%s: \"%s\": number %" PRIu64 " is %s", import->file.path, matrix->name,
			first + i, isnan(row[i]) ? "NaN" : "infinite");
	return wick_diag_say(import->diag, -EINVAL, "%s: \"%s\": number %" PRIu64 " is %g, more than %s can hold",
		import->file.path, matrix->name, first + i, (double)row[i], name);
}

static int convert(struct import *import, const struct wick_source_tensor *matrix, const struct wick_tensor *tensor)
{
	uint64_t row_bytes = matrix->bytes / tensor->rows;
	uint8_t *raw = malloc(row_bytes);
	float *row = malloc(tensor->cols * sizeof(*row));
	int rc = raw && row ? 0 : wick_diag_say(import->diag, -ENOMEM, "%s: no memory for a row", import->file.path);

	for (uint64_t i = 0; rc == 0 && i < tensor->rows; i++) {
		rc = wick_source_read(&wick_torch, &import->file, matrix, i * row_bytes, raw, row_bytes, import->diag);
		if (rc)
			break;
		import->kernels.to_f32[matrix->type](row, raw, tensor->cols);
		if (!wick_all_below(row, tensor->cols, wick_limit_of(tensor->type))) {
			rc = refuse_number(import, matrix, i * tensor->cols, row, tensor->type);
			break;
		}
		import->kernels.from_f32[tensor->type](import->part + i * tensor->row_bytes, row, tensor->cols);
	}
	free(raw);
	free(row);
	return rc ? rc : wick_torch.finish(&import->file, import->diag);
}

static int go_on(struct import *import)
{
	if (!import->progress || !import->progress(import->user, import->done, import->bytes))
		return 0;
	return wick_diag_say(import->diag, -ECANCELED, "stopped; no predictors were written");
}

static int part_of(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part, const void **data)
{
	struct import *import = user;
	const struct wick_source_tensor *matrix;
	struct wick_tensor tensor;
	int rc = go_on(import);

	if (rc)
		return rc;
	wick_sidecar_describe(&tensor, &import->shape, layer, ahead, part);
	free(import->part);
	*data = import->part = calloc(1, wick_tensor_bytes(&tensor));
	if (!import->part)
		return wick_diag_say(import->diag, -ENOMEM, "%s: no memory for %s", import->folder, tensor.name);
	import->done += wick_tensor_bytes(&tensor);
	if (part == WICK_SIDECAR_BIAS)
		return 0;
	rc = find_part(import, layer, part, &matrix);
	return rc ? rc : convert(import, matrix, &tensor);
}

static int add_bytes(void *user, uint32_t layer, bool ahead, enum wick_sidecar_part part)
{
	struct import *import = user;
	struct wick_tensor tensor;

	wick_sidecar_describe(&tensor, &import->shape, layer, ahead, part);
	import->bytes += wick_tensor_bytes(&tensor);
	return 0;
}

static int report(struct import *import, const char *path, char **text)
{
	json_t *json, *ranks = json_array();

	wick_sidecar_each(&import->shape, add_bytes, import);
	for (uint32_t i = 0; i < import->shape.layers; i++)
		json_array_append_new(ranks, json_integer(import->ranks[i]));
	json = json_pack("{s:o, s:s, s:I, s:f, s:o}", "file", wick_json_name(path), "type", wick_types[import->shape.type].name, "bytes",
		(json_int_t)import->bytes, "model_share", (double)import->bytes / (double)import->model->shape.source_bytes,
		"ranks", ranks);
	*text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	json_decref(json);
	return *text ? 0 : wick_diag_say(import->diag, -ENOMEM, "no memory for the figures");
}

static int import_all(struct import *import, const char *model_path, char **text)
{
	const struct wick_shape *model = &import->model->shape;
	char *path = wick_predictor_set_path(model_path);
	int rc;

	import->shape = (struct wick_sidecar_shape){ .model_crc = wick_model_identity(import->model), .layers = model->layers,
		.d_model = model->d_model, .n_ff = model->n_ff, .relu = true, .imported = true, .residual = import->model->stock };
	import->ranks = calloc(2 * (size_t)model->layers, sizeof(*import->ranks));
	import->shape.ranks = import->ranks;
	import->shape.ahead = import->ranks + model->layers;
	wick_kernels_init(&import->kernels, ~0u);
	if (!path || !import->ranks)
		rc = wick_diag_say(import->diag, -ENOMEM, "%s: no memory for its predictors", model_path);
	else
		rc = look_at_all(import);
	if (rc == 0)
		rc = report(import, path, text); /* first: a file in place is a success */
	if (rc == 0)
		rc = wick_sidecar_write(path, &import->shape, part_of, import, import->diag);
	if (rc) {
		free(*text);
		*text = NULL;
	}
	free(path);
	return rc;
}

/* Stock architectures whose predictors are given the residual. */
static const char *const of_residual[] = { "llama", "falcon" };

static bool is_known(const struct wick_model *model)
{
	bool known = !model->stock;

	for (size_t i = 0; i < WICK_COUNT_OF(of_residual); i++)
		known |= !strcmp(model->shape.name, of_residual[i]);
	return known;
}

/* Is it a model that such predictors can be for? */
static int check_model(const struct import *import, const char *path)
{
	struct wick_gguf_string order = { 0 };

	if (wick_gate_is_apart(&import->model->shape))
		return wick_diag_say(import->diag, -EINVAL, "%s: its gates say which neurons fire: there is nothing to predict", path);
	if (!wick_is_relu(&import->model->shape))
		return wick_diag_say(import->diag, -EINVAL,
			"%s: its activation is not ReLU: every neuron counts, and there is nothing to predict", path);
	if (!is_known(import->model))
		return wick_diag_say(import->diag, -EINVAL, "%s: PowerInfer's predictors are for OPT, Llama, Bamboo and Falcon, not for %s",
			path, import->model->shape.name);
	if (wick_gguf_string(import->model->gguf, "wick.order", &order, NULL) || order.length != strlen(NATURAL) ||
		memcmp(order.bytes, NATURAL, order.length) != 0)
		return wick_diag_say(import->diag, -EINVAL,
			"%s: its neurons are in another order than the checkpoint's, which predictors from elsewhere are for; import "
			"them before, and wick pack --order takes them along", path);
	return 0;
}

int wick_import_predictors(const char *model_path, const char *folder, wick_progress_fn progress, void *user, char **json,
	struct wick_diag *diag)
{
	struct import import = { .folder = folder, .at = CLOSED, .progress = progress, .user = user, .diag = diag };
	int rc;

	*json = NULL;
	if (diag)
		diag->text[0] = 0;
	rc = wick_model_open(&import.model, model_path, diag);
	if (rc == 0)
		rc = check_model(&import, model_path);
	if (rc == 0)
		rc = import_all(&import, model_path, json);
	close_layer(&import);
	wick_model_close(import.model);
	free(import.ranks);
	free(import.part);
	return rc;
}
