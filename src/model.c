/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Opening a packed model: the shape from its keys, then every tensor of the table of slot.c at the place where it must
 * be, then the checksums, which are checked themselves. */

#include "model.h"

#include "bits.h"
#include "fileio.h"
#include "gguf.h"
#include "kernels.h"
#include "shape.h"
#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights and checksums are used as they are in the file");

/* A walk through the slots beside the file's directory. */
struct walk {
	struct wick_model *model;
	uint64_t tensor_i; /* next in the directory */
	uint64_t end;      /* of the last tensor */
	uint64_t checksum; /* next in wick.checksums */
	int fd;
	uint32_t (*crc32c)(uint32_t crc, const void *data, size_t bytes);
	struct wick_diag *diag;
};

static const char *path_of(const struct walk *walk)
{
	return wick_gguf_path(walk->model->gguf);
}

/* The directory's next tensor must be this one, of this type and size, right behind the last. */
static int match(struct walk *walk, enum wick_slot_id id, struct wick_tensor *tensor)
{
	const struct wick_gguf_tensor *found = wick_gguf_tensor_at(walk->model->gguf, walk->tensor_i++);
	const struct wick_gguf_tensor *named = wick_gguf_tensor(walk->model->gguf, tensor->name);
	uint32_t type;
	uint64_t ne[2];

	wick_slot_directory(tensor, id, &type, ne);
	if (!named)
		return wick_diag_say(walk->diag, -EINVAL, "%s: tensor \"%s\" is missing", path_of(walk), tensor->name);
	if (named != found)
		return wick_diag_say(
			walk->diag, -EINVAL, "%s: tensor \"%s\" is not in its place", path_of(walk), tensor->name);
	if (found->type != type)
		return wick_diag_say(walk->diag, -EINVAL, "%s: tensor \"%s\" is of GGUF type %u, not %u",
			path_of(walk), tensor->name, found->type, type);
	if (found->ne[0] != ne[0] || found->ne[1] != ne[1] || found->ne[2] != 1 || found->ne[3] != 1)
		return wick_diag_say(walk->diag, -EINVAL, "%s: tensor \"%s\" is %llu x %llu, not %llu x %llu",
			path_of(walk), tensor->name, (unsigned long long)found->ne[0],
			(unsigned long long)found->ne[1], (unsigned long long)ne[0], (unsigned long long)ne[1]);
	if (found->offset != wick_align_up(walk->end, WICK_FILE_ALIGN))
		return wick_diag_say(walk->diag, -EINVAL, "%s: tensor \"%s\" starts at byte %llu, not %llu",
			path_of(walk), tensor->name, (unsigned long long)found->offset,
			(unsigned long long)wick_align_up(walk->end, WICK_FILE_ALIGN));
	tensor->offset = found->offset;
	walk->end = found->offset + found->bytes;
	return 0;
}

static int bind_slot(enum wick_slot_id id, uint32_t layer, void *user)
{
	struct walk *walk = user;
	struct wick_tensor *kept = wick_slot_tensor(walk->model, id, layer);
	struct wick_tensor tensor;
	int rc;

	wick_slot_describe(&tensor, id, layer, &walk->model->shape);
	rc = match(walk, id, &tensor);
	if (rc == 0 && kept)
		*kept = tensor;
	return rc;
}

/* Every tensor found, and nothing else in the file. */
static int bind_all(struct walk *walk)
{
	const struct wick_gguf *gguf = walk->model->gguf;
	const struct wick_gguf_tensor *extra;
	uint64_t file_bytes;
	int rc;

	walk->end = wick_gguf_header_bytes(gguf);
	rc = wick_slot_each(&walk->model->shape, bind_slot, walk);
	if (rc)
		return rc;
	extra = wick_gguf_tensor_at(gguf, walk->tensor_i);
	if (extra)
		return wick_diag_say(walk->diag, -EINVAL, "%s: tensor \"%.*s\" does not belong to this kind of model",
			path_of(walk), (int)WICK_MIN(extra->name.length, 80), extra->name.bytes);
	file_bytes = wick_align_up(walk->end, WICK_FILE_ALIGN);
	if (wick_gguf_file_bytes(gguf) != file_bytes)
		return wick_diag_say(walk->diag, -EINVAL,
			"%s: the file has %llu bytes, not %llu: it is cut off or damaged", path_of(walk),
			(unsigned long long)wick_gguf_file_bytes(gguf), (unsigned long long)file_bytes);
	return 0;
}

static int damaged(struct walk *walk, const char *what, uint64_t offset, uint64_t bytes)
{
	return wick_diag_say(walk->diag, -EBADMSG,
		"%s: %s (bytes %llu to %llu) is damaged: its checksum does not match", path_of(walk), what,
		(unsigned long long)offset, (unsigned long long)(offset + bytes - 1));
}

static int check_header(struct walk *walk, uint32_t wanted)
{
	uint64_t bytes = wick_gguf_header_bytes(walk->model->gguf);
	uint8_t chunk[16384];
	uint32_t crc = 0;

	for (uint64_t at = 0; at < bytes; at += sizeof(chunk)) {
		uint64_t some = WICK_MIN(sizeof(chunk), bytes - at);
		int rc = wick_read_at(walk->fd, path_of(walk), chunk, some, at, walk->diag);

		if (rc)
			return rc;
		crc = walk->crc32c(crc, chunk, some);
	}
	return crc == wanted ? 0 : damaged(walk, "the header", 0, bytes);
}

/* wick.checksums: the last entry guards the entries before it, the last but one the header. */
static int load_checksums(struct walk *walk)
{
	const struct wick_gguf_tensor *place = wick_gguf_tensor(walk->model->gguf, "wick.checksums");
	uint64_t count = place->bytes / sizeof(uint32_t);
	uint32_t *crcs = walk->model->crcs;
	int rc = wick_read_at(walk->fd, path_of(walk), crcs, place->bytes, place->offset, walk->diag);

	if (rc)
		return rc;
	if (walk->crc32c(0, crcs, (count - 1) * sizeof(*crcs)) != crcs[count - 1])
		return damaged(walk, "tensor \"wick.checksums\"", place->offset, place->bytes);
	return check_header(walk, crcs[count - 2]);
}

/* blk.N.ffn_crc, into its place behind wick.checksums and the layers before. */
static int load_bundle_crcs(struct walk *walk, uint32_t layer, const struct wick_tensor *described, uint32_t wanted)
{
	struct wick_model *model = walk->model;
	const struct wick_gguf_tensor *place = wick_gguf_tensor(model->gguf, described->name);
	uint32_t *crcs = model->crcs + wick_slot_checksums(&model->shape) + (uint64_t)layer * model->shape.n_ff;
	char what[80];
	int rc = wick_read_at(walk->fd, path_of(walk), crcs, place->bytes, place->offset, walk->diag);

	if (rc)
		return rc;
	model->layer[layer].bundles.crcs = crcs;
	snprintf(what, sizeof(what), "tensor \"%s\"", described->name);
	return walk->crc32c(0, crcs, place->bytes) == wanted ? 0 : damaged(walk, what, place->offset, place->bytes);
}

/* Hands each tensor its stretch of wick.checksums. */
static int hand_out(enum wick_slot_id id, uint32_t layer, void *user)
{
	struct walk *walk = user;
	struct wick_tensor *kept = wick_slot_tensor(walk->model, id, layer);
	const uint32_t *crcs = walk->model->crcs + walk->checksum;
	struct wick_tensor tensor;

	wick_slot_describe(&tensor, id, layer, &walk->model->shape);
	walk->checksum += wick_slot_blocks(&tensor, id);
	if (wick_slots[id].kind == WICK_KIND_BUNDLE_CRCS)
		return load_bundle_crcs(walk, layer, &tensor, *crcs);
	if (kept && wick_slots[id].kind != WICK_KIND_BUNDLES)
		kept->crcs = crcs;
	return 0;
}

static int load_all_checksums(struct walk *walk)
{
	struct wick_model *model = walk->model;
	int rc;

	model->crc_count = wick_slot_checksums(&model->shape) + (uint64_t)model->shape.layers * model->shape.n_ff;
	model->crcs = calloc(model->crc_count, sizeof(*model->crcs));
	if (!model->crcs)
		return wick_diag_say(walk->diag, -ENOMEM, "%s: no memory for %llu checksums", path_of(walk),
			(unsigned long long)model->crc_count);
	walk->fd = open(path_of(walk), O_RDONLY | O_CLOEXEC);
	if (walk->fd < 0)
		return wick_diag_say(walk->diag, -errno, "%s: %s", path_of(walk), strerror(errno));
	posix_fadvise(walk->fd, 0, 0, POSIX_FADV_RANDOM); /* readahead would fill the page cache with weights */
	rc = load_checksums(walk);
	if (rc == 0)
		rc = wick_slot_each(&model->shape, hand_out, walk);
	close(walk->fd);
	if (model->shape.tied)
		model->head = model->embed;
	return rc;
}

static int load(struct wick_model *model, const char *path, struct wick_diag *diag)
{
	struct walk walk = { .model = model, .diag = diag };
	struct wick_kernels kernels;
	int rc = wick_gguf_open(&model->gguf, path, diag);

	if (rc == 0)
		rc = wick_shape_read(&model->shape, model->gguf, diag);
	if (rc)
		return rc;
	wick_kernels_init(&kernels, ~0u);
	walk.crc32c = kernels.crc32c;
	model->layer = calloc(model->shape.layers, sizeof(*model->layer));
	if (!model->layer)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory for %u layers", path, model->shape.layers);
	rc = bind_all(&walk);
	if (rc == 0)
		rc = load_all_checksums(&walk);
	model->memory_bytes = sizeof(*model) + model->shape.layers * sizeof(*model->layer) +
			      model->crc_count * sizeof(*model->crcs) + wick_gguf_memory_bytes(model->gguf);
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
	wick_gguf_close(model->gguf);
	free(model->layer);
	free(model->crcs);
	free(model);
}

uint32_t wick_model_identity(const struct wick_model *model)
{
	return model->crcs[wick_slot_checksums(&model->shape) - 1];
}

struct tour {
	const struct wick_model *model;
	void (*visit)(const struct wick_tensor *tensor, void *user);
	void *user;
};

static int visit_slot(enum wick_slot_id id, uint32_t layer, void *user)
{
	const struct tour *tour = user;
	const struct wick_tensor *tensor = wick_slot_tensor(tour->model, id, layer);

	if (tensor)
		tour->visit(tensor, tour->user);
	return 0;
}

void wick_model_each(
	const struct wick_model *model, void (*visit)(const struct wick_tensor *tensor, void *user), void *user)
{
	struct tour tour = { model, visit, user };

	wick_slot_each(&model->shape, visit_slot, &tour);
}
