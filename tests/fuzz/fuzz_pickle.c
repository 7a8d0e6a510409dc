/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Pickles: the input is put into a sound zip, between an empty storage "0" and "1" of 64 bytes, because a fuzzer alone
 * would not get past the zip's checksums. Written here, since libzip takes ten times as long for it:
 *
 *     header "x/data.pkl" input | header "x/data/0" | header "x/data/1" 64 bytes | a directory of the three | end */

#include "fuzz.h"

#include "torch.h"

#define ENTRIES 3
#define HEADERS_BYTES 512

struct zip {
	uint8_t *bytes; /* (at) */
	size_t at;
};

static void put(struct zip *zip, const void *bytes, size_t count)
{
	if (count)
		memcpy(zip->bytes + zip->at, bytes, count);
	zip->at += count;
}

static void put_number(struct zip *zip, uint64_t number, size_t bytes)
{
	put(zip, &number, bytes);
}

/* CRC-32, as zip has it. */
static uint32_t sum(const uint8_t *data, size_t size)
{
	static uint32_t table[256];
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (unsigned bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	for (size_t i = 0; i < size; i++)
		crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
	return ~crc;
}

struct entry {
	const char *name;
	const uint8_t *data;
	size_t size, at;
};

/* Version 2.0, not compressed, of the first day of 1980. */
static void put_fields(struct zip *zip, const struct entry *entry)
{
	put_number(zip, 20, 2);
	put_number(zip, 0, 6);
	put_number(zip, 0x21, 2);
	put_number(zip, sum(entry->data, entry->size), 4);
	put_number(zip, entry->size, 4);
	put_number(zip, entry->size, 4);
	put_number(zip, strlen(entry->name), 2);
	put_number(zip, 0, 2);
}

static void put_entry(struct zip *zip, struct entry *entry)
{
	entry->at = zip->at;
	put(zip, "PK\3\4", 4);
	put_fields(zip, entry);
	put(zip, entry->name, strlen(entry->name));
	put(zip, entry->data, entry->size);
}

static void put_directory(struct zip *zip, const struct entry *entries)
{
	size_t at = zip->at, bytes;

	for (unsigned i = 0; i < ENTRIES; i++) {
		put(zip, "PK\1\2", 4);
		put_number(zip, 20, 2);
		put_fields(zip, &entries[i]);
		put_number(zip, 0, 8);
		put_number(zip, 0, 2);
		put_number(zip, entries[i].at, 4);
		put(zip, entries[i].name, strlen(entries[i].name));
	}
	bytes = zip->at - at;
	put(zip, "PK\5\6", 4);
	put_number(zip, 0, 4);
	put_number(zip, ENTRIES, 2);
	put_number(zip, ENTRIES, 2);
	put_number(zip, bytes, 4);
	put_number(zip, at, 4);
	put_number(zip, 0, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t storage[64];
	struct entry entries[ENTRIES] = { { "x/data.pkl", data, size, 0 }, { "x/data/0", storage, 0, 0 },
		{ "x/data/1", storage, sizeof(storage), 0 } };
	struct zip zip = { .bytes = malloc(size + sizeof(storage) + HEADERS_BYTES) };

	wick_require(zip.bytes);
	for (unsigned i = 0; i < ENTRIES; i++)
		put_entry(&zip, &entries[i]);
	put_directory(&zip, entries);
	fuzz_source(&wick_torch, zip.bytes, zip.at);
	free(zip.bytes);
	return 0;
}
