/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A temporary folder that tests put checkpoint files into. */

#include <dirent.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[256];
};

static inline struct folder folder_make_in(const char *parent)
{
	struct folder folder;

	snprintf(folder.path, sizeof(folder.path), "%s/wick-test-XXXXXX", parent);
	if (!mkdtemp(folder.path))
		abort();
	return folder;
}

/* In memory where it may be: dropping the page cache of a file just written makes the drive write it. */
static inline struct folder folder_make(void)
{
	const char *tmp = getenv("TMPDIR");

	return folder_make_in(tmp ? tmp : access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
}

/* Where the page cache is one of a drive. */
static inline struct folder folder_make_on_disk(void)
{
	const char *build = getenv("WICK_BUILD");

	return folder_make_in(build ? build : "/var/tmp");
}

/* "folder/name", valid until the next call. */
static inline const char *folder_path(const struct folder *folder, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	return path;
}

/* A new file in place of an old one: cutting the old one short would make ext4 wait for the drive. */
static inline FILE *folder_create(const struct folder *folder, const char *name)
{
	FILE *file;

	unlink(folder_path(folder, name));
	file = fopen(folder_path(folder, name), "wb");
	if (!file)
		abort();
	return file;
}

static inline void folder_write(const struct folder *folder, const char *name, const void *bytes, size_t count)
{
	FILE *file = folder_create(folder, name);

	if (fwrite(bytes, 1, count, file) != count || fclose(file))
		abort();
}

/* A safetensors file: the header's length, the header, then data_bytes bytes 0, 1, 2, ... */
static inline void folder_write_safetensors(const struct folder *folder, const char *name, const char *header,
	size_t data_bytes)
{
	uint64_t header_bytes = strlen(header);
	FILE *file = folder_create(folder, name);

	if (fwrite(&header_bytes, 8, 1, file) != 1 || fwrite(header, 1, header_bytes, file) != header_bytes)
		abort();
	for (size_t i = 0; i < data_bytes; i++)
		if (fputc(i & 0xff, file) == EOF)
			abort();
	if (fclose(file))
		abort();
}

/* Removes the files of the folder, and the folder. */
static inline void folder_remove(const struct folder *folder)
{
	DIR *dir = opendir(folder->path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			unlink(folder_path(folder, entry->d_name));
	if (dir)
		closedir(dir);
	rmdir(folder->path);
}
