/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The files of a checkpoint: one, or those of an index. A folder may have both, and in two formats. Which are taken is
 * transformers' choice (modeling_utils, _get_resolved_checkpoint_files), so that both compute the same model. */

#include "checkpoint_parts.h"

#include "bits.h"
#include "notes.h"
#include "safetensors.h"
#include "shard_index.h"
#include "torch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct layout {
	const char *name;
	const struct wick_source_format *format;
	bool is_index;
} layouts[] = {
	{ "model.safetensors", &wick_safetensors, false },
	{ "model.safetensors.index.json", &wick_safetensors, true },
	{ "pytorch_model.bin", &wick_torch, false },
	{ "pytorch_model.bin.index.json", &wick_torch, true },
};

static char *path_in_folder(const struct wick_checkpoint *checkpoint, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", checkpoint->folder, name) < 0 ? NULL : path;
}

static int add_file(struct wick_checkpoint *checkpoint, const char *name, struct wick_diag *diag)
{
	size_t size = (checkpoint->file_count + 1) * sizeof(*checkpoint->files);
	struct wick_source_file *files = realloc(checkpoint->files, size);
	char *path = path_in_folder(checkpoint, name);

	if (files)
		checkpoint->files = files;
	if (!files || !path) {
		free(path);
		return wick_checkpoint_no_memory(checkpoint, diag);
	}
	files[checkpoint->file_count++] = (struct wick_source_file){ .path = path, .fd = -1 };
	return 0;
}

/* Adds a tensor of the file under its bare name. */
static int add_tensor(struct wick_checkpoint *checkpoint, const struct wick_source_tensor *found, unsigned file_idx,
	struct wick_diag *diag)
{
	struct wick_source_tensor tensor = *found;

	tensor.file = file_idx;
	tensor.name = wick_checkpoint_bare_name(found->name);
	if (tensor.name != found->name && !checkpoint->wrapper) {
		checkpoint->wrapper = strndup(found->name, tensor.name - found->name - 1);
		if (!checkpoint->wrapper)
			return wick_checkpoint_no_memory(checkpoint, diag);
	}
	return wick_source_list_add(&checkpoint->list, &tensor, checkpoint->files[file_idx].path, diag);
}

/* Adds all tensors of a file, whatever an index says of them: so does transformers. */
static int list_file(struct wick_checkpoint *checkpoint, unsigned file_idx, struct wick_diag *diag)
{
	struct wick_source_file *file = &checkpoint->files[file_idx];
	struct wick_source_list found = { 0 };
	int ret = wick_checkpoint_ready_file(checkpoint, file, diag);

	if (!ret)
		ret = checkpoint->format->list(file, &found, diag);
	for (unsigned i = 0; !ret && i < found.count; i++)
		ret = add_tensor(checkpoint, &found.tensors[i], file_idx, diag);
	wick_source_list_free(&found);
	return ret;
}

static int list_shards(struct wick_checkpoint *checkpoint, const char *path, const struct wick_shard_index *index,
	struct wick_diag *diag)
{
	int ret = wick_shard_index_check_files(index, checkpoint->folder, path, diag);

	for (unsigned i = 0; !ret && i < index->file_count; i++)
		ret = add_file(checkpoint, index->files[i], diag);
	for (unsigned i = 0; !ret && i < checkpoint->file_count; i++)
		ret = list_file(checkpoint, i, diag);
	return ret;
}

static int open_single(struct wick_checkpoint *checkpoint, const char *name, struct wick_diag *diag)
{
	int ret = add_file(checkpoint, name, diag);

	if (!ret)
		ret = list_file(checkpoint, 0, diag);
	return ret ? ret : wick_checkpoint_sort_names(checkpoint, diag);
}

/* Every tensor of the index was found, in whichever of its files. */
static int check_complete(struct wick_checkpoint *checkpoint, const char *path, json_t *map, struct wick_diag *diag)
{
	const char *tensor;
	json_t *value;

	json_object_foreach(map, tensor, value)
		if (!wick_checkpoint_find(checkpoint, wick_checkpoint_bare_name(tensor)))
			return wick_diag_say(diag, -EINVAL, "%s: puts tensor %s into %s, which does not have it", path,
				wick_diag_name(tensor), wick_diag_name(json_string_value(value)));
	return 0;
}

static int open_index(struct wick_checkpoint *checkpoint, const char *path, struct wick_diag *diag)
{
	struct wick_shard_index index;
	int ret = wick_shard_index_load(&index, path, diag);

	if (!ret)
		ret = list_shards(checkpoint, path, &index, diag);
	if (!ret)
		ret = wick_checkpoint_sort_names(checkpoint, diag);
	if (!ret)
		ret = check_complete(checkpoint, path, index.map, diag);
	wick_shard_index_free(&index);
	return ret;
}

/* Sets a bit for each layout that the folder has. A link that leads nowhere is there: it is opened, and named. */
static int find_layouts(struct wick_checkpoint *checkpoint, struct wick_diag *diag)
{
	for (unsigned i = 0; i < WICK_COUNT_OF(layouts); i++) {
		char *path = path_in_folder(checkpoint, layouts[i].name);
		struct stat stat;
		int ret = 0;

		if (!path)
			return wick_checkpoint_no_memory(checkpoint, diag);
		if (!lstat(path, &stat))
			checkpoint->layouts |= 1u << i;
		else if (errno != ENOENT)
			ret = wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
		free(path);
		if (ret)
			return ret;
	}
	return 0;
}

static int open_layout(struct wick_checkpoint *checkpoint, const struct layout *layout, struct wick_diag *diag)
{
	char *path;
	int ret;

	checkpoint->format = layout->format;
	if (!layout->is_index)
		return open_single(checkpoint, layout->name, diag);
	path = path_in_folder(checkpoint, layout->name);
	ret = path ? open_index(checkpoint, path, diag) : wick_checkpoint_no_memory(checkpoint, diag);
	free(path);
	return ret;
}

static int open_folder(struct wick_checkpoint *checkpoint, const char *folder, struct wick_diag *diag)
{
	struct stat stat_buf;
	int ret;

	if (stat(folder, &stat_buf))
		return wick_diag_say(diag, -errno, "%s: %s", folder, strerror(errno));
	ret = find_layouts(checkpoint, diag);
	if (ret)
		return ret;
	if (!checkpoint->layouts)
		return wick_diag_say(diag, -ENOENT, "%s: no weights here: neither model.safetensors nor pytorch_model.bin, "
			"nor an index.json of either", folder);
	checkpoint->layout = __builtin_ctz(checkpoint->layouts);
	return open_layout(checkpoint, &layouts[checkpoint->layout], diag);
}

int wick_checkpoint_open(struct wick_checkpoint **checkpoint, const char *folder, struct wick_diag *diag)
{
	struct wick_checkpoint *made = calloc(1, sizeof(*made));
	int ret;

	*checkpoint = NULL;
	if (made)
		made->folder = strdup(folder);
	if (!made || !made->folder) {
		free(made);
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", folder);
	}
	ret = open_folder(made, folder, diag);
	if (ret) {
		wick_checkpoint_close(made);
		return ret;
	}
	*checkpoint = made;
	return 0;
}

int wick_checkpoint_make(struct wick_checkpoint **checkpoint, const char *name, const struct wick_source_format *format,
	struct wick_source_list *tensors, struct wick_diag *diag)
{
	struct wick_checkpoint *made = calloc(1, sizeof(*made));
	int ret = -ENOMEM;

	*checkpoint = NULL;
	if (made) {
		made->format = format;
		made->list = *tensors;
		*tensors = (struct wick_source_list){ 0 };
		made->folder = strdup(name);
		made->files = calloc(1, sizeof(*made->files));
	}
	if (made && made->folder && made->files) {
		made->file_count = 1;
		made->files[0] = (struct wick_source_file){ .path = strdup(name), .fd = -1 };
		ret = made->files[0].path ? wick_checkpoint_sort_names(made, diag) : -ENOMEM;
	}
	if (ret) {
		wick_checkpoint_close(made);
		return ret == -ENOMEM ? wick_diag_say(diag, ret, "%s: out of memory", name) : ret;
	}
	*checkpoint = made;
	return 0;
}

/* Tells which of the folder's layouts was taken. */
static void explain_layout(const struct wick_checkpoint *checkpoint, const struct wick_notes *notes)
{
	for (unsigned i = checkpoint->layout + 1; i < WICK_COUNT_OF(layouts); i++)
		if (checkpoint->layouts >> i & 1)
			wick_notes_say(notes, "%s: weights are read from %s, as transformers does, and not from %s",
				checkpoint->folder, layouts[checkpoint->layout].name, layouts[i].name);
}

void wick_checkpoint_explain(const struct wick_checkpoint *checkpoint, const struct wick_notes *notes)
{
	explain_layout(checkpoint, notes);
	if (checkpoint->wrapper)
		wick_notes_say(notes, "%s: tensors are taken out of \"%s\", in which a script has wrapped them", checkpoint->folder,
			checkpoint->wrapper);
	if (checkpoint->superseded_count)
		wick_notes_say(notes, "%s: tensor %s%s is there, too, and is taken, as transformers does, instead of that in %s",
			wick_checkpoint_file(checkpoint, checkpoint->superseding),
			wick_diag_name(checkpoint->superseding->name),
			checkpoint->superseded_count > 1 ? " (of several)" : "",
			wick_checkpoint_file(checkpoint, checkpoint->superseded));
}
