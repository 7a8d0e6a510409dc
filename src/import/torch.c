/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The zip side of a torch checkpoint (see torch.h). libzip reads it; its entries are checked in torch_entry.c. */

#include "torch.h"

#include "bits.h"
#include "torch_entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

typedef unsigned long long ull;

/* torch.save before 1.6, and still when asked to, wrote pickles one after another, of which the first is this
 * number. */
static const uint8_t legacy_start[] = { 0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50,
	0x19, 0x2e };

static int check_start(struct wick_source_file *file, struct wick_diag *diag)
{
	uint8_t start[sizeof(legacy_start)];
	int ret;

	if (file->size < sizeof(start))
		return wick_diag_say(diag, -EINVAL, "%s: %llu bytes, too few for a torch checkpoint", file->path,
			(ull)file->size);
	ret = wick_source_pread(file, 0, start, sizeof(start), diag);
	if (ret)
		return ret;
	if (!memcmp(start, legacy_start, sizeof(start)))
		return wick_diag_say(diag, -EINVAL,
			"%s: in the torch format of before PyTorch 1.6, which is not a zip; "
			"load and save it once with a newer PyTorch",
			file->path);
	if (memcmp(start, "PK\3\4", 4))
		return wick_diag_say(diag, -EINVAL, "%s: not a zip, so not a torch checkpoint", file->path);
	return 0;
}

/* Opens the zip on a descriptor of its own, every header compared with the directory. */
static int open_zip(struct wick_source_file *file, zip_t **zip, struct wick_diag *diag)
{
	int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 3), code = 0;

	if (fd < 0)
		return wick_diag_say(diag, -errno, "%s: %s", file->path, strerror(errno));
	*zip = zip_fdopen(fd, ZIP_CHECKCONS, &code);
	if (*zip)
		return 0;
	close(fd);
	return wick_torch_say_zip(file, code, "not a sound zip", diag);
}

/* NAME is what the first entry begins with. */
static int find_root(struct wick_source_file *file, struct wick_torch_archive *archive, struct wick_diag *diag)
{
	const char *name = zip_get_name(archive->zip, 0, ZIP_FL_ENC_RAW);
	const char *slash = name ? strchr(name, '/') : NULL;

	if (!slash || slash - name >= WICK_TORCH_ROOT_MAX)
		return wick_diag_say(diag, -EINVAL,
			"%s: a zip, but its first entry is not in a folder as torch.save puts it", file->path);
	memcpy(archive->root, name, slash - name);
	return 0;
}

/* A whole small entry, which the caller frees. NULL in *bytes when the archive has none of this name. */
static int read_entry(struct wick_source_file *file, const char *name, uint64_t bytes_max, char **bytes,
	uint64_t *count, struct wick_diag *diag)
{
	zip_stat_t stat;
	int ret;

	*bytes = NULL;
	if (wick_torch_find_entry(file->state, name, &stat))
		return 0;
	if (stat.size > bytes_max)
		return wick_diag_say(diag, -EINVAL, "%s: %s has %llu bytes, more than the %llu that it may have",
			file->path, name, (ull)stat.size, (ull)bytes_max);
	*count = stat.size;
	*bytes = malloc(stat.size + 1);
	if (!*bytes)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", file->path);
	ret = wick_torch_open_entry(file, stat.index, name, diag);
	return ret ? ret : wick_torch_read_on(file, *bytes, stat.size, name, diag);
}

static int check_byte_order(struct wick_source_file *file, struct wick_diag *diag)
{
	uint64_t count = 0;
	char *order;
	int ret = read_entry(file, "byteorder", 16, &order, &count, diag);

	if (!ret && order && (count != 6 || memcmp(order, "little", 6)))
		ret = wick_diag_say(diag, -EINVAL, "%s: its byte order is %.*s; only little-endian files can be read",
			file->path, (int)count, order);
	free(order);
	return ret;
}

static void torch_forget(struct wick_source_file *file)
{
	struct wick_torch_archive *archive = file->state;

	if (!archive)
		return;
	free(archive->states);
	free(archive);
	file->state = NULL;
}

/* Kept while the file is closed. */
static int make_archive(struct wick_source_file *file, struct wick_diag *diag)
{
	if (!file->state)
		file->state = calloc(1, sizeof(struct wick_torch_archive));
	return file->state ? 0 : wick_diag_say(diag, -ENOMEM, "%s: out of memory", file->path);
}

static int open_archive(struct wick_source_file *file, struct wick_diag *diag)
{
	struct wick_torch_archive *archive;
	int ret = check_start(file, diag);

	if (!ret)
		ret = make_archive(file, diag);
	if (ret)
		return ret;
	archive = file->state;
	ret = open_zip(file, &archive->zip, diag);
	if (ret || archive->states)
		return ret;
	archive->entries = zip_get_num_entries(archive->zip, 0);
	archive->states = calloc(archive->entries + 1, 1);
	if (!archive->states)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", file->path);
	return find_root(file, archive, diag);
}

/* Opens the zip if the file has been closed since it was read last. */
static int ready_archive(struct wick_source_file *file, struct wick_diag *diag)
{
	const struct wick_torch_archive *archive = file->state;

	return archive && archive->zip ? 0 : open_archive(file, diag);
}

static int list_pickle(struct wick_source_file *file, const char *bytes, uint64_t count, struct wick_source_list *list,
	struct wick_diag *diag)
{
	struct wick_pickle *pickle;
	int ret =
		wick_pickle_parse(&pickle, bytes, count, wick_torch_classes, wick_torch_class_count, file->path, diag);

	if (!ret)
		ret = wick_torch_list_tensors(wick_pickle_root(pickle), file->state, list, file->path, diag);
	wick_pickle_free(pickle);
	return ret;
}

static int by_place(const void *left, const void *right)
{
	const struct wick_source_tensor *a = left, *b = right;

	if (a->entry != b->entry)
		return a->entry < b->entry ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int torch_list(struct wick_source_file *file, struct wick_source_list *list, struct wick_diag *diag)
{
	char *bytes = NULL;
	uint64_t count = 0;
	int ret = ready_archive(file, diag);

	if (!ret)
		ret = check_byte_order(file, diag);
	if (!ret)
		ret = read_entry(file, "data.pkl", WICK_PICKLE_BYTES_MAX, &bytes, &count, diag);
	if (!ret && !bytes)
		ret = wick_diag_say(diag, -EINVAL, "%s: a zip without %s/data.pkl, so not a torch checkpoint",
			file->path, ((struct wick_torch_archive *)file->state)->root);
	if (!ret)
		ret = list_pickle(file, bytes, count, list, diag);
	if (!ret && list->count)
		qsort(list->tensors, list->count, sizeof(*list->tensors), by_place);
	free(bytes);
	return ret;
}

static int torch_finish(struct wick_source_file *file, struct wick_diag *diag)
{
	struct wick_torch_archive *archive = file->state;
	char what[WICK_TORCH_ROOT_MAX + WICK_TORCH_KEY_MAX];
	int ret;

	if (!archive || !archive->entry)
		return 0;
	snprintf(what, sizeof(what), "%s", zip_get_name(archive->zip, archive->entry_index, ZIP_FL_ENC_RAW));
	ret = wick_torch_leave_entry(file, what, diag);
	wick_torch_close_entry(archive);
	return ret;
}

/* Makes the tensor's storage the open entry. */
static int enter_entry(struct wick_source_file *file, uint64_t index, const char *what, struct wick_diag *diag)
{
	const struct wick_torch_archive *archive = file->state;
	int ret;

	if (archive->entry && archive->entry_index == index)
		return 0;
	ret = torch_finish(file, diag);
	return ret ? ret : wick_torch_open_entry(file, index, what, diag);
}

static int torch_read(struct wick_source_file *file, const struct wick_source_tensor *tensor, uint64_t offset,
	void *into, uint64_t bytes, struct wick_diag *diag)
{
	char what[WICK_SOURCE_NAME_MAX + 16];
	int ret = ready_archive(file, diag);

	if (ret || bytes == 0)
		return ret;
	snprintf(what, sizeof(what), "tensor %s", tensor->name);
	ret = enter_entry(file, tensor->entry, what, diag);
	if (!ret)
		ret = wick_torch_go_to(file, tensor->offset + offset, what, diag);
	if (!ret)
		ret = wick_torch_read_on(file, into, bytes, what, diag);
	if (ret)
		wick_torch_close_entry(file->state);
	return ret;
}

static void torch_close(struct wick_source_file *file)
{
	struct wick_torch_archive *archive = file->state;

	if (!archive || !archive->zip)
		return;
	wick_torch_close_entry(archive);
	zip_discard(archive->zip);
	archive->zip = NULL;
}

const struct wick_source_format wick_torch = { .list = torch_list, .read = torch_read, .finish = torch_finish,
	.close = torch_close, .forget = torch_forget };
