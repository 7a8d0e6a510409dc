/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Finding a model's predictors, counting and loading them. */

#include "predictor_set.h"

#include "bits.h"
#include "directory.h"
#include "fetch.h"
#include "file.h"
#include "gguf.h"
#include "load.h"
#include "mem.h"
#include "sidecar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARTS 7 /* of a layer: two predictors' and levels */

const char *const wick_predictor_set_origins[WICK_PREDICTORS_ORIGINS] = { "none", "packed", "trained", "imported" };

/* The model's name with this instead of its ".gguf". */
static char *name_beside(const char *model_path, const char *ours)
{
	static const char ending[] = ".gguf";
	size_t length = strlen(model_path), cut = strlen(ending);
	char *path;

	if (length > cut && strcmp(model_path + length - cut, ending) == 0)
		length -= cut;
	path = malloc(length + strlen(ours) + 1);
	if (path) {
		memcpy(path, model_path, length);
		strcpy(path + length, ours);
	}
	return path;
}

char *wick_predictor_set_path(const char *model_path)
{
	return name_beside(model_path, ".pred.gguf");
}

char *wick_predictor_set_path_meanwhile(const char *model_path, uint32_t identity)
{
	char ours[32];

	snprintf(ours, sizeof(ours), ".pred.%08x.gguf", identity);
	return name_beside(model_path, ours);
}

static void bind_packed(struct wick_predictor_set *predictors, const struct wick_model *model)
{
	for (uint32_t i = 0; i < predictors->layers; i++)
		predictors->layer[i] = (struct wick_predictor){ .out = *wick_tensor_at(model, i, WICK_T_PRED_OUT),
			.bias = *wick_tensor_at(model, i, WICK_T_PRED_BIAS) };
	predictors->origin = WICK_PREDICTORS_PACKED;
	predictors->path = wick_gguf_path(model->gguf);
}

/* The file beside the model, if there is one. Where it is missing or another model's, an ordering may have been killed
 * between its two renames: then it is under the other name. */
static int open_sidecar(struct wick_predictor_set *predictors, const struct wick_model *model, const char *path,
	const char *meanwhile, struct wick_diag *diag)
{
	int rc = 0;

	if (access(path, F_OK) == 0)
		rc = wick_gguf_open(&predictors->gguf, path, diag);
	else if (errno != ENOENT && errno != ENAMETOOLONG) /* a model's name may be too long for one beside it */
		rc = wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	if (rc || (predictors->gguf && wick_sidecar_is_of(predictors->gguf, model)) || access(meanwhile, F_OK))
		return rc;
	wick_gguf_close(predictors->gguf);
	return wick_gguf_open(&predictors->gguf, meanwhile, diag);
}

static int bind_sidecar(
	struct wick_predictor_set *predictors, const struct wick_model *model, struct wick_diag *diag)
{
	int rc = wick_sidecar_bind(predictors, model, diag);

	if (rc)
		return rc;
	predictors->path = wick_gguf_path(predictors->gguf);
	predictors->memory_bytes += wick_gguf_memory_bytes(predictors->gguf);
	return 0;
}

/* The weights of one predictor. */
static uint64_t weights_of(const struct wick_predictor *predictor)
{
	return wick_tensor_bytes(&predictor->in) + wick_tensor_bytes(&predictor->out) +
		wick_tensor_bytes(&predictor->bias);
}

/* Sums, and whether any looks ahead at all. */
static void sum_up(struct wick_predictor_set *predictors)
{
	for (uint32_t i = 0; i < predictors->layers; i++) {
		const struct wick_predictor *own = &predictors->layer[i], *ahead = &predictors->ahead[i];

		predictors->weight_bytes += weights_of(own);
		predictors->ahead_bytes += weights_of(ahead);
		predictors->scratch_floats = WICK_MAX(predictors->scratch_floats,
			WICK_MAX(wick_predict_scratch_floats(own), wick_predict_scratch_floats(ahead)));
	}
	predictors->memory_bytes += sizeof(*predictors) + 2 * predictors->layers * sizeof(*predictors->layer);
	if (!predictors->ahead_bytes) {
		free(predictors->ahead);
		predictors->ahead = NULL;
	}
}

static int open_any(struct wick_predictor_set *predictors, const struct wick_model *model, const char *path,
	const char *meanwhile, struct wick_diag *diag)
{
	int rc;

	predictors->layers = model->shape.layers;
	predictors->layer = calloc(predictors->layers, sizeof(*predictors->layer));
	predictors->ahead = calloc(predictors->layers, sizeof(*predictors->ahead));
	if (!predictors->layer || !predictors->ahead)
		return wick_diag_say(diag, -ENOMEM, "no memory for predictors of %u layers", predictors->layers);
	predictors->path = "";
	rc = path ? open_sidecar(predictors, model, path, meanwhile, diag) : 0;
	if (rc == 0 && predictors->gguf)
		rc = bind_sidecar(predictors, model, diag);
	else if (rc == 0 && model->shape.predictor)
		bind_packed(predictors, model);
	sum_up(predictors);
	return rc;
}

int wick_predictor_set_open(struct wick_predictor_set **out, const struct wick_model *model, const char *model_path,
	struct wick_diag *diag)
{
	struct wick_predictor_set *predictors = calloc(1, sizeof(*predictors));
	char *path = model_path ? wick_predictor_set_path(model_path) : NULL;
	char *meanwhile = model_path ? wick_predictor_set_path_meanwhile(model_path, wick_model_identity(model)) : NULL;
	int rc;

	*out = NULL;
	if (!predictors || (model_path && (!path || !meanwhile)))
		rc = wick_diag_say(diag, -ENOMEM, "%s: no memory for its predictors", wick_gguf_path(model->gguf));
	else
		rc = open_any(predictors, model, path, meanwhile, diag);
	free(path);
	free(meanwhile);
	if (rc)
		wick_predictor_set_close(predictors);
	else
		*out = predictors;
	return rc;
}

void wick_predictor_set_close(struct wick_predictor_set *predictors)
{
	if (!predictors)
		return;
	wick_gguf_close(predictors->gguf);
	free(predictors->crcs);
	free(predictors->layer);
	free(predictors->ahead);
	free(predictors->levels);
	free(predictors->firing);
	free(predictors);
}

static int compare_shares(const void *a, const void *b)
{
	float first = *(const float *)a, second = *(const float *)b;

	return (first < second) - (first > second);
}

static int read_shares(const struct wick_directory *directory, const struct wick_tensor *tensor, float *shares)
{
	int rc = wick_directory_read_u32(directory, tensor->name, (uint32_t *)shares, tensor->crcs[0]);

	for (uint64_t i = 0; rc == 0 && i < tensor->cols; i++)
		if (!(shares[i] >= 0 && shares[i] <= 1))
			rc = wick_diag_say(directory->diag, -EINVAL, "%s: tensor \"%s\": number %llu is %g, which is no share of tokens",
				wick_gguf_path(directory->gguf), tensor->name, (unsigned long long)i, (double)shares[i]);
	if (rc == 0)
		qsort(shares, tensor->cols, sizeof(*shares), compare_shares);
	return rc;
}

int wick_predictor_set_firing(const struct wick_predictor_set *predictors, float *shares, struct wick_diag *diag)
{
	const struct wick_directory directory = { .gguf = predictors->gguf, .diag = diag };
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < predictors->layers; i++)
		rc = read_shares(&directory, &predictors->firing[i], shares + i * predictors->firing[i].cols);
	return rc;
}

/* Calls visit for every tensor that is loaded, and where its bytes are to be remembered. */
static void each_part(struct wick_predictor_set *predictors,
	void (*visit)(void *user, const struct wick_tensor *tensor, const uint8_t **data), void *user)
{
	for (uint32_t i = 0; i < predictors->layers; i++) {
		for (int ahead = 0; ahead < (predictors->ahead ? 2 : 1); ahead++) {
			struct wick_predictor *predictor = ahead ? &predictors->ahead[i] : &predictors->layer[i];

			visit(user, &predictor->in, &predictor->in_data);
			visit(user, &predictor->out, &predictor->out_data);
			visit(user, &predictor->bias, (const uint8_t **)&predictor->bias_data);
		}
		if (predictors->levels)
			visit(user, &predictors->levels[i].tensor, (const uint8_t **)&predictors->levels[i].level);
	}
}

static uint64_t buffer_bytes(const struct wick_tensor *tensor)
{
	return tensor->rows ? wick_fetch_buffer_bytes(wick_tensor_bytes(tensor)) : 0;
}

static void add_cost(void *user, const struct wick_tensor *tensor, const uint8_t **data)
{
	uint64_t *bytes = user;

	(void)data;
	if (tensor->rows)
		*bytes += wick_mem_cost(buffer_bytes(tensor));
}

uint64_t wick_predictor_set_bytes(const struct wick_predictor_set *predictors)
{
	uint64_t bytes = 0;

	each_part((struct wick_predictor_set *)predictors, add_cost, &bytes);
	return bytes;
}

struct loading {
	struct wick_mem *mem;
	struct wick_load *loads;
	uint32_t count;
};

static void take(void *user, const struct wick_tensor *tensor, const uint8_t **data)
{
	struct loading *loading = user;
	uint8_t *base;

	if (!tensor->rows)
		return;
	base = wick_mem_take(loading->mem, buffer_bytes(tensor));
	loading->loads[loading->count++] =
		(struct wick_load){ .tensor = tensor, .rows = tensor->rows, .base = base };
	*data = base;
}

/* The model's own file is open; a file of predictors is opened the same way for as long as it takes. */
static int load_from(const struct wick_predictor_set *predictors, const struct wick_fetch *fetch, const struct loading *loading,
	uint32_t depth, wick_progress_fn progress, void *user, struct wick_diag *diag)
{
	struct wick_fetch own = *fetch;
	struct wick_file file;
	int rc;

	if (!predictors->gguf)
		return wick_load_all(&own, loading->loads, loading->count, depth, progress, user, diag);
	rc = wick_file_open_grained(&file, predictors->path, fetch->file->direct, WICK_FILE_ALIGN, diag);
	if (rc)
		return rc;
	own.file = &file;
	rc = wick_gguf_check_same(predictors->gguf, file.fd, diag);
	if (rc == 0)
		rc = wick_load_all(&own, loading->loads, loading->count, depth, progress, user, diag);
	wick_file_close(&file);
	return rc;
}

static int check_levels(const struct wick_predictor_set *predictors, struct wick_diag *diag)
{
	for (uint32_t i = 0; predictors->levels && i < predictors->layers; i++)
		if (!wick_gate_levels_rise(predictors->levels[i].level))
			return wick_diag_say(diag, -EINVAL, "%s: tensor \"%s\" does not rise from 0", predictors->path,
				predictors->levels[i].tensor.name);
	return 0;
}

int wick_predictor_set_load(struct wick_predictor_set *predictors, const struct wick_fetch *fetch, uint32_t depth,
	struct wick_mem *mem, wick_progress_fn progress, void *user, struct wick_diag *diag)
{
	struct loading loading = { .mem = mem, .loads = calloc(PARTS * (size_t)predictors->layers, sizeof(*loading.loads)) };
	int rc;

	if (!loading.loads)
		return wick_diag_say(diag, -ENOMEM, "no memory to load predictors");
	each_part(predictors, take, &loading);
	rc = load_from(predictors, fetch, &loading, depth, progress, user, diag);
	free(loading.loads);
	return rc ? rc : check_levels(predictors, diag);
}
