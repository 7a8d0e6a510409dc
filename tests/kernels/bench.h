/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What checkkern --bench runs: passes over a matrix, each by one thread of some. */

#include "kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_COLS 4096

struct bench {
	const struct wick_kernels *kernels;
	const struct bench_kernel *kernel;
	uint8_t *matrix;
	size_t bytes;     /* of the matrix in use: all, or what fits into the caches of all threads */
	bool cached;      /* the latter */
	uint32_t *active; /* bundles of the sparse pair in ten lots, each ascending; of a cached matrix one lot */
	float *h;         /* a number for each bundle of a lot */
	float *x;         /* (BENCH_COLS) */
};

/* Which part of the work is whose: a pass is a part of the matrix, so that one pass after the other goes over all of
 * it. */
struct bench_turn {
	unsigned thread, threads;
	size_t pass;
	float *y; /* the thread's own output, long enough for any */
};

/* Returns the bytes that were read. */
typedef size_t bench_pass_fn(const struct bench *bench, const struct bench_turn *turn);

struct bench_kernel {
	const char *name;
	enum wick_type type;
	bench_pass_fn *pass;
};

extern const struct bench_kernel bench_kernels[];
extern const size_t bench_kernel_count;

bench_pass_fn bench_read; /* plain reading, what all others are held against */

/* Shares out bundles for the sparse pair of bench->kernel's type. */
void bench_choose_active(struct bench *bench);
