/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts of a Hugging Face folder (see pack_folder_experts.h). */

#include "pack_folder_experts.h"

#include "bundle.h"
#include "tensors.h"

/* The first layer that has experts. */
static uint32_t first_layer(const struct wick_shape *shape)
{
	uint32_t layer = 0;

	while (!wick_kind(shape, layer)->ffn.experts.count)
		layer++;
	return layer;
}

void wick_pack_find_experts(struct wick_pack_job *job)
{
	if (!wick_has_experts(&job->shape))
		return;
	job->merged = true; /* their names are looked for, and if they are not there, the others are */
	job->merged = wick_pack_source(job, WICK_T_DOWN_EXPERTS, first_layer(&job->shape));
}

/* A part of all experts as one tensor has it: of gates and ups together each expert's gates come first. */
static void want_merged(struct wick_pack_wanted *wanted, const struct wick_tensor *tensor)
{
	uint64_t halves = wick_expert_part(wanted->slot) == WICK_PART_DOWN ? 1 : 2;

	wanted->dims = 3;
	wanted->shape[0] = tensor->experts;
	wanted->shape[1] = halves * wick_expert_rows(tensor);
	wanted->shape[2] = tensor->cols;
}

int wick_pack_want_experts(const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user)
{
	struct wick_pack_wanted wanted = { .slot = id, .layer = layer };
	struct wick_tensor tensor;
	int rc = 0;

	wick_tensor_describe(&tensor, id, layer, &job->shape);
	if (job->merged) {
		want_merged(&wanted, &tensor);
		return wick_pack_visit(job, &wanted, visit, user);
	}
	wanted.dims = 2;
	wanted.shape[0] = wick_expert_rows(&tensor);
	wanted.shape[1] = tensor.cols;
	for (; rc == 0 && wanted.expert < tensor.experts; wanted.expert++)
		rc = wick_pack_visit(job, &wanted, visit, user);
	return rc;
}

int wick_pack_read_experts(struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, const struct wick_tensor *tensor,
	uint64_t first, uint64_t rows)
{
	uint64_t each = wick_expert_rows(tensor), expert = first / each, row = first % each;
	enum wick_part_id part = wick_expert_part(id);
	const struct wick_source_tensor *source = wick_pack_expert_source(job, id, layer, (uint32_t)expert);

	if (job->merged)
		row += part == WICK_PART_DOWN ? expert * each : (2 * expert + part) * each;
	return wick_pack_read(job, source, row * tensor->cols, rows * tensor->cols, 0, tensor->type);
}
