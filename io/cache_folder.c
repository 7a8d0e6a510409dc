/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The cache folder (see cache_folder.h). */

#include "cache_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int wick_cache_folder(char path[WICK_CACHE_FOLDER_BYTES], struct wick_diag *diag)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int length;

	if (cache && cache[0] == '/')
		length = snprintf(path, WICK_CACHE_FOLDER_BYTES, "%s/wick", cache);
	else if (home && home[0] == '/')
		length = snprintf(path, WICK_CACHE_FOLDER_BYTES, "%s/.cache/wick", home);
	else
		return wick_diag_say(diag, -ENOENT, "no place for profiles: neither XDG_CACHE_HOME nor HOME is set");
	return length < WICK_CACHE_FOLDER_BYTES ? 0 :
		wick_diag_say(diag, -ENAMETOOLONG, "the cache folder's path is too long: %s", path);
}

int wick_cache_folders_make(char *path, struct wick_diag *diag)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int rc;

		*slash = 0;
		rc = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
		if (rc < 0)
			wick_diag_say(diag, rc, "%s: %s", path, strerror(-rc));
		*slash = '/';
		if (rc < 0)
			return rc;
	}
	return 0;
}
