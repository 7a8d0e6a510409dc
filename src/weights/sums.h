/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checksums of a stock file, which has none of its own: the first arrival of a block makes its checksum, every later
 * one is compared. So a drive that gives other bytes than before is noticed, and what was damaged when it was first read
 * is not.
 *
 * They are kept in MODEL.gguf.sums beside the file or, where that cannot be written, in the cache folder, and belong to one
 * file of one size and time with one header: with another they are dropped, and that is said. A header that differs at the
 * same size and time is damage, as a block is. Those of a model in several parts are kept together, beside the first. */

#include "model.h"

#define WICK_SUMS_EVERY_NS 60000000000ull /* between two savings of a run */

struct wick_sums {
	const struct wick_model *model;
	uint32_t *crcs; /* (blocks) of all tensors, in the order of the model's table */
	uint8_t *known; /* (blocks); not 0: the checksum is that of an earlier arrival */
	uint8_t *image; /* of the file that keeps them */
	uint64_t blocks, saved;
	uint64_t saved_ns; /* when they were saved last */
	char *beside, *cached; /* where they may be; cached NULL: there is no such folder */
	char said[256]; /* for people: what was found */
};

/* Gives the model's tensors their checksums, those that are kept and those to be learned. A packed model needs none: then
 * nothing is done. Sums that cannot be used are no error. -EBADMSG: the header has changed; -ENOMEM. */
int wick_sums_open(struct wick_sums *sums, struct wick_model *model, struct wick_diag *diag);
void wick_sums_close(struct wick_sums *sums); /* a zeroed one is fine; saves nothing */

/* Whether a block of a tensor has the checksum that it should have; the first of a block is learned. */
bool wick_sums_agree(const struct wick_tensor *tensor, uint64_t block, uint32_t crc);

/* Bytes that are held. */
uint64_t wick_sums_bytes(const struct wick_sums *sums);
/* How many blocks are known. */
uint64_t wick_sums_known(const struct wick_sums *sums);

/* Keeps what is known, whole or not at all, if there is more of it than before. An error leaves the sums as they are. */
int wick_sums_save(struct wick_sums *sums, struct wick_diag *diag);
/* The same, if WICK_SUMS_EVERY_NS have passed. */
int wick_sums_save_now_and_then(struct wick_sums *sums, struct wick_diag *diag);
