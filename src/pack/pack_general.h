/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Packing a model that has a stock file's keys: its tensors, aligned and with checksums (version 2 of the container), its FFNs
 * as bundles where zeros can be skipped (version 3), experts one by one (version 4). Where the rows come from is the source's matter: pack_gguf.c, pack_folder.c. */

#include "bits.h"
#include "pack_job.h"

/* Numbers that are turned into their type at a time, of rows that are `widest` numbers at most. */
#define WICK_PACK_GENERAL_NUMBERS(widest) WICK_MAX(1ull << 20, WICK_CHECK_ROWS * (widest))

struct wick_pack_general {
	struct wick_pack_job job; /* chunk 0: as many rows as packed holds are read at a time */
	struct wick_model made; /* what is written: its shape, and the tensors that it has, with their types */
	/* Rows [first, first + rows) of a tensor of made, as they are to be written, into job.packed. */
	int (*read)(struct wick_pack_general *general, enum wick_tensor_id id, uint32_t layer, uint64_t first, uint64_t rows);
	int (*finish)(struct wick_pack_general *general); /* what was read is right; NULL: nothing is left to be seen */
	const void *source; /* read()'s own */
};

/* Writes keys and tensors to `out`: all of the file, or nothing. writer has the keys already, but for those of version 2. */
int wick_pack_general_write(struct wick_pack_general *general, struct wick_gguf_writer *writer, const char *out);

/* Facts of a model by the keys that its file will have: the writer's. whose is where they come from. kind_of_layer is the caller's
 * to free, after an error too. */
int wick_pack_facts(struct wick_shape *shape, const struct wick_gguf_writer *writer, const char *whose, struct wick_diag *diag);

/* A tensor that made has, and that is not the embedding once more; NULL: none. */
const struct wick_tensor *wick_pack_general_tensor(
	const struct wick_pack_general *general, enum wick_tensor_id id, uint32_t layer);

/* Packs a GGUF file: its blocks are copied as they are. */
int wick_pack_gguf(const char *source, const char *out, const struct wick_pack_options *options, struct wick_diag *diag);

/* Packs a folder whose family has a stock file's keys. begun: family, types and what it says to whom. */
int wick_pack_folder(const struct wick_pack_job *begun, const struct wick_config *config, const char *source, const char *out,
	const struct wick_pack_options *options);
