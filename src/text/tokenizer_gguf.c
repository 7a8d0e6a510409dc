/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The tokenizer of a GGUF file: its tokenizer.ggml.* keys as a vocabulary. */

#include "bits.h"
#include "tokenizer.h"
#include "vocabulary.h"

#include <errno.h>
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

/* A file without token types has none but normal tokens. */
static int64_t type_normal(const void *from, uint32_t i)
{
	(void)from;
	(void)i;
	return WICK_TOKEN_NORMAL;
}

/* A packed model lists the tokens that end a text. Other files have a key for each kind of end. */
static const char stop_list[] = "wick.stop_token_ids";
static const char *const stop_keys[] = { KEY("eos_token_id"), KEY("eot_token_id"), KEY("eom_token_id") };

static int64_t listed_stop(const void *from, uint32_t i)
{
	return wick_gguf_array_int(from, stop_list, i);
}

static int64_t stop_of_key(const void *from, uint32_t i)
{
	uint64_t id;

	return wick_gguf_u64(from, stop_keys[i], &id, NULL) ? -1 : (int64_t)WICK_MIN(id, (uint64_t)INT64_MAX);
}

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

static int read_types(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	enum wick_gguf_type element;
	uint64_t elements;
	int result = wick_gguf_array(gguf, KEY("token_type"), &element, &elements, diag);

	if (result == -ENOENT) {
		vocabulary->type = type_normal;
		return 0;
	}
	if (!result && elements != vocabulary->count)
		return wick_diag_say(diag, -EINVAL, "%s: %u tokens but %llu token types", vocabulary->whose,
			vocabulary->count, (unsigned long long)elements);
	return result;
}

static int read_id(const struct wick_gguf *gguf, const char *key, int64_t *id, struct wick_diag *diag)
{
	uint64_t value;
	int result = wick_gguf_u64(gguf, key, &value, diag);

	if (!result)
		*id = (int64_t)WICK_MIN(value, (uint64_t)INT64_MAX);
	return result == -ENOENT ? 0 : result;
}

static int read_model(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	struct wick_gguf_string model;
	int result = wick_gguf_string(gguf, KEY("model"), &model, diag);

	if (result)
		return missing(vocabulary, KEY("model"), result, diag);
	if (model.length != 4 || memcmp(model.bytes, "gpt2", 4))
		return wick_diag_say(diag, -EINVAL, "%s: tokenizer.ggml.model \"%.*s\" is not supported, only \"gpt2\"",
			vocabulary->whose, (int)WICK_MIN(model.length, 100), model.bytes);
	return missing(vocabulary, KEY("pre"), wick_gguf_string(gguf, KEY("pre"), &vocabulary->pre, diag), diag);
}

static int read_specials(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	int result = read_id(gguf, KEY("bos_token_id"), &vocabulary->bos, diag);

	if (!result)
		result = read_id(gguf, KEY("eos_token_id"), &vocabulary->eos, diag);
	if (!result)
		result = wick_gguf_bool(gguf, KEY("add_bos_token"), &vocabulary->add_bos, diag);
	if (!result || result == -ENOENT)
		result = wick_gguf_bool(gguf, KEY("add_space_prefix"), &vocabulary->prefix_space, diag);
	return result == -ENOENT ? 0 : result;
}

static int read_stop_keys(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	int64_t id;
	int result = 0;

	for (size_t i = 0; i < WICK_COUNT_OF(stop_keys) && !result; i++)
		result = read_id(gguf, stop_keys[i], &id, diag);
	vocabulary->stop = stop_of_key;
	vocabulary->stop_count = WICK_COUNT_OF(stop_keys);
	return result;
}

static int read_stops(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	enum wick_gguf_type element;
	uint64_t elements = 0;
	int result = wick_gguf_array(gguf, stop_list, &element, &elements, diag);

	if (result == -ENOENT)
		return read_stop_keys(gguf, vocabulary, diag);
	if (!result && (element != WICK_GGUF_I32 || elements > vocabulary->count))
		return wick_diag_say(diag, -EINVAL, "%s: %s is not a list of tokens", vocabulary->whose, stop_list);
	vocabulary->stop = listed_stop;
	vocabulary->stop_count = (uint32_t)elements;
	return result;
}

int wick_tokenizer_create(
	struct wick_tokenizer **tokenizer, const struct wick_gguf *gguf, uint32_t vocab, struct wick_diag *diag)
{
	struct wick_vocabulary vocabulary = { .whose = wick_gguf_path(gguf), .token = token, .type = type,
		.merge = merge, .from = gguf, .bos = -1, .eos = -1 };
	int result = read_model(gguf, &vocabulary, diag);

	*tokenizer = NULL;
	if (!result)
		result = read_count(gguf, &vocabulary, KEY("tokens"), &vocabulary.count, diag);
	if (!result && vocabulary.count > vocab)
		result = wick_diag_say(diag, -EINVAL, "%s: its tokenizer has %u tokens, and the model rows for %u of them",
			vocabulary.whose, vocabulary.count, vocab);
	if (!result)
		result = read_count(gguf, &vocabulary, KEY("merges"), &vocabulary.merge_count, diag);
	if (!result)
		result = read_types(gguf, &vocabulary, diag);
	if (!result)
		result = read_specials(gguf, &vocabulary, diag);
	if (!result)
		result = read_stops(gguf, &vocabulary, diag);
	return result ? result : wick_tokenizer_build(tokenizer, &vocabulary, diag);
}
