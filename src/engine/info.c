/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A model described as JSON: wick_info() of wick.h. */

#include "bits.h"
#include "gguf.h"
#include "json_text.h"
#include "kv.h"
#include "model.h"

#include <wick/wick.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

/* A zero byte, which few readers take in a string, becomes U+FFFD as what is not UTF-8 does. NULL: no memory. */
static json_t *text_of(struct wick_gguf_string string)
{
	char *text = malloc(WICK_MAX(string.length, 1));
	json_t *value = NULL;

	for (uint64_t i = 0; text && i < string.length; i++)
		text[i] = string.bytes[i] ? string.bytes[i] : '\xff';
	if (text)
		value = wick_json_text(text, string.length);
	free(text);
	return value;
}

static int set_string(json_t *info, const struct wick_gguf *gguf, const char *as, const char *key, struct wick_diag *diag)
{
	struct wick_gguf_string text;
	int err = wick_gguf_string(gguf, key, &text, diag);

	if (err)
		return err == -ENOENT ? 0 : err;
	return json_object_set_new(info, as, text_of(text)) ? -ENOMEM : 0;
}

/* Everything that is a number, in one table. */
static int set_numbers(json_t *info, const struct wick_model *model, uint64_t file_bytes)
{
	const struct wick_shape *shape = &model->shape;
	const struct wick_attn_facts *attn = &shape->kind[0].attn;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "layers", shape->layers },
		{ "d_model", shape->d_model },
		{ "d_embed", shape->d_embed },
		{ "heads", attn->heads },
		{ "kv_heads", attn->kv_heads },
		{ "head_dim", attn->k_dim },
		{ "n_ff", shape->n_ff },
		{ "vocab", shape->vocab },
		{ "ctx_max", shape->ctx_max },
		{ "bundle_bytes", shape->bundle_bytes },
		{ "stride_bytes", shape->stride },
		{ "bundles_bytes", (uint64_t)shape->layers * shape->n_ff * shape->stride },
		{ "kv_bytes_per_token", wick_kv_position_bytes(shape, WICK_F16) },
		{ "source_bytes", shape->source_bytes },
		{ "file_bytes", file_bytes },
		{ "tensors", model->parts.tensors },
		{ "checksums", model->crc_count },
	};

	for (size_t i = 0; i < WICK_COUNT_OF(numbers); i++)
		if ((numbers[i].value || !model->stock) && json_object_set_new(info, numbers[i].key, json_integer((json_int_t)numbers[i].value)))
			return -ENOMEM;
	return 0;
}

static int set_switches(json_t *info, const struct wick_shape *shape)
{
	const char *predictor = shape->predictor ? wick_types[shape->predictor_type].name : wick_gate_is_apart(shape) ? "gate" : "none";
	static const char *const norm_at[WICK_NORM_AT_COUNT] = { "before", "after", "both" };
	int failed = json_object_set_new(info, "type", json_string(wick_types[shape->type].name)) ||
		json_object_set_new(info, "attention_type", json_string(wick_types[shape->matrix_type].name)) ||
		json_object_set_new(info, "norm", json_string(norm_at[shape->kind[0].norm_at])) ||
		json_object_set_new(info, "activation", json_string(wick_act_names[shape->kind[0].ffn.act])) ||
		json_object_set_new(info, "predictor", json_string(predictor)) ||
		json_object_set_new(info, "tied", json_boolean(shape->tied));

	return failed ? -ENOMEM : 0;
}

/* Bytes of each type of numbers that the file has. */
static int set_types(json_t *info, const struct wick_model *model)
{
	uint64_t bytes[WICK_TYPE_COUNT] = { 0 };
	json_t *types = json_object();
	int failed = json_object_set_new(info, "types_bytes", types);

	for (uint64_t i = 0; i < wick_tensors_count(model->shape.layers); i++)
		if (wick_tensor_is_own(model, i))
			bytes[model->tensors[i].type] += wick_tensor_bytes(&model->tensors[i]);
	for (unsigned type = 0; !failed && type < WICK_TYPE_COUNT; type++)
		if (bytes[type])
			failed = json_object_set_new(types, wick_types[type].name, json_integer((json_int_t)bytes[type]));
	return failed ? -ENOMEM : 0;
}

static int describe(json_t *info, const struct wick_model *model, const char *path, struct wick_diag *diag)
{
	int err = json_object_set_new(info, "path", wick_json_name(path)) ? -ENOMEM : 0;
	if (!err)
		err = set_string(info, model->gguf, "name", "general.name", diag);
	if (!err)
		err = set_string(info, model->gguf, "arch", "general.architecture", diag);
	if (!err)
		err = set_string(info, model->gguf, "order", "wick.order", diag);
	if (!err)
		err = set_switches(info, &model->shape);
	if (!err && model->stock)
		err = set_types(info, model);
	if (!err)
		err = set_numbers(info, model, wick_gguf_parts_file_bytes(&model->parts));
	return err;
}

int wick_info(const char *path, char **json, struct wick_diag *diag)
{
	struct wick_model *model = NULL;
	json_t *info = json_object();
	int err;

	*json = NULL;
	if (diag)
		diag->text[0] = 0;
	err = info ? wick_model_open(&model, path, diag) : -ENOMEM;
	if (!err)
		err = describe(info, model, path, diag);
	if (!err && !(*json = json_dumps(info, JSON_INDENT(2))))
		err = -ENOMEM;
	json_decref(info);
	wick_model_close(model);
	return err == -ENOMEM ? wick_diag_say(diag, err, "%s: no memory to describe it", path) : err;
}
