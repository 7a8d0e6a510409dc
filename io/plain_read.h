/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading without a queue, in the caller's own time: a model's directory, a block to see whether it can be had. */

#include <stdint.h>

struct wick_file;

/* All of [offset, offset + bytes), tried again as io.h promises, WICK_IO_RETRIES times after an error of the medium.
 * 0 or a negative errno, -ENODATA when the file ends before; *done says how far it came. file's path is not looked
 * at. */
int wick_plain_read(const struct wick_file *file, void *into, uint64_t bytes, uint64_t offset, uint64_t *done);
