/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A walk along a file's directory beside the list of what must be in it: each tensor of its type and size right behind
 * the one before, then nothing, then wick.checksums, which guards itself and the header. */

#include "diag.h"
#include "model.h"

struct wick_gguf;

struct wick_directory {
	const struct wick_gguf *gguf;
	uint64_t tensor_i; /* next */
	uint64_t end;      /* of the last one's data; at first, of the header */
	const char *kind;  /* of file, for the sentence about a tensor too many: "model" */
	struct wick_diag *diag;
};

/* The next tensor must be this one; its offset is filled in. ggml_type and ne are as the directory should have them. */
int wick_directory_match(struct wick_directory *directory, struct wick_tensor *tensor, uint32_t ggml_type,
	const uint64_t ne[2]);

/* That was the last one: no other, and the file ends where it should. */
int wick_directory_end(struct wick_directory *directory);

/* Reads wick.checksums, which has been matched, into crcs. -EBADMSG: it is damaged, or the header is. */
int wick_directory_checksums(const struct wick_directory *directory, uint32_t *crcs);

/* Reads a tensor of u32, which has been matched. -EBADMSG: its checksum is not the one that is wanted. */
int wick_directory_read_u32(const struct wick_directory *directory, const char *name, uint32_t *into, uint32_t wanted);

/* The one sentence for bytes whose checksum does not match; -EBADMSG. */
int wick_directory_damaged(
	const struct wick_directory *directory, const char *what, uint64_t offset, uint64_t bytes);

/* How the directory has numbers of a type. */
uint32_t wick_directory_type(enum wick_type type);
