/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Mutates PyTorch's zips as zips, whose headers, directory and checksums are made anew, so that what was changed is what a
 * reader gets to see: mostly the pickle, as what it is; else entries are left out, put in twice, exchanged, named otherwise
 * or have other data. Now and then one number of a header is wrong. */

#include "bits.h"
#include "mutate.h"
#include "random.h"
#include "zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 64
#define GROW_BYTES 1024

struct archive {
	const uint8_t *data;
	size_t size;
	struct fuzz_zip_entry entries[ENTRIES_MAX + 1];
	size_t count;
	uint8_t *made[2]; /* data and a name of entries that are not in `data` any more */
	struct fuzz_random random;
};

static uint64_t number_at(const struct archive *archive, size_t at, unsigned bytes)
{
	uint64_t number = 0;

	if (at + bytes <= archive->size)
		memcpy(&number, archive->data + at, bytes);
	return number;
}

/* The entry of the directory at this place. Returns what it takes there; 0: none, or one that is not whole. */
static size_t take_entry(const struct archive *archive, size_t at, struct fuzz_zip_entry *entry)
{
	uint64_t header = number_at(archive, at + 42, 4), data_at;

	if (at + FUZZ_ZIP_ENTRY > archive->size || memcmp(archive->data + at, "PK\1\2", 4) != 0)
		return 0;
	*entry = (struct fuzz_zip_entry){ .name = archive->data + at + FUZZ_ZIP_ENTRY, .bytes = number_at(archive, at + 20, 4),
		.name_bytes = number_at(archive, at + 28, 2), .method = number_at(archive, at + 10, 2),
		.sum = number_at(archive, at + 16, 4), .unpacked = number_at(archive, at + 24, 4) };
	data_at = header + FUZZ_ZIP_HEADER + number_at(archive, header + 26, 2) + number_at(archive, header + 28, 2);
	if (entry->name_bytes > archive->size - at - FUZZ_ZIP_ENTRY || data_at > archive->size ||
		entry->bytes > archive->size - data_at)
		return 0;
	entry->data = archive->data + data_at;
	return FUZZ_ZIP_ENTRY + entry->name_bytes + number_at(archive, at + 30, 2) + number_at(archive, at + 32, 2);
}

/* By the directory, which the end of the file tells the place of. */
static bool scan(struct archive *archive)
{
	size_t end = archive->size, at, bytes;

	for (end = end < FUZZ_ZIP_END ? 0 : end - FUZZ_ZIP_END; end; end--)
		if (memcmp(archive->data + end, "PK\5\6", 4) == 0)
			break;
	at = number_at(archive, end + 16, 4);
	while (archive->count < ENTRIES_MAX && (bytes = take_entry(archive, at, &archive->entries[archive->count]))) {
		archive->count++;
		at += bytes;
	}
	return archive->count > 0;
}

static struct fuzz_zip_entry *any(struct archive *archive)
{
	return &archive->entries[fuzz_below(&archive->random, archive->count)];
}

static void change_pickle(struct archive *archive)
{
	static const char ending[] = "data.pkl";
	struct fuzz_zip_entry *entry = archive->entries;
	size_t length = strlen(ending), bytes;

	while (entry < archive->entries + archive->count &&
		(entry->name_bytes < length || memcmp(entry->name + entry->name_bytes - length, ending, length) != 0))
		entry++;
	if (entry == archive->entries + archive->count || entry->method != 0)
		return;
	archive->made[0] = malloc(entry->bytes + GROW_BYTES);
	if (!archive->made[0])
		exit(1);
	memcpy(archive->made[0], entry->data, entry->bytes);
	bytes = fuzz_mutate_pickle(
		archive->made[0], entry->bytes, entry->bytes + GROW_BYTES, (unsigned)fuzz_draw(&archive->random));
	fuzz_zip_stored(entry, archive->made[0], bytes);
}

/* Of any entry: shorter, or with a byte changed. */
static void change_data(struct archive *archive)
{
	struct fuzz_zip_entry *entry = any(archive);
	size_t bytes = entry->bytes;

	archive->made[0] = malloc(bytes + 1);
	if (!archive->made[0])
		exit(1);
	memcpy(archive->made[0], entry->data, bytes);
	if (fuzz_below(&archive->random, 2))
		bytes = fuzz_below(&archive->random, bytes + 1);
	else
		bytes = LLVMFuzzerMutate(archive->made[0], bytes, bytes + 1);
	fuzz_zip_stored(entry, archive->made[0], bytes);
}

/* Another byte in it, or another entry's. */
static void change_name(struct archive *archive)
{
	struct fuzz_zip_entry *entry = any(archive), *other = any(archive);

	archive->made[1] = malloc(other->name_bytes + 1);
	if (!archive->made[1])
		exit(1);
	memcpy(archive->made[1], other->name, other->name_bytes);
	entry->name = archive->made[1];
	entry->name_bytes = other->name_bytes;
	if (fuzz_below(&archive->random, 2))
		entry->name_bytes = LLVMFuzzerMutate(archive->made[1], entry->name_bytes, entry->name_bytes + 1);
}

static void leave_out(struct archive *archive)
{
	*any(archive) = archive->entries[archive->count - 1];
	archive->count--;
}

static void put_twice(struct archive *archive)
{
	archive->entries[archive->count] = *any(archive);
	archive->count++;
}

/* Their order, or their data. */
static void exchange(struct archive *archive)
{
	struct fuzz_zip_entry *one = any(archive), *two = any(archive), first = *one, second = *two;

	*one = second;
	*two = first;
	if (fuzz_below(&archive->random, 2))
		return;
	one->name = first.name;
	one->name_bytes = first.name_bytes;
	two->name = second.name;
	two->name_bytes = second.name_bytes;
}

/* Of a header, of the directory, or of the end: all begin with these two letters. */
static void put_wrong_number(struct archive *archive, uint8_t *zip, size_t bytes)
{
	size_t at = fuzz_below(&archive->random, bytes - FUZZ_ZIP_END + 1), width = 2 << fuzz_below(&archive->random, 2);
	uint64_t number = fuzz_number(&archive->random);

	while (at && (zip[at] != 'P' || zip[at + 1] != 'K'))
		at--;
	at += 4 + 2 * fuzz_below(&archive->random, 8);
	memcpy(zip + at, &number, WICK_MIN(width, bytes - at));
}

/* The zip anew, where there is room for it. */
static size_t put_back(struct archive *archive, uint8_t *data, size_t size, size_t size_max)
{
	size_t bytes = fuzz_zip_bytes(archive->entries, archive->count);
	uint8_t *zip;

	if (bytes > size_max)
		return size;
	zip = malloc(bytes);
	if (!zip)
		exit(1);
	fuzz_zip_write(zip, archive->entries, archive->count);
	if (fuzz_below(&archive->random, 16) == 0)
		put_wrong_number(archive, zip, bytes);
	memcpy(data, zip, bytes);
	free(zip);
	return bytes;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	static void (*const ways[])(struct archive *) = { change_pickle, change_pickle, change_pickle, change_pickle, change_pickle,
		change_pickle, change_data, change_name, leave_out, put_twice, exchange };
	struct archive archive = { .data = data, .size = size, .random = { seed } };

	if (fuzz_below(&archive.random, FUZZ_PLAIN) == 0 || !scan(&archive))
		return LLVMFuzzerMutate(data, size, size_max);
	ways[fuzz_below(&archive.random, WICK_COUNT_OF(ways))](&archive);
	size = put_back(&archive, data, size, size_max);
	free(archive.made[0]);
	free(archive.made[1]);
	return size;
}
