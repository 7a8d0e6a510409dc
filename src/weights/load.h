/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The resident load: what the plan keeps, read once at open, in big direct reads straight into place. */

#include "fetch.h"
#include "matrix.h"

#include <wick/wick.h>

/* One range of rows to load, and the wick_load_bytes() of memory where it goes. */
struct wick_load {
	const struct wick_tensor *tensor;
	uint64_t first_row, rows;
	uint8_t *base;
};

/* Bytes of memory for `bytes` of a tensor that begins at an offset of the file: the reads bring the blocks that
 * surround them. */
uint64_t wick_load_bytes(uint64_t offset, uint64_t bytes);
/* Where in them the first row will be; files as struct wick_fetch has them. */
uint8_t *wick_load_data(const struct wick_load *load, const struct wick_file *files);

/* What a matrix's resident rows take, into loads, and where they go, into the bytes from base on (wick_matrix_bytes() of them): sets
 * matrix->base, and returns their number, which is wick_load_count(). */
uint32_t wick_load_matrix(struct wick_load *loads, struct wick_matrix *matrix, uint8_t *base, uint64_t bytes,
	const struct wick_file *files);
uint32_t wick_load_count(const struct wick_matrix *matrix);

/* Reads `count` ranges and checks them. depth: reads in flight. -ECANCELED when
 * progress says so; else as wick_fetch_finish(). */
int wick_load_all(struct wick_fetch *fetch, const struct wick_load *loads, uint32_t count, uint32_t depth,
	wick_progress_fn progress, void *user, struct wick_diag *diag);

/* Makes memory that will be read into bit by bit later: by all threads, and before a token has to wait for it. */
void wick_load_make(struct wick_pool *pool, uint8_t *base, uint64_t bytes);
