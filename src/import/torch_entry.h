/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Private to torch.c, torch_archive.c and torch_entry.c: an open zip, what is in it, and reading in one entry of it. */

#include "torch.h"

#include <zip.h>

#define WICK_TORCH_ROOT_MAX 256 /* bytes of NAME */
#define WICK_TORCH_KEY_MAX 64 /* bytes of an entry's name below NAME */
#define WICK_TORCH_SKIP_BYTES 65536

enum { WICK_TORCH_MET = 1, WICK_TORCH_SOUND = 2 }; /* of an entry: it was opened; its checksum was compared */

struct wick_torch_archive {
	zip_t *zip;          /* NULL while the file is closed; then there is no entry either */
	char root[WICK_TORCH_ROOT_MAX]; /* NAME */
	uint8_t *states;     /* (entries) */
	uint64_t entries;
	zip_file_t *entry; /* open, with the next byte to be read; NULL: none */
	uint64_t entry_index, position, entry_bytes;
	bool entry_seeks; /* stored, so any place can be reached */
	uint64_t unpacked_once, unpacked_again; /* bytes of compressed entries */
	char skipped[WICK_TORCH_SKIP_BYTES];
};

/* The entry NAME/`name`, with its size. 0, or -ENOENT without a sentence. */
int wick_torch_find_entry(const struct wick_torch_archive *archive, const char *name, zip_stat_t *stat);

/* The sentence of libzip's error code. */
int wick_torch_say_zip(const struct wick_source_file *file, int code, const char *what, struct wick_diag *diag);

/* Makes `index` the open entry, at its start. For all of these: `what` names it in the sentence. */
int wick_torch_open_entry(struct wick_source_file *file, uint64_t index, const char *what, struct wick_diag *diag);
/* Makes `offset` of the open entry the next byte to be read. */
int wick_torch_go_to(struct wick_source_file *file, uint64_t offset, const char *what, struct wick_diag *diag);
int wick_torch_read_on(
	struct wick_source_file *file, char *into, uint64_t bytes, const char *what, struct wick_diag *diag);
/* Before the open entry is closed: reads what is left, unless its checksum has been compared. */
int wick_torch_leave_entry(struct wick_source_file *file, const char *what, struct wick_diag *diag);
void wick_torch_close_entry(struct wick_torch_archive *archive);
