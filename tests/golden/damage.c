/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Each function damages a copy of a fixture in one way (see damage.h). */

#include "damage.h"

#include "fixture.h"
#include "parts.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include <cmocka.h>

#define FC1 "model.decoder.layers.1.fc1.weight"

/* Under another name: its bytes are still some tensor's. */
static void tensor_missing(const char *folder)
{
	struct parts parts;

	parts_take(&parts, folder, "model.safetensors");
	assert_int_equal(json_object_set(parts.header, "something.else", parts_entry(&parts, FC1)), 0);
	assert_int_equal(json_object_del(parts.header, FC1), 0);
	parts_put(&parts);
}

static void bytes_of_no_tensor(const char *folder)
{
	struct parts parts;

	parts_take(&parts, folder, "model.safetensors");
	assert_int_equal(json_object_del(parts.header, FC1), 0);
	parts_put(&parts);
}

static void tensor_turned(const char *folder)
{
	struct parts parts;
	json_t *shape;

	parts_take(&parts, folder, "model.safetensors");
	shape = json_object_get(parts_entry(&parts, FC1), "shape");
	json_array_append(shape, json_array_get(shape, 0));
	json_array_remove(shape, 0);
	parts_put(&parts);
}

static void tensor_too_large(const char *folder)
{
	struct parts parts;

	parts_take(&parts, folder, "model.safetensors");
	json_array_set_new(json_object_get(parts_entry(&parts, FC1), "shape"), 0, json_integer(69));
	parts_put(&parts);
}

static void set_dtype(const char *folder, const char *dtype)
{
	struct parts parts;

	parts_take(&parts, folder, "model.safetensors");
	json_object_set_new(parts_entry(&parts, FC1), "dtype", json_string(dtype));
	parts_put(&parts);
}

static void dtype_integer(const char *folder)
{
	set_dtype(folder, "I32");
}

static void dtype_unknown(const char *folder)
{
	set_dtype(folder, "Q9");
}

static void tensors_overlap(const char *folder)
{
	struct parts parts;

	parts_take(&parts, folder, "model.safetensors");
	json_object_set(parts_entry(&parts, FC1), "data_offsets",
		json_object_get(parts_entry(&parts, "model.decoder.layers.0.fc1.weight"), "data_offsets"));
	parts_put(&parts);
}

static void tensor_beyond_the_end(const char *folder)
{
	struct parts parts;
	json_t *offsets;

	parts_take(&parts, folder, "model.safetensors");
	offsets = json_object_get(parts_entry(&parts, FC1), "data_offsets");
	for (unsigned i = 0; i < 2; i++)
		json_array_set_new(
			offsets, i, json_integer(json_integer_value(json_array_get(offsets, i)) + (1ll << 40)));
	parts_put(&parts);
}

/* Puts a number, given by its bits, in the middle of a tensor. */
static void set_number(const char *folder, uint32_t bits)
{
	struct parts parts;
	uint64_t bytes;

	parts_take(&parts, folder, "model.safetensors");
	memcpy(parts_bytes(&parts, FC1, &bytes) + 4 * 1000, &bits, 4);
	parts_put(&parts);
}

static void number_nan(const char *folder)
{
	set_number(folder, 0x7fc00000);
}

static void number_infinite(const char *folder)
{
	set_number(folder, 0xff800000);
}

/* Replaces a stretch of a file: to its end with `cut`. */
static void patch(const char *folder, const char *name, uint64_t at, const void *bytes, uint64_t count, bool cut)
{
	char path[PATH_MAX];
	uint64_t size;
	uint8_t *data;

	path_join(path, folder, name);
	data = file_read(path, &size);
	assert_in_range(at + count, 0, size);
	if (count)
		memcpy(data + at, bytes, count);
	file_write(path, data, cut ? at + count : size);
	free(data);
}

static void header_beyond_the_end(const char *folder)
{
	patch(folder, "model.safetensors", 0, "\xff\xff\xff\x7f\0\0\0\0", 8, false);
}

static void header_length_wraps(const char *folder)
{
	patch(folder, "model.safetensors", 0, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, false);
}

static void header_no_json(const char *folder)
{
	patch(folder, "model.safetensors", 8, "[[[[", 4, false);
}

static void file_cut(const char *folder)
{
	patch(folder, "model.safetensors", 200000, NULL, 0, true);
}

static void file_empty(const char *folder)
{
	patch(folder, "model.safetensors", 0, NULL, 0, true);
}

static void remove_file(const char *folder, const char *name)
{
	char path[PATH_MAX];

	path_join(path, folder, name);
	assert_int_equal(unlink(path), 0);
}

static void shard_missing(const char *folder)
{
	remove_file(folder, "model-00002-of-00003.safetensors");
}

/* Edits a JSON file of the folder: sets a key, or with a NULL value deletes it. Takes the value. */
static void edit_json(const char *folder, const char *name, const char *object, const char *key, json_t *value)
{
	char path[PATH_MAX];
	json_t *json, *at;

	path_join(path, folder, name);
	json = json_load_file(path, 0, NULL);
	at = object ? json_object_get(json, object) : json;
	assert_non_null(at);
	assert_int_equal(value ? json_object_set_new(at, key, value) : json_object_del(at, key), 0);
	assert_int_equal(json_dump_file(json, path, JSON_COMPACT), 0);
	json_decref(json);
}

static void index_names_no_file(const char *folder)
{
	edit_json(folder, "model.safetensors.index.json", "weight_map", FC1, json_integer(3));
}

static void bin_index_names_a_missing_shard(const char *folder)
{
	remove_file(folder, "pytorch_model-00003-of-00003.bin");
}

static void config_missing(const char *folder)
{
	remove_file(folder, "config.json");
}

static void config_no_json(const char *folder)
{
	patch(folder, "config.json", 100, NULL, 0, true);
}

static void architecture_unknown(const char *folder)
{
	edit_json(folder, "config.json", NULL, "model_type", json_string("bloom"));
	edit_json(folder, "config.json", NULL, "architectures", json_pack("[s]", "BloomForCausalLM"));
}

static void heads_do_not_divide(const char *folder)
{
	edit_json(folder, "config.json", NULL, "num_attention_heads", json_integer(7));
}

static void heads_zero(const char *folder)
{
	edit_json(folder, "config.json", NULL, "num_attention_heads", json_integer(0));
}

static void hidden_size_missing(const char *folder)
{
	edit_json(folder, "config.json", NULL, "hidden_size", NULL);
}

static void hidden_size_negative(const char *folder)
{
	edit_json(folder, "config.json", NULL, "hidden_size", json_integer(-72));
}

static void one_layer_more(const char *folder)
{
	edit_json(folder, "config.json", NULL, "num_hidden_layers", json_integer(3));
}

static void layers_beyond_reason(const char *folder)
{
	edit_json(folder, "config.json", NULL, "num_hidden_layers", json_integer(4000000000));
}

static void vocabulary_larger_than_the_table(const char *folder)
{
	edit_json(folder, "config.json", NULL, "vocab_size", json_integer(275));
}

static void vocabulary_smaller_than_the_tokenizer(const char *folder)
{
	edit_json(folder, "vocab.json", NULL, "one too many", json_integer(274));
}

static void tokenizer_missing(const char *folder)
{
	remove_file(folder, "vocab.json");
	remove_file(folder, "merges.txt");
}

static void merge_unknown(const char *folder)
{
	char path[PATH_MAX];

	path_join(path, folder, "merges.txt");
	file_write(path, "#version: 0.2\nq w\n", 18);
}

static void bin_cut(const char *folder)
{
	patch(folder, "pytorch_model.bin", 100000, NULL, 0, true);
}

/* A byte of the tensors' own, which the zip file has a checksum for. */
static void bin_byte_flipped(const char *folder)
{
	char path[PATH_MAX];
	uint64_t size;
	uint8_t *data;

	path_join(path, folder, "pytorch_model.bin");
	data = file_read(path, &size);
	data[size / 2] ^= 1;
	file_write(path, data, size);
	free(data);
}

/* Replaces `old` by `new` in the pickle of the .bin file, with the zip file as it should be. */
static void edit_pickle(const char *folder, const char *old, const char *new)
{
	static char pickle[1 << 16], edited[1 << 16];
	char path[PATH_MAX];
	zip_int64_t at, bytes;
	size_t before;
	zip_t *zip;
	zip_file_t *file;
	char *found;

	path_join(path, folder, "pytorch_model.bin");
	zip = zip_open(path, 0, NULL);
	assert_non_null(zip);
	at = zip_name_locate(zip, "data.pkl", ZIP_FL_NODIR);
	file = zip_fopen_index(zip, (zip_uint64_t)at, 0);
	assert_non_null(file);
	bytes = zip_fread(file, pickle, sizeof(pickle));
	zip_fclose(file);
	found = memmem(pickle, (size_t)bytes, old, strlen(old));
	assert_non_null(found);
	before = (size_t)(found - pickle);
	bytes += (zip_int64_t)strlen(new) - (zip_int64_t)strlen(old);
	memcpy(edited, pickle, before);
	memcpy(edited + before, new, strlen(new));
	memcpy(edited + before + strlen(new), found + strlen(old), (size_t)bytes - before - strlen(new));
	assert_int_equal(zip_file_replace(zip, (zip_uint64_t)at,
				 zip_source_buffer(zip, edited, (zip_uint64_t)bytes, 0), 0), 0);
	assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)at, ZIP_CM_STORE, 0), 0);
	assert_int_equal(zip_close(zip), 0);
}

static void pickle_names_a_function(const char *folder)
{
	edit_pickle(folder, "ctorch._utils\n_rebuild_tensor_v2\n", "cos\nsystem\n");
}

static void pickle_names_a_close_relative(const char *folder)
{
	edit_pickle(folder, "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch._utils\n_rebuild_parameter_with_state\n");
}

static void pickle_has_an_unknown_opcode(const char *folder)
{
	edit_pickle(folder, "\x80\x02", "\x80\x02\xff");
}

static void weights_missing(const char *folder)
{
	remove_file(folder, "model.safetensors");
}

#define DAMAGE(function, fixture, ...) { function, #function, fixture, { __VA_ARGS__ } }

const struct damage damages[DAMAGES] = {
	DAMAGE(tensor_missing, "plain-f32", FC1),
	DAMAGE(bytes_of_no_tensor, "plain-f32", "model.safetensors", "fc2.bias"),
	DAMAGE(tensor_turned, "plain-f32", FC1, "72"),
	DAMAGE(tensor_too_large, "plain-f32", FC1, "model.safetensors"),
	DAMAGE(dtype_integer, "plain-f32", FC1, "I32"),
	DAMAGE(dtype_unknown, "plain-f32", FC1, "Q9"),
	DAMAGE(tensors_overlap, "plain-f32", "model.safetensors", "fc1.weight"),
	DAMAGE(tensor_beyond_the_end, "plain-f32", "model.safetensors", FC1),
	DAMAGE(number_nan, "plain-f32", FC1),
	DAMAGE(number_infinite, "plain-f32", FC1),
	DAMAGE(header_beyond_the_end, "plain-f32", "model.safetensors"),
	DAMAGE(header_length_wraps, "plain-f32", "model.safetensors"),
	DAMAGE(header_no_json, "plain-f32", "model.safetensors"),
	DAMAGE(file_cut, "plain-f32", "model.safetensors"),
	DAMAGE(file_empty, "plain-f32", "model.safetensors"),
	DAMAGE(weights_missing, "plain-f32", "model.safetensors"),
	DAMAGE(shard_missing, "sharded-f16", "model-00002-of-00003.safetensors"),
	DAMAGE(index_names_no_file, "sharded-f16", "model.safetensors.index.json", FC1),
	DAMAGE(bin_index_names_a_missing_shard, "sharded-bin-bf16", "pytorch_model-00003-of-00003.bin"),
	DAMAGE(config_missing, "plain-f32", "config.json"),
	DAMAGE(config_no_json, "plain-f32", "config.json"),
	DAMAGE(architecture_unknown, "plain-f32", "config.json", "loom"),
	DAMAGE(heads_do_not_divide, "plain-f32", "config.json", "7"),
	DAMAGE(heads_zero, "plain-f32", "config.json", "num_attention_heads"),
	DAMAGE(hidden_size_missing, "plain-f32", "config.json", "hidden_size"),
	DAMAGE(hidden_size_negative, "plain-f32", "config.json", "hidden_size"),
	DAMAGE(one_layer_more, "plain-f32", "model.decoder.layers.2."),
	DAMAGE(layers_beyond_reason, "plain-f32", ""),
	DAMAGE(vocabulary_larger_than_the_table, "plain-f32", "embed_tokens", "275"),
	DAMAGE(vocabulary_smaller_than_the_tokenizer, "plain-f32", "vocab.json", "274"),
	DAMAGE(tokenizer_missing, "plain-f32", "vocab.json"),
	DAMAGE(merge_unknown, "plain-f32", "q w"),
	DAMAGE(bin_cut, "bin-hub-f16", "pytorch_model.bin"),
	DAMAGE(bin_byte_flipped, "bin-hub-f16", "pytorch_model.bin"),
	DAMAGE(pickle_names_a_function, "bin-hub-f16", "pytorch_model.bin", "system"),
	DAMAGE(pickle_names_a_close_relative, "bin-hub-f16", "pytorch_model.bin", "_rebuild_parameter_with_state"),
	DAMAGE(pickle_has_an_unknown_opcode, "bin-hub-f16", "pytorch_model.bin"),
};
