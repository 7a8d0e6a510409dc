/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The folder for what can be made anew: XDG_CACHE_HOME/wick or ~/.cache/wick. */

#include "diag.h"

#define WICK_CACHE_FOLDER_BYTES 512

/* Its path, whether it is there or not. By the rules of XDG a path that is not absolute counts as none: -ENOENT. */
int wick_cache_folder(char path[WICK_CACHE_FOLDER_BYTES], struct wick_diag *diag);

/* Makes the folders of a file's path that are missing; 0 or a negative errno. */
int wick_cache_folders_make(char *path, struct wick_diag *diag);
