/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Pickles: the input is put into a sound zip, between an empty storage "0" and "1" of 64 bytes, because a fuzzer alone
 * would not get past the zip's checksums. */

#include "bits.h"
#include "fuzz.h"
#include "mutate.h"
#include "torch.h"
#include "zip.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	return fuzz_mutate_pickle(data, size, size_max, seed);
}

static void name(struct fuzz_zip_entry *entry, const char *text)
{
	entry->name = (const uint8_t *)text;
	entry->name_bytes = strlen(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t storage[64];
	struct fuzz_zip_entry entries[3];
	size_t bytes;
	uint8_t *zip;

	name(&entries[0], "x/data.pkl");
	name(&entries[1], "x/data/0");
	name(&entries[2], "x/data/1");
	fuzz_zip_stored(&entries[0], data, size);
	fuzz_zip_stored(&entries[1], storage, 0);
	fuzz_zip_stored(&entries[2], storage, sizeof(storage));
	bytes = fuzz_zip_bytes(entries, WICK_COUNT_OF(entries));
	zip = malloc(bytes);
	wick_require(zip);
	fuzz_zip_write(zip, entries, WICK_COUNT_OF(entries));
	fuzz_source(&wick_torch, zip, bytes);
	free(zip);
	return 0;
}
