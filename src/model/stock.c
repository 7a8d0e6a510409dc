/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The tensors of a stock GGUF file (see stock.h). */

#include "stock.h"

#include "bits.h"
#include "directory.h"
#include "gguf.h"
#include "tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct binding {
	struct wick_model *model;
	const struct wick_gguf *gguf; /* the first part */
	bool *used; /* (parts.tensors), part by part */
	struct wick_diag *diag;
};

static const char *path_of(const struct binding *binding)
{
	return wick_gguf_path(binding->gguf);
}

static int find_type(enum wick_type *type, const struct binding *binding, const struct wick_gguf_tensor *found)
{
	for (unsigned t = 0; t < WICK_WEIGHT_TYPES; t++) {
		*type = t;
		if (wick_directory_type(t) == found->type)
			return 0;
	}
	return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%.*s\" is of GGUF type %u, which is not supported",
		path_of(binding), (int)WICK_MIN(found->name.length, 80), found->name.bytes, found->type);
}

static int check_size(const struct binding *binding, const struct wick_tensor *tensor, const struct wick_gguf_tensor *found)
{
	uint64_t ne[3] = { tensor->cols, tensor->rows, 1 };

	if (tensor->experts) {
		ne[0] = tensor->vector ? tensor->cols / tensor->experts : tensor->cols;
		ne[1] = tensor->vector ? tensor->experts : tensor->rows / tensor->experts;
		ne[2] = tensor->vector ? 1 : tensor->experts;
	}
	if (!memcmp(found->ne, ne, sizeof(ne)) && found->ne[3] == 1)
		return 0;
	if (found->ne[2] == 1 && ne[2] == 1)
		return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is %llu x %llu, not %llu x %llu", path_of(binding),
			tensor->name, (unsigned long long)found->ne[0], (unsigned long long)found->ne[1],
			(unsigned long long)ne[0], (unsigned long long)ne[1]);
	return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is %llu x %llu x %llu, not %llu x %llu x %llu",
		path_of(binding), tensor->name, (unsigned long long)found->ne[0], (unsigned long long)found->ne[1],
		(unsigned long long)found->ne[2], (unsigned long long)ne[0], (unsigned long long)ne[1], (unsigned long long)ne[2]);
}

/* Where a part's tensors begin in used. */
static bool *used_of(const struct binding *binding, uint32_t part)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < part; i++)
		before += wick_gguf_tensor_count(binding->model->parts.at[i]);
	return binding->used + before;
}

/* *found: the tensor of that name, NULL when no part has it. */
static int find(const struct wick_gguf_tensor **found, uint32_t *part, const struct binding *binding, const char *name)
{
	bool twice;

	*found = wick_gguf_parts_tensor(&binding->model->parts, name, part, &twice);
	return twice ? wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is in another part of the model, too",
		wick_gguf_path(binding->model->parts.at[*part]), name) : 0;
}

/* The tensor of this id is `found`. Norms and biases are used as they are. */
static int bind(struct binding *binding, enum wick_tensor_id id, uint32_t layer, const struct wick_gguf_tensor *found,
	uint32_t part)
{
	struct wick_tensor *tensor = wick_tensor_at(binding->model, layer, id);
	int err;

	wick_tensor_describe(tensor, id, layer, &binding->model->shape);
	err = find_type(&tensor->type, binding, found);
	if (!err)
		err = check_size(binding, tensor, found);
	if (!err && tensor->vector && tensor->type != WICK_F32)
		err = wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is %s; norms and biases have to be f32",
			path_of(binding), tensor->name, wick_types[tensor->type].name);
	if (!err && tensor->cols % wick_types[tensor->type].block)
		err = wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" has rows of %llu numbers, no whole blocks of %s",
			path_of(binding), tensor->name, (unsigned long long)tensor->cols, wick_types[tensor->type].name);
	if (err)
		return err;
	tensor->row_bytes = wick_type_bytes(tensor->type, tensor->cols);
	tensor->offset = found->offset;
	tensor->part = (uint16_t)part;
	used_of(binding, part)[found - wick_gguf_tensor_at(binding->model->parts.at[part], 0)] = true;
	return 0;
}

/* Tensors that a model may have or not. */
static bool is_optional(enum wick_tensor_id id)
{
	static const enum wick_tensor_id optional[] = { WICK_T_Q_BIAS, WICK_T_K_BIAS, WICK_T_V_BIAS, WICK_T_O_BIAS,
		WICK_T_UP_BIAS, WICK_T_GATE_BIAS, WICK_T_DOWN_BIAS, WICK_T_HEAD, WICK_T_ROPE_FREQS };

	for (size_t i = 0; i < WICK_COUNT_OF(optional); i++)
		if (optional[i] == id)
			return true;
	return false;
}

static int look_for(struct binding *binding, enum wick_tensor_id id, uint32_t layer)
{
	bool needed = wick_tensor_is_needed(&binding->model->shape, id, layer);
	const struct wick_gguf_tensor *found;
	struct wick_tensor named;
	uint32_t part = 0;
	int err;

	if (!needed && !is_optional(id))
		return 0;
	wick_tensor_name(named.name, id, layer);
	err = find(&found, &part, binding, named.name);
	if (err)
		return err;
	if (found)
		return bind(binding, id, layer, found, part);
	if (is_optional(id))
		return 0;
	return wick_diag_say(binding->diag, -EINVAL, "%s: tensor \"%s\" is missing", path_of(binding), named.name);
}

/* A tensor that no step uses would be left out of the arithmetic. */
static int refuse_unknown_in(const struct binding *binding, uint32_t part)
{
	const struct wick_gguf *gguf = binding->model->parts.at[part];
	const bool *used = used_of(binding, part);

	for (uint64_t i = 0; i < wick_gguf_tensor_count(gguf); i++) {
		const struct wick_gguf_tensor *tensor = wick_gguf_tensor_at(gguf, i);

		if (!used[i])
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
	uint32_t part;
	int err = find(&embed, &part, binding, "token_embd.weight");

	if (err)
		return err;
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

/* Bytes of all weights, and the type that most of them are of. */
static void sum_up(struct wick_model *model)
{
	uint64_t bytes_of[WICK_TYPE_COUNT] = { 0 };

	for (uint64_t i = 0; i < wick_tensors_count(model->shape.layers); i++)
		bytes_of[model->tensors[i].type] += wick_tensor_bytes(&model->tensors[i]);
	model->shape.type = WICK_F32;
	for (unsigned t = 0; t < WICK_WEIGHT_TYPES; t++) {
		model->shape.source_bytes += bytes_of[t];
		if (bytes_of[t] > bytes_of[model->shape.type])
			model->shape.type = t;
	}
	model->shape.matrix_type = model->shape.type;
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
	return err ? err : refuse_unknown(binding);
}

int wick_stock_bind(struct wick_model *model, struct wick_diag *diag)
{
	struct binding binding = { .model = model, .gguf = model->gguf, .diag = diag };
	int err;

	binding.used = calloc(model->parts.tensors + 1, sizeof(*binding.used));
	if (!binding.used)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory to open it", path_of(&binding));
	err = bind_all(&binding);
	free(binding.used);
	if (err)
		return err;
	sum_up(model);
	model->shape.tied = !wick_tensor_at(model, 0, WICK_T_HEAD)->rows;
	if (model->shape.tied)
		*wick_tensor_at(model, 0, WICK_T_HEAD) = *wick_tensor_at(model, 0, WICK_T_EMBED);
	return 0;
}
