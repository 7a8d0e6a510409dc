/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The tokenizer of a Hugging Face folder as GGUF arrays (see hf_tokenizer.h). */

#include "hf_tokenizer.h"

#include "bits.h"
#include "bytelevel.h"
#include "hf_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The named file's object, or an empty one when there is no such file. */
static int read_optional(const struct wick_hf_source *source, const char *file, json_t **object)
{
	int result = wick_hf_read(source, file, &wick_json_config, WICK_JSON_LAST_KEY_WINS, object);

	if (result != -ENOENT)
		return result;
	*object = json_object();
	return *object ? 0 : -ENOMEM;
}

static int read_vocabulary(struct wick_hf_source *source)
{
	json_t *root;
	int result = wick_hf_read(source, "tokenizer.json", &wick_json_tokenizer, WICK_JSON_UNIQUE_KEYS, &root);

	if (result == -ENOENT)
		result = wick_hf_read_sentencepiece(source);
	else if (!result)
		result = wick_hf_read_tokenizer_json(source, root);
	json_decref(root);
	return result == -ENOENT ? wick_hf_read_vocab_merges(source) : result;
}

static int read_files(struct wick_hf_source *source)
{
	int result = read_optional(source, "config.json", &source->config);

	if (!result)
		result = read_optional(source, "tokenizer_config.json", &source->tokenizer_config);
	if (!result)
		result = read_optional(source, "special_tokens_map.json", &source->special_map);
	if (!result)
		result = read_vocabulary(source);
	if (!result)
		result = wick_hf_read_stops(source);
	return result ? result : wick_hf_read_specials(source);
}

static bool is_byte(const char *text)
{
	unsigned byte;
	int end = 0;

	return sscanf(text, "<0x%2X>%n", &byte, &end) == 1 && end == 6 && !text[6];
}

static int32_t type_of(const struct wick_hf_source *source, const char *text, json_int_t id)
{
	const json_t *own = json_object_get(source->piece_types, text);

	if (source->pieces && id == source->out->unk)
		return WICK_TOKEN_UNKNOWN;
	if (json_object_get(source->control, text))
		return WICK_TOKEN_CONTROL;
	if (json_object_get(source->added, text))
		return WICK_TOKEN_USER;
	if (own)
		return (int32_t)json_integer_value(own);
	return source->byte_fallback && is_byte(text) ? WICK_TOKEN_BYTE : WICK_TOKEN_NORMAL;
}

static int place_token(const struct wick_hf_source *source, const char *text, const json_t *value)
{
	struct wick_hf_tokenizer *out = source->out;
	json_int_t id = json_integer_value(value);

	if (!json_is_integer(value))
		return wick_hf_refuse(source, source->file, "the id of \"%s\" is not an integer",
			wick_diag_name(text));
	if (id < 0 || id >= out->count)
		return wick_hf_refuse(source, source->file, "\"%s\" has id %lld, the model's vocab_size is %u",
			wick_diag_name(text), (long long)id, out->count);
	if (out->tokens[id])
		return wick_hf_refuse(source, source->file, "\"%s\" and \"%s\" both have id %lld",
			wick_diag_name(out->tokens[id]), wick_diag_name(text), (long long)id);
	out->types[id] = type_of(source, text, id);
	if (out->types[id] == WICK_TOKEN_NORMAL && !source->pieces && wick_bytelevel_decode(text, strlen(text), NULL) < 0)
		return wick_hf_refuse(source, source->file, "\"%s\", id %lld, is not spelled in GPT-2's byte alphabet",
			wick_diag_name(text), (long long)id);
	out->tokens[id] = strdup(text);
	return out->tokens[id] ? 0 : -ENOMEM;
}

static int place_tokens(const struct wick_hf_source *source)
{
	const char *text;
	json_t *id;

	json_object_foreach(source->vocab, text, id) {
		int result = place_token(source, text, id);

		if (result)
			return result;
	}
	for (size_t i = 0; i < json_object_size(source->vocab); i++)
		if (!source->out->tokens[i])
			return wick_hf_refuse(source, source->file, "has %zu tokens but none with id %zu",
				json_object_size(source->vocab), i);
	return 0;
}

/* The ids beyond the vocabulary: rows of the embedding that no text leads to. */
static int place_unused(const struct wick_hf_source *source)
{
	struct wick_hf_tokenizer *out = source->out;

	for (size_t i = json_object_size(source->vocab); i < out->count; i++) {
		if (asprintf(&out->tokens[i], "[PAD%zu]", i) < 0) {
			out->tokens[i] = NULL;
			return -ENOMEM;
		}
		out->types[i] = WICK_TOKEN_UNUSED;
		if (json_object_get(source->vocab, out->tokens[i]))
			return wick_hf_refuse(source, source->file, "\"%s\" is the name of an unused token",
				out->tokens[i]);
	}
	return 0;
}

/* config.json's ids are control tokens even where no file names them. */
static void mark_by_id(struct wick_hf_tokenizer *out, int64_t id)
{
	if (id >= 0 && out->types[id] == WICK_TOKEN_NORMAL)
		out->types[id] = WICK_TOKEN_CONTROL;
}

/* The ids of tokens that take white space on their left, and on their right. */
static int place_strips(const struct wick_hf_source *source)
{
	struct wick_hf_tokenizer *out = source->out;

	for (size_t side = 0; side < 2; side++) {
		json_t *yes;
		const char *text;

		out->strips[side] = calloc(json_object_size(source->strips[side]) + 1, sizeof(*out->strips[side]));
		if (!out->strips[side])
			return -ENOMEM;
		json_object_foreach(source->strips[side], text, yes)
			out->strips[side][out->strip_count[side]++] =
				(int32_t)json_integer_value(json_object_get(source->vocab, text));
	}
	return 0;
}

/* A score for each token: 0 for those that are not pieces. */
static int place_scores(const struct wick_hf_source *source)
{
	struct wick_hf_tokenizer *out = source->out;
	size_t pieces = source->piece_count;
	double *scores;

	if (!out->scores)
		return 0;
	scores = calloc(out->count ? out->count : 1, sizeof(*scores));
	if (!scores)
		return -ENOMEM;
	memcpy(scores, out->scores, WICK_MIN(pieces, (size_t)out->count) * sizeof(*scores));
	free(out->scores);
	out->scores = scores;
	return 0;
}

static int place_all(const struct wick_hf_source *source)
{
	struct wick_hf_tokenizer *out = source->out;
	int result;

	if (source->any_count)
		out->count = (uint32_t)WICK_MIN(json_object_size(source->vocab), (size_t)INT32_MAX);
	if (json_object_size(source->vocab) > out->count)
		return wick_hf_refuse(source, source->file, "has %zu tokens, the model's vocab_size is %u",
			json_object_size(source->vocab), out->count);
	out->tokens = calloc(out->count ? out->count : 1, sizeof(*out->tokens));
	out->types = calloc(out->count ? out->count : 1, sizeof(*out->types));
	result = out->tokens && out->types ? place_scores(source) : -ENOMEM;
	if (!result)
		result = place_tokens(source);
	if (!result)
		result = place_unused(source);
	if (result)
		return result;
	mark_by_id(out, out->bos);
	mark_by_id(out, out->eos);
	mark_by_id(out, out->pad);
	return place_strips(source);
}

/* A folder's files count as a tokenizer only if one can be made of them. */
static int check_builds(const struct wick_hf_source *source)
{
	struct wick_vocabulary vocabulary = wick_hf_vocabulary(source->out, source->folder);
	struct wick_tokenizer *tokenizer;
	int result = wick_tokenizer_build(&tokenizer, &vocabulary, source->diag);

	if (!result)
		wick_tokenizer_destroy(tokenizer);
	return result;
}

int wick_hf_tokenizer_load(struct wick_hf_tokenizer *tokenizer, const char *folder, uint32_t vocab_size,
	struct wick_diag *diag)
{
	struct wick_hf_source source = { .folder = folder, .file = "", .template_bos = -1, .out = tokenizer,
		.any_count = !vocab_size, .diag = diag };
	int result = -ENOMEM;

	*tokenizer = (struct wick_hf_tokenizer){ .model = "gpt2", .pre = "gpt-2", .count = vocab_size ? vocab_size : INT32_MAX, .bos = -1,
		.eos = -1, .pad = -1, .unk = -1 };
	source.control = json_object();
	source.added = json_object();
	source.merged = json_object();
	source.strips[0] = json_object();
	source.strips[1] = json_object();
	if (source.control && source.added && source.merged && source.strips[0] && source.strips[1])
		result = read_files(&source);
	if (!result)
		result = place_all(&source);
	if (!result)
		result = check_builds(&source);
	json_decref(source.config);
	json_decref(source.tokenizer_config);
	json_decref(source.special_map);
	json_decref(source.vocab);
	json_decref(source.control);
	json_decref(source.added);
	json_decref(source.merged);
	json_decref(source.piece_types);
	json_decref(source.strips[0]);
	json_decref(source.strips[1]);
	if (result)
		wick_hf_tokenizer_free(tokenizer);
	return result == -ENOMEM ? wick_diag_say(diag, result, "%s: no memory for the tokenizer", folder) : result;
}

void wick_hf_tokenizer_free(struct wick_hf_tokenizer *tokenizer)
{
	for (uint32_t i = 0; tokenizer->tokens && i < tokenizer->count; i++)
		free(tokenizer->tokens[i]);
	for (uint32_t i = 0; i < tokenizer->merge_count; i++)
		free(tokenizer->merges[i]);
	free(tokenizer->tokens);
	free(tokenizer->types);
	free(tokenizer->merges);
	free(tokenizer->stops);
	free(tokenizer->scores);
	free(tokenizer->map);
	free(tokenizer->strips[0]);
	free(tokenizer->strips[1]);
	for (size_t i = 0; i < WICK_COUNT_OF(tokenizer->expressions); i++)
		free(tokenizer->expressions[i]);
	*tokenizer = (struct wick_hf_tokenizer){ 0 };
}
