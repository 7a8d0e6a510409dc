/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Zips, written here since libzip takes ten times as long for it:
 *
 *     header "x/a" data | header "x/b" data | ... | a directory of them | end */

#include <stddef.h>
#include <stdint.h>

#define FUZZ_ZIP_HEADER 30 /* bytes in front of a name; in the directory; of the end */
#define FUZZ_ZIP_ENTRY 46
#define FUZZ_ZIP_END 22

struct fuzz_zip_entry {
	const uint8_t *name; /* (name_bytes) */
	const uint8_t *data; /* (bytes) */
	size_t name_bytes, bytes;
	uint64_t method, sum, unpacked; /* as the headers say: how it is packed; CRC-32 and bytes of what was */
	size_t at;                      /* of its header, once written */
};

/* What is not packed and has the right sum. */
void fuzz_zip_stored(struct fuzz_zip_entry *entry, const uint8_t *data, size_t bytes);

/* How many bytes a zip of these takes; writes it there. */
size_t fuzz_zip_bytes(const struct fuzz_zip_entry *entries, size_t count);
void fuzz_zip_write(uint8_t *into, struct fuzz_zip_entry *entries, size_t count);
