/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Mutates GGUF files as files of keys, values and tensors, so that a fuzzer gets behind the first length that does not fit:
 *
 *     counts | item item item ... (keys, then tensors) | padding | data | checksums
 *                    ^ one is left out, doubled, exchanged with another, or has a number or a name changed
 *
 * Counts follow, the padding makes up for what became longer or shorter, and the header's checksum is made right again. */

#include "bits.h"
#include "gguf_parse.h"
#include "kernels.h"
#include "mutate.h"
#include "random.h"

#include <string.h>

#define ITEMS_MAX 256
#define SPOTS_MAX 2048
#define PREAMBLE_BYTES 24

struct item { /* a key and its value, or a tensor */
	size_t begin, end;
};

struct spot { /* a number; or a name, whose length stands in the eight bytes before it */
	size_t at, bytes;
	bool is_name;
};

struct file {
	uint8_t *data;
	size_t size, size_max, at;
	bool bad; /* it ends in the middle */
	struct item items[ITEMS_MAX];
	struct spot spots[SPOTS_MAX];
	unsigned keys, items_count, spots_count;
	size_t header_end, data_at;   /* of the directory; of the padding after it */
	uint64_t alignment;
	uint64_t sums_at, sums_count; /* wick.checksums; 0: there are none */
	struct fuzz_random random;
};

static uint64_t number_at(const struct file *file, size_t at, unsigned bytes)
{
	return at + bytes <= file->size ? wick_gguf_little(file->data + at, bytes) : 0;
}

static void put_number(struct file *file, size_t at, size_t bytes, uint64_t value)
{
	for (size_t i = 0; i < bytes; i++)
		file->data[at + i] = (uint8_t)(value >> 8 * i);
}

static void skip(struct file *file, uint64_t bytes)
{
	file->bad = file->bad || bytes > file->size - file->at;
	file->at += file->bad ? 0 : bytes;
}

static void add_spot(struct file *file, size_t bytes, bool is_name)
{
	if (file->spots_count < SPOTS_MAX && bytes <= file->size - file->at)
		file->spots[file->spots_count++] = (struct spot){ file->at, bytes, is_name };
}

static uint64_t scan_number(struct file *file, unsigned bytes)
{
	uint64_t value = number_at(file, file->at, bytes);

	add_spot(file, bytes, false);
	skip(file, bytes);
	return value;
}

static void scan_string(struct file *file)
{
	uint64_t length = number_at(file, file->at, 8);

	skip(file, 8);
	add_spot(file, length, true);
	skip(file, length);
}

static void scan_value(struct file *file, uint32_t type)
{
	if (type == WICK_GGUF_STRING)
		scan_string(file);
	else
		scan_number(file, wick_gguf_value_bytes(type));
	file->bad = file->bad || (type != WICK_GGUF_STRING && !wick_gguf_value_bytes(type));
}

static void scan_key(struct file *file)
{
	uint32_t type;
	size_t name_at = file->at;
	uint64_t count = 1;

	scan_string(file);
	type = (uint32_t)scan_number(file, 4);
	if (type == WICK_GGUF_ARRAY) {
		type = (uint32_t)scan_number(file, 4);
		count = scan_number(file, 8);
	}
	if (!file->bad && file->at - name_at >= 29 && memcmp(file->data + name_at + 8, "general.alignment", 17) == 0)
		file->alignment = number_at(file, file->at, 4);
	for (uint64_t i = 0; !file->bad && i < count; i++)
		scan_value(file, type);
}

static void scan_tensor(struct file *file)
{
	size_t name_at = file->at + 8;
	uint64_t name_bytes = number_at(file, file->at, 8), dims, first, offset;

	scan_string(file);
	dims = scan_number(file, 4);
	first = number_at(file, file->at, 8);
	for (uint64_t i = 0; !file->bad && i < dims; i++)
		scan_number(file, 8);
	scan_number(file, 4);
	offset = scan_number(file, 8);
	if (!file->bad && name_bytes == 14 && memcmp(file->data + name_at, "wick.checksums", 14) == 0) {
		file->sums_at = offset;
		file->sums_count = first;
	}
}

/* Where everything is; false for what is no GGUF file. */
static bool scan(struct file *file)
{
	uint64_t tensors = number_at(file, 8, 8), keys = number_at(file, 16, 8);

	file->at = PREAMBLE_BYTES;
	file->alignment = 32;
	file->items_count = file->spots_count = 0;
	file->sums_at = file->sums_count = 0;
	file->bad = file->size < PREAMBLE_BYTES || memcmp(file->data, "GGUF", 4) != 0 || tensors + keys > ITEMS_MAX ||
		tensors > ITEMS_MAX;
	for (uint64_t i = 0; !file->bad && i < tensors + keys; i++) {
		size_t begin = file->at;

		if (i < keys)
			scan_key(file);
		else
			scan_tensor(file);
		file->items[file->items_count++] = (struct item){ begin, file->at };
	}
	file->keys = (unsigned)keys;
	file->header_end = file->at;
	file->data_at = file->at;
	if (!file->bad && wick_is_pow2(file->alignment) && file->alignment <= 1 << 16)
		file->data_at = wick_align_up(file->at, file->alignment);
	return !file->bad && file->data_at <= file->size;
}

/* Room for `more` bytes at a place in the header, or `fewer` gone from there. Data stays where it is as long as padding
 * lasts. */
static bool resize(struct file *file, size_t at, size_t fewer, size_t more)
{
	size_t padding = file->data_at - file->header_end;

	if (file->size - fewer + more > file->size_max)
		return false;
	memmove(file->data + at + more, file->data + at + fewer, file->size - at - fewer);
	file->size += more - fewer;
	file->header_end += more - fewer;
	if (more > fewer && more - fewer <= padding) {
		memmove(file->data + file->header_end, file->data + file->header_end + (more - fewer),
			file->size - file->header_end - (more - fewer));
		file->size -= more - fewer;
	} else if (fewer > more) {
		memmove(file->data + file->header_end + (fewer - more), file->data + file->header_end,
			file->size - file->header_end);
		memset(file->data + file->header_end, 0, fewer - more);
		file->size += fewer - more;
	}
	return true;
}

static void change_count(struct file *file, unsigned item, int by)
{
	size_t at = item < file->keys ? 16 : 8;

	put_number(file, at, 8, number_at(file, at, 8) + (uint64_t)(int64_t)by);
}

static void leave_out(struct file *file)
{
	unsigned i = (unsigned)fuzz_below(&file->random, file->items_count);

	if (resize(file, file->items[i].begin, file->items[i].end - file->items[i].begin, 0))
		change_count(file, i, -1);
}

static void put_twice(struct file *file)
{
	unsigned i = (unsigned)fuzz_below(&file->random, file->items_count);
	struct item item = file->items[i];
	size_t bytes = item.end - item.begin;

	if (!resize(file, item.end, 0, bytes))
		return;
	memcpy(file->data + item.end, file->data + item.begin, bytes);
	change_count(file, i, 1);
}

/* With the one behind it. */
static void exchange(struct file *file)
{
	unsigned i = (unsigned)fuzz_below(&file->random, file->items_count);
	uint8_t first[512];
	size_t bytes = file->items[i].end - file->items[i].begin, next;

	if (i + 1 == file->items_count || i + 1 == file->keys || bytes > sizeof(first))
		return;
	next = file->items[i + 1].end - file->items[i + 1].begin;
	memcpy(first, file->data + file->items[i].begin, bytes);
	memmove(file->data + file->items[i].begin, file->data + file->items[i + 1].begin, next);
	memcpy(file->data + file->items[i].begin + next, first, bytes);
}

/* Another number, or the number of another place. */
static void change_number(struct file *file, const struct spot *spot)
{
	const struct spot *other = &file->spots[fuzz_below(&file->random, file->spots_count)];
	uint64_t value = fuzz_number(&file->random);

	if (!other->is_name && fuzz_below(&file->random, 3) == 0)
		value = number_at(file, other->at, (unsigned)other->bytes);
	if (fuzz_below(&file->random, 4) == 0)
		value = number_at(file, spot->at, (unsigned)spot->bytes) + fuzz_below(&file->random, 5) - 2;
	put_number(file, spot->at, spot->bytes, value);
}

/* A byte of it, its end, or all of it by another name's. */
static void change_name(struct file *file, const struct spot *spot)
{
	const struct spot *other = &file->spots[fuzz_below(&file->random, file->spots_count)];
	uint8_t copy[128];

	if (fuzz_below(&file->random, 2) && spot->bytes)
		file->data[spot->at + fuzz_below(&file->random, spot->bytes)] ^= (uint8_t)(1u << fuzz_below(&file->random, 8));
	if (!other->is_name || other->bytes > sizeof(copy) || fuzz_below(&file->random, 2))
		return;
	memcpy(copy, file->data + other->at, other->bytes);
	if (!resize(file, spot->at, spot->bytes, other->bytes))
		return;
	memcpy(file->data + spot->at, copy, other->bytes);
	put_number(file, spot->at - 8, 8, other->bytes);
}

static void change_spot(struct file *file)
{
	struct spot *spot;

	if (!file->spots_count)
		return;
	spot = &file->spots[fuzz_below(&file->random, file->spots_count)];
	if (spot->is_name)
		change_name(file, spot);
	else
		change_number(file, spot);
}

/* The header's checksum is the last but one, and the last is that of those before it. */
static void mend(struct file *file)
{
	static struct wick_kernels kernels;
	uint64_t at = wick_add(file->data_at, file->sums_at);
	uint8_t *last;

	if (file->sums_count < 2 || file->sums_count > file->size / 4 || at > file->size - 4 * file->sums_count)
		return;
	if (!kernels.crc32c)
		wick_kernels_init(&kernels, 0);
	last = file->data + at + 4 * (file->sums_count - 1);
	put_number(file, (size_t)(last - 4 - file->data), 4, kernels.crc32c(0, file->data, file->data_at));
	put_number(file, (size_t)(last - file->data), 4, kernels.crc32c(0, file->data + at, 4 * (file->sums_count - 1)));
}

size_t fuzz_mutate_gguf(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	static void (*const ways[])(struct file *) = { leave_out, put_twice, exchange, change_spot, change_spot, change_spot,
		change_spot };
	static struct file file;
	unsigned changes;

	file = (struct file){ .data = data, .size = size, .size_max = size_max, .random = { seed } };
	changes = 1 + (unsigned)fuzz_below(&file.random, 3);
	if (fuzz_below(&file.random, 8) == 0 || !scan(&file))
		return LLVMFuzzerMutate(data, size, size_max);
	for (unsigned i = 0; i < changes && scan(&file) && file.items_count; i++)
		ways[fuzz_below(&file.random, WICK_COUNT_OF(ways))](&file);
	if (fuzz_below(&file.random, 16) && scan(&file))
		mend(&file);
	return file.size;
}
