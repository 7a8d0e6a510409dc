/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Matrices of a checkpoint that are codes and scales in two tensors, as quantization_config says: MXFP4, or FP8
 * with a scale for each block of 128 by 128. */

#include "pack_job.h"

/* Whether config.json says so of a tensor of this type and name. */
bool wick_pack_is_coded(const struct wick_pack_job *job, const struct wick_source_tensor *codes);

/* Whether a tensor of this name has scales of codes. */
bool wick_pack_is_scales(const struct wick_pack_job *job, const char *name);

/* The scales of codes, and the shape of the numbers that both are. -ENOENT or -EINVAL, the tensor named: they are missing, or are
 * not as many as the codes need. */
int wick_pack_scales_of(const struct wick_source_tensor **scales, uint64_t shape[4], unsigned *dims, const struct wick_pack_job *job,
	const struct wick_source_tensor *codes);

/* Numbers [first, first + count) as f32, at most a chunk; of MXFP4 whole blocks of them, which job->raw
 * has afterwards as GGUF has them. Errors of reading, and -EINVAL for a scale that is no number. */
int wick_pack_read_coded(float *numbers, const struct wick_pack_job *job, const struct wick_source_tensor *codes, uint64_t first,
	uint64_t count);
