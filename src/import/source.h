/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One file of a checkpoint: what every format needs, and the table behind which the formats stand. */

#include "checkpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#define WICK_SOURCE_DIMS_MAX 4
#define WICK_SOURCE_NAME_MAX 512u          /* bytes of a tensor's name */
#define WICK_SOURCE_TENSORS_MAX (1u << 18) /* of a checkpoint */

/* The tensors found so far, in the order of their bytes. */
struct wick_source_list {
	struct wick_source_tensor *tensors; /* (count) */
	unsigned count, capacity;
};

struct wick_source_file {
	char *path;
	int fd;        /* -1: closed, to be opened again when needed */
	bool seen;     /* was open before: the next five are what it was then */
	uint64_t size; /* bytes */
	dev_t device;
	ino_t inode;
	struct timespec changed;
	uint64_t cached; /* bytes read since the page cache was dropped */
	void *state;     /* the format's own */
	int (*go_on)(void *user); /* asked during reads that take long: other than 0 is what they return. Or NULL */
	void *user;
};

struct wick_source_format {
	bool made; /* no file is behind it: only read() is there, and nothing is opened */
	/* Adds every tensor of the open file to the list, .file left 0, after checking all that can be checked without
	 * reading the numbers. -EINVAL with file and tensor named. */
	int (*list)(struct wick_source_file *file, struct wick_source_list *list, struct wick_diag *diag);
	/* Bytes [offset, offset + bytes) of a tensor, as stored; the caller keeps them within it. */
	int (*read)(struct wick_source_file *file, const struct wick_source_tensor *tensor, uint64_t offset, void *into,
		uint64_t bytes, struct wick_diag *diag);
	/* Whatever was read so far is what the file's own checksums say, or it is refused. Before the file is closed,
	 * since they may be of more than what was read. NULL when the format has none. */
	int (*finish)(struct wick_source_file *file, struct wick_diag *diag);
	void (*close)(struct wick_source_file *file);  /* gives up descriptors; what it learned stays. Or NULL */
	void (*forget)(struct wick_source_file *file); /* after that, gives up .state. Or NULL */
};

/* Opens file->path. A file that was open before must still be the same one, unchanged. */
int wick_source_open(struct wick_source_file *file, struct wick_diag *diag);
/* Drops its page cache and keeps what is needed to open it again. A closed file is fine. */
void wick_source_close(struct wick_source_file *file);

/* Bytes of the file itself. -EIO with a sentence when there are fewer. */
int wick_source_pread(
	struct wick_source_file *file, uint64_t offset, void *into, uint64_t bytes, struct wick_diag *diag);
/* So many bytes went through the page cache: from time to time all pages of the file are dropped. */
void wick_source_passed(struct wick_source_file *file, uint64_t bytes);

/* Bytes [offset, offset + bytes) of a tensor by the file's format, float64 as float32. */
int wick_source_read(const struct wick_source_format *format, struct wick_source_file *file,
	const struct wick_source_tensor *tensor, uint64_t offset, void *into, uint64_t bytes, struct wick_diag *diag);

/* Adds a copy of *tensor, of its name and of the reason in .unfit. path is for the sentence. */
int wick_source_list_add(struct wick_source_list *list, const struct wick_source_tensor *tensor, const char *path,
	struct wick_diag *diag);
void wick_source_list_free(struct wick_source_list *list);

/* "[4, 8]" */
const char *wick_source_shape_text(char text[96], const uint64_t *shape, unsigned dims);
