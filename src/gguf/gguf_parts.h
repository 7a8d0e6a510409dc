/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model in one GGUF file, or in several: NAME-00001-of-00003.gguf and so on. The first part has the keys, each has a
 * directory of its own tensors, and the keys split.no, split.count and split.tensors.count say what belongs together. */

#include "gguf.h"

#define WICK_GGUF_PARTS_MAX 1024u

struct wick_gguf_parts {
	struct wick_gguf **at; /* (count), in their order */
	uint32_t count;
	uint64_t tensors; /* of all */
};

/* Opens the first part, by its path, and with it all others. -EINVAL with a sentence that names file and key: path is
 * another part than the first, a part does not belong to it; -ENOENT: one is missing. */
int wick_gguf_parts_open(struct wick_gguf_parts *parts, const char *path, struct wick_diag *diag);
void wick_gguf_parts_close(struct wick_gguf_parts *parts); /* a zeroed one is fine */

uint64_t wick_gguf_parts_file_bytes(const struct wick_gguf_parts *parts);
uint64_t wick_gguf_parts_memory_bytes(const struct wick_gguf_parts *parts);

/* The tensor of that name, and which part has it; NULL: none has. *twice: another part has one of that name, too. */
const struct wick_gguf_tensor *wick_gguf_parts_tensor(
	const struct wick_gguf_parts *parts, const char *name, uint32_t *part, bool *twice);
