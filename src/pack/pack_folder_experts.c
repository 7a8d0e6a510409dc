/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Experts of a Hugging Face folder (see pack_folder_experts.h). */

#include "pack_folder_experts.h"

#include "bundle.h"
#include "tensors.h"

#include <string.h>

/* The first layer that has experts. */
static uint32_t first_layer(const struct wick_shape *shape)
{
	uint32_t layer = 0;

	while (!wick_kind(shape, layer)->ffn.experts.count)
		layer++;
	return layer;
}

void wick_pack_keep_types(struct wick_pack_job *job, const struct wick_pack_options *options)
{
	if (options->type || job->weights != WICK_WEIGHTS_MXFP4)
		return;
	job->shape.type = WICK_MXFP4;
	if (!options->attention_type)
		job->shape.matrix_type = WICK_BF16;
}

void wick_pack_find_experts(struct wick_pack_job *job)
{
	if (!wick_has_experts(&job->shape))
		return;
	job->turned = job->weights == WICK_WEIGHTS_PLAIN && job->arch->experts->turned[0];
	job->merged = true; /* their names are looked for, and if they are not there, the others are */
	job->merged = job->turned || wick_pack_source(job, WICK_T_DOWN_EXPERTS, first_layer(&job->shape));
}

/* Parts that a tensor of all experts has. */
static uint64_t parts_beside(enum wick_part_id part)
{
	return part == WICK_PART_DOWN ? 1 : 2;
}

/* A part of all experts as one tensor has it, together with the other one. */
static void want_merged(struct wick_pack_wanted *wanted, const struct wick_tensor *tensor, bool turned)
{
	wanted->dims = 3;
	wanted->shape[0] = tensor->experts;
	wanted->shape[turned ? 2 : 1] = parts_beside(wick_expert_part(wanted->slot)) * wick_expert_rows(tensor);
	wanted->shape[turned ? 1 : 2] = tensor->cols;
}

int wick_pack_want_experts(const struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer,
	int (*visit)(const struct wick_pack_wanted *wanted, void *user), void *user)
{
	struct wick_pack_wanted wanted = { .slot = id, .layer = layer };
	struct wick_tensor tensor;
	int rc = 0;

	wick_tensor_describe(&tensor, id, layer, &job->shape);
	if (job->merged) {
		want_merged(&wanted, &tensor, job->turned);
		return wick_pack_visit(job, &wanted, visit, user);
	}
	wanted.dims = 2;
	wanted.shape[0] = wick_expert_rows(&tensor);
	wanted.shape[1] = tensor.cols;
	for (; rc == 0 && wanted.expert < tensor.experts; wanted.expert++)
		rc = wick_pack_visit(job, &wanted, visit, user);
	return rc;
}

bool wick_pack_keeps_blocks(const struct wick_pack_job *job, enum wick_tensor_id id, enum wick_type type)
{
	return job->weights == WICK_WEIGHTS_MXFP4 && type == WICK_MXFP4 && wick_expert_part(id) != WICK_PARTS;
}

/* Where in the checkpoint's tensor an expert's row is. */
static uint64_t source_row(const struct wick_pack_job *job, enum wick_part_id part, uint64_t each, uint64_t expert, uint64_t row)
{
	if (!job->merged)
		return row;
	if (part == WICK_PART_DOWN)
		return expert * each + row;
	return job->arch->experts->in_turns ? 2 * (expert * each + row) + part : (2 * expert + part) * each + row;
}

/* Rows of a part are columns of the checkpoint's matrix of an expert, where those of gates and ups take turns. */
static int read_turned(struct wick_pack_job *job, const struct wick_source_tensor *source, enum wick_part_id part,
	const struct wick_tensor *tensor, uint64_t first, uint64_t rows)
{
	uint64_t each = wick_expert_rows(tensor), step = parts_beside(part), stride = step * each;
	uint64_t start = first / each * stride * tensor->cols + first % each * step + (part == WICK_PART_UP);

	return wick_pack_read_transposed(job, source, &(struct wick_pack_transposed){ start, stride, step }, rows, tensor->cols,
		tensor->type);
}

int wick_pack_read_experts(struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, const struct wick_tensor *tensor,
	uint64_t first, uint64_t rows)
{
	uint64_t each = wick_expert_rows(tensor), expert = first / each;
	enum wick_part_id part = wick_expert_part(id);
	const struct wick_source_tensor *source = wick_pack_expert_source(job, id, layer, (uint32_t)expert);
	uint64_t at_once = job->arch->experts->in_turns && part != WICK_PART_DOWN ? 1 : rows;
	int rc = 0;

	if (job->turned)
		return read_turned(job, source, part, tensor, first, rows);
	for (uint64_t i = 0; rc == 0 && i < rows; i += at_once) {
		uint64_t row = source_row(job, part, each, expert, first % each + i);

		rc = wick_pack_read(job, source, row * tensor->cols, at_once * tensor->cols, i * tensor->cols, tensor->type);
		if (rc == 0 && wick_pack_keeps_blocks(job, id, tensor->type))
			memcpy(job->packed + i * tensor->row_bytes, job->raw, at_once * tensor->row_bytes);
	}
	return rc;
}

int wick_pack_read_expert_biases(struct wick_pack_job *job, enum wick_tensor_id id, uint32_t layer, const struct wick_tensor *tensor)
{
	bool in_turns = job->arch->experts->in_turns && id != WICK_T_DOWN_EXPERTS_BIAS;
	int rc = wick_pack_read(job, wick_pack_source(job, id, layer), 0, (in_turns ? 2 : 1) * tensor->cols, 0, tensor->type);

	for (uint64_t i = 0; rc == 0 && in_turns && i < tensor->cols; i++)
		job->numbers[i] = job->numbers[2 * i + (id == WICK_T_UP_EXPERTS_BIAS)];
	return rc;
}
