/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the targets share. A target is a file with LLVMFuzzerTestOneInput; linked with driver.c it runs over given
 * files, linked with -fsanitize=fuzzer it looks for its own. A broken promise aborts. */

#include "check.h"
#include "source.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_READ_BYTES 4096u
#define FUZZ_FIRST_FD 200 /* of a folder's files: above what anybody else opens */

/* A failure has a sentence, a success none. */
static inline void fuzz_check(int ret, const struct wick_diag *diag)
{
	wick_require(ret <= 0);
	wick_require((ret != 0) == (diag->text[0] != 0));
}

/* The first and the last bytes of a tensor that claims to be readable. */
static inline void fuzz_read_tensor(const struct wick_source_format *format, struct wick_source_file *file,
	const struct wick_source_tensor *tensor)
{
	uint64_t bytes = tensor->bytes < FUZZ_READ_BYTES ? tensor->bytes : FUZZ_READ_BYTES;
	char into[FUZZ_READ_BYTES];
	struct wick_diag diag = { 0 };
	uint64_t numbers = 1;

	wick_require(tensor->name[0] && strlen(tensor->name) <= WICK_SOURCE_NAME_MAX);
	wick_require((tensor->unfit != NULL) == (tensor->type == WICK_TYPE_COUNT));
	if (tensor->unfit)
		return;
	wick_require(tensor->dims <= WICK_SOURCE_DIMS_MAX);
	for (unsigned i = 0; i < tensor->dims; i++)
		numbers *= tensor->shape[i];
	wick_require(tensor->bytes == wick_type_bytes(tensor->type, numbers));
	fuzz_check(wick_source_read(format, file, tensor, 0, into, bytes, &diag), &diag);
	diag.text[0] = 0;
	fuzz_check(wick_source_read(format, file, tensor, tensor->bytes - bytes, into, bytes, &diag), &diag);
}

/* A folder whose files are in memory: links to descriptors, but for files that are missing. */
struct fuzz_folder {
	char path[256];
	const char *const *names; /* (count) */
	unsigned count;
};

static struct fuzz_folder *fuzz_made; /* for the end of the process */

static inline void fuzz_folder_remove(void)
{
	char path[512];

	for (unsigned i = 0; i < fuzz_made->count; i++) {
		snprintf(path, sizeof(path), "%s/%s", fuzz_made->path, fuzz_made->names[i]);
		unlink(path);
	}
	rmdir(fuzz_made->path);
}

static inline void fuzz_folder_make(struct fuzz_folder *folder, const char *const *names, unsigned count)
{
	const char *tmp = getenv("TMPDIR");

	*folder = (struct fuzz_folder){ .names = names, .count = count };
	snprintf(folder->path, sizeof(folder->path), "%s/wick-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	wick_require(mkdtemp(folder->path));
	fuzz_made = folder;
	atexit(fuzz_folder_remove);
}

/* File i of the folder made last: whatever its descriptor is, or nothing. */
static inline void fuzz_folder_link(unsigned i, bool is_there)
{
	char path[512], target[64];

	snprintf(path, sizeof(path), "%s/%s", fuzz_made->path, fuzz_made->names[i]);
	snprintf(target, sizeof(target), "/proc/self/fd/%u", FUZZ_FIRST_FD + i);
	unlink(path);
	wick_require(!is_there || !symlink(target, path));
}

/* What it holds from now on; NULL: it is missing. */
static inline void fuzz_folder_put(unsigned i, const void *data, size_t size)
{
	int memory, fd = FUZZ_FIRST_FD + (int)i;

	close(fd);
	fuzz_folder_link(i, data);
	if (!data)
		return;
	memory = memfd_create("fuzz", MFD_CLOEXEC);
	wick_require(memory >= 0 && write(memory, data, size) == (ssize_t)size);
	wick_require(dup2(memory, fd) == fd && !close(memory));
}

/* Lists and reads the input as a file of this format. */
static inline void fuzz_source(const struct wick_source_format *format, const uint8_t *data, size_t size)
{
	struct wick_source_list list = { 0 };
	struct wick_diag diag = { 0 };
	struct wick_source_file file = { .fd = -1 };
	int memory = memfd_create("fuzz", MFD_CLOEXEC);
	char path[64];

	wick_require(memory >= 0 && write(memory, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	file.path = path;
	if (!wick_source_open(&file, &diag)) {
		fuzz_check(format->list(&file, &list, &diag), &diag);
		for (unsigned i = 0; !diag.text[0] && i < list.count; i++)
			fuzz_read_tensor(format, &file, &list.tensors[i]);
		if (!diag.text[0] && format->finish)
			fuzz_check(format->finish(&file, &diag), &diag);
		if (format->close)
			format->close(&file);
		if (format->forget)
			format->forget(&file);
		wick_source_close(&file);
	}
	wick_source_list_free(&list);
	close(memory);
}
