/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Safetensors: the ranges of the tensors, in order, must cover the data exactly. No hole, no overlap. */

#include "safetensors.h"

#include "bits.h"
#include "json.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 8 /* before the header */
#define METADATA "__metadata__"

typedef unsigned long long ull;

static const struct dtype {
	const char *name;
	unsigned bits;
	enum wick_type type; /* as which it is read. WICK_TYPE_COUNT: the format has it, wick cannot use it by itself */
	enum wick_source_code code;
} dtypes[] = {
	{ "F32", 32, WICK_F32 },        { "F16", 16, WICK_F16 },         { "BF16", 16, WICK_BF16 },
	{ "F64", 64, WICK_F32 },        { "C64", 64, WICK_TYPE_COUNT },  { "I64", 64, WICK_TYPE_COUNT },
	{ "U64", 64, WICK_TYPE_COUNT }, { "I32", 32, WICK_TYPE_COUNT },  { "U32", 32, WICK_TYPE_COUNT },
	{ "I16", 16, WICK_TYPE_COUNT }, { "U16", 16, WICK_TYPE_COUNT },  { "I8", 8, WICK_TYPE_COUNT },
	{ "U8", 8, WICK_TYPE_COUNT, WICK_CODE_BYTES }, { "BOOL", 8, WICK_TYPE_COUNT },  { "F8_E5M2", 8, WICK_TYPE_COUNT },
	{ "F8_E4M3", 8, WICK_TYPE_COUNT, WICK_CODE_E4M3 }, { "F8_E8M0", 8, WICK_TYPE_COUNT },
	{ "F8_E5M2FNUZ", 8, WICK_TYPE_COUNT }, { "F8_E4M3FNUZ", 8, WICK_TYPE_COUNT },
	{ "F6_E2M3", 6, WICK_TYPE_COUNT },     { "F6_E3M2", 6, WICK_TYPE_COUNT },
	{ "F4", 4, WICK_TYPE_COUNT },
};

/* A tensor of the header, with where its bytes are, counted from the end of the header. */
struct entry {
	const char *name;
	bool alias;
	json_t *facts;
	uint64_t begin, end;
};

static const struct dtype *find_dtype(const char *name)
{
	for (size_t i = 0; i < WICK_COUNT_OF(dtypes); i++)
		if (!strcmp(dtypes[i].name, name))
			return &dtypes[i];
	return NULL;
}

/* A whole number that is not negative. */
static bool as_count(const json_t *value, uint64_t *count)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*count = json_integer_value(value);
	return true;
}

static int read_range(struct entry *entry, uint64_t data_bytes, const char *path, struct wick_diag *diag)
{
	json_t *range = json_object_get(entry->facts, "data_offsets");

	if (!json_is_array(range) || json_array_size(range) != 2 ||
		!as_count(json_array_get(range, 0), &entry->begin) || !as_count(json_array_get(range, 1), &entry->end))
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: data_offsets is not a pair of offsets", path,
			wick_diag_name(entry->name));
	if (entry->begin > entry->end)
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: data_offsets [%llu, %llu] run backwards", path,
			wick_diag_name(entry->name), (ull)entry->begin, (ull)entry->end);
	if (entry->end > data_bytes)
		return wick_diag_say(diag, -EINVAL,
			"%s: tensor %s: data_offsets [%llu, %llu] go beyond the file, which has %llu bytes of data",
			path, wick_diag_name(entry->name), (ull)entry->begin, (ull)entry->end, (ull)data_bytes);
	return 0;
}

static int read_dtype(const struct entry *entry, const struct dtype **dtype, const char *path, struct wick_diag *diag)
{
	const char *name = json_string_value(json_object_get(entry->facts, "dtype"));

	if (!name)
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: dtype is not given", path,
			wick_diag_name(entry->name));
	*dtype = find_dtype(name);
	if (!*dtype)
		return wick_diag_say(
			diag, -EINVAL, "%s: tensor %s: dtype %s is not one of the format's", path,
			wick_diag_name(entry->name), wick_diag_name(name));
	return 0;
}

/* Into tensor->shape as far as there is room, and all of it into *numbers. */
static int read_shape(const struct entry *entry, struct wick_source_tensor *tensor, uint64_t *numbers, const char *path,
	struct wick_diag *diag)
{
	json_t *shape = json_object_get(entry->facts, "shape"), *value;
	uint64_t length;
	size_t i;

	if (!json_is_array(shape))
		return wick_diag_say(diag, -EINVAL, "%s: tensor %s: shape is not given", path,
			wick_diag_name(entry->name));
	*numbers = 1;
	json_array_foreach(shape, i, value) {
		if (!as_count(value, &length))
			return wick_diag_say(diag, -EINVAL, "%s: tensor %s: shape is not a list of lengths", path,
				wick_diag_name(entry->name));
		*numbers = wick_mul(*numbers, length);
		if (*numbers == UINT64_MAX)
			return wick_diag_say(diag, -EINVAL, "%s: tensor %s: shape has too many numbers to count", path,
				wick_diag_name(entry->name));
		if (i < WICK_SOURCE_DIMS_MAX)
			tensor->shape[i] = length;
	}
	tensor->dims = json_array_size(shape);
	return 0;
}

/* Shape times type is the range, to the byte. */
static int check_bytes(const struct wick_source_tensor *tensor, const struct dtype *dtype, uint64_t numbers,
	const char *path, struct wick_diag *diag)
{
	uint64_t bits = wick_mul(numbers, dtype->bits);
	char shape[96];

	if (bits != UINT64_MAX && bits % 8 == 0 && bits / 8 == tensor->bytes)
		return 0;
	wick_source_shape_text(shape, tensor->shape, WICK_MIN(tensor->dims, WICK_SOURCE_DIMS_MAX));
	return wick_diag_say(diag, -EINVAL, "%s: tensor %s: %s of shape %s%s takes %llu bytes, its data_offsets %llu",
		path, wick_diag_name(tensor->name), dtype->name, shape,
		tensor->dims > WICK_SOURCE_DIMS_MAX ? "..." : "",
		(ull)(bits / 8), (ull)tensor->bytes);
}

static int add_tensor(struct wick_source_list *list, const struct entry *entry, uint64_t data_start, const char *path,
	struct wick_diag *diag)
{
	struct wick_source_tensor tensor = {
		.name = entry->name,
		.alias = entry->alias,
		.bytes = entry->end - entry->begin,
		.offset = data_start + entry->begin,
	};
	const struct dtype *dtype = NULL;
	uint64_t numbers = 0;
	char unfit[64];
	int ret;

	ret = read_dtype(entry, &dtype, path, diag);
	if (!ret)
		ret = read_shape(entry, &tensor, &numbers, path, diag);
	if (!ret)
		ret = check_bytes(&tensor, dtype, numbers, path, diag);
	if (ret)
		return ret;
	tensor.type = dtype->type;
	tensor.doubles = dtype->type == WICK_F32 && dtype->bits == 64;
	if (tensor.doubles)
		tensor.bytes /= 2;
	if (dtype->type == WICK_TYPE_COUNT) {
		snprintf(unfit, sizeof(unfit), "is of type %s", dtype->name);
		tensor.unfit = unfit;
		tensor.code = tensor.dims > WICK_SOURCE_DIMS_MAX ? WICK_CODE_NONE : dtype->code;
	} else if (tensor.dims > WICK_SOURCE_DIMS_MAX) {
		tensor.type = WICK_TYPE_COUNT;
		snprintf(unfit, sizeof(unfit), "has %u dimensions", tensor.dims);
		tensor.unfit = unfit;
	}
	return wick_source_list_add(list, &tensor, path, diag);
}

static int by_range(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	return a->end < b->end ? -1 : a->end > b->end;
}

/* entries are sorted: each must begin where the one before it ended, and the last end the file. */
static int check_cover(const struct entry *entries, size_t count, uint64_t data_bytes, const char *path,
	struct wick_diag *diag)
{
	uint64_t covered = 0;

	for (size_t i = 0; i < count; i++) {
		if (entries[i].begin < covered)
			return wick_diag_say(diag, -EINVAL, "%s: tensor %s overlaps tensor %s", path,
				wick_diag_name(entries[i].name), wick_diag_name(entries[i - 1].name));
		if (entries[i].begin > covered)
			return wick_diag_say(diag, -EINVAL,
				"%s: tensor %s begins at %llu, and the %llu bytes before it are no tensor's", path,
				wick_diag_name(entries[i].name), (ull)entries[i].begin,
				(ull)(entries[i].begin - covered));
		covered = entries[i].end;
	}
	if (covered != data_bytes)
		return wick_diag_say(diag, -EINVAL, "%s: the last %llu bytes belong to no tensor", path,
			(ull)(data_bytes - covered));
	return 0;
}

/* A tensor that was shared is saved once. Its other names are in the metadata: {"lm_head.weight": "embed.weight"}, among
 * whatever else may be there. */
static int add_aliases(json_t *header, uint64_t data_start, uint64_t data_bytes, struct wick_source_list *list,
	const char *path, struct wick_diag *diag)
{
	json_t *metadata = json_object_get(header, METADATA), *value;
	const char *name;
	int ret = 0;

	json_object_foreach(metadata, name, value) {
		struct entry entry = { .name = name, .alias = true };

		entry.facts = json_object_get(header, json_string_value(value));
		if (!entry.facts || entry.facts == metadata || json_object_get(header, name))
			continue;
		ret = read_range(&entry, data_bytes, path, diag);
		if (!ret)
			ret = add_tensor(list, &entry, data_start, path, diag);
		if (ret)
			break;
	}
	return ret;
}

/* entries has room for all of the header's members. */
static int list_entries(json_t *header, struct entry *entries, uint64_t data_start, uint64_t data_bytes,
	struct wick_source_list *list, const char *path, struct wick_diag *diag)
{
	const char *name;
	json_t *facts;
	size_t count = 0;
	int ret = 0;

	json_object_foreach(header, name, facts) {
		if (!strcmp(name, METADATA))
			continue;
		if (!json_is_object(facts))
			return wick_diag_say(diag, -EINVAL, "%s: tensor %s: not described by an object", path,
				wick_diag_name(name));
		entries[count] = (struct entry){ .name = name, .facts = facts };
		ret = read_range(&entries[count++], data_bytes, path, diag);
		if (ret)
			return ret;
	}
	qsort(entries, count, sizeof(*entries), by_range);
	ret = check_cover(entries, count, data_bytes, path, diag);
	for (size_t i = 0; !ret && i < count; i++)
		ret = add_tensor(list, &entries[i], data_start, path, diag);
	return ret ? ret : add_aliases(header, data_start, data_bytes, list, path, diag);
}

static int list_header(json_t *header, uint64_t data_start, const struct wick_source_file *file,
	struct wick_source_list *list, struct wick_diag *diag)
{
	struct entry *entries;
	int ret;

	if (!json_is_object(header))
		return wick_diag_say(diag, -EINVAL, "%s: its header is not an object", file->path);
	entries = calloc(json_object_size(header) + 1, sizeof(*entries));
	if (!entries)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", file->path);
	ret = list_entries(header, entries, data_start, file->size - data_start, list, file->path, diag);
	free(entries);
	return ret;
}

static int read_length(struct wick_source_file *file, uint64_t *bytes, struct wick_diag *diag)
{
	uint64_t length;
	int ret;

	if (file->size < LENGTH_BYTES)
		return wick_diag_say(diag, -EINVAL, "%s: %llu bytes, too few for a safetensors file", file->path,
			(ull)file->size);
	ret = wick_source_pread(file, 0, &length, sizeof(length), diag);
	if (ret)
		return ret;
	*bytes = le64toh(length);
	if (*bytes > file->size - LENGTH_BYTES)
		return wick_diag_say(diag, -EINVAL, "%s: a header of %llu bytes goes beyond the file, which has %llu",
			file->path, (ull)*bytes, (ull)file->size);
	if (*bytes > WICK_SAFETENSORS_HEADER_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: a header of %llu bytes, more than the %u that one may have",
			file->path, (ull)*bytes, WICK_SAFETENSORS_HEADER_MAX);
	return 0;
}

static int parse_header(struct wick_source_file *file, char *text, uint64_t bytes, struct wick_source_list *list,
	struct wick_diag *diag)
{
	json_t *header = NULL;
	char name[512];
	int ret = wick_source_pread(file, LENGTH_BYTES, text, bytes, diag);

	snprintf(name, sizeof(name), "%s: its header", file->path);
	if (!ret)
		ret = wick_json_parse(&header, text, bytes, &wick_json_header, WICK_JSON_UNIQUE_KEYS, name, diag);
	if (!ret)
		ret = list_header(header, LENGTH_BYTES + bytes, file, list, diag);
	json_decref(header);
	return ret;
}

static int safetensors_list(struct wick_source_file *file, struct wick_source_list *list, struct wick_diag *diag)
{
	uint64_t bytes = 0;
	char *text;
	int ret = read_length(file, &bytes, diag);

	if (ret)
		return ret;
	text = malloc(bytes + 1);
	if (!text)
		return wick_diag_say(diag, -ENOMEM, "%s: out of memory", file->path);
	ret = parse_header(file, text, bytes, list, diag);
	free(text);
	return ret;
}

static int safetensors_read(struct wick_source_file *file, const struct wick_source_tensor *tensor, uint64_t offset,
	void *into, uint64_t bytes, struct wick_diag *diag)
{
	return wick_source_pread(file, tensor->offset + offset, into, bytes, diag);
}

const struct wick_source_format wick_safetensors = { .list = safetensors_list, .read = safetensors_read };
