/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The tensors of a stock GGUF file (see stock.h). */

#include "stock.h"

#include "bits.h"
#include "bundle.h"
#include "directory.h"
#include "gguf.h"
#include "stock_family.h"
#include "stock_scattered.h"
#include "tensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tensors that some files have as one: the rows of the first part, then those of the others. A file has it so where the name of
 * the first part is missing. */
static const struct fused {
	const char *name;
	uint32_t parts;
	enum wick_tensor_id part[3];
} fused[] = {
	{ "blk.%u.attn_qkv.weight", 3, { WICK_T_Q, WICK_T_K, WICK_T_V } },
	{ "blk.%u.attn_qkv.bias", 3, { WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS } },
	{ "blk.%u.ffn_up.weight", 2, { WICK_T_GATE, WICK_T_UP } },
};

/* What of a tensor of the file a tensor of the model is; rows, or numbers of a vector. */
struct view {
	const struct wick_gguf_tensor *of; /* NULL: no part of the model has it */
	uint32_t part;
	uint64_t first, whole; /* whole 0: all of it */
};

struct binding {
	struct wick_model *model;
	const struct wick_gguf *gguf; /* the first part */
	const struct wick_stock_family *family;
	bool *used; /* (parts.tensors), part by part */
	struct wick_diag *diag;
};

static const char *path_of(const struct binding *binding)
{
	return wick_gguf_path(binding->gguf);
}

/* Of the part that has it. */
static const char *path_of_view(const struct binding *binding, const struct view *view)
{
	return wick_gguf_path(binding->model->parts.at[view->part]);
}

static int find_type(enum wick_type *type, const struct binding *binding, const struct view *view)
{
	const struct wick_gguf_tensor *found = view->of;

	for (unsigned t = 0; t < WICK_WEIGHT_TYPES; t++) {
		*type = t;
		if (wick_directory_type(t) == found->type)
			return 0;
	}
	return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%.*s\" is of GGUF type %u, which is not supported",
		path_of_view(binding, view), (int)WICK_MIN(found->name.length, 80), found->name.bytes, found->type);
}

static int check_size(const struct binding *binding, const struct wick_tensor *tensor, const struct view *view)
{
	const struct wick_gguf_tensor *found = view->of;
	uint64_t ne[3] = { tensor->cols, tensor->rows, 1 };

	if (tensor->experts) {
		ne[0] = tensor->vector ? tensor->cols / tensor->experts : tensor->cols;
		ne[1] = tensor->vector ? tensor->experts : tensor->rows / tensor->experts;
		ne[2] = tensor->vector ? 1 : tensor->experts;
	}
	if (!memcmp(found->ne, ne, sizeof(ne)) && found->ne[3] == 1)
		return 0;
	if (found->ne[2] == 1 && ne[2] == 1)
		return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is %llu x %llu, not %llu x %llu",
			path_of_view(binding, view), tensor->name, (unsigned long long)found->ne[0], (unsigned long long)found->ne[1],
			(unsigned long long)ne[0], (unsigned long long)ne[1]);
	return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is %llu x %llu x %llu, not %llu x %llu x %llu",
		path_of_view(binding, view), tensor->name, (unsigned long long)found->ne[0], (unsigned long long)found->ne[1],
		(unsigned long long)found->ne[2], (unsigned long long)ne[0], (unsigned long long)ne[1], (unsigned long long)ne[2]);
}

static bool *used_of(const struct binding *binding, uint32_t part)
{
	return wick_stock_used(binding->model, binding->used, part);
}

/* The whole tensor of that name. */
static int find(struct view *view, const struct binding *binding, const char *name)
{
	bool twice;

	*view = (struct view){ 0 };
	view->of = wick_gguf_parts_tensor(&binding->model->parts, name, &view->part, &twice);
	return twice ? wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is in another part of the model, too",
		wick_gguf_path(binding->model->parts.at[view->part]), name) : 0;
}

/* A part of a fused tensor is checked as the whole. */
static int check_view(const struct binding *binding, struct wick_tensor *tensor, const struct view *view)
{
	uint64_t *rows = tensor->vector ? &tensor->cols : &tensor->rows, part = *rows;
	int err;

	if (!view->whole)
		return check_size(binding, tensor, view);
	*rows = view->whole;
	err = check_size(binding, tensor, view);
	*rows = part;
	return err;
}

/* The tensor of this id is what is viewed. Norms and biases are used as they are. */
static int bind(struct binding *binding, enum wick_tensor_id id, uint32_t layer, const struct view *view)
{
	struct wick_tensor *tensor = wick_tensor_at(binding->model, layer, id);
	int err;

	wick_tensor_describe(tensor, id, layer, &binding->model->shape);
	snprintf(tensor->name, sizeof(tensor->name), "%.*s", (int)view->of->name.length, view->of->name.bytes);
	err = find_type(&tensor->type, binding, view);
	if (!err)
		err = check_view(binding, tensor, view);
	if (!err && tensor->vector && tensor->type != WICK_F32)
		err = wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is %s; norms and biases have to be f32",
			path_of_view(binding, view), tensor->name, wick_types[tensor->type].name);
	if (!err && tensor->cols % wick_types[tensor->type].block)
		err = wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" has rows of %llu numbers, no whole blocks of %s",
			path_of_view(binding, view), tensor->name, (unsigned long long)tensor->cols, wick_types[tensor->type].name);
	if (err)
		return err;
	tensor->row_bytes = wick_type_bytes(tensor->type, tensor->cols);
	tensor->offset = view->of->offset + view->first * (tensor->vector ? sizeof(float) : tensor->row_bytes);
	tensor->first_row = tensor->vector ? 0 : view->first;
	tensor->part = (uint16_t)view->part;
	used_of(binding, view->part)[view->of - wick_gguf_tensor_at(binding->model->parts.at[view->part], 0)] = true;
	if (tensor->experts && !tensor->vector)
		tensor->check_rows = wick_bundle_check_rows(tensor->rows / tensor->experts, tensor->row_bytes);
	return 0;
}

/* Tensors that a model may have or not. */
static bool is_optional(enum wick_tensor_id id)
{
	static const enum wick_tensor_id optional[] = { WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS, WICK_T_O_BIAS,
		WICK_T_UP_BIAS, WICK_T_GATE_BIAS, WICK_T_DOWN_BIAS, WICK_T_HEAD, WICK_T_ROPE_FREQS, WICK_T_HEAD_BIAS };

	for (size_t i = 0; i < WICK_COUNT_OF(optional); i++)
		if (optional[i] == id)
			return true;
	return false;
}

static bool can_be(const struct binding *binding, enum wick_tensor_id id, uint32_t layer)
{
	return is_optional(id) || wick_tensor_is_needed(&binding->model->shape, id, layer);
}

/* As this file has it. */
static void name_of(char name[WICK_TENSOR_NAME], const struct binding *binding, enum wick_tensor_id id, uint32_t layer)
{
	wick_stock_tensor_name(name, &binding->model->shape, id, layer);
}

/* What only packed models have: of the one type and shape that it can be. */
static int bind_own(struct binding *binding, enum wick_tensor_id id, uint32_t layer)
{
	struct wick_tensor *tensor = wick_tensor_at(binding->model, layer, id);
	struct view view;
	uint32_t type;
	uint64_t ne[2];
	int err;

	wick_tensor_describe(tensor, id, layer, &binding->model->shape);
	err = find(&view, binding, tensor->name);
	if (err)
		return err;
	if (!view.of)
		return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is missing", path_of(binding), tensor->name);
	wick_tensor_directory(tensor, id, &type, ne);
	if (view.of->type != type || view.of->ne[0] != ne[0] || view.of->ne[1] != ne[1] || view.of->ne[2] != 1)
		return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is not %llu x %llu of GGUF type %u", path_of(binding),
			tensor->name, (unsigned long long)ne[0], (unsigned long long)ne[1], type);
	tensor->offset = view.of->offset;
	used_of(binding, view.part)[view.of - wick_gguf_tensor_at(binding->model->parts.at[view.part], 0)] = true;
	return 0;
}

static bool is_own(enum wick_tensor_id id)
{
	return id != WICK_T_CHECKSUMS && wick_tensor_table[id].kind != WICK_TENSOR_VECTOR &&
		wick_tensor_table[id].kind != WICK_TENSOR_MATRIX;
}

static uint64_t rows_of(const struct binding *binding, enum wick_tensor_id id, uint32_t layer)
{
	struct wick_tensor tensor;

	wick_tensor_describe(&tensor, id, layer, &binding->model->shape);
	return tensor.vector ? tensor.cols : tensor.rows;
}

/* Which rows of a fused tensor this one is. */
static void look_into(struct view *view, const struct binding *binding, const struct fused *in, enum wick_tensor_id id,
	uint32_t layer)
{
	bool is_found = false;

	for (uint32_t i = 0; i < in->parts; i++) {
		uint64_t rows = rows_of(binding, in->part[i], layer);

		is_found |= in->part[i] == id;
		view->first += is_found ? 0 : rows;
		view->whole += rows;
	}
}

/* The fused tensor that this one is a part of in this file; NULL: none. */
static const struct fused *fused_with(const struct binding *binding, enum wick_tensor_id id, uint32_t layer)
{
	char name[WICK_TENSOR_NAME];
	uint32_t part;
	bool twice;

	for (size_t i = 0; i < WICK_COUNT_OF(fused); i++)
		for (uint32_t p = 0; p < fused[i].parts; p++) {
			if (fused[i].part[p] != id || !can_be(binding, fused[i].part[0], layer))
				continue;
			name_of(name, binding, fused[i].part[0], layer);
			if (!wick_gguf_parts_tensor(&binding->model->parts, name, &part, &twice))
				return &fused[i];
		}
	return NULL;
}

static int look_for(struct binding *binding, enum wick_tensor_id id, uint32_t layer)
{
	const struct fused *in = fused_with(binding, id, layer);
	char name[WICK_TENSOR_NAME];
	struct view view = { 0 };
	int err = 0;

	if (is_own(id))
		return wick_tensor_belongs(&binding->model->shape, id, layer) ? bind_own(binding, id, layer) : 0;
	if (!can_be(binding, id, layer))
		return 0;
	if (in) {
		snprintf(name, sizeof(name), in->name, layer);
		err = find(&view, binding, name);
		look_into(&view, binding, in, id, layer);
	}
	if (!err && !view.of) {
		name_of(name, binding, id, layer);
		err = find(&view, binding, name);
	}
	if (err)
		return err;
	if (view.of)
		return bind(binding, id, layer, &view);
	if (is_optional(id))
		return 0;
	err = wick_stock_scattered(binding->model, id, layer, binding->used, binding->diag);
	return err ? WICK_MIN(err, 0) : wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is missing", path_of(binding), name);
}

/* Of a block behind the last layer, which guesses tokens further on and is left out. */
static bool is_left_out(const struct wick_shape *shape, struct wick_gguf_string name)
{
	char text[32];
	unsigned block;

	snprintf(text, sizeof(text), "%.*s", (int)WICK_MIN(name.length, sizeof(text) - 1), name.bytes);
	return sscanf(text, "blk.%u.", &block) == 1 && block >= shape->layers && block - shape->layers < shape->left_out;
}

/* A tensor that no step uses would be left out of the arithmetic. */
static int refuse_unknown_in(const struct binding *binding, uint32_t part)
{
	const struct wick_gguf *gguf = binding->model->parts.at[part];
	const bool *used = used_of(binding, part);

	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);

		if (!used[i] && !is_left_out(&binding->model->shape, tensor->name))
			return wick_diag_say(binding->diag, -EINVAL,
				"%s: tensor \"%.*s\" has no place in a model of the architecture %s", wick_gguf_path(gguf),
				(int)WICK_MIN(tensor->name.length, 80), tensor->name.bytes, binding->model->shape.name);
	}
	return 0;
}

static int refuse_unknown(const struct binding *binding)
{
	int err = 0;

	for (uint32_t part = 0; !err && part < binding->model->parts.count; part++)
		err = refuse_unknown_in(binding, part);
	return err;
}

/* The vocabulary is as long as the table of embeddings. */
static int read_vocab(struct binding *binding)
{
	const struct wick_gguf_tensor *embed;
	struct view view;
	int err = find(&view, binding, "token_embd.weight");

	if (err)
		return err;
	embed = view.of;
	if (!embed)
		return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"token_embd.weight\" is missing", path_of(binding));
	if (embed->ne[1] < 1 || embed->ne[1] > 1u << 24)
		return wick_diag_say(binding->diag, -EINVAL, "%s: a vocabulary of %llu tokens is not possible", path_of(binding),
			(unsigned long long)embed->ne[1]);
	if (binding->model->shape.vocab && binding->model->shape.vocab != embed->ne[1])
		return wick_diag_say(binding->diag, -EINVAL, "%s: vocab_size is %u, but tensor \"token_embd.weight\" has %llu rows",
			path_of(binding), binding->model->shape.vocab, (unsigned long long)embed->ne[1]);
	binding->model->shape.vocab = (uint32_t)embed->ne[1];
	return 0;
}

/* Bytes of the matrices and vectors of each type. */
struct sums {
	const struct wick_model *model;
	uint64_t bytes_of[WICK_TYPE_COUNT];
};

static int add_bytes(enum wick_tensor_id id, uint32_t layer, void *user)
{
	struct sums *sums = user;
	const struct wick_tensor *tensor = wick_tensor_at(sums->model, layer, id);

	if (!is_own(id))
		sums->bytes_of[tensor->type] += wick_tensor_bytes(tensor);
	return 0;
}

/* Bytes of all weights, and the type that most of them are of; bundles say theirs. */
static void sum_up(struct wick_model *model)
{
	struct wick_shape *shape = &model->shape;
	struct sums sums = { .model = model };

	wick_tensors_all(shape->layers, add_bytes, &sums);
	shape->matrix_type = WICK_F32;
	for (unsigned t = 0; t < WICK_WEIGHT_TYPES; t++) {
		shape->source_bytes += sums.bytes_of[t];
		if (sums.bytes_of[t] > sums.bytes_of[shape->matrix_type])
			shape->matrix_type = t;
	}
	if (shape->bundle_parts)
		shape->source_bytes += (uint64_t)shape->layers * shape->n_ff * shape->bundle_bytes;
	else
		shape->type = shape->matrix_type;
}

/* They are not bound: stock_checked.c reads them. */
static int pass_checksums(const struct binding *binding)
{
	const struct wick_gguf_tensor *found = wick_gguf_tensor(binding->gguf, wick_tensor_table[WICK_T_CHECKSUMS].name);

	if (found && wick_stock_is_checked(binding->gguf))
		binding->used[found - wick_gguf_tensor_at(binding->gguf, 0)] = true;
	return refuse_unknown(binding);
}

static int bind_all(struct binding *binding)
{
	struct wick_model *model = binding->model;
	int err = read_vocab(binding);

	for (unsigned id = 0; !err && id < WICK_T_COUNT; id++) {
		uint32_t layers = wick_tensor_layered(id) ? model->shape.layers : 1;

		for (uint32_t layer = 0; !err && layer < layers; layer++)
			err = look_for(binding, id, layer);
	}
	return err ? err : pass_checksums(binding);
}

int wick_stock_bind(struct wick_model *model, struct wick_diag *diag)
{
	struct binding binding = { .model = model, .gguf = model->gguf, .diag = diag };
	int err = wick_stock_family(&binding.family, model->gguf, diag);

	if (err)
		return err;
	if (binding.family->packed_only && !wick_stock_is_bundled(model->gguf))
		return wick_diag_say(diag, -EINVAL, "%s: GGUF files of the architecture %s are not supported; wick pack packs a folder",
			path_of(&binding), binding.family->name);
	if (!wick_stock_is_checked(model->gguf))
		err = wick_stock_check_relu(binding.family, model->gguf, diag);
	if (err)
		return err;
	binding.used = calloc(model->parts.tensors + 1, sizeof(*binding.used));
	if (!binding.used)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to open it", path_of(&binding));
	err = bind_all(&binding);
	free(binding.used);
	if (err)
		return err;
	sum_up(model);
	model->shape.tied = !wick_tensor_at(model, 0, WICK_T_HEAD)->rows;
	wick_model_tie(model);
	return 0;
}
