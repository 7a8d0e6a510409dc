/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts in pieces (see stock_scattered.h). */

#include "stock_scattered.h"

#include "bundle.h"
#include "directory.h"
#include "gguf.h"
#include "tensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pattern {
	const char *each, *all_of; /* names: of an expert's own tensor, and of all of them */
	const char *merged;        /* of the tensor of gates and ups, or NULL */
	uint32_t half;             /* of an expert's rows there */
} patterns[WICK_PARTS] = {
	[WICK_PART_GATE] = { "blk.%u.ffn_gate.%u.weight", "blk.%u.ffn_gate.*.weight",
		"blk.%u.ffn_gate_up_exps.weight", 0 },
	[WICK_PART_UP] = { "blk.%u.ffn_up.%u.weight", "blk.%u.ffn_up.*.weight",
		"blk.%u.ffn_gate_up_exps.weight", 1 },
	[WICK_PART_DOWN] = { "blk.%u.ffn_down.%u.weight", "blk.%u.ffn_down.*.weight", NULL, 0 },
};

void wick_stock_expert_name(char name[WICK_TENSOR_NAME], enum wick_part_id part, uint32_t layer, uint32_t expert)
{
	snprintf(name, WICK_TENSOR_NAME, patterns[part].each, layer, expert);
}

void wick_stock_experts_name(char name[WICK_TENSOR_NAME], enum wick_part_id part, uint32_t layer)
{
	snprintf(name, WICK_TENSOR_NAME, patterns[part].all_of, layer);
}

/* One tensor of a layer's experts on its way to be bound. */
struct piecing {
	struct wick_model *model;
	struct wick_tensor *tensor;
	struct wick_place *places; /* (experts) */
	bool *used;
	struct wick_diag *diag;
};

/* A tensor of the file. */
struct piece {
	char name[WICK_TENSOR_NAME];
	const struct wick_gguf_tensor *of;
	uint32_t part;
};

bool *wick_stock_used(const struct wick_model *model, bool *used, uint32_t part)
{
	for (uint32_t i = 0; i < part; i++)
		used += wick_gguf_tensor_count(model->parts.at[i]);
	return used;
}

static const char *path_of(const struct piecing *piecing, const struct piece *piece)
{
	return wick_gguf_path(piecing->model->parts.at[piece->part]);
}

/* 1: it is there. */
static int find(struct piece *piece, const struct piecing *piecing)
{
	bool twice;

	piece->of = wick_gguf_parts_tensor(&piecing->model->parts, piece->name, &piece->part, &twice);
	if (twice)
		return wick_diag_say(piecing->diag, -EINVAL, "%s: tensor \"%s\" is in another part of the model, too",
			path_of(piecing, piece), piece->name);
	return piece->of != NULL;
}

static int check_size(const struct piecing *piecing, const struct piece *piece, uint64_t rows, uint64_t experts)
{
	const uint64_t ne[] = { piecing->tensor->cols, rows, experts, 1 };

	if (!memcmp(piece->of->ne, ne, sizeof(ne)))
		return 0;
	return wick_diag_say(piecing->diag, -EINVAL, "%s: tensor \"%s\" is %llu x %llu x %llu, not %llu x %llu x %llu",
		path_of(piecing, piece), piece->name, (unsigned long long)piece->of->ne[0], (unsigned long long)piece->of->ne[1],
		(unsigned long long)piece->of->ne[2], (unsigned long long)ne[0], (unsigned long long)ne[1], (unsigned long long)ne[2]);
}

/* The type of all experts, and what follows from it. */
static int set_type(const struct piecing *piecing, const struct piece *piece)
{
	struct wick_tensor *tensor = piecing->tensor;
	unsigned t = 0;

	while (t < WICK_WEIGHT_TYPES && wick_directory_type(t) != piece->of->type)
		t++;
	if (t == WICK_WEIGHT_TYPES)
		return wick_diag_say(piecing->diag, -EINVAL, "%s: tensor \"%s\" is of GGUF type %u, which is not supported",
			path_of(piecing, piece), piece->name, piece->of->type);
	if (tensor->cols % wick_types[t].block)
		return wick_diag_say(piecing->diag, -EINVAL, "%s: tensor \"%s\" has rows of %llu numbers, no whole blocks of %s",
			path_of(piecing, piece), piece->name, (unsigned long long)tensor->cols, wick_types[t].name);
	tensor->type = t;
	tensor->row_bytes = wick_type_bytes(t, tensor->cols);
	tensor->check_rows = wick_bundle_check_rows(wick_expert_rows(tensor), tensor->row_bytes);
	return 0;
}

static void place(const struct piecing *piecing, const struct piece *piece, uint32_t expert, uint64_t first_row)
{
	const struct wick_gguf *gguf = piecing->model->parts.at[piece->part];

	piecing->places[expert] = (struct wick_place){ .offset = piece->of->offset + first_row * piecing->tensor->row_bytes,
		.part = (uint16_t)piece->part };
	wick_stock_used(piecing->model, piecing->used, piece->part)[piece->of - wick_gguf_tensor_at(gguf, 0)] = true;
}

static int bind_merged(const struct piecing *piecing, const struct piece *piece, const struct pattern *pattern)
{
	const struct wick_tensor *tensor = piecing->tensor;
	uint64_t rows = wick_expert_rows(tensor);
	int err;

	if (piece->of->ne[1] % 2)
		return wick_diag_say(piecing->diag, -EINVAL,
			"%s: tensor \"%s\" has %llu rows for each expert: gate and up-projection cannot have as many each",
			path_of(piecing, piece), piece->name, (unsigned long long)piece->of->ne[1]);
	err = check_size(piecing, piece, 2 * rows, tensor->experts);
	if (!err)
		err = set_type(piecing, piece);
	for (uint32_t expert = 0; !err && expert < tensor->experts; expert++)
		place(piecing, piece, expert, (2 * (uint64_t)expert + pattern->half) * rows);
	return err;
}

static int bind_each(const struct piecing *piecing, struct piece *piece, const struct pattern *pattern, uint32_t layer)
{
	struct wick_tensor *tensor = piecing->tensor;
	uint32_t type = piece->of->type;
	int rc = set_type(piecing, piece);

	for (uint32_t expert = 0; !rc && expert < tensor->experts; expert++) {
		wick_stock_expert_name(piece->name, (enum wick_part_id)(pattern - patterns), layer, expert);
		rc = find(piece, piecing);
		if (!rc)
			return wick_diag_say(piecing->diag, -EINVAL, "%s: tensor \"%s\" is missing: there are %u experts",
				wick_gguf_path(piecing->model->gguf), piece->name, tensor->experts);
		if (rc > 0)
			rc = check_size(piecing, piece, wick_expert_rows(tensor), 1);
		if (!rc && piece->of->type != type)
			rc = wick_diag_say(piecing->diag, -EINVAL,
				"%s: tensor \"%s\" is of another type than that of expert 0, which is not supported", path_of(piecing, piece),
				piece->name);
		if (!rc)
			place(piecing, piece, expert, 0);
	}
	wick_stock_experts_name(tensor->name, (enum wick_part_id)(pattern - patterns), layer);
	return rc;
}

static int make_places(struct piecing *piecing, uint32_t layer, size_t part)
{
	struct wick_model *model = piecing->model;
	uint64_t most = piecing->tensor->experts; /* all layers of a model that have experts have as many */

	if (!model->places) {
		model->place_count = most * WICK_PARTS * model->shape.layers;
		model->places = calloc(model->place_count, sizeof(*model->places));
	}
	if (!model->places)
		return wick_diag_say(piecing->diag, -ENOMEM, "%s: no memory for %u experts of %u layers",
			wick_gguf_path(model->gguf), piecing->tensor->experts, model->shape.layers);
	piecing->places = model->places + (layer * (uint64_t)WICK_PARTS + part) * most;
	return 0;
}

static int bind(struct piecing *piecing, struct piece *piece, size_t part, uint32_t layer, bool is_merged)
{
	struct wick_tensor *tensor = piecing->tensor;
	int err = make_places(piecing, layer, part);

	if (!err)
		err = is_merged ? bind_merged(piecing, piece, &patterns[part]) : bind_each(piecing, piece, &patterns[part], layer);
	if (err)
		return err;
	if (is_merged)
		snprintf(tensor->name, sizeof(tensor->name), "%s", piece->name);
	tensor->expert_at = piecing->places;
	tensor->offset = piecing->places->offset;
	tensor->part = piecing->places->part;
	return 1;
}

int wick_stock_scattered(struct wick_model *model, enum wick_tensor_id id, uint32_t layer, bool *used, struct wick_diag *diag)
{
	struct piecing piecing = { .model = model, .tensor = wick_tensor_at(model, layer, id), .used = used, .diag = diag };
	enum wick_part_id part = wick_expert_part(id);
	struct piece piece;
	int rc = 0;

	if (part == WICK_PARTS)
		return 0;
	wick_tensor_describe(piecing.tensor, id, layer, &model->shape);
	for (int merged = patterns[part].merged ? 1 : 0; !rc && merged >= 0; merged--) {
		snprintf(piece.name, sizeof(piece.name), merged ? patterns[part].merged : patterns[part].each, layer, 0);
		rc = find(&piece, &piecing);
		if (rc > 0)
			rc = bind(&piecing, &piece, part, layer, merged);
	}
	if (!rc)
		memset(piecing.tensor, 0, sizeof(*piecing.tensor));
	return rc;
}
