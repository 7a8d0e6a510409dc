/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Opening a model. A packed one: the shape from its keys, then every tensor of the table of tensors.c where it
 * must be, then the checksums, which are checked themselves. */

#include "model.h"

#include "bits.h"
#include "directory.h"
#include "gguf.h"
#include "kernels.h"
#include "shape.h"
#include "stock.h"
#include "tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights and checksums are used as they are in the file");

/* A walk through the table of tensors beside the file's directory. */
struct walk {
	struct wick_model *model;
	struct wick_directory directory;
	uint64_t checksum; /* next in wick.checksums */
	struct wick_diag *diag;
};

static const char *path_of(const struct walk *walk)
{
	return wick_gguf_path(walk->model->gguf);
}

static int bind_tensor(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct walk *walk = user;
	struct wick_tensor *kept = wick_tensor_at(walk->model, layer, id);
	struct wick_tensor tensor;
	uint32_t type;
	uint64_t ne[2];
	int rc;

	wick_tensor_describe(&tensor, id, layer, &walk->model->shape);
	wick_tensor_directory(&tensor, id, &type, ne);
	rc = wick_directory_match(&walk->directory, &tensor, type, ne);
	if (rc == 0)
		*kept = tensor;
	return rc;
}

/* Every tensor found, and nothing else in the file. */
static int bind_all(struct walk *walk)
{
	const struct wick_gguf *gguf = walk->model->gguf;
	int rc;

	walk->directory = (struct wick_directory){ .gguf = gguf, .kind = "model", .end = wick_gguf_header_bytes(gguf),
		.diag = walk->diag };
	rc = wick_tensors_each(&walk->model->shape, bind_tensor, walk);
	return rc ? rc : wick_directory_end(&walk->directory);
}

/* blk.N.ffn_crc, into its place behind wick.checksums and the layers before. */
static int load_bundle_crcs(struct walk *walk, uint32_t layer, const struct wick_tensor *described, uint32_t wanted)
{
	struct wick_model *model = walk->model;
	uint32_t *crcs = model->crcs + wick_tensors_checksums(&model->shape) + (uint64_t)layer * model->shape.n_ff;

	wick_tensor_at(model, layer, WICK_T_BUNDLES)->crcs = crcs;
	return wick_directory_read_u32(&walk->directory, described->name, crcs, wanted);
}

/* Hands each tensor its stretch of wick.checksums. */
static int hand_out(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct walk *walk = user;
	struct wick_tensor *kept = wick_tensor_at(walk->model, layer, id);
	const uint32_t *crcs = walk->model->crcs + walk->checksum;
	struct wick_tensor tensor;

	wick_tensor_describe(&tensor, id, layer, &walk->model->shape);
	walk->checksum += wick_tensor_blocks(&tensor, id);
	if (wick_tensor_table[id].kind == WICK_TENSOR_BUNDLE_CRCS)
		return load_bundle_crcs(walk, layer, &tensor, *crcs);
	if (wick_tensor_table[id].kind != WICK_TENSOR_BUNDLES)
		kept->crcs = crcs;
	return 0;
}

static int load_all_checksums(struct walk *walk)
{
	struct wick_model *model = walk->model;
	int rc;

	model->crc_count = wick_tensors_checksums(&model->shape) + (uint64_t)model->shape.layers * model->shape.n_ff;
	model->crcs = calloc(model->crc_count, sizeof(*model->crcs));
	if (!model->crcs)
		return wick_diag_say(walk->diag, -ENOMEM, "%s: no memory for %llu checksums", path_of(walk),
			(unsigned long long)model->crc_count);
	rc = wick_directory_checksums(&walk->directory, model->crcs);
	model->identity = model->crcs[wick_tensors_checksums(&model->shape) - 1];
	if (rc == 0)
		rc = wick_tensors_each(&model->shape, hand_out, walk);
	wick_model_tie(model);
	return rc;
}

static int load_packed(struct wick_model *model, struct wick_diag *diag)
{
	struct walk walk = { .model = model, .diag = diag };
	int rc = bind_all(&walk);

	return rc ? rc : load_all_checksums(&walk);
}

/* What the counts of the files say against the shape. */
static int check_parts(const struct wick_model *model, struct wick_diag *diag)
{
	const char *path = wick_gguf_path(model->gguf);

	if ((!model->stock || wick_stock_is_checked(model->gguf)) && model->parts.count > 1)
		return wick_diag_say(diag, -EINVAL, "%s: split.count is %u, and a packed model is one file", path,
			model->parts.count);
	if (model->shape.layers > model->parts.tensors)
		return wick_diag_say(diag, -EINVAL, "%s: %u layers are more than its %llu tensors can be", path,
			model->shape.layers, (unsigned long long)model->parts.tensors);
	return 0;
}

static int load(struct wick_model *model, const char *path, struct wick_diag *diag)
{
	int rc = wick_gguf_parts_open(&model->parts, path, diag);

	if (rc)
		return rc;
	model->gguf = model->parts.at[0];
	model->stock = wick_stock_is(model->gguf);
	rc = model->stock ? wick_stock_facts(&model->shape, &model->parts, diag) :
		wick_shape_read(&model->shape, model->gguf, diag);
	if (rc == 0)
		rc = check_parts(model, diag);
	if (rc)
		return rc;
	model->tensors = calloc(wick_tensors_count(model->shape.layers), sizeof(*model->tensors));
	if (!model->tensors)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for %u layers", path, model->shape.layers);
	rc = model->stock ? wick_stock_bind(model, diag) : load_packed(model, diag);
	if (rc == 0 && wick_stock_is_checked(model->gguf))
		rc = wick_stock_checksums(model, diag);
	if (rc == 0)
		rc = wick_steps_make(&model->steps, model, diag);
	model->memory_bytes = sizeof(*model) + (model->shape.kind_of_layer ? model->shape.layers : 0) +
		wick_tensors_count(model->shape.layers) * sizeof(*model->tensors) + model->crc_count * sizeof(*model->crcs) +
		model->place_count * sizeof(*model->places) +
		model->steps.memory_bytes + wick_gguf_parts_memory_bytes(&model->parts);
	return rc;
}

int wick_model_open(struct wick_model **out, const char *path, struct wick_diag *diag)
{
	struct wick_model *model = calloc(1, sizeof(*model));
	int rc;

	*out = NULL;
	if (!model)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to open it", path);
	rc = load(model, path, diag);
	if (rc)
		wick_model_close(model);
	else
		*out = model;
	return rc;
}

void wick_model_close(struct wick_model *model)
{
	if (!model)
		return;
	wick_gguf_parts_close(&model->parts);
	wick_steps_free(&model->steps);
	free(model->tensors);
	free((void *)model->shape.kind_of_layer);
	free(model->crcs);
	free(model->places);
	free(model);
}

static uint32_t header_crc(const struct wick_gguf *gguf)
{
	struct wick_kernels kernels;
	uint64_t bytes;
	const void *header = wick_gguf_header(gguf, &bytes);

	wick_kernels_init(&kernels, UINT32_MAX);
	return kernels.crc32c(0, header, bytes);
}

uint32_t wick_model_identity(const struct wick_model *model)
{
	if (model->stock && !model->crcs)
		return header_crc(model->gguf);
	return model->identity;
}

int wick_model_of_layer(struct wick_model *one, const struct wick_model *model, uint32_t layer,
	struct wick_tensor *tensors, struct wick_diag *diag)
{
	*one = *model;
	one->shape.layers = one->shape.kinds = 1;
	one->shape.kind[0] = *wick_kind(&model->shape, layer);
	one->shape.kind_of_layer = NULL;
	one->tensors = tensors;
	memcpy(tensors, model->tensors, wick_tensor_index(0, WICK_T_LAYER_FIRST) * sizeof(*tensors));
	memcpy(wick_tensor_at(one, 0, WICK_T_LAYER_FIRST), wick_tensor_at(model, layer, WICK_T_LAYER_FIRST),
		WICK_T_OF_LAYER * sizeof(*tensors));
	return wick_steps_make(&one->steps, one, diag);
}

struct tour {
	const struct wick_model *model;
	void (*visit)(const struct wick_tensor *tensor, void *user);
	void *user;
};

static int visit_tensor(enum wick_tensor_id id, uint32_t layer, void *user)
{
	const struct tour *tour = user;

	if (wick_tensor_is_numbers(id) && wick_tensor_is_own(tour->model, wick_tensor_index(layer, id)))
		tour->visit(wick_tensor_at(tour->model, layer, id), tour->user);
	return 0;
}

void wick_model_each(
	const struct wick_model *model, void (*visit)(const struct wick_tensor *tensor, void *user), void *user)
{
	struct tour tour = { model, visit, user };

	wick_tensors_all(model->shape.layers, visit_tensor, &tour);
}
