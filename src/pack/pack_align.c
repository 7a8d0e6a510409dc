/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Where bundles begin. */

#include "pack_job.h"

#include "bits.h"
#include "device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The blocks of the drive that will hold a file: bundles that begin elsewhere could not be read directly. */
static uint32_t align_of_drive(const char *out)
{
	const char *slash = strrchr(out, '/');
	char *folder = slash ? strndup(out, (size_t)(slash - out) + 1) : strdup(".");
	struct wick_device device = { .block_bytes = -1 };
	uint32_t align = WICK_ALIGN_MIN;

	if (folder && !wick_device_of(&device, folder, NULL) && device.block_bytes > 0)
		align = (uint32_t)WICK_MIN(WICK_MAX(device.block_bytes, WICK_ALIGN_MIN), WICK_ALIGN_MAX);
	free(folder);
	return wick_is_pow2(align) ? align : WICK_ALIGN_MIN;
}

int wick_pack_settle_align(uint32_t *align, const struct wick_pack_job *job, const char *out, uint32_t asked)
{
	*align = asked ? asked : align_of_drive(out);
	if (!asked && *align > WICK_ALIGN_MIN)
		wick_notes_say(&job->notes, "neurons lie at multiples of %u bytes, the blocks of the drive (--align)", *align);
	if (wick_is_pow2(*align) && *align >= WICK_ALIGN_MIN && *align <= WICK_ALIGN_MAX)
		return 0;
	return wick_diag_say(job->diag, -EINVAL, "bundles cannot be aligned to %u bytes: it takes a power of two from %u to %u",
		*align, WICK_ALIGN_MIN, WICK_ALIGN_MAX);
}
