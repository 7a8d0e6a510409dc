/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading a file's metadata, buffered, without leaving it in the page cache. Weights are read through io/. */

#include "diag.h"

#include <stdint.h>

/* All of [offset, offset + bytes); path is for the sentence. -EINVAL when the file is shorter. */
int wick_read_at(int fd, const char *path, void *into, uint64_t bytes, uint64_t offset, struct wick_diag *diag);
