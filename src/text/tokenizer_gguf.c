/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The tokenizer of a GGUF file: its tokenizer.ggml.* keys as a vocabulary. */

#include "bits.h"
#include "pre.h"
#include "tokenizer.h"
#include "vocabulary_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY(name) "tokenizer.ggml." name

static struct wick_gguf_string token(const void *from, uint32_t i)
{
	return wick_gguf_array_string(from, KEY("tokens"), i);
}

static struct wick_gguf_string merge(const void *from, uint32_t i)
{
	return wick_gguf_array_string(from, KEY("merges"), i);
}

static int64_t type(const void *from, uint32_t i)
{
	return wick_gguf_array_int(from, KEY("token_type"), i);
}

static double score(const void *from, uint32_t i)
{
	return wick_gguf_array_f64(from, KEY("scores"), i);
}

/* A file without token types has none but normal tokens. */
static int64_t type_normal(const void *from, uint32_t i)
{
	(void)from;
	(void)i;
	return WICK_TOKEN_NORMAL;
}

/* Kinds by tokenizer.ggml.model, and their defaults where the file has no key. */
static const struct kind {
	const char *name;
	enum wick_tokenizer_model model;
	bool scores; /* decide what is merged, where there are any, and not a list of merges */
	bool unigram;
	bool add_bos, add_eos;
	enum wick_space_prefix space_prefix;
	int64_t bos, eos, unk;
} kinds[] = {
	{ "gpt2", WICK_MODEL_BYTES, .space_prefix = WICK_SPACE_NEVER, .bos = -1, .eos = -1, .unk = -1 },
	{ "llama", WICK_MODEL_PIECES, .scores = true, .add_bos = true, .space_prefix = WICK_SPACE_PARTS, .bos = 1, .eos = 2 },
	{ "gemma4", WICK_MODEL_PIECES, .add_bos = true, .space_prefix = WICK_SPACE_NEVER, .bos = -1, .eos = -1, .unk = -1 },
	{ "t5", WICK_MODEL_PIECES, .scores = true, .unigram = true, .add_eos = true, .space_prefix = WICK_SPACE_NEVER,
		.bos = -1, .eos = 1, .unk = 2 },
};

static int missing(const struct wick_vocabulary *vocabulary, const char *key, int result, struct wick_diag *diag)
{
	return result == -ENOENT ? wick_diag_say(diag, -EINVAL, "%s: has no %s", vocabulary->whose, key) : result;
}

static int read_count(const struct wick_gguf *gguf, const struct wick_vocabulary *vocabulary, const char *key,
	uint32_t *count, struct wick_diag *diag)
{
	enum wick_gguf_type element;
	uint64_t elements;
	int result = wick_gguf_array(gguf, key, &element, &elements, diag);

	if (result)
		return missing(vocabulary, key, result, diag);
	if (element != WICK_GGUF_STRING || elements > INT32_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: %s is not an array of at most 2^31 strings", vocabulary->whose,
			key);
	*count = (uint32_t)elements;
	return 0;
}

/* An array with a number for each token. -ENOENT: there is none. */
static int check_numbers(const struct wick_gguf *gguf, const struct wick_vocabulary *vocabulary, const char *key,
	bool fractions, struct wick_diag *diag)
{
	enum wick_gguf_type element;
	uint64_t elements;
	int result = wick_gguf_array(gguf, key, &element, &elements, diag);

	if (result)
		return result;
	if (elements != vocabulary->count)
		return wick_diag_say(diag, -EINVAL, "%s: %u tokens but %llu values in %s", vocabulary->whose,
			vocabulary->count, (unsigned long long)elements, key);
	if (element == WICK_GGUF_STRING || element == WICK_GGUF_ARRAY || element == WICK_GGUF_BOOL ||
		(element == WICK_GGUF_F32 || element == WICK_GGUF_F64) != fractions)
		return wick_diag_say(diag, -EINVAL, "%s: %s is not an array of %s", vocabulary->whose, key,
			fractions ? "numbers with a fraction" : "integers");
	return 0;
}

static int read_types(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	int result = check_numbers(gguf, vocabulary, KEY("token_type"), false, diag);

	if (result == -ENOENT)
		vocabulary->type = type_normal;
	return result == -ENOENT ? 0 : result;
}

/* Merges, or what is in their place. */
static int read_order(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, const struct kind *kind,
	struct wick_diag *diag)
{
	enum wick_gguf_type element;
	uint64_t elements;
	bool scores = kind->unigram ||
		(kind->scores && wick_gguf_array(gguf, KEY("scores"), &element, &elements, NULL) != -ENOENT);
	int result;

	if (!scores)
		return read_count(gguf, vocabulary, KEY("merges"), &vocabulary->merge_count, diag);
	vocabulary->score = score;
	result = check_numbers(gguf, vocabulary, KEY("scores"), true, diag);
	if (!result && !wick_gguf_array(gguf, KEY("scores"), &element, &elements, NULL))
		vocabulary->narrow = element == WICK_GGUF_F32;
	return missing(vocabulary, KEY("scores"), result, diag);
}

static int read_id(const struct wick_gguf *gguf, const char *key, int64_t *id, struct wick_diag *diag)
{
	uint64_t value;
	int result = wick_gguf_u64(gguf, key, &value, diag);

	if (!result)
		*id = (int64_t)WICK_MIN(value, (uint64_t)INT64_MAX);
	return result == -ENOENT ? 0 : result;
}

static int read_flag(const struct wick_gguf *gguf, const char *key, bool *value, struct wick_diag *diag)
{
	int result = wick_gguf_bool(gguf, key, value, diag);

	return result == -ENOENT ? 0 : result;
}

/* Converters write it since May 2024. Text that is cut otherwise than in training is a worse answer, not an error that
   anybody sees, so that no name is taken for granted. */
static int read_pre(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	int result = wick_gguf_string(gguf, KEY("pre"), &vocabulary->pre, diag);

	if (result != -ENOENT)
		return result;
	return wick_diag_say(diag, -EINVAL,
		"%s: has no " KEY("pre") ", which says how its text is cut into words; converters of before May 2024 "
		"left it out, so please convert the model anew, or take a newer file of it", vocabulary->whose);
}

static int read_model(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, const struct kind **kind,
	struct wick_diag *diag)
{
	struct wick_gguf_string model;
	int result = wick_gguf_string(gguf, KEY("model"), &model, diag);

	if (result)
		return missing(vocabulary, KEY("model"), result, diag);
	for (size_t i = 0; i < WICK_COUNT_OF(kinds); i++)
		if (strlen(kinds[i].name) == model.length && !memcmp(kinds[i].name, model.bytes, model.length)) {
			*kind = &kinds[i];
			return 0;
		}
	return wick_diag_say(diag, -EINVAL, "%s: tokenizer.ggml.model \"%.*s\" is not supported", vocabulary->whose,
		(int)WICK_MIN(model.length, 100), model.bytes);
}

/* The defaults of the kind, and the pre-tokeniser. */
static int read_usual(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, const struct kind *kind,
	struct wick_diag *diag)
{
	const struct wick_pre *pre;
	int result;

	vocabulary->model = kind->model;
	vocabulary->space_prefix = kind->space_prefix;
	vocabulary->unigram = vocabulary->user_inside = kind->unigram;
	vocabulary->add_bos = kind->add_bos;
	vocabulary->add_eos = kind->add_eos;
	vocabulary->bos = kind->bos;
	vocabulary->eos = kind->eos;
	vocabulary->unk = kind->unk;
	if (kind->model != WICK_MODEL_BYTES)
		return 0;
	result = read_pre(gguf, vocabulary, diag);
	pre = result ? NULL : wick_pre_find(vocabulary->pre.bytes, vocabulary->pre.length);
	vocabulary->add_bos = pre && pre->add_bos;
	return result;
}

static int read_specials(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	bool prefix = vocabulary->space_prefix != WICK_SPACE_NEVER;
	int result = read_id(gguf, KEY("bos_token_id"), &vocabulary->bos, diag);

	if (!result)
		result = read_id(gguf, KEY("eos_token_id"), &vocabulary->eos, diag);
	if (!result)
		result = read_id(gguf, KEY("unknown_token_id"), &vocabulary->unk, diag);
	if (!result)
		result = read_flag(gguf, KEY("add_bos_token"), &vocabulary->add_bos, diag);
	if (!result)
		result = read_flag(gguf, KEY("add_eos_token"), &vocabulary->add_eos, diag);
	if (!result)
		result = read_flag(gguf, KEY("add_space_prefix"), &prefix, diag);
	if (!result && vocabulary->model == WICK_MODEL_PIECES)
		result = read_flag(gguf, KEY("remove_extra_whitespaces"), &vocabulary->space_fewer, diag);
	if (prefix != (vocabulary->space_prefix != WICK_SPACE_NEVER))
		vocabulary->space_prefix = prefix ? WICK_SPACE_PARTS : WICK_SPACE_NEVER;
	return result;
}

/* A map of characters. Another program's file has it under this name, too. */
static int read_map(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	enum wick_gguf_type element;
	uint64_t count;
	int result = wick_gguf_array(gguf, KEY("precompiled_charsmap"), &element, &count, diag);

	if (result)
		return result == -ENOENT ? 0 : result;
	vocabulary->map = wick_gguf_array_bytes(gguf, KEY("precompiled_charsmap"), &count);
	vocabulary->map_bytes = count;
	if (!vocabulary->map || vocabulary->model != WICK_MODEL_PIECES)
		return wick_diag_say(diag, -EINVAL, "%s: %s %s", vocabulary->whose, KEY("precompiled_charsmap"),
			vocabulary->map ? "is for another kind of tokenizer" : "is not an array of bytes");
	return 0;
}

int wick_tokenizer_create(
	struct wick_tokenizer **tokenizer, const struct wick_gguf *gguf, uint32_t vocab, struct wick_diag *diag)
{
	struct wick_vocabulary vocabulary = { .whose = wick_gguf_path(gguf), .token = token, .type = type,
		.merge = merge, .from = gguf };
	char *expressions[WICK_PRE_EXPRESSIONS_MAX] = { NULL };
	const struct kind *kind = NULL;
	int result = read_model(gguf, &vocabulary, &kind, diag);

	*tokenizer = NULL;
	if (!result)
		result = read_usual(gguf, &vocabulary, kind, diag);
	if (!result)
		result = read_count(gguf, &vocabulary, KEY("tokens"), &vocabulary.count, diag);
	if (!result && vocabulary.count != vocab && vocab != UINT32_MAX)
		result = wick_diag_say(diag, -EINVAL, "%s: %s has %u tokens, and the model's embedding rows for %u",
			vocabulary.whose, KEY("tokens"), vocabulary.count, vocab);
	if (!result)
		result = read_order(gguf, &vocabulary, kind, diag);
	if (!result)
		result = read_types(gguf, &vocabulary, diag);
	if (!result)
		result = read_specials(gguf, &vocabulary, diag);
	if (!result)
		result = read_map(gguf, &vocabulary, diag);
	if (!result)
		result = wick_vocabulary_read_own(&vocabulary, gguf, expressions, diag);
	if (!result)
		result = wick_tokenizer_build(tokenizer, &vocabulary, diag);
	for (size_t i = 0; i < WICK_COUNT_OF(expressions); i++)
		free(expressions[i]);
	return result;
}
