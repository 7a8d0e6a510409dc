/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Git LFS keeps a large file elsewhere and leaves a pointer to it, a few lines of text, wherever a repository was cloned
 * without it. Everything that reads files of strangers says so by this one sentence. */

#include "diag.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define WICK_LFS_START "version https://git-lfs"
#define WICK_LFS_BYTES (sizeof(WICK_LFS_START) - 1) /* of a file's beginning, that tell */

static inline bool wick_lfs_is_pointer(const void *start, size_t bytes)
{
	return bytes >= WICK_LFS_BYTES && !memcmp(start, WICK_LFS_START, WICK_LFS_BYTES);
}

static inline int wick_lfs_refuse(const char *path, struct wick_diag *diag)
{
	return wick_diag_say(diag, -EINVAL, "%s: a Git LFS pointer, not the file itself: fetch it with git lfs pull", path);
}
