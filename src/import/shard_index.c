/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The index.json of a checkpoint in many files (see shard_index.h). */

#include "shard_index.h"

#include "json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 4096u

/* A relative name of which no component is "..". */
static bool stays_inside(const char *name)
{
	if (!name[0] || name[0] == '/')
		return false;
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += part[0] == '/';
		if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
			return false;
	}
	return true;
}

static bool is_known(const struct wick_shard_index *index, const char *name)
{
	for (unsigned i = 0; i < index->file_count; i++)
		if (!strcmp(index->files[i], name))
			return true;
	return false;
}

static int add_file(struct wick_shard_index *index, const char *path, const char *tensor, const json_t *value,
	struct wick_diag *diag)
{
	const char *name = json_string_value(value);

	if (!name || strlen(name) != json_string_length(value))
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: its file is not a name", path, tensor);
	if (is_known(index, name))
		return 0;
	if (!stays_inside(name))
		return wick_diag_say(
			diag, -EINVAL, "%s: tensor %s: file %s is outside of the folder", path, tensor, name);
	if (index->file_count == FILES_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: names more than %u files", path, FILES_MAX);
	index->files[index->file_count++] = name;
	return 0;
}

static int read_map(struct wick_shard_index *index, const char *path, struct wick_diag *diag)
{
	const char *tensor;
	json_t *value;
	int ret;

	index->map = json_object_get(index->root, "weight_map");
	if (!json_is_object(index->map))
		return wick_diag_say(diag, -EINVAL, "%s: has no weight_map", path);
	index->files = calloc(FILES_MAX, sizeof(*index->files));
	if (!index->files)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", path);
	json_object_foreach(index->map, tensor, value) {
		ret = add_file(index, path, tensor, value, diag);
		if (ret)
			return ret;
	}
	return 0;
}

int wick_shard_index_load(struct wick_shard_index *index, const char *path, struct wick_diag *diag)
{
	int ret;

	*index = (struct wick_shard_index){ 0 };
	ret = wick_json_load(&index->root, path, WICK_JSON_BYTES_MAX, WICK_JSON_UNIQUE_KEYS, diag);
	if (!ret)
		ret = read_map(index, path, diag);
	if (ret)
		wick_shard_index_free(index);
	return ret;
}

void wick_shard_index_free(struct wick_shard_index *index)
{
	json_decref(index->root);
	free(index->files);
	*index = (struct wick_shard_index){ 0 };
}
