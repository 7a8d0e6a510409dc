/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A checkpoint is one file, or an index that says in which of many files each tensor is (see checkpoint.h). */

#include "checkpoint.h"

#include "bits.h"
#include "check.h"
#include "safetensors.h"
#include "shard_index.h"
#include "source.h"
#include "torch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OPEN_MAX 4 /* files open at a time: a layer's matrices may lie in two of them */

static const struct layout {
	const char *name;
	const struct wick_source_format *format;
	bool is_index;
} layouts[] = {
	{ "model.safetensors.index.json", &wick_safetensors, true },
	{ "model.safetensors", &wick_safetensors, false },
	{ "pytorch_model.bin.index.json", &wick_torch, true },
	{ "pytorch_model.bin", &wick_torch, false },
};

struct wick_checkpoint {
	char *folder;
	const struct wick_source_format *format;
	struct wick_source_file *files; /* (file_count) */
	unsigned file_count;
	struct wick_source_file *open[OPEN_MAX]; /* a ring: the next to be opened takes the place of the oldest */
	unsigned next_open;
	struct wick_source_list list;
	const struct wick_source_tensor **by_name; /* (list.count), sorted */
};

static int no_memory(const struct wick_checkpoint *checkpoint, struct wick_diag *diag)
{
	return wick_diag_say(diag, -ENOMEM, "%s: out of memory", checkpoint->folder);
}

static void close_file(const struct wick_checkpoint *checkpoint, struct wick_source_file *file)
{
	if (file->fd >= 0 && checkpoint->format->close)
		checkpoint->format->close(file);
	wick_source_close(file);
}

static int finish_file(const struct wick_checkpoint *checkpoint, struct wick_source_file *file, struct wick_diag *diag)
{
	return file->fd >= 0 && checkpoint->format->finish ? checkpoint->format->finish(file, diag) : 0;
}

/* Opens the file if it is not open, at the cost of the one that was opened longest ago. */
static int ready_file(struct wick_checkpoint *checkpoint, struct wick_source_file *file, struct wick_diag *diag)
{
	struct wick_source_file **place = &checkpoint->open[checkpoint->next_open];
	int ret;

	if (file->fd >= 0 || checkpoint->format->made)
		return 0;
	ret = *place ? finish_file(checkpoint, *place, diag) : 0;
	if (ret)
		return ret;
	if (*place)
		close_file(checkpoint, *place);
	*place = NULL;
	ret = wick_source_open(file, diag);
	if (ret)
		return ret;
	*place = file;
	checkpoint->next_open = (checkpoint->next_open + 1) % OPEN_MAX;
	return 0;
}

/* The name of a file as the index gives it. */
static const char *name_in_folder(const struct wick_checkpoint *checkpoint, const struct wick_source_file *file)
{
	return file->path + strlen(checkpoint->folder) + 1;
}

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
		return no_memory(checkpoint, diag);
	}
	files[checkpoint->file_count++] = (struct wick_source_file){ .path = path, .fd = -1 };
	return 0;
}

/* Adds the tensors of a file: all of them, or those that the index (tensor name to file name) gives to this file. */
static int list_file(struct wick_checkpoint *checkpoint, unsigned file_idx, const json_t *index, struct wick_diag *diag)
{
	struct wick_source_file *file = &checkpoint->files[file_idx];
	struct wick_source_list found = { 0 };
	int ret = ready_file(checkpoint, file, diag);

	if (!ret)
		ret = checkpoint->format->list(file, &found, diag);
	for (unsigned i = 0; !ret && i < found.count; i++) {
		const char *owner = json_string_value(json_object_get(index, found.tensors[i].name));

		if (index && (!owner || strcmp(owner, name_in_folder(checkpoint, file))))
			continue;
		found.tensors[i].file = file_idx;
		ret = wick_source_list_add(&checkpoint->list, &found.tensors[i], file->path, diag);
	}
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
		ret = list_file(checkpoint, i, index->map, diag);
	return ret;
}

static int by_name(const void *left, const void *right)
{
	const struct wick_source_tensor *const *a = left, *const *b = right;

	return strcmp((*a)->name, (*b)->name);
}

static int sort_names(struct wick_checkpoint *checkpoint, struct wick_diag *diag)
{
	unsigned count = checkpoint->list.count;

	checkpoint->by_name = calloc(count + 1, sizeof(*checkpoint->by_name));
	if (!checkpoint->by_name)
		return no_memory(checkpoint, diag);
	for (unsigned i = 0; i < count; i++)
		checkpoint->by_name[i] = &checkpoint->list.tensors[i];
	qsort(checkpoint->by_name, count, sizeof(*checkpoint->by_name), by_name);
	for (unsigned i = 1; i < count; i++)
		if (!strcmp(checkpoint->by_name[i]->name, checkpoint->by_name[i - 1]->name))
			return wick_diag_say(diag, -EINVAL, "%s: has two tensors called %s",
				wick_checkpoint_file(checkpoint, checkpoint->by_name[i]),
				wick_diag_name(checkpoint->by_name[i]->name));
	return 0;
}

static int open_single(struct wick_checkpoint *checkpoint, const char *name, struct wick_diag *diag)
{
	int ret = add_file(checkpoint, name, diag);

	if (!ret)
		ret = list_file(checkpoint, 0, NULL, diag);
	return ret ? ret : sort_names(checkpoint, diag);
}

/* Every tensor of the index was found. */
static int check_complete(struct wick_checkpoint *checkpoint, const char *path, json_t *map, struct wick_diag *diag)
{
	const char *tensor;
	json_t *value;

	json_object_foreach(map, tensor, value)
		if (!wick_checkpoint_find(checkpoint, tensor))
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
		ret = sort_names(checkpoint, diag);
	if (!ret)
		ret = check_complete(checkpoint, path, index.map, diag);
	wick_shard_index_free(&index);
	return ret;
}

/* 0, or 1 when the folder does not have this layout. */
static int try_layout(struct wick_checkpoint *checkpoint, const struct layout *layout, struct wick_diag *diag)
{
	char *path = path_in_folder(checkpoint, layout->name);
	struct stat stat;
	int ret = 1;

	if (!path)
		return no_memory(checkpoint, diag);
	checkpoint->format = layout->format;
	if (lstat(path, &stat)) {
		if (errno != ENOENT)
			ret = wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	} else if (layout->is_index) {
		ret = open_index(checkpoint, path, diag);
	} else {
		ret = open_single(checkpoint, layout->name, diag);
	}
	free(path);
	return ret;
}

static int open_folder(struct wick_checkpoint *checkpoint, const char *folder, struct wick_diag *diag)
{
	struct stat stat_buf;

	if (stat(folder, &stat_buf))
		return wick_diag_say(diag, -errno, "%s: %s", folder, strerror(errno));
	for (size_t i = 0; i < WICK_COUNT_OF(layouts); i++) {
		int ret = try_layout(checkpoint, &layouts[i], diag);

		if (ret <= 0)
			return ret;
	}
	return wick_diag_say(diag, -ENOENT, "%s: no weights here: neither model.safetensors nor pytorch_model.bin, "
		"nor an index.json of either", folder);
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
		ret = made->files[0].path ? sort_names(made, diag) : -ENOMEM;
	}
	if (ret) {
		wick_checkpoint_close(made);
		return ret == -ENOMEM ? wick_diag_say(diag, ret, "%s: out of memory", name) : ret;
	}
	*checkpoint = made;
	return 0;
}

void wick_checkpoint_watch(struct wick_checkpoint *checkpoint, int (*go_on)(void *user), void *user)
{
	for (unsigned i = 0; i < checkpoint->file_count; i++) {
		checkpoint->files[i].go_on = go_on;
		checkpoint->files[i].user = user;
	}
}

int wick_checkpoint_finish(struct wick_checkpoint *checkpoint, struct wick_diag *diag)
{
	int ret = 0;

	for (unsigned i = 0; !ret && i < checkpoint->file_count; i++)
		ret = finish_file(checkpoint, &checkpoint->files[i], diag);
	return ret;
}

void wick_checkpoint_close(struct wick_checkpoint *checkpoint)
{
	if (!checkpoint)
		return;
	for (unsigned i = 0; i < checkpoint->file_count; i++) {
		close_file(checkpoint, &checkpoint->files[i]);
		if (checkpoint->format->forget)
			checkpoint->format->forget(&checkpoint->files[i]);
		free(checkpoint->files[i].path);
	}
	wick_source_list_free(&checkpoint->list);
	free(checkpoint->by_name);
	free(checkpoint->files);
	free(checkpoint->folder);
	free(checkpoint);
}

static int compare_name(const void *key, const void *element)
{
	const struct wick_source_tensor *const *tensor = element;

	return strcmp(key, (*tensor)->name);
}

const struct wick_source_tensor *wick_checkpoint_find(const struct wick_checkpoint *checkpoint, const char *name)
{
	const struct wick_source_tensor **found = bsearch(name, checkpoint->by_name, checkpoint->list.count,
		sizeof(*checkpoint->by_name), compare_name);

	return found ? *found : NULL;
}

int wick_checkpoint_need(const struct wick_checkpoint *checkpoint, const char *name,
	const struct wick_source_tensor **tensor, struct wick_diag *diag)
{
	*tensor = wick_checkpoint_find(checkpoint, name);
	if (!*tensor)
		return wick_diag_say(diag, -ENOENT, "%s: tensor %s is missing", checkpoint->folder,
			wick_diag_name(name));
	if ((*tensor)->unfit)
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s %s, which wick cannot use",
			wick_checkpoint_file(checkpoint, *tensor), wick_diag_name(name), (*tensor)->unfit);
	return 0;
}

unsigned wick_checkpoint_count(const struct wick_checkpoint *checkpoint)
{
	return checkpoint->list.count;
}

const struct wick_source_tensor *wick_checkpoint_at(const struct wick_checkpoint *checkpoint, unsigned i)
{
	wick_require(i < checkpoint->list.count);
	return &checkpoint->list.tensors[i];
}

const char *wick_checkpoint_file(const struct wick_checkpoint *checkpoint, const struct wick_source_tensor *tensor)
{
	return checkpoint->files[tensor->file].path;
}

int wick_checkpoint_read(struct wick_checkpoint *checkpoint, const struct wick_source_tensor *tensor, uint64_t offset,
	void *into, uint64_t bytes, struct wick_diag *diag)
{
	struct wick_source_file *file = &checkpoint->files[tensor->file];
	int ret;

	if (tensor->unfit)
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s %s, which wick cannot use", file->path,
			wick_diag_name(tensor->name), tensor->unfit);
	if (offset > tensor->bytes || bytes > tensor->bytes - offset)
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: bytes %llu to %llu asked for, it has %llu",
			file->path, wick_diag_name(tensor->name), (unsigned long long)offset,
			(unsigned long long)wick_add(offset, bytes), (unsigned long long)tensor->bytes);
	ret = ready_file(checkpoint, file, diag);
	return ret ? ret : checkpoint->format->read(file, tensor, offset, into, bytes, diag);
}
