/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Is the head the embedding? config.json says so, the checkpoint may have either or both, and where both have numbers of
 * their own transformers believes the checkpoint (modeling_utils, tie_weights). */

#include "pack_job.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_NUMBERS 65536u

struct chunk {
	float raw[CHUNK_NUMBERS], numbers[2][CHUNK_NUMBERS];
};

static int read_chunk(struct wick_pack_job *job, const struct wick_source_tensor *tensor, uint64_t first, uint64_t count,
	void *raw, float *numbers)
{
	uint64_t width = wick_types[tensor->type].block_bytes;
	int rc = wick_checkpoint_read(job->checkpoint, tensor, first * width, raw, count * width, job->diag);

	if (rc == 0)
		job->kernels.to_f32[tensor->type](numbers, raw, count);
	return rc;
}

/* Numbers that are not a number differ from everything. */
static bool all_equal(const float *a, const float *b, uint64_t count)
{
	bool equal = true;

	for (uint64_t i = 0; i < count; i++)
		equal &= a[i] == b[i];
	return equal;
}

/* Both have the same shape, and types that can be read. */
static int compare(struct wick_pack_job *job, const struct wick_source_tensor *a, const struct wick_source_tensor *b,
	bool *equal)
{
	uint64_t count = a->bytes / wick_types[a->type].block_bytes;
	struct chunk *chunk = malloc(sizeof(*chunk));
	int rc = chunk ? 0 : wick_diag_say(job->diag, -ENOMEM, "no memory to compare embedding and head");

	*equal = true;
	for (uint64_t at = 0; rc == 0 && *equal && at < count; at += CHUNK_NUMBERS) {
		uint64_t part = WICK_MIN(CHUNK_NUMBERS, count - at);

		rc = read_chunk(job, a, at, part, chunk->raw, chunk->numbers[0]);
		if (rc == 0)
			rc = read_chunk(job, b, at, part, chunk->raw, chunk->numbers[1]);
		*equal = rc == 0 && all_equal(chunk->numbers[0], chunk->numbers[1], part);
	}
	free(chunk);
	return rc;
}

static bool are_alike(const struct wick_source_tensor *a, const struct wick_source_tensor *b)
{
	return !a->unfit && !b->unfit && a->dims == b->dims && !memcmp(a->shape, b->shape, a->dims * sizeof(*a->shape));
}

int wick_pack_settle_head(struct wick_pack_job *job, const struct wick_source_tensor **same)
{
	const struct wick_source_tensor *head = wick_pack_source(job, WICK_T_HEAD, 0), *embed;
	bool equal = false;
	int rc = 0;

	*same = NULL;
	if (!job->shape.tied || !head)
		return 0;
	embed = wick_pack_source(job, WICK_T_EMBED, 0);
	if (embed == head) {
		wick_notes_say(&job->notes, "tensor %s is the embedding, too, which config.json ties to it", head->name);
		return 0;
	}
	equal = wick_checkpoint_is_same(embed, head);
	if (!equal && are_alike(embed, head))
		rc = compare(job, embed, head, &equal);
	if (rc)
		return rc;
	if (equal)
		*same = head;
	else
		wick_notes_say(&job->notes, "tensor %s is not the embedding, to which config.json ties it: "
			"used as it is, as transformers does", head->name);
	job->shape.tied = equal;
	return 0;
}
