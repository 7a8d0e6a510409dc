/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The index.json of a checkpoint in many files (see shard_index.h). */

#include "shard_index.h"

#include "json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* No part of the name is empty or ".": otherwise one file would have many names. */
static bool is_plain(const char *name)
{
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += part[0] == '/' && part != name;
		if (!part[0] || part[0] == '/' || (part[0] == '.' && (part[1] == '/' || !part[1])))
			return false;
	}
	return true;
}

static int add_file(struct wick_shard_index *index, const char *path, const char *tensor, const json_t *value,
	struct wick_diag *diag)
{
	const char *name = json_string_value(value);

	if (!name || strlen(name) != json_string_length(value))
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: its file is not a name", path,
			wick_diag_name(tensor));
	if (json_object_get(index->known, name))
		return 0;
	if (!stays_inside(name))
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: file %s is outside of the folder", path,
			wick_diag_name(tensor), wick_diag_name(name));
	if (!is_plain(name))
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: file %s has a part that is empty or \".\"", path,
			wick_diag_name(tensor), wick_diag_name(name));
	if (index->file_count == FILES_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: names more than %u files", path, FILES_MAX);
	if (json_object_set_new(index->known, name, json_true()))
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", path);
	index->files[index->file_count++] = name;
	return 0;
}

static int by_text(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
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
	index->known = json_object();
	if (!index->files || !index->known)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", path);
	json_object_foreach(index->map, tensor, value) {
		ret = add_file(index, path, tensor, value, diag);
		if (ret)
			return ret;
	}
	qsort(index->files, index->file_count, sizeof(*index->files), by_text);
	return 0;
}

int wick_shard_index_load(struct wick_shard_index *index, const char *path, struct wick_diag *diag)
{
	int ret;

	*index = (struct wick_shard_index){ 0 };
	ret = wick_json_load(&index->root, path, &wick_json_index, WICK_JSON_UNIQUE_KEYS, diag);
	if (!ret)
		ret = read_map(index, path, diag);
	if (ret)
		wick_shard_index_free(index);
	return ret;
}

/* A file, as the file system knows it. */
struct identity {
	const char *name;
	dev_t device;
	ino_t inode;
};

static int by_inode(const void *left, const void *right)
{
	const struct identity *a = left, *b = right;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static int identify(struct identity *identity, const char *name, const char *folder, const char *path,
	struct wick_diag *diag)
{
	struct stat stat_buf;
	char *file;
	int ret = 0;

	if (asprintf(&file, "%s/%s", folder, name) < 0)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", path);
	if (stat(file, &stat_buf))
		ret = wick_diag_say(diag, -errno, "%s: names %s, which cannot be opened: %s", path,
			wick_diag_name(name), strerror(errno));
	else
		*identity = (struct identity){ name, stat_buf.st_dev, stat_buf.st_ino };
	free(file);
	return ret;
}

int wick_shard_index_check_files(
	const struct wick_shard_index *index, const char *folder, const char *path, struct wick_diag *diag)
{
	struct identity *files = calloc(index->file_count + 1, sizeof(*files));
	int ret = files ? 0 : wick_diag_say(diag, -ENOMEM, "%s: out of memory", path);

	for (unsigned i = 0; !ret && i < index->file_count; i++)
		ret = identify(&files[i], index->files[i], folder, path, diag);
	if (!ret)
		qsort(files, index->file_count, sizeof(*files), by_inode);
	for (unsigned i = 1; !ret && i < index->file_count; i++)
		if (!by_inode(&files[i - 1], &files[i]))
			ret = wick_diag_say(diag, -EINVAL, "%s: names %s and %s, which are one file", path,
				wick_diag_name(files[i - 1].name), wick_diag_name(files[i].name));
	free(files);
	return ret;
}

void wick_shard_index_free(struct wick_shard_index *index)
{
	json_decref(index->known);
	json_decref(index->root);
	free(index->files);
	*index = (struct wick_shard_index){ 0 };
}
