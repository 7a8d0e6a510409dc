/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Bytes of a GGUF header -> metadata and tensor directory.
 *
 *     "GGUF" version  tensors  pairs | pair ...                  | tensor ...                    | 0 .. | data
 *      u32    u32      u64      u64  | key type value            | name dims ne[] type offset    | pad  |
 *                                    | u64+bytes u32 (by type)   | u64+bytes u32 u64.. u32 u64   |      |
 *
 * The bytes come from anybody, so every length is compared with the file's size before it is used, and nothing is
 * allocated that the file is too short to describe. This file does no I/O: where the bytes given end before the file
 * does, it asks to be called again with more of them.
 */

#include "gguf_parse.h"

#include "bits.h"
#include "lfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX (1u << 16)
#define TENSORS_MAX (1u << 21) /* two dozen a layer of the most that a model may have */
#define PAIR_BYTES_MIN 13   /* an empty key, a type, one byte */
#define TENSOR_BYTES_MIN 24 /* an empty name, no dimension */

struct cursor {
	struct wick_gguf *gguf;
	uint64_t at;
	struct wick_diag *diag;
	char place[WICK_GGUF_SHOWN_MAX + 40]; /* what is being read, for the sentence */
};

static const struct {
	uint16_t block; /* numbers in a block; 0: unknown type */
	uint16_t bytes;
} ggml_types[] = {
	[0] = { 1, 4 },     [1] = { 1, 2 },     [2] = { 32, 18 },   [3] = { 32, 20 },   [6] = { 32, 22 },
	[7] = { 32, 24 },   [8] = { 32, 34 },   [10] = { 256, 84 }, [11] = { 256, 110 }, [12] = { 256, 144 },
	[13] = { 256, 176 }, [14] = { 256, 210 }, [15] = { 256, 292 }, [16] = { 256, 66 }, [17] = { 256, 74 },
	[18] = { 256, 98 }, [19] = { 256, 50 }, [20] = { 32, 18 },  [21] = { 256, 110 }, [22] = { 256, 82 },
	[23] = { 256, 136 }, [24] = { 1, 1 },   [25] = { 1, 2 },    [26] = { 1, 4 },    [27] = { 1, 8 },
	[28] = { 1, 8 },    [29] = { 256, 56 }, [30] = { 1, 2 },    [34] = { 256, 54 }, [35] = { 256, 66 },
	[39] = { 32, 17 },
};

unsigned wick_gguf_value_bytes(uint32_t type)
{
	static const uint8_t bytes[] = {
		[WICK_GGUF_U8] = 1,  [WICK_GGUF_I8] = 1,  [WICK_GGUF_U16] = 2,  [WICK_GGUF_I16] = 2,
		[WICK_GGUF_U32] = 4, [WICK_GGUF_I32] = 4, [WICK_GGUF_F32] = 4,  [WICK_GGUF_BOOL] = 1,
		[WICK_GGUF_U64] = 8, [WICK_GGUF_I64] = 8, [WICK_GGUF_F64] = 8,
	};

	return type < WICK_COUNT_OF(bytes) ? bytes[type] : 0;
}

uint64_t wick_gguf_little(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

static int refuse(struct cursor *c, const char *what)
{
	return wick_diag_say(c->diag, -EINVAL, "%s: %s: %s", c->gguf->path, c->place, what);
}

/* The next `bytes` are there; *from is where they start, and they count as read. */
static int take(struct cursor *c, uint64_t bytes, const uint8_t **from)
{
	uint64_t end = wick_add(c->at, bytes);

	if (end > c->gguf->file_bytes)
		return wick_diag_say(c->diag, -EINVAL,
			"%s: the file is cut off: %s, at byte %llu, needs %llu bytes and the file has only %llu",
			c->gguf->path, c->place, (unsigned long long)c->at, (unsigned long long)bytes,
			(unsigned long long)c->gguf->file_bytes);
	if (end > c->gguf->header_bytes)
		return WICK_GGUF_MORE;
	*from = c->gguf->header + c->at;
	c->at = end;
	return 0;
}

static int take_number(struct cursor *c, unsigned bytes, uint64_t *value)
{
	const uint8_t *from = NULL;
	int rc = take(c, bytes, &from);

	if (!rc)
		*value = wick_gguf_little(from, bytes);
	return rc;
}

static int take_string(struct cursor *c, struct wick_gguf_string *string)
{
	const uint8_t *from = NULL;
	int rc = take_number(c, 8, &string->length);

	if (!rc)
		rc = take(c, string->length, &from);
	if (!rc)
		string->bytes = (const char *)from;
	return rc;
}

/* A count of things that take at least min_bytes each, all of them still to come. */
static int take_count(struct cursor *c, uint64_t min_bytes, uint64_t most, uint64_t *count)
{
	int rc = take_number(c, 8, count);

	if (!rc && *count > most)
		return wick_diag_say(c->diag, -EINVAL, "%s: %s says %llu, more than the %llu that a model may have",
			c->gguf->path, c->place, (unsigned long long)*count, (unsigned long long)most);
	if (!rc && wick_mul(*count, min_bytes) > WICK_MIN(c->gguf->file_bytes, WICK_GGUF_HEADER_MAX))
		return wick_diag_say(c->diag, -EINVAL,
			"%s: %s says %llu, more than a file of %llu bytes can hold: it is cut off or damaged",
			c->gguf->path, c->place, (unsigned long long)*count, (unsigned long long)c->gguf->file_bytes);
	return rc;
}

static int take_strings(struct cursor *c, uint64_t count)
{
	struct wick_gguf_string string;
	int rc = 0;

	for (uint64_t i = 0; !rc && i < count; i++)
		rc = take_string(c, &string);
	return rc;
}

static int take_array(struct cursor *c, struct wick_gguf_pair *pair)
{
	const uint8_t *from = NULL;
	uint64_t element = 0;
	unsigned bytes;
	int rc = take_number(c, 4, &element);

	if (rc)
		return rc;
	bytes = wick_gguf_value_bytes(element);
	if (!bytes && element != WICK_GGUF_STRING)
		return refuse(c, element == WICK_GGUF_ARRAY ? "an array of arrays, which is not supported" :
							      "an array of an unknown type");
	pair->element = element;
	rc = take_number(c, 8, &pair->count);
	pair->value = c->gguf->header + c->at;
	pair->next = pair->value;
	if (rc)
		return rc;
	return bytes ? take(c, wick_mul(pair->count, bytes), &from) : take_strings(c, pair->count);
}

static int take_pair(struct cursor *c, struct wick_gguf_pair *pair)
{
	struct wick_gguf_string string;
	uint64_t type = 0;
	int rc = take_string(c, &pair->key);

	if (rc)
		return rc;
	snprintf(c->place, sizeof(c->place), "key \"%.*s\"", WICK_GGUF_SHOWN(pair->key));
	rc = take_number(c, 4, &type);
	if (rc)
		return rc;
	pair->type = type;
	pair->value = c->gguf->header + c->at;
	if (type == WICK_GGUF_ARRAY)
		return take_array(c, pair);
	if (type == WICK_GGUF_STRING)
		return take_string(c, &string);
	if (!wick_gguf_value_bytes(type))
		return refuse(c, "a value of an unknown type");
	return take(c, wick_gguf_value_bytes(type), &pair->value);
}

/* Bytes of a tensor's numbers; UINT64_MAX when they cannot be counted. 0 for a type that is not in the table. */
static uint64_t tensor_bytes(const struct wick_gguf_tensor *tensor)
{
	uint64_t blocks;

	if (tensor->type >= WICK_COUNT_OF(ggml_types) || !ggml_types[tensor->type].block)
		return 0;
	if (tensor->ne[0] % ggml_types[tensor->type].block)
		return UINT64_MAX;
	blocks = tensor->ne[0] / ggml_types[tensor->type].block;
	for (unsigned d = 1; d < 4; d++)
		blocks = wick_mul(blocks, tensor->ne[d]);
	return wick_mul(blocks, ggml_types[tensor->type].bytes);
}

static int take_tensor(struct cursor *c, struct wick_gguf_tensor *tensor)
{
	uint64_t number = 0;
	int rc = take_string(c, &tensor->name);

	if (rc)
		return rc;
	snprintf(c->place, sizeof(c->place), "tensor \"%.*s\"", WICK_GGUF_SHOWN(tensor->name));
	rc = take_number(c, 4, &number);
	if (rc)
		return rc;
	if (number < 1 || number > 4)
		return refuse(c, "its number of dimensions is not 1 to 4");
	tensor->dims = number;
	for (unsigned d = 0; !rc && d < 4; d++) {
		tensor->ne[d] = 1;
		if (d < tensor->dims)
			rc = take_number(c, 8, &tensor->ne[d]);
	}
	if (!rc)
		rc = take_number(c, 4, &number);
	tensor->type = rc ? 0 : number;
	if (!rc)
		rc = take_number(c, 8, &tensor->offset);
	tensor->bytes = rc ? 0 : tensor_bytes(tensor);
	if (!rc && tensor->bytes == UINT64_MAX)
		return refuse(c, "its dimensions do not fit its type");
	return rc;
}

/* Offsets in the file are from the start of the data; here they become bytes from the start of the file. */
static int place_tensor(struct cursor *c, struct wick_gguf_tensor *tensor)
{
	uint64_t end = wick_add(wick_add(c->gguf->data_at, tensor->offset), tensor->bytes);

	snprintf(c->place, sizeof(c->place), "tensor \"%.*s\"", WICK_GGUF_SHOWN(tensor->name));
	if (tensor->offset % c->gguf->alignment)
		return refuse(c, "its offset is not a multiple of general.alignment");
	if (end > c->gguf->file_bytes)
		return wick_diag_say(c->diag, -EINVAL,
			"%s: the file is cut off: %s ends at byte %llu, and the file has only %llu", c->gguf->path,
			c->place, (unsigned long long)end, (unsigned long long)c->gguf->file_bytes);
	tensor->offset += c->gguf->data_at;
	return 0;
}

/* The file does not begin with GGUF's magic. */
static int refuse_start(struct cursor *c)
{
	const uint8_t *start;

	c->at = 0;
	if (c->gguf->file_bytes >= WICK_LFS_BYTES) {
		int rc = take(c, WICK_LFS_BYTES, &start);

		if (rc || wick_lfs_is_pointer(start, WICK_LFS_BYTES))
			return rc ? rc : wick_lfs_refuse(c->gguf->path, c->diag);
	}
	return wick_diag_say(c->diag, -EINVAL, "%s: not a GGUF file", c->gguf->path);
}

/* Magic, version and the two counts. */
static int take_preamble(struct cursor *c)
{
	const uint8_t *magic = NULL;
	uint64_t version = 0;
	int rc;

	strcpy(c->place, "the magic number");
	rc = take(c, 4, &magic);
	if (rc)
		return rc;
	if (memcmp(magic, "GGUF", 4) != 0)
		return refuse_start(c);
	strcpy(c->place, "the version");
	rc = take_number(c, 4, &version);
	if (rc)
		return rc;
	if (version && (version & 0xffff) == 0)
		return refuse(c, "a big-endian GGUF file, which is not supported");
	if (version != 2 && version != 3)
		return wick_diag_say(c->diag, -EINVAL, "%s: GGUF version %llu; versions 2 and 3 are supported",
			c->gguf->path, (unsigned long long)version);
	strcpy(c->place, "the number of tensors");
	rc = take_count(c, TENSOR_BYTES_MIN, TENSORS_MAX, &c->gguf->tensor_count);
	if (rc)
		return rc;
	strcpy(c->place, "the number of keys");
	return take_count(c, PAIR_BYTES_MIN, PAIRS_MAX, &c->gguf->pair_count);
}

static int take_alignment(struct cursor *c)
{
	const struct wick_gguf_pair *pair = wick_gguf_find_pair(c->gguf, "general.alignment");

	c->gguf->alignment = 32;
	if (!pair)
		return 0;
	strcpy(c->place, "key \"general.alignment\"");
	if (pair->type != WICK_GGUF_U32)
		return refuse(c, "not a u32");
	c->gguf->alignment = wick_gguf_little(pair->value, 4);
	if (!wick_is_pow2(c->gguf->alignment) || c->gguf->alignment % 8)
		return refuse(c, "not a power of two of at least 8");
	return 0;
}

static int take_pairs(struct cursor *c)
{
	struct wick_gguf *gguf = c->gguf;
	int rc = 0;

	gguf->pairs = calloc(gguf->pair_count + 1, sizeof(*gguf->pairs));
	if (!gguf->pairs)
		return wick_diag_say(c->diag, -ENOMEM, "%s: no memory for its header", gguf->path);
	for (uint64_t i = 0; !rc && i < gguf->pair_count; i++) {
		snprintf(c->place, sizeof(c->place), "key %llu", (unsigned long long)i);
		rc = take_pair(c, &gguf->pairs[i]);
	}
	return rc ? rc : wick_gguf_order_pairs(gguf, c->diag);
}

static int take_tensors(struct cursor *c)
{
	struct wick_gguf *gguf = c->gguf;
	int rc = 0;

	gguf->tensors = calloc(gguf->tensor_count + 1, sizeof(*gguf->tensors));
	if (!gguf->tensors)
		return wick_diag_say(c->diag, -ENOMEM, "%s: no memory for its header", gguf->path);
	for (uint64_t i = 0; !rc && i < gguf->tensor_count; i++) {
		snprintf(c->place, sizeof(c->place), "tensor %llu", (unsigned long long)i);
		rc = take_tensor(c, &gguf->tensors[i]);
	}
	gguf->data_at = wick_align_up(c->at, gguf->alignment);
	for (uint64_t i = 0; !rc && i < gguf->tensor_count; i++)
		rc = place_tensor(c, &gguf->tensors[i]);
	return rc ? rc : wick_gguf_order_tensors(gguf, c->diag);
}

int wick_gguf_parse(struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct cursor c = { .gguf = gguf, .diag = diag };
	int (*const steps[])(struct cursor *) = { take_preamble, take_pairs, take_alignment, take_tensors };
	int rc = 0;

	for (size_t i = 0; !rc && i < WICK_COUNT_OF(steps); i++)
		rc = steps[i](&c);
	gguf->used_bytes = c.at;
	return rc;
}

void wick_gguf_forget(struct wick_gguf *gguf)
{
	free(gguf->pairs);
	free(gguf->tensors);
	free(gguf->pair_order);
	free(gguf->tensor_order);
	gguf->pairs = NULL;
	gguf->tensors = NULL;
	gguf->pair_order = gguf->tensor_order = NULL;
	gguf->pair_count = gguf->tensor_count = 0;
}
