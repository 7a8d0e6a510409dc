/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading a checkpoint's tensors (see checkpoint.h). */

#include "checkpoint_parts.h"

#include "bits.h"
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int wick_checkpoint_no_memory(const struct wick_checkpoint *checkpoint, struct wick_diag *diag)
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

int wick_checkpoint_ready_file(
	struct wick_checkpoint *checkpoint, struct wick_source_file *file, struct wick_diag *diag)
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
	checkpoint->next_open = (checkpoint->next_open + 1) % WICK_CHECKPOINT_OPEN_MAX;
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
	free(checkpoint->wrapper);
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
	const struct wick_source_tensor **found = bsearch(name, checkpoint->by_name, checkpoint->name_count,
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
	return checkpoint->name_count;
}

const struct wick_source_tensor *wick_checkpoint_at(const struct wick_checkpoint *checkpoint, unsigned i)
{
	wick_require(i < checkpoint->name_count);
	return checkpoint->by_name[i];
}

const char *wick_checkpoint_file(const struct wick_checkpoint *checkpoint, const struct wick_source_tensor *tensor)
{
	return checkpoint->files[tensor->file].path;
}

bool wick_checkpoint_is_same(const struct wick_source_tensor *a, const struct wick_source_tensor *b)
{
	return a->file == b->file && a->entry == b->entry && a->offset == b->offset && a->bytes == b->bytes &&
		a->type == b->type && a->doubles == b->doubles;
}

int wick_checkpoint_read(struct wick_checkpoint *checkpoint, const struct wick_source_tensor *tensor, uint64_t offset,
	void *into, uint64_t bytes, struct wick_diag *diag)
{
	struct wick_source_file *file = &checkpoint->files[tensor->file];
	int ret;

	if (tensor->unfit && !tensor->code)
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s %s, which wick cannot use", file->path,
			wick_diag_name(tensor->name), tensor->unfit);
	if (offset > tensor->bytes || bytes > tensor->bytes - offset)
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: bytes %llu to %llu asked for, it has %llu",
			file->path, wick_diag_name(tensor->name), (unsigned long long)offset,
			(unsigned long long)wick_add(offset, bytes), (unsigned long long)tensor->bytes);
	ret = wick_checkpoint_ready_file(checkpoint, file, diag);
	return ret ? ret : wick_source_read(checkpoint->format, file, tensor, offset, into, bytes, diag);
}
