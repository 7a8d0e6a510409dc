/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

#include "zip.h"

#include <string.h>

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

void fuzz_zip_stored(struct fuzz_zip_entry *entry, const uint8_t *data, size_t bytes)
{
	entry->data = data;
	entry->bytes = entry->unpacked = bytes;
	entry->method = 0;
	entry->sum = sum(data, bytes);
}

/* Version 2.0, of the first day of 1980. */
static void put_fields(struct zip *zip, const struct fuzz_zip_entry *entry)
{
	put_number(zip, 20, 2);
	put_number(zip, 0, 2);
	put_number(zip, entry->method, 2);
	put_number(zip, 0, 2);
	put_number(zip, 0x21, 2);
	put_number(zip, entry->sum, 4);
	put_number(zip, entry->bytes, 4);
	put_number(zip, entry->unpacked, 4);
	put_number(zip, entry->name_bytes, 2);
	put_number(zip, 0, 2);
}

static void put_entry(struct zip *zip, struct fuzz_zip_entry *entry)
{
	entry->at = zip->at;
	put(zip, "PK\3\4", 4);
	put_fields(zip, entry);
	put(zip, entry->name, entry->name_bytes);
	put(zip, entry->data, entry->bytes);
}

static void put_directory(struct zip *zip, const struct fuzz_zip_entry *entries, size_t count)
{
	size_t at = zip->at, bytes;

	for (size_t i = 0; i < count; i++) {
		put(zip, "PK\1\2", 4);
		put_number(zip, 20, 2);
		put_fields(zip, &entries[i]);
		put_number(zip, 0, 8);
		put_number(zip, 0, 2);
		put_number(zip, entries[i].at, 4);
		put(zip, entries[i].name, entries[i].name_bytes);
	}
	bytes = zip->at - at;
	put(zip, "PK\5\6", 4);
	put_number(zip, 0, 4);
	put_number(zip, count, 2);
	put_number(zip, count, 2);
	put_number(zip, bytes, 4);
	put_number(zip, at, 4);
	put_number(zip, 0, 2);
}

size_t fuzz_zip_bytes(const struct fuzz_zip_entry *entries, size_t count)
{
	size_t bytes = FUZZ_ZIP_END;

	for (size_t i = 0; i < count; i++)
		bytes += FUZZ_ZIP_HEADER + FUZZ_ZIP_ENTRY + 2 * entries[i].name_bytes + entries[i].bytes;
	return bytes;
}

void fuzz_zip_write(uint8_t *into, struct fuzz_zip_entry *entries, size_t count)
{
	struct zip zip = { .bytes = into };

	for (size_t i = 0; i < count; i++)
		put_entry(&zip, &entries[i]);
	put_directory(&zip, entries, count);
}
