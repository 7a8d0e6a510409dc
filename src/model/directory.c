/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Shared by the directories of packed models and of predictors. */

#include "directory.h"

#include "bits.h"
#include "fileio.h"
#include "gguf.h"
#include "kernels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *path_of(const struct wick_directory *directory)
{
	return wick_gguf_path(directory->gguf);
}

static int refuse_size(
	const struct wick_directory *directory, const struct wick_gguf_tensor *found, const char *name, const uint64_t ne[2])
{
	return wick_diag_say(directory->diag, -EINVAL, "%s: tensor \"%s\" is %llu x %llu, not %llu x %llu",
		path_of(directory), name, (unsigned long long)found->ne[0], (unsigned long long)found->ne[1],
		(unsigned long long)ne[0], (unsigned long long)ne[1]);
}

int wick_directory_match(
	struct wick_directory *directory, struct wick_tensor *tensor, uint32_t ggml_type, const uint64_t ne[2])
{
	const struct wick_gguf_tensor *found = wick_gguf_tensor_at(directory->gguf, directory->tensor_i++);
	const struct wick_gguf_tensor *named = wick_gguf_tensor(directory->gguf, tensor->name);
	uint64_t wanted = wick_align_up(directory->end, WICK_FILE_ALIGN);

	if (!named)
		return wick_diag_say(
			directory->diag, -EINVAL, "%s: tensor \"%s\" is missing", path_of(directory), tensor->name);
	if (named != found)
		return wick_diag_say(directory->diag, -EINVAL, "%s: tensor \"%s\" is not in its place",
			path_of(directory), tensor->name);
	if (found->type != ggml_type)
		return wick_diag_say(directory->diag, -EINVAL, "%s: tensor \"%s\" is of GGUF type %u, not %u",
			path_of(directory), tensor->name, found->type, ggml_type);
	if (found->ne[0] != ne[0] || found->ne[1] != ne[1] || found->ne[2] != 1 || found->ne[3] != 1)
		return refuse_size(directory, found, tensor->name, ne);
	if (found->offset != wanted)
		return wick_diag_say(directory->diag, -EINVAL, "%s: tensor \"%s\" starts at byte %llu, not %llu",
			path_of(directory), tensor->name, (unsigned long long)found->offset,
			(unsigned long long)wanted);
	tensor->offset = found->offset;
	directory->end = found->offset + found->bytes;
	return 0;
}

int wick_directory_end(struct wick_directory *directory)
{
	const struct wick_gguf_tensor *extra = wick_gguf_tensor_at(directory->gguf, directory->tensor_i);
	uint64_t file_bytes = wick_align_up(directory->end, WICK_FILE_ALIGN);

	if (extra)
		return wick_diag_say(directory->diag, -EINVAL,
			"%s: tensor \"%.*s\" does not belong to this kind of %s", path_of(directory),
			(int)WICK_MIN(extra->name.length, 80), extra->name.bytes, directory->kind);
	if (wick_gguf_file_bytes(directory->gguf) != file_bytes)
		return wick_diag_say(directory->diag, -EINVAL,
			"%s: the file has %llu bytes, not %llu: it is cut off or damaged", path_of(directory),
			(unsigned long long)wick_gguf_file_bytes(directory->gguf), (unsigned long long)file_bytes);
	return 0;
}

int wick_directory_damaged(const struct wick_directory *directory, const char *what, uint64_t offset, uint64_t bytes)
{
	return wick_diag_say(directory->diag, -EBADMSG,
		"%s: %s (bytes %llu to %llu) is damaged: its checksum does not match", path_of(directory), what,
		(unsigned long long)offset, (unsigned long long)(offset + bytes - 1));
}

int wick_directory_read_u32(const struct wick_directory *directory, const char *name, uint32_t *into, uint32_t wanted)
{
	const struct wick_gguf_tensor *place = wick_gguf_tensor(directory->gguf, name);
	struct wick_kernels kernels;
	char what[80];
	int rc = wick_read_at(wick_gguf_fd(directory->gguf), path_of(directory), into, place->bytes, place->offset,
		directory->diag);

	if (rc)
		return rc;
	wick_kernels_init(&kernels, ~0u);
	snprintf(what, sizeof(what), "tensor \"%s\"", name);
	if (kernels.crc32c(0, into, place->bytes) == wanted)
		return 0;
	return wick_directory_damaged(directory, what, place->offset, place->bytes);
}

/* The checksum is that of the header which was parsed, not of what the file has there by now. Only its padding, of
 * which nothing is used, is read for it. */
static int check_header(const struct wick_directory *directory, const struct wick_kernels *kernels, uint32_t wanted)
{
	uint64_t bytes = wick_gguf_header_bytes(directory->gguf), parsed_bytes;
	const void *parsed = wick_gguf_header(directory->gguf, &parsed_bytes);
	uint32_t crc = kernels->crc32c(0, parsed, parsed_bytes);
	uint8_t chunk[WICK_FILE_ALIGN];

	for (uint64_t at = parsed_bytes; at < bytes; at += sizeof(chunk)) {
		uint64_t some = WICK_MIN(sizeof(chunk), bytes - at);
		int rc = wick_read_at(
			wick_gguf_fd(directory->gguf), path_of(directory), chunk, some, at, directory->diag);

		if (rc)
			return rc;
		crc = kernels->crc32c(crc, chunk, some);
	}
	return crc == wanted ? 0 : wick_directory_damaged(directory, "the header", 0, bytes);
}

int wick_directory_checksums(const struct wick_directory *directory, uint32_t *crcs)
{
	const struct wick_gguf_tensor *place = wick_gguf_tensor(directory->gguf, "wick.checksums");
	uint64_t count = place->bytes / sizeof(uint32_t);
	struct wick_kernels kernels;
	int rc = wick_read_at(wick_gguf_fd(directory->gguf), path_of(directory), crcs, place->bytes, place->offset,
		directory->diag);

	if (rc)
		return rc;
	wick_kernels_init(&kernels, ~0u);
	if (kernels.crc32c(0, crcs, (count - 1) * sizeof(*crcs)) != crcs[count - 1])
		return wick_directory_damaged(directory, "tensor \"wick.checksums\"", place->offset, place->bytes);
	return check_header(directory, &kernels, crcs[count - 2]);
}

uint32_t wick_directory_type(enum wick_type type)
{
	static const uint32_t ggml_types[WICK_TYPE_COUNT] = {
		[WICK_F32] = WICK_GGML_F32,   [WICK_F16] = WICK_GGML_F16,   [WICK_BF16] = WICK_GGML_BF16,
		[WICK_Q8_0] = WICK_GGML_Q8_0, [WICK_Q4_0] = WICK_GGML_Q4_0, [WICK_Q4_1] = WICK_GGML_Q4_1,
		[WICK_Q5_0] = WICK_GGML_Q5_0, [WICK_Q5_1] = WICK_GGML_Q5_1, [WICK_Q4_K] = WICK_GGML_Q4_K,
		[WICK_Q5_K] = WICK_GGML_Q5_K, [WICK_Q6_K] = WICK_GGML_Q6_K, [WICK_Q2_K] = WICK_GGML_Q2_K,
		[WICK_Q3_K] = WICK_GGML_Q3_K, [WICK_IQ4_NL] = WICK_GGML_IQ4_NL, [WICK_IQ4_XS] = WICK_GGML_IQ4_XS,
		[WICK_MXFP4] = WICK_GGML_MXFP4, [WICK_IQ2_XXS] = WICK_GGML_IQ2_XXS, [WICK_IQ2_XS] = WICK_GGML_IQ2_XS,
		[WICK_IQ2_S] = WICK_GGML_IQ2_S, [WICK_IQ3_XXS] = WICK_GGML_IQ3_XXS, [WICK_IQ3_S] = WICK_GGML_IQ3_S,
	 [WICK_Q2] = WICK_GGML_I8,
	};

	return ggml_types[type];
}
