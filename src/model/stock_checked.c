/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A packed model of version 2 or 4: a stock file's keys and tensors, each tensor in its place, and wick.checksums behind them
 * (see stock.h, and docs/container.md). */

#include "stock.h"

#include "bits.h"
#include "directory.h"
#include "gguf.h"
#include "shape.h"
#include "stock_scattered.h"
#include "tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	struct wick_model *model;
	struct wick_directory directory;
	uint64_t blocks; /* of the tensors so far */
};

static bool is_version(const struct wick_gguf *gguf, uint64_t wanted)
{
	uint64_t version;

	return !wick_gguf_u64(gguf, "wick.version", &version, NULL) && version == wanted;
}

bool wick_stock_is_checked(const struct wick_gguf *gguf)
{
	return is_version(gguf, WICK_CHECKED_VERSION) || is_version(gguf, WICK_EXPERTS_VERSION) || wick_stock_is_bundled(gguf);
}

bool wick_stock_is_bundled(const struct wick_gguf *gguf)
{
	return is_version(gguf, WICK_BUNDLED_VERSION);
}

static const struct wick_tensor *own(const struct walk *walk, enum wick_tensor_id id, uint32_t layer)
{
	uint64_t i = wick_tensor_index(layer, id);

	return wick_tensor_is_own(walk->model, i) ? &walk->model->tensors[i] : NULL;
}

static int match_one(struct walk *walk, struct wick_tensor *found, enum wick_tensor_id id)
{
	uint32_t type;
	uint64_t ne[2];

	wick_tensor_directory(found, id, &type, ne);
	return wick_directory_match(&walk->directory, found, type, ne);
}

/* All parts of an expert, then those of the next one. */
static int match_experts(struct walk *walk, uint32_t layer)
{
	uint32_t experts = wick_expert_tensor(walk->model, layer, WICK_PART_GATE)->experts;
	int err = 0;

	for (uint32_t i = 0; !err && i < experts * WICK_PARTS; i++) {
		struct wick_tensor found = *wick_expert_tensor(walk->model, layer, i % WICK_PARTS);

		wick_stock_expert_name(found.name, i % WICK_PARTS, layer, i / WICK_PARTS);
		found.rows = wick_expert_rows(&found);
		err = match_one(walk, &found, WICK_T_GATE_EXPERTS);
	}
	return err;
}

static int match(enum wick_tensor_id id, uint32_t layer, void *user)
{
	enum wick_part_id part = wick_expert_part(id);
	struct walk *walk = user;
	const struct wick_tensor *tensor = own(walk, id, layer);
	struct wick_tensor found;

	if (!tensor)
		return 0;
	found = *tensor;
	walk->blocks += wick_tensor_blocks(&found, id);
	if (part == WICK_PARTS)
		return match_one(walk, &found, id);
	return part == WICK_PART_GATE ? match_experts(walk, layer) : 0;
}

static int match_checksums(struct walk *walk)
{
	const uint64_t ne[2] = { walk->blocks + WICK_CHECKSUMS_MORE, 1 };
	struct wick_tensor found = { .rows = 1 };
	int err;

	wick_tensor_name(found.name, WICK_T_CHECKSUMS, 0);
	err = wick_directory_match(&walk->directory, &found, WICK_GGML_I32, ne);
	return err ? err : wick_directory_end(&walk->directory);
}

/* The bundles of each layer have theirs behind those of all other tensors. */
static int read_bundle_crcs(const struct walk *walk, uint32_t layer, uint32_t wanted)
{
	struct wick_model *model = walk->model;
	struct wick_tensor *bundles = wick_tensor_at(model, layer, WICK_T_BUNDLES);
	uint32_t *crcs = model->crcs + model->crc_count - (uint64_t)(model->shape.layers - layer) * model->shape.n_ff;

	bundles->crcs = crcs;
	return wick_directory_read_u32(&walk->directory, wick_tensor_at(model, layer, WICK_T_BUNDLE_CRCS)->name, crcs, wanted);
}

static int hand_out(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct walk *walk = user;
	const struct wick_tensor *tensor = own(walk, id, layer);
	const uint32_t *crcs = walk->model->crcs + walk->blocks;

	if (!tensor)
		return 0;
	walk->blocks += wick_tensor_blocks(tensor, id);
	if (id != WICK_T_BUNDLES)
		wick_tensor_at(walk->model, layer, id)->crcs = crcs;
	return id == WICK_T_BUNDLE_CRCS ? read_bundle_crcs(walk, layer, *crcs) : 0;
}

static int read_fixed(const struct wick_gguf *gguf, const char *key, uint64_t wanted, struct wick_diag *diag)
{
	uint64_t value = 0;
	int err = wick_gguf_u64(gguf, key, &value, diag);

	if (err && err != -ENOENT)
		return err;
	return value == wanted ? 0 : wick_diag_say(diag, -EINVAL, "%s: %s has to be %llu in a packed model", wick_gguf_path(gguf),
		key, (unsigned long long)wanted);
}

/* All checksums of the file, into memory that those of bundles are in, too. */
static int load(struct walk *walk)
{
	struct wick_model *model = walk->model;
	uint64_t count = walk->blocks + WICK_CHECKSUMS_MORE;
	int err;

	model->crc_count = count + (model->shape.bundle_parts ? (uint64_t)model->shape.layers * model->shape.n_ff : 0);
	model->crcs = calloc(model->crc_count, sizeof(*model->crcs));
	if (!model->crcs)
		return wick_diag_say(walk->directory.diag, -ENOMEM, "%s: no memory for %llu checksums", wick_gguf_path(model->gguf),
			(unsigned long long)model->crc_count);
	err = wick_directory_checksums(&walk->directory, model->crcs);
	model->identity = model->crcs[count - 1];
	walk->blocks = 0;
	return err ? err : wick_tensors_all(model->shape.layers, hand_out, walk);
}

uint32_t wick_stock_version(const struct wick_shape *shape)
{
	if (shape->bundle_parts)
		return WICK_BUNDLED_VERSION;
	return wick_has_experts(shape) ? WICK_EXPERTS_VERSION : WICK_CHECKED_VERSION;
}

int wick_stock_checksums(struct wick_model *model, struct wick_diag *diag)
{
	struct walk walk = { .model = model,
		.directory = { .gguf = model->gguf, .kind = "model", .end = wick_gguf_header_bytes(model->gguf), .diag = diag } };
	int err = read_fixed(model->gguf, "general.alignment", WICK_FILE_ALIGN, diag);

	if (!err)
		err = read_fixed(model->gguf, "wick.version", wick_stock_version(&model->shape), diag);
	if (!err)
		err = read_fixed(model->gguf, "wick.check_rows", WICK_CHECK_ROWS, diag);
	if (!err)
		err = wick_tensors_all(model->shape.layers, match, &walk);
	if (!err)
		err = match_checksums(&walk);
	if (!err)
		err = load(&walk);
	wick_model_tie(model);
	return err;
}
