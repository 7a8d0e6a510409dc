/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The processor's time for a read: on a bare machine a few microseconds, on a virtual one several times that. */

#include "diag.h"

#include <stdint.h>

struct wick_file;
struct wick_io;

/* Reads `bytes` at a time at random offsets of the file, some hundred times, and sets the processor's time for one
 * read, the kernel's share included, microseconds. Nothing else of the process may run meanwhile. */
int wick_read_cost(
	struct wick_io *io, const struct wick_file *file, uint64_t bytes, double *cpu_us, struct wick_diag *diag);
