/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the engine says of a drive that failed or a file that is damaged, and whether it is true. */

#include <stdbool.h>
#include <stdint.h>

#define SENTENCE_SECTOR 512u

struct sentence_fault {
	const char *path;     /* of the file, as the engine was given it */
	const char *model;    /* the same where it can be read without faults */
	bool predictors;      /* path is not that of the model, but of its predictors */
	uint64_t offset;      /* where the fault is; UINT64_MAX: everywhere */
	uint64_t chunk_bytes; /* of one read, at most */
	uint64_t drive_bytes; /* of a block of the drive, where that is more than a sector */
};

/* "PATH: TENSOR: BLOCK: reading at offset N: WHY" or "PATH: TENSOR: BLOCK at offset N: WHY", and all of it true: the
 * block of that tensor is where the offset is, and what was read from there, one chunk or a few bundles, has the place
 * where the fault is. NULL, or what is wrong with it. */
const char *sentence_wrong(const char *text, const struct sentence_fault *fault);
