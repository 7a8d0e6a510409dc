/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Codes and scales of a checkpoint (see pack_coded.h). */

#include "pack_coded.h"

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

bool wick_pack_is_coded(const struct wick_pack_job *job, const struct wick_source_tensor *codes)
{
	return job->weights == WICK_WEIGHTS_MXFP4 && codes->code == WICK_CODE_BYTES && ends_with(codes->name, "_blocks");
}

/* "x_blocks" has "x_scales". */
static void spell_scales(char name[NAME_BYTES], const struct wick_source_tensor *codes)
{
	snprintf(name, NAME_BYTES, "%.*s_scales", (int)(strlen(codes->name) - strlen("_blocks")), codes->name);
}

static int refuse(const struct wick_pack_job *job, const struct wick_source_tensor *tensor, const char *why)
{
	return wick_diag_say(job->diag, -EINVAL, "%s: tensor %s %s", wick_checkpoint_file(job->checkpoint, tensor),
		wick_diag_name(tensor->name), why);
}

int wick_pack_scales_of(const struct wick_source_tensor **scales, uint64_t shape[4], unsigned *dims, const struct wick_pack_job *job,
	const struct wick_source_tensor *codes)
{
	char name[NAME_BYTES];

	if (codes->dims != 4 || codes->shape[3] != WICK_MXFP4_NIBBLES)
		return refuse(job, codes, "has no blocks of 16 bytes");
	spell_scales(name, codes);
	*scales = wick_checkpoint_find(job->checkpoint, name);
	if (!*scales)
		return wick_diag_say(job->diag, -ENOENT, "%s: tensor %s is missing", wick_checkpoint_file(job->checkpoint, codes),
			wick_diag_name(name));
	if ((*scales)->code != WICK_CODE_BYTES || (*scales)->dims != 3 || memcmp((*scales)->shape, codes->shape, 3 * sizeof(*shape)))
		return refuse(job, *scales, "is not a byte for each block");
	*dims = 3;
	memcpy(shape, codes->shape, 3 * sizeof(*shape));
	shape[2] *= WICK_MXFP4_NUMBERS; /* as many as 2 nibbles of each byte, which were counted */
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
int wick_pack_read_coded(float *numbers, const struct wick_pack_job *job, const struct wick_source_tensor *codes, uint64_t first,
	uint64_t count)
{
	uint64_t block = first / WICK_MXFP4_NUMBERS, blocks = count / WICK_MXFP4_NUMBERS;
	uint8_t *nibbles = job->raw + job->chunk, *exponents = job->raw + 2 * job->chunk;
	const struct wick_source_tensor *scales;
	char name[NAME_BYTES];
	int rc = wick_checkpoint_read(job->checkpoint, codes, block * WICK_MXFP4_NIBBLES, nibbles, blocks * WICK_MXFP4_NIBBLES, job->diag);

	spell_scales(name, codes);
	scales = wick_checkpoint_find(job->checkpoint, name);
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
