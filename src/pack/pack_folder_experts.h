/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Experts of a Hugging Face folder: matrices of their own, or all gates and ups of a layer in one tensor, and all downs. */

#include "pack_job.h"

/* Experts that a checkpoint has in blocks stay as they are, and what is beside them is bf16, if nothing else is asked for. */
void wick_pack_keep_types(struct wick_pack_job *job, const struct wick_pack_options *options);

/* Finds out which of both the checkpoint has. */
void wick_pack_find_experts(struct wick_pack_job *job);

/* As wick_pack_want(), of a part of all experts of a layer. */
int wick_pack_want_experts(const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user);

/* Whether a part is written in the blocks that the checkpoint has. */
bool wick_pack_keeps_blocks(const struct wick_pack_job *job, enum wick_tensor_id id, enum wick_type type);

/* Rows of a part, all of one expert, into job->numbers; blocks that are kept into job->packed, too. */
int wick_pack_read_experts(struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, const struct wick_tensor *tensor,
	uint64_t first, uint64_t rows);

/* Biases of a part, or of any other vector that has numbers of each expert, into job->numbers, where there is room for twice as
 * many. */
int wick_pack_read_expert_biases(struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, const struct wick_tensor *tensor);
