/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Golden checkpoints, copied and bent, for the tests of packing. */

#include "folder.h"

#include <wick/wick.h>

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>

#include <cmocka.h>

/* A whole file in memory, to be freed. */
struct blob {
	uint8_t *bytes;
	size_t count;
};

static inline struct blob blob_load(const char *path)
{
	struct blob blob = { 0 };
	FILE *file = fopen(path, "rb");

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	fseek(file, 0, SEEK_END);
	blob.count = ftell(file);
	rewind(file);
	blob.bytes = malloc(blob.count + 1);
	assert_int_equal(fread(blob.bytes, 1, blob.count, file), blob.count);
	blob.bytes[blob.count] = 0;
	fclose(file);
	return blob;
}

static inline const char *fixture_path(const char *name)
{
	static char path[4096];
	const char *source = getenv("WICK_SOURCE");

	if (!source)
		fail_msg("WICK_SOURCE is not set: run by meson test");
	snprintf(path, sizeof(path), "%s/tests/golden/fixtures/%s", source ? source : "", name);
	return path;
}

/* A folder with the files of a golden checkpoint. */
static inline struct folder fixture_copy(const char *name)
{
	struct folder folder = folder_make();
	DIR *from = opendir(fixture_path(name));
	struct dirent *entry;

	assert_non_null(from);
	while ((entry = readdir(from))) {
		char path[8192];
		struct blob blob;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", fixture_path(name), entry->d_name);
		blob = blob_load(path);
		folder_write(&folder, entry->d_name, blob.bytes, blob.count);
		free(blob.bytes);
	}
	closedir(from);
	return folder;
}

/* Replaces the first `from` in a file by `to`, at any length. */
static inline void folder_edit(const struct folder *folder, const char *name, const char *from, const char *to)
{
	struct blob blob = blob_load(folder_path(folder, name));
	uint8_t *at = memmem(blob.bytes, blob.count, from, strlen(from));
	FILE *file;

	if (!at)
		fail_msg("no \"%s\" in %s", from, name);
	file = fopen(folder_path(folder, name), "wb");
	fwrite(blob.bytes, 1, at - blob.bytes, file);
	fwrite(to, 1, strlen(to), file);
	fwrite(at + strlen(from), 1, blob.bytes + blob.count - at - strlen(from), file);
	assert_int_equal(fclose(file), 0);
	free(blob.bytes);
}

static inline unsigned folder_count(const struct folder *folder)
{
	DIR *dir = opendir(folder->path);
	struct dirent *entry;
	unsigned count = 0;

	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* Packs what must be packable. */
static inline void pack_well(const char *source, const char *out, const struct wick_pack_options *options)
{
	struct wick_diag diag;

	if (wick_pack(source, out, options, &diag))
		fail_msg("%s", diag.text);
	assert_string_equal(diag.text, "");
}
