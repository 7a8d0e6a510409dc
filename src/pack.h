/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checkpoint folder -> packed model, in bounded memory. The output is written under a temporary name beside OUT and
 * renamed when complete and synced, so that OUT is the old file or the new one, never part of one. */

#include "diag.h"
#include "types.h"

#include <stdint.h>

struct wick_pack_options {
	enum wick_type type;   /* of matrices and bundles */
	uint32_t align;        /* bundle stride is rounded up to this; a power of two, 512..4096 */
	uint64_t memory_bytes; /* working memory; 0: 1 GiB */
	void (*progress)(void *user, uint64_t bytes_done, uint64_t bytes_total);
	void *user;
};

int wick_pack(const char *folder, const char *out_path, const struct wick_pack_options *options, struct wick_diag *diag);

/* Reads the whole file and compares every checksum. *blocks counts what was compared. -EBADMSG, the block named. */
int wick_verify(const char *path, void (*progress)(void *user, uint64_t bytes_done, uint64_t bytes_total), void *user,
	uint64_t *blocks, struct wick_diag *diag);
