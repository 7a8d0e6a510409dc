/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A file that is read at once, since all of it is needed and it is known to be small. */

#include "diag.h"

#include <stddef.h>
#include <stdint.h>

/* After open() failed: -errno with its sentence. A link to a file that is not there, as a download that did not finish
 * leaves it in the hub's cache, is -EINVAL, so that it is not taken for a file that may be missing. */
int wick_whole_file_cannot_open(const char *path, struct wick_diag *diag);

/* The whole of a regular file of at most bytes_max bytes, which the caller frees. Nothing is waited for: a FIFO is
 * refused. So is a file that shrinks or grows meanwhile. */
int wick_whole_file_read(char **text, size_t *bytes, const char *path, uint64_t bytes_max, struct wick_diag *diag);
