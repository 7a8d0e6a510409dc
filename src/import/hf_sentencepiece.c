/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* tokenizer.model, which is SentencePiece's: a protocol buffer with, of what matters here,
 *
 *     1   a piece, as often as there are: 1 its text, 2 its score (a float), 3 its type (as GGUF numbers them)
 *     2   how it was trained: 3 the model (1 unigram, 2 BPE), 24 white space at the end of words, 40 to 43 the ids of
 *         the unknown token, bos, eos and padding
 *     3   what is done to a text first: 2 a map of characters, 3 a space in front, 4 fewer spaces, 5 U+2581 for them
 *     5   what is done to a text last: 2 a map of characters
 *
 * Field numbers and defaults are those of sentencepiece_model.proto. */

#include "bits.h"
#include "hf_source.h"
#include "space_mark.h"
#include "whole_file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODEL_BYTES_MAX (64u << 20)

static const char file[] = "tokenizer.model";

enum wire { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };

/* A field of a message: a number, or bytes. */
struct field {
	uint32_t number;
	enum wire wire;
	uint64_t value;
	const uint8_t *bytes; /* (value) of WIRE_BYTES */
};

struct message {
	const uint8_t *at, *end;
};

static bool take_varint(struct message *message, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 64 && message->at < message->end; shift += 7) {
		uint8_t byte = *message->at++;

		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool take_fixed(struct message *message, unsigned bytes, uint64_t *value)
{
	*value = 0;
	if ((size_t)(message->end - message->at) < bytes)
		return false;
	for (unsigned i = 0; i < bytes; i++)
		*value |= (uint64_t)*message->at++ << 8 * i;
	return true;
}

/* The next field. False at the end, and where what follows is none: then the message has bytes left. */
static bool take_field(struct message *message, struct field *field)
{
	const uint8_t *from = message->at;
	uint64_t tag;
	bool taken = message->at < message->end && take_varint(message, &tag) && tag >> 3 && tag >> 3 <= UINT32_MAX;

	if (taken) {
		*field = (struct field){ .number = (uint32_t)(tag >> 3), .wire = tag & 7 };
		taken = field->wire == WIRE_64 ? take_fixed(message, 8, &field->value) :
			field->wire == WIRE_32 ? take_fixed(message, 4, &field->value) :
			(field->wire == WIRE_VARINT || field->wire == WIRE_BYTES) && take_varint(message, &field->value);
	}
	if (taken && field->wire == WIRE_BYTES) {
		taken = field->value <= (uint64_t)(message->end - message->at);
		field->bytes = message->at;
		message->at += taken ? field->value : 0;
	}
	if (!taken)
		message->at = from;
	return taken;
}

static struct message inside(const struct field *field)
{
	return (struct message){ field->bytes, field->bytes + field->value };
}

static int refuse_form(const struct wick_hf_source *source)
{
	return wick_hf_refuse(source, file, "is no SentencePiece model, or was cut");
}

static int add_piece(struct wick_hf_source *source, const char *text, size_t bytes, int type)
{
	size_t id = json_object_size(source->vocab);
	char *copy = strndup(text, bytes);
	int result = copy ? 0 : -ENOMEM;

	if (copy && json_object_get(source->vocab, copy))
		result = wick_hf_refuse(source, file, "has \"%s\" twice", wick_diag_name(copy));
	if (!result && (json_object_set_new(source->vocab, copy, json_integer((json_int_t)id)) ||
		json_object_set_new(source->piece_types, copy, json_integer(type))))
		result = wick_hf_refuse(source, file, "piece %zu is not UTF-8, or there is no memory for it", id);
	free(copy);
	return result;
}

/* One piece, whose text must be new. Scores have room: every piece takes two bytes of the file and more. */
static int take_piece(struct wick_hf_source *source, struct message message)
{
	size_t id = json_object_size(source->vocab);
	struct field field, text = { 0 };
	uint32_t bits = 0, type = WICK_TOKEN_NORMAL;
	float score;

	while (take_field(&message, &field)) {
		if (field.number == 1 && field.wire == WIRE_BYTES)
			text = field;
		if (field.number == 2 && field.wire == WIRE_32)
			bits = (uint32_t)field.value;
		if (field.number == 3 && field.wire == WIRE_VARINT)
			type = field.value <= WICK_TOKEN_BYTE ? (uint32_t)field.value : 0;
	}
	if (message.at < message.end)
		return refuse_form(source);
	if (!text.bytes || memchr(text.bytes, 0, text.value) || type < WICK_TOKEN_NORMAL)
		return wick_hf_refuse(source, file, "piece %zu has no text or no known type", id);
	memcpy(&score, &bits, sizeof(score));
	source->out->scores[id] = (double)score;
	source->piece_count = id + 1;
	if (!isfinite(score))
		return wick_hf_refuse(source, file, "the score of piece %zu is not finite", id);
	return add_piece(source, (const char *)text.bytes, text.value, (int)type);
}

/* Ids of special pieces; -1 as a number of 64 bits: none. */
static int take_trainer(struct wick_hf_source *source, struct message message)
{
	struct wick_hf_tokenizer *out = source->out;
	struct field field;
	uint64_t model = 1;
	bool suffix = false;

	while (take_field(&message, &field)) {
		int64_t *ids[] = { &out->unk, &out->bos, &out->eos, &out->pad };

		model = field.number == 3 && field.wire == WIRE_VARINT ? field.value : model;
		suffix = field.number == 24 && field.wire == WIRE_VARINT ? field.value : suffix;
		if (field.number >= 40 && field.number <= 43 && field.wire == WIRE_VARINT)
			*ids[field.number - 40] = (int32_t)field.value;
	}
	if (message.at < message.end)
		return refuse_form(source);
	if (model != 1 && model != 2)
		return wick_hf_refuse(source, file, "its model is %s, which is not supported, only BPE and unigram",
			model == 3 ? "word" : model == 4 ? "char" : "unknown");
	out->model = model == 1 ? "t5" : "llama";
	return suffix ? wick_hf_refuse(source, file, "treat_whitespace_as_suffix is not supported") : 0;
}

static int take_map(struct wick_hf_source *source, const struct field *field)
{
	struct wick_hf_tokenizer *out = source->out;

	free(out->map);
	out->map = malloc(field->value ? field->value : 1);
	out->map_bytes = field->value;
	if (!out->map)
		return -ENOMEM;
	memcpy(out->map, field->bytes, field->value);
	return 0;
}

/* What is done to a text: characters replaced, spaces left out or put in front. */
static int take_normalizer(struct wick_hf_source *source, struct message message)
{
	bool prefix = true, fewer = true, escape = true;
	struct field field;
	int result = 0;

	while (!result && take_field(&message, &field)) {
		if (field.number == 2 && field.wire == WIRE_BYTES)
			result = take_map(source, &field);
		prefix = field.number == 3 && field.wire == WIRE_VARINT ? field.value : prefix;
		fewer = field.number == 4 && field.wire == WIRE_VARINT ? field.value : fewer;
		escape = field.number == 5 && field.wire == WIRE_VARINT ? field.value : escape;
	}
	if (result)
		return result;
	if (message.at < message.end)
		return refuse_form(source);
	source->out->space_prefix = prefix ? WICK_SPACE_PARTS : WICK_SPACE_NEVER;
	source->out->space_fewer = fewer;
	return escape ? 0 : wick_hf_refuse(source, file, "its normalizer does not escape spaces, which is not supported");
}

/* The same backwards, for a text that pieces make. */
static int take_denormalizer(struct wick_hf_source *source, struct message message)
{
	bool map = false;
	struct field field;

	while (take_field(&message, &field))
		map |= field.number == 2 && field.wire == WIRE_BYTES && field.value;
	if (message.at < message.end)
		return refuse_form(source);
	return map ? wick_hf_refuse(source, file, "its denormalizer has a map of characters, which is not supported") : 0;
}

/* Ids beyond the pieces are none's. */
static int check_ids(const struct wick_hf_source *source)
{
	struct wick_hf_tokenizer *out = source->out;
	const int64_t pieces = (int64_t)json_object_size(source->vocab), ids[] = { out->unk, out->bos, out->eos, out->pad };

	for (size_t i = 0; i < WICK_COUNT_OF(ids); i++)
		if (ids[i] >= pieces)
			return wick_hf_refuse(source, file, "a special token is number %lld of %lld pieces", (long long)ids[i],
				(long long)pieces);
	return 0;
}

/* A mark that a text spells is left alone where it is part of a user's piece, but not where it is among others: of no
 * effect where all spaces stay. */
static int check_user_spaces(const struct wick_hf_source *source)
{
	const char *text;
	json_t *type;

	json_object_foreach(source->piece_types, text, type)
		if (source->out->space_fewer && json_integer_value(type) == WICK_TOKEN_USER && strstr(text, WICK_SPACE_MARK))
			return wick_hf_refuse(source, file,
				"\"%s\" is a user's piece with a space, where spaces are left out, which is not supported",
				wick_diag_name(text));
	return 0;
}

static int take_fields(struct wick_hf_source *source, struct message message)
{
	int (*const takers[])(struct wick_hf_source *source, struct message message) = { NULL, take_piece, take_trainer,
		take_normalizer, NULL, take_denormalizer };
	bool seen[WICK_COUNT_OF(takers)] = { false };
	struct field field;
	int result = 0;

	while (!result && take_field(&message, &field)) {
		if (field.number >= WICK_COUNT_OF(takers) || !takers[field.number] || field.wire != WIRE_BYTES)
			continue;
		seen[field.number] = true;
		result = takers[field.number](source, inside(&field));
	}
	if (!result && (message.at < message.end || !seen[1] || !seen[2] || !seen[3]))
		return refuse_form(source);
	if (!result)
		result = check_ids(source);
	return result ? result : check_user_spaces(source);
}

/* Defaults are those of the format. */
static int prepare(struct wick_hf_source *source, size_t bytes)
{
	struct wick_hf_tokenizer *out = source->out;

	source->file = file;
	source->pieces = source->byte_fallback = true;
	out->model = "t5";
	out->pre = "default";
	out->user_inside = true;
	out->narrow = true;
	out->unk = 0;
	out->bos = 1;
	out->eos = 2;
	out->scores = calloc(bytes / 2 + 1, sizeof(*out->scores));
	source->vocab = json_object();
	source->piece_types = json_object();
	return out->scores && source->vocab && source->piece_types ? 0 : -ENOMEM;
}

int wick_hf_read_sentencepiece(struct wick_hf_source *source)
{
	char *path = NULL, *bytes = NULL;
	size_t count;
	int result;

	if (asprintf(&path, "%s/%s", source->folder, file) < 0)
		return -ENOMEM;
	if (access(path, F_OK)) {
		free(path);
		return -ENOENT;
	}
	result = wick_whole_file_read(&bytes, &count, path, MODEL_BYTES_MAX, source->diag);
	if (!result)
		result = prepare(source, count);
	if (!result)
		result = take_fields(source, (struct message){ (const uint8_t *)bytes, (const uint8_t *)bytes + count });
	free(bytes);
	free(path);
	return result;
}
