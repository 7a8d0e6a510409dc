/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Two growing buffers, pairs and tensors, joined behind the preamble at the end. */

#include "gguf_write.h"

#include "bits.h"
#include "gguf_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 3
#define PREAMBLE_BYTES 24
#define LENGTH_BYTES 8 /* of a text, in front of it */

static bool grow(struct wick_gguf_part *part, size_t bytes)
{
	size_t capacity = part->capacity ? part->capacity : 4096;
	uint8_t *larger;

	while (capacity - part->count < bytes)
		capacity *= 2;
	larger = realloc(part->bytes, capacity);
	if (!larger)
		return false;
	part->bytes = larger;
	part->capacity = capacity;
	return true;
}

static void put(struct wick_gguf_writer *writer, struct wick_gguf_part *part, const void *data, size_t bytes)
{
	if (writer->failed)
		return;
	if (part->capacity - part->count < bytes && !grow(part, bytes)) {
		writer->failed = true;
		return;
	}
	if (bytes)
		memcpy(part->bytes + part->count, data, bytes);
	part->count += bytes;
}

static void put_number(struct wick_gguf_writer *writer, struct wick_gguf_part *part, uint64_t value, unsigned bytes)
{
	uint8_t little[8];

	for (unsigned i = 0; i < bytes; i++)
		little[i] = (uint8_t)(value >> 8 * i);
	put(writer, part, little, bytes);
}

static void put_text(struct wick_gguf_writer *writer, struct wick_gguf_part *part, const char *text)
{
	size_t bytes = strlen(text);

	put_number(writer, part, bytes, 8);
	put(writer, part, text, bytes);
}

static void put_key(struct wick_gguf_writer *writer, const char *key, enum wick_gguf_type type)
{
	writer->pairs.entries++;
	put_text(writer, &writer->pairs, key);
	put_number(writer, &writer->pairs, type, 4);
}

static void put_array(struct wick_gguf_writer *writer, const char *key, enum wick_gguf_type element, uint64_t count)
{
	put_key(writer, key, WICK_GGUF_ARRAY);
	put_number(writer, &writer->pairs, element, 4);
	put_number(writer, &writer->pairs, count, 8);
}

void wick_gguf_writer_init(struct wick_gguf_writer *writer, uint32_t alignment)
{
	*writer = (struct wick_gguf_writer){ .alignment = alignment };
	wick_gguf_put_u32(writer, "general.alignment", alignment);
}

void wick_gguf_writer_deinit(struct wick_gguf_writer *writer)
{
	free(writer->pairs.bytes);
	free(writer->tensors.bytes);
	*writer = (struct wick_gguf_writer){ 0 };
}

void wick_gguf_put_u32(struct wick_gguf_writer *writer, const char *key, uint32_t value)
{
	put_key(writer, key, WICK_GGUF_U32);
	put_number(writer, &writer->pairs, value, 4);
}

void wick_gguf_put_u64(struct wick_gguf_writer *writer, const char *key, uint64_t value)
{
	put_key(writer, key, WICK_GGUF_U64);
	put_number(writer, &writer->pairs, value, 8);
}

void wick_gguf_put_f32(struct wick_gguf_writer *writer, const char *key, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put_key(writer, key, WICK_GGUF_F32);
	put_number(writer, &writer->pairs, bits, 4);
}

void wick_gguf_put_bool(struct wick_gguf_writer *writer, const char *key, bool value)
{
	put_key(writer, key, WICK_GGUF_BOOL);
	put_number(writer, &writer->pairs, value, 1);
}

void wick_gguf_put_string(struct wick_gguf_writer *writer, const char *key, const char *value)
{
	put_key(writer, key, WICK_GGUF_STRING);
	put_text(writer, &writer->pairs, value);
}

void wick_gguf_put_strings(struct wick_gguf_writer *writer, const char *key, char *const *values, uint64_t count)
{
	put_array(writer, key, WICK_GGUF_STRING, count);
	for (uint64_t i = 0; i < count; i++)
		put_text(writer, &writer->pairs, values[i]);
}

void wick_gguf_put_floats(
	struct wick_gguf_writer *writer, const char *key, const double *values, uint64_t count, bool narrow)
{
	put_array(writer, key, narrow ? WICK_GGUF_F32 : WICK_GGUF_F64, count);
	for (uint64_t i = 0; i < count; i++) {
		float single = (float)values[i];
		uint32_t bits;
		uint64_t wide;

		memcpy(&bits, &single, sizeof(bits));
		memcpy(&wide, &values[i], sizeof(wide));
		put_number(writer, &writer->pairs, narrow ? bits : wide, narrow ? 4 : 8);
	}
}

void wick_gguf_put_u8s(struct wick_gguf_writer *writer, const char *key, const uint8_t *values, uint64_t count)
{
	put_array(writer, key, WICK_GGUF_U8, count);
	for (uint64_t i = 0; i < count; i++)
		put_number(writer, &writer->pairs, values[i], 1);
}

void wick_gguf_put_bools(struct wick_gguf_writer *writer, const char *key, const uint8_t *values, uint64_t count)
{
	put_array(writer, key, WICK_GGUF_BOOL, count);
	for (uint64_t i = 0; i < count; i++)
		put_number(writer, &writer->pairs, values[i] != 0, 1);
}

void wick_gguf_put_i32s(struct wick_gguf_writer *writer, const char *key, const int32_t *values, uint64_t count)
{
	put_array(writer, key, WICK_GGUF_I32, count);
	for (uint64_t i = 0; i < count; i++)
		put_number(writer, &writer->pairs, (uint32_t)values[i], 4);
}

static bool is_among(struct wick_gguf_string key, const char *const *names)
{
	for (; *names; names++)
		if (strlen(*names) == key.length && !memcmp(*names, key.bytes, key.length))
			return true;
	return false;
}

void wick_gguf_put_pairs(
	struct wick_gguf_writer *writer, const struct wick_gguf *gguf, const char *const *except)
{
	for (uint64_t i = 0; i < gguf->pair_count; i++) {
		const struct wick_gguf_pair *pair = &gguf->pairs[i];
		const char *next = i + 1 < gguf->pair_count ? pair[1].key.bytes : gguf->tensors[0].name.bytes;

		if (is_among(pair->key, except))
			continue;
		writer->pairs.entries++;
		put(writer, &writer->pairs, pair->key.bytes - LENGTH_BYTES, (size_t)(next - pair->key.bytes));
	}
}

uint64_t wick_gguf_put_tensor(struct wick_gguf_writer *writer, const char *name, uint32_t ggml_type,
	const uint64_t *ne, uint32_t dims, uint64_t bytes)
{
	uint64_t offset = writer->data_bytes;

	writer->tensors.entries++;
	put_text(writer, &writer->tensors, name);
	put_number(writer, &writer->tensors, dims, 4);
	for (uint32_t d = 0; d < dims; d++)
		put_number(writer, &writer->tensors, ne[d], 8);
	put_number(writer, &writer->tensors, ggml_type, 4);
	put_number(writer, &writer->tensors, offset, 8);
	writer->data_bytes += wick_align_up(bytes, writer->alignment);
	return offset;
}

int wick_gguf_writer_header(
	const struct wick_gguf_writer *writer, uint8_t **header, uint64_t *bytes, struct wick_diag *diag)
{
	struct wick_gguf_writer whole = { .failed = writer->failed };
	struct wick_gguf_part *part = &whole.pairs;

	*bytes = wick_align_up(PREAMBLE_BYTES + writer->pairs.count + writer->tensors.count, writer->alignment);
	put(&whole, part, "GGUF", 4);
	put_number(&whole, part, VERSION, 4);
	put_number(&whole, part, writer->tensors.entries, 8);
	put_number(&whole, part, writer->pairs.entries, 8);
	put(&whole, part, writer->pairs.bytes, writer->pairs.count);
	put(&whole, part, writer->tensors.bytes, writer->tensors.count);
	while (!whole.failed && part->count < *bytes)
		put_number(&whole, part, 0, 1);
	if (whole.failed) {
		free(part->bytes);
		return wick_diag_say(diag, -ENOMEM, "no memory for the header of a model");
	}
	*header = part->bytes;
	return 0;
}
