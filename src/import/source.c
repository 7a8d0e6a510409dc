/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* One file of a checkpoint: opening, reading, listing (see source.h). */

#include "source.h"

#include "bits.h"
#include "check.h"
#include "file.h"
#include "lfs.h"
#include "whole_file.h"
#include "plain_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHED_MAX_BYTES (16u << 20) /* read before the page cache is dropped; coarse, since readahead is lost too */

static int check_same(struct wick_source_file *file, const struct stat *stat, struct wick_diag *diag)
{
	if (file->device == stat->st_dev && file->inode == stat->st_ino && file->size == (uint64_t)stat->st_size &&
		file->changed.tv_sec == stat->st_mtim.tv_sec && file->changed.tv_nsec == stat->st_mtim.tv_nsec)
		return 0;
	return wick_diag_say(diag, -EINVAL, "%s: changed while it was being read", file->path);
}

static int note_identity(struct wick_source_file *file, struct wick_diag *diag)
{
	struct stat stat;

	if (fstat(file->fd, &stat))
		return wick_diag_say(diag, -errno, "%s: %s", file->path, strerror(errno));
	if (!S_ISREG(stat.st_mode))
		return wick_diag_say(diag, -EINVAL, "%s: not a regular file", file->path);
	if (file->seen)
		return check_same(file, &stat, diag);
	file->seen = true;
	file->size = stat.st_size;
	file->device = stat.st_dev;
	file->inode = stat.st_ino;
	file->changed = stat.st_mtim;
	return 0;
}

static int refuse_pointer(struct wick_source_file *file, struct wick_diag *diag)
{
	char head[WICK_LFS_BYTES];
	int ret;

	if (file->size < sizeof(head))
		return 0;
	ret = wick_source_pread(file, 0, head, sizeof(head), diag);
	if (ret || !wick_lfs_is_pointer(head, sizeof(head)))
		return ret;
	return wick_lfs_refuse(file->path, diag);
}

int wick_source_open(struct wick_source_file *file, struct wick_diag *diag)
{
	int ret;

	file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0)
		return wick_whole_file_cannot_open(file->path, diag);
	ret = note_identity(file, diag);
	if (!ret)
		ret = refuse_pointer(file, diag);
	if (ret)
		wick_source_close(file);
	return ret;
}

void wick_source_close(struct wick_source_file *file)
{
	if (file->fd < 0)
		return;
	posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
	close(file->fd);
	file->fd = -1;
	file->cached = 0;
}

int wick_source_pread(
	struct wick_source_file *file, uint64_t offset, void *into, uint64_t bytes, struct wick_diag *diag)
{
	const struct wick_file plain = { .fd = file->fd, .size = INT64_MAX, .offset_align = 1, .memory_align = 1 };
	uint64_t done;
	int rc = wick_plain_read(&plain, into, bytes, offset, &done);

	wick_source_passed(file, done);
	if (rc == -ENODATA)
		return wick_diag_say(diag, -EIO, "%s: ends at byte %llu, before the %llu that its header promises",
			file->path, (unsigned long long)(offset + done), (unsigned long long)(offset + bytes));
	if (rc)
		return wick_diag_say(diag, rc, "%s: reading at byte %llu: %s", file->path,
			(unsigned long long)(offset + done), strerror(-rc));
	return 0;
}

void wick_source_passed(struct wick_source_file *file, uint64_t bytes)
{
	file->cached += bytes;
	if (file->cached < CACHED_MAX_BYTES)
		return;
	posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
	file->cached = 0;
}

/* Bytes [offset, offset + bytes) of the float32 that the tensor's float64 are. */
static int read_doubles(const struct wick_source_format *format, struct wick_source_file *file,
	const struct wick_source_tensor *tensor, uint64_t offset, char *into, uint64_t bytes, struct wick_diag *diag)
{
	double numbers[4096];
	int ret = 0;

	wick_require(offset % sizeof(float) == 0 && bytes % sizeof(float) == 0);
	for (uint64_t done = 0; !ret && done < bytes;) {
		uint64_t count = WICK_MIN((bytes - done) / sizeof(float), WICK_COUNT_OF(numbers));

		ret = format->read(file, tensor, 2 * (offset + done), numbers, count * sizeof(*numbers), diag);
		for (uint64_t i = 0; !ret && i < count; i++, done += sizeof(float))
			memcpy(into + done, &(float){ (float)numbers[i] }, sizeof(float));
	}
	return ret;
}

int wick_source_read(const struct wick_source_format *format, struct wick_source_file *file,
	const struct wick_source_tensor *tensor, uint64_t offset, void *into, uint64_t bytes, struct wick_diag *diag)
{
	return tensor->doubles ? read_doubles(format, file, tensor, offset, into, bytes, diag) :
				 format->read(file, tensor, offset, into, bytes, diag);
}

static bool grow(struct wick_source_list *list)
{
	unsigned capacity = list->capacity ? list->capacity * 2 : 64;
	struct wick_source_tensor *tensors = realloc(list->tensors, capacity * sizeof(*tensors));

	if (!tensors)
		return false;
	list->tensors = tensors;
	list->capacity = capacity;
	return true;
}

/* Empty names, long ones and too many of them are refused here, for all formats. */
static int check_name(const struct wick_source_list *list, const char *name, const char *path, struct wick_diag *diag)
{
	if (!name[0])
		return wick_diag_say(diag, -EINVAL, "%s: a tensor without a name", path);
	if (strlen(name) > WICK_SOURCE_NAME_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: tensor %.60s...: a name of %zu bytes, more than %u", path,
			name, strlen(name), WICK_SOURCE_NAME_MAX);
	if (list->count == WICK_SOURCE_TENSORS_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: more than %u tensors", path, WICK_SOURCE_TENSORS_MAX);
	return 0;
}

int wick_source_list_add(struct wick_source_list *list, const struct wick_source_tensor *tensor, const char *path,
	struct wick_diag *diag)
{
	struct wick_source_tensor copy = *tensor;
	int ret = check_name(list, tensor->name, path, diag);

	if (ret)
		return ret;
	copy.name = strdup(tensor->name);
	copy.unfit = tensor->unfit ? strdup(tensor->unfit) : NULL;
	if (!copy.name || (tensor->unfit && !copy.unfit) || (list->count == list->capacity && !grow(list))) {
		free((char *)copy.name);
		free((char *)copy.unfit);
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", path);
	}
	list->tensors[list->count++] = copy;
	return 0;
}

void wick_source_list_free(struct wick_source_list *list)
{
	for (unsigned i = 0; i < list->count; i++) {
		free((char *)list->tensors[i].name);
		free((char *)list->tensors[i].unfit);
	}
	free(list->tensors);
	*list = (struct wick_source_list){ 0 };
}

const char *wick_source_shape_text(char text[96], const uint64_t *shape, unsigned dims)
{
	size_t used = 1;

	strcpy(text, "[");
	for (unsigned i = 0; i < dims; i++)
		used += snprintf(text + used, 96 - used, "%s%llu", i ? ", " : "", (unsigned long long)shape[i]);
	strcpy(text + used, "]");
	return text;
}
