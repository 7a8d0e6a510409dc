/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Finding entries of the zip by name (see torch_entry.h). */

#include "torch_entry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int wick_torch_find_entry(const struct wick_torch_archive *archive, const char *name, zip_stat_t *stat)
{
	char full[WICK_TORCH_ROOT_MAX + WICK_TORCH_KEY_MAX];
	zip_int64_t index;

	snprintf(full, sizeof(full), "%s/%s", archive->root, name);
	index = zip_name_locate(archive->zip, full, ZIP_FL_ENC_RAW);
	if (index < 0 || zip_stat_index(archive->zip, index, 0, stat) ||
		(stat->valid & (ZIP_STAT_SIZE | ZIP_STAT_INDEX)) != (ZIP_STAT_SIZE | ZIP_STAT_INDEX))
		return -ENOENT;
	return 0;
}

int wick_torch_find_storage(const struct wick_torch_archive *archive, const char *key, size_t key_length,
	struct wick_torch_entry *entry)
{
	char name[WICK_TORCH_KEY_MAX];
	zip_stat_t stat;
	int ret;

	if (key_length > WICK_TORCH_KEY_MAX - sizeof("data/") || memchr(key, 0, key_length))
		return -ENOENT;
	snprintf(name, sizeof(name), "data/%.*s", (int)key_length, key);
	ret = wick_torch_find_entry(archive, name, &stat);
	if (!ret)
		*entry = (struct wick_torch_entry){ .index = stat.index, .bytes = stat.size };
	return ret;
}
