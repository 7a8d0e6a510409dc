/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Codes and scales of a checkpoint (see pack_coded.h). */

#include "pack_coded.h"

#include "fp8.h"
#include "mxfp4.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NAME_BYTES 256

static bool ends_with(const char *name, const char *end)
{
	size_t bytes = strlen(name), end_bytes = strlen(end);

	return bytes >= end_bytes && !strcmp(name + bytes - end_bytes, end);
}

static int refuse(const struct wick_pack_job *job, const struct wick_source_tensor *tensor, const char *why)
{
	return wick_diag_say(job->diag, -EINVAL, "%s: tensor %s %s", wick_checkpoint_file(job->checkpoint, tensor),
		wick_diag_name(tensor->name), why);
}

/* Blocks are counted by the last dimension but one. */
static int check_mxfp4(uint64_t shape[4], unsigned *dims, const struct wick_pack_job *job, const struct wick_source_tensor *codes,
	const struct wick_source_tensor *scales)
{
	if (codes->dims != 4 || codes->shape[3] != WICK_MXFP4_NIBBLES)
		return refuse(job, codes, "has no blocks of 16 bytes");
	if (scales->code != WICK_CODE_BYTES || scales->dims != 3 || memcmp(scales->shape, codes->shape, 3 * sizeof(*shape)))
		return refuse(job, scales, "is not a byte for each block");
	*dims = 3;
	memcpy(shape, codes->shape, 3 * sizeof(*shape));
	shape[2] *= WICK_MXFP4_NUMBERS; /* safetensors.c has counted the bytes of all blocks, so that this fits */
	return 0;
}

static uint64_t fp8_blocks(uint64_t numbers)
{
	return numbers / WICK_FP8_BLOCK + (numbers % WICK_FP8_BLOCK > 0);
}

static int check_fp8(uint64_t shape[4], unsigned *dims, const struct wick_pack_job *job, const struct wick_source_tensor *codes,
	const struct wick_source_tensor *scales)
{
	if (codes->dims != 2)
		return refuse(job, codes, "is no matrix, which alone can be in FP8");
	if (scales->unfit || scales->dims != 2 || scales->shape[0] != fp8_blocks(codes->shape[0]) ||
		scales->shape[1] != fp8_blocks(codes->shape[1]))
		return refuse(job, scales, "is not a number for each block of 128 by 128");
	*dims = 2;
	memcpy(shape, codes->shape, 2 * sizeof(*shape));
	return 0;
}

static int check_exponents(const struct wick_pack_job *job, const struct wick_source_tensor *scales, const uint8_t *exponents,
	uint64_t first, uint64_t count)
{
	const uint8_t *found = memchr(exponents, WICK_MXFP4_NAN, count);

	return !found ? 0 : wick_diag_say(job->diag, -EINVAL, "%s: tensor %s: number %" PRIu64 " is NaN",
		wick_checkpoint_file(job->checkpoint, scales), wick_diag_name(scales->name), first + (uint64_t)(found - exponents));
}

/* job->raw: blocks, behind them what they are made of. */
static int read_mxfp4(float *numbers, const struct wick_pack_job *job, const struct wick_source_tensor *codes,
	const struct wick_source_tensor *scales, uint64_t first, uint64_t count)
{
	uint64_t block = first / WICK_MXFP4_NUMBERS, blocks = count / WICK_MXFP4_NUMBERS;
	uint8_t *nibbles = job->raw + job->chunk, *exponents = job->raw + 2 * job->chunk;
	int rc = wick_checkpoint_read(job->checkpoint, codes, block * WICK_MXFP4_NIBBLES, nibbles, blocks * WICK_MXFP4_NIBBLES, job->diag);

	if (rc == 0)
		rc = wick_checkpoint_read(job->checkpoint, scales, block, exponents, blocks, job->diag);
	if (rc == 0)
		rc = check_exponents(job, scales, exponents, block, blocks);
	if (rc)
		return rc;
	wick_mxfp4_blocks(job->raw, nibbles, exponents, blocks);
	job->kernels.to_f32[WICK_MXFP4](numbers, job->raw, count);
	return 0;
}

/* Of a row of blocks. There is room for them behind the codes of a chunk, which are a byte each. */
static int read_factors(float *factors, const struct wick_pack_job *job, const struct wick_source_tensor *scales, uint64_t row)
{
	uint64_t across = scales->shape[1], width = wick_types[scales->type].block_bytes;
	uint8_t *raw = job->raw + job->chunk;
	int rc = wick_checkpoint_read(job->checkpoint, scales, row * across * width, raw, across * width, job->diag);

	if (rc == 0)
		job->kernels.to_f32[scales->type](factors, raw, across);
	return rc;
}

/* Numbers [first, first + count), each multiplied in f32 by its block's factor. */
static int read_fp8(float *numbers, const struct wick_pack_job *job, const struct wick_source_tensor *codes,
	const struct wick_source_tensor *scales, uint64_t first, uint64_t count)
{
	float *factors = (float *)(void *)(job->raw + 2 * job->chunk);
	uint64_t cols = codes->shape[1], band = UINT64_MAX;
	int rc = wick_checkpoint_read(job->checkpoint, codes, first, job->raw, count, job->diag);

	if (rc == 0)
		wick_fp8_e4m3_to_f32(numbers, job->raw, count);
	for (uint64_t i = 0; rc == 0 && i < count; i++) {
		uint64_t row = (first + i) / cols, col = (first + i) % cols;

		if (row / WICK_FP8_BLOCK != band) {
			band = row / WICK_FP8_BLOCK;
			rc = read_factors(factors, job, scales, band);
		}
		numbers[i] *= factors[col / WICK_FP8_BLOCK];
	}
	return rc;
}

/* How codes are stored, how their names end, and in place of that those of their scales; whether both fit together, and
 * their numbers. */
static const struct method {
	enum wick_source_code code;
	const char *end, *scales_end;
	int (*check)(uint64_t shape[4], unsigned *dims, const struct wick_pack_job *job, const struct wick_source_tensor *codes,
		const struct wick_source_tensor *scales);
	int (*read)(float *numbers, const struct wick_pack_job *job, const struct wick_source_tensor *codes,
		const struct wick_source_tensor *scales, uint64_t first, uint64_t count);
} methods[WICK_WEIGHTS_COUNT] = {
	[WICK_WEIGHTS_MXFP4] = { WICK_CODE_BYTES, "_blocks", "_scales", check_mxfp4, read_mxfp4 },
	[WICK_WEIGHTS_FP8] = { WICK_CODE_E4M3, "", "_scale_inv", check_fp8, read_fp8 },
};

bool wick_pack_is_coded(const struct wick_pack_job *job, const struct wick_source_tensor *codes)
{
	const struct method *method = &methods[job->weights];

	return method->end && codes->code == method->code && ends_with(codes->name, method->end);
}

bool wick_pack_is_scales(const struct wick_pack_job *job, const char *name)
{
	const struct method *method = &methods[job->weights];

	return method->end && ends_with(name, method->scales_end);
}

static int find_scales(const struct wick_source_tensor **scales, const struct wick_pack_job *job,
	const struct wick_source_tensor *codes)
{
	const struct method *method = &methods[job->weights];
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%.*s%s", (int)(strlen(codes->name) - strlen(method->end)), codes->name, method->scales_end);
	*scales = wick_checkpoint_find(job->checkpoint, name);
	return *scales ? 0 : wick_diag_say(job->diag, -ENOENT, "%s: tensor %s is missing",
		wick_checkpoint_file(job->checkpoint, codes), wick_diag_name(name));
}

int wick_pack_scales_of(const struct wick_source_tensor **scales, uint64_t shape[4], unsigned *dims, const struct wick_pack_job *job,
	const struct wick_source_tensor *codes)
{
	int rc = find_scales(scales, job, codes);

	return rc ? rc : methods[job->weights].check(shape, dims, job, codes, *scales);
}

int wick_pack_read_coded(float *numbers, const struct wick_pack_job *job, const struct wick_source_tensor *codes, uint64_t first,
	uint64_t count)
{
	const struct wick_source_tensor *scales;
	int rc = find_scales(&scales, job, codes);

	return rc ? rc : methods[job->weights].read(numbers, job, codes, scales, first, count);
}
