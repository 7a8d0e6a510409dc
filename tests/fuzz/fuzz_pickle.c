/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Pickles: the input is put into a sound zip, between an empty storage "0" and "1" of 64 bytes, because a fuzzer alone
 * would not get past the zip's checksums. */

#include "fuzz.h"
#include "torch.h"

#include <stdlib.h>
#include <zip.h>

static void add(zip_t *zip, const char *name, const void *bytes, size_t count)
{
	zip_int64_t index = zip_file_add(zip, name, zip_source_buffer(zip, bytes, count, 0), 0);

	wick_verify(index >= 0 && !zip_set_file_compression(zip, index, ZIP_CM_STORE, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t storage[64];
	zip_source_t *memory = zip_source_buffer_create(NULL, 0, 0, NULL);
	zip_t *zip;
	zip_stat_t stat;
	uint8_t *bytes;

	zip_source_keep(memory);
	zip = zip_open_from_source(memory, ZIP_CREATE | ZIP_TRUNCATE, NULL);
	wick_verify(zip);
	add(zip, "x/data.pkl", data, size);
	add(zip, "x/data/0", storage, 0);
	add(zip, "x/data/1", storage, sizeof(storage));
	wick_verify(!zip_close(zip) && !zip_source_stat(memory, &stat) && !zip_source_open(memory));
	bytes = malloc(stat.size);
	wick_verify(bytes && zip_source_read(memory, bytes, stat.size) == (zip_int64_t)stat.size);
	zip_source_close(memory);
	zip_source_free(memory);
	fuzz_source(&wick_torch, bytes, stat.size);
	free(bytes);
	return 0;
}
