/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Safetensors files taken apart (see parts.h). */

#include "parts.h"

#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void parts_take(struct parts *parts, const char *folder, const char *file)
{
	uint64_t header_bytes, file_bytes;
	uint8_t *bytes;

	path_join(parts->path, folder, file);
	bytes = file_read(parts->path, &file_bytes);
	memcpy(&header_bytes, bytes, 8);
	parts->header = json_loadb((char *)bytes + 8, header_bytes, 0, NULL);
	assert_non_null(parts->header);
	parts->data_bytes = file_bytes - 8 - header_bytes;
	memmove(bytes, bytes + 8 + header_bytes, parts->data_bytes);
	parts->data = bytes;
}

void parts_put(struct parts *parts)
{
	char *text = json_dumps(parts->header, JSON_COMPACT);
	uint64_t header_bytes = strlen(text);
	FILE *file = fopen(parts->path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(&header_bytes, 8, 1, file), 1);
	assert_int_equal(fwrite(text, 1, header_bytes, file), header_bytes);
	assert_int_equal(fwrite(parts->data, 1, parts->data_bytes, file), parts->data_bytes);
	assert_int_equal(fclose(file), 0);
	free(text);
	json_decref(parts->header);
	free(parts->data);
}

json_t *parts_entry(const struct parts *parts, const char *tensor)
{
	json_t *found = json_object_get(parts->header, tensor);

	assert_non_null(found);
	return found;
}

static uint64_t offset_at(const struct parts *parts, const char *tensor, unsigned i)
{
	return json_integer_value(json_array_get(json_object_get(parts_entry(parts, tensor), "data_offsets"), i));
}

uint8_t *parts_bytes(const struct parts *parts, const char *tensor, uint64_t *bytes)
{
	*bytes = offset_at(parts, tensor, 1) - offset_at(parts, tensor, 0);
	return parts->data + offset_at(parts, tensor, 0);
}

void parts_rename(struct parts *parts, const char *from, const char *to)
{
	assert_int_equal(json_object_set(parts->header, to, parts_entry(parts, from)), 0);
	assert_int_equal(json_object_del(parts->header, from), 0);
}

void parts_add(struct parts *parts, const char *tensor, const char *dtype, const char *shape, const void *bytes, uint64_t count)
{
	uint64_t at = parts->data_bytes;

	parts->data = realloc(parts->data, at + count);
	assert_non_null(parts->data);
	memcpy(parts->data + at, bytes, count);
	parts->data_bytes += count;
	assert_int_equal(json_object_set_new(parts->header, tensor,
		json_pack("{s:s,s:o,s:[I,I]}", "dtype", dtype, "shape", json_loads(shape, 0, NULL), "data_offsets",
			(json_int_t)at, (json_int_t)(at + count))), 0);
}

void parts_add_scaled(struct parts *parts, const char *tensor, const char *like, float factor)
{
	uint64_t bytes;
	const uint8_t *from = parts_bytes(parts, like, &bytes);
	char *shape = json_dumps(json_object_get(parts_entry(parts, like), "shape"), JSON_COMPACT);
	float *numbers = malloc(bytes);

	assert_non_null(numbers);
	memcpy(numbers, from, bytes);
	for (uint64_t i = 0; i < bytes / sizeof(float); i++)
		numbers[i] *= factor;
	parts_add(parts, tensor, "F32", shape, numbers, bytes);
	free(numbers);
	free(shape);
}
