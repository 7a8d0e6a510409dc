/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Mutates safetensors: the header's text is changed, or made up anew for tensors that cover the data, and its length made
 * right again. Now and then one thing is wrong. */

#include "bits.h"
#include "random.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8
#define HEADER_MAX 4096
#define TENSORS_MAX 8

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

struct header {
	char text[2 * HEADER_MAX];
	size_t bytes;
	struct fuzz_random random;
};

static const struct {
	const char *name;
	unsigned bits;
} dtypes[] = { { "F32", 32 }, { "F16", 16 }, { "BF16", 16 }, { "F64", 64 }, { "I64", 64 }, { "U8", 8 }, { "F4", 4 }, { "F6_E2M3", 6 },
	{ "F8_E4M3", 8 }, { "F31", 32 } };

static void add(struct header *header, const char *text)
{
	size_t bytes = strlen(text);

	if (header->bytes + bytes > HEADER_MAX)
		return;
	memcpy(header->text + header->bytes, text, bytes);
	header->bytes += bytes;
}

/* Mostly as it should be. */
static uint64_t around(struct header *header, uint64_t value)
{
	if (fuzz_below(&header->random, 24))
		return value;
	return fuzz_below(&header->random, 2) ? fuzz_number(&header->random) : value + fuzz_below(&header->random, 3) - 1;
}

/* Up to five dimensions. Returns the tensor's bytes. */
static uint64_t add_shape(struct header *header, unsigned bits)
{
	size_t dims = fuzz_below(&header->random, 6);
	uint64_t numbers = 1;
	char text[40];

	add(header, "\"shape\":[");
	for (size_t i = 0; i < dims; i++) {
		uint64_t length = fuzz_below(&header->random, 5) * (i % 2 ? 1 : 4);

		snprintf(text, sizeof(text), "%s%llu", i ? "," : "", (unsigned long long)around(header, length));
		add(header, text);
		numbers *= length;
	}
	add(header, "],");
	return numbers * bits / 8;
}

/* Returns how much data there must be. */
static size_t make_up(struct header *header)
{
	size_t count = fuzz_below(&header->random, TENSORS_MAX);
	uint64_t at = 0;
	char text[128];

	header->bytes = 0;
	add(header, "{");
	for (size_t i = 0; i < count; i++) {
		size_t kind = fuzz_below(&header->random, WICK_COUNT_OF(dtypes) - (fuzz_below(&header->random, 24) != 0));
		uint64_t bytes, begin, end;

		snprintf(text, sizeof(text), "%s\"t%zu\":{\"dtype\":\"%s\",", i ? "," : "", i, dtypes[kind].name);
		add(header, text);
		bytes = add_shape(header, dtypes[kind].bits);
		begin = around(header, at);
		end = around(header, at + bytes);
		snprintf(text, sizeof(text), "\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin, (unsigned long long)end);
		add(header, text);
		at += bytes;
	}
	add(header, "}");
	return at;
}

static void replace(struct header *header, size_t at, size_t bytes, const char *with)
{
	size_t more = strlen(with);

	if (header->bytes - bytes + more > HEADER_MAX)
		return;
	memmove(header->text + at + more, header->text + at + bytes, header->bytes - at - bytes);
	memcpy(header->text + at, with, more);
	header->bytes += more - bytes;
}

/* The number that follows a place. */
static void change_number(struct header *header)
{
	size_t at = header->bytes ? fuzz_below(&header->random, header->bytes) : 0, bytes = 0;
	char text[40];

	while (at < header->bytes && !isdigit((unsigned char)header->text[at]))
		at++;
	while (at + bytes < header->bytes && isdigit((unsigned char)header->text[at + bytes]))
		bytes++;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)fuzz_number(&header->random));
	if (bytes)
		replace(header, at, bytes, text);
}

static void change_text(struct header *header)
{
	header->bytes = LLVMFuzzerMutate((uint8_t *)header->text, header->bytes, HEADER_MAX);
}

/* The header as it is, unless the file has none of a size that is handled here. */
static bool take_header(struct header *header, const uint8_t *data, size_t size, size_t *data_at)
{
	uint64_t bytes = 0;

	if (size < LENGTH_BYTES)
		return false;
	memcpy(&bytes, data, LENGTH_BYTES);
	if (bytes > HEADER_MAX || bytes > size - LENGTH_BYTES)
		return false;
	memcpy(header->text, data + LENGTH_BYTES, bytes);
	header->bytes = bytes;
	*data_at = LENGTH_BYTES + bytes;
	return true;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	struct header header = { .random = { seed } };
	size_t data_at, data_bytes;
	uint64_t length;

	if (fuzz_below(&header.random, 8) == 0 || !take_header(&header, data, size, &data_at))
		return LLVMFuzzerMutate(data, size, size_max);
	data_bytes = size - data_at;
	switch (fuzz_below(&header.random, 3)) {
	case 0:
		data_bytes = make_up(&header);
		break;
	case 1:
		change_number(&header);
		break;
	default:
		change_text(&header);
	}
	if (data_bytes > size_max || LENGTH_BYTES + header.bytes > size_max - data_bytes)
		return size;
	if (LENGTH_BYTES + header.bytes + data_bytes > size)
		memset(data + size, 1, LENGTH_BYTES + header.bytes + data_bytes - size);
	length = around(&header, header.bytes);
	memcpy(data, &length, LENGTH_BYTES);
	memcpy(data + LENGTH_BYTES, header.text, header.bytes);
	return LENGTH_BYTES + header.bytes + data_bytes;
}
