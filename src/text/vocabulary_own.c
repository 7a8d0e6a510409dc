/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Facts of a vocabulary that tokenizer.ggml.* has no keys for (see vocabulary_own.h). */

#include "vocabulary_own.h"

#include "bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRIPS_MAX 4096 /* each special token is looked for in the list */

/* A packed model lists the tokens that end a text. Other files have a key for each kind of end, and chat formats
 * others. */
static const char stop_list[] = "wick.stop_token_ids";
static const char *const stop_keys[] = { "tokenizer.ggml.eos_token_id",
	"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id" };

static int64_t listed_stop(const void *from, uint32_t i)
{
	return wick_gguf_array_int(from, stop_list, i);
}

static int64_t stop_of_key(const void *from, uint32_t i)
{
	uint64_t id;

	return wick_gguf_u64(from, stop_keys[i], &id, NULL) ? -1 : (int64_t)WICK_MIN(id, (uint64_t)INT64_MAX);
}

static int read_stop_keys(const struct wick_gguf *gguf, struct wick_vocabulary *vocabulary, struct wick_diag *diag)
{
	for (size_t i = 0; i < WICK_COUNT_OF(stop_keys); i++) {
		uint64_t id;
		int result = wick_gguf_u64(gguf, stop_keys[i], &id, diag);

		if (result && result != -ENOENT)
			return result;
	}
	vocabulary->stops_by_text = true;
	vocabulary->stop = stop_of_key;
	vocabulary->stop_count = WICK_COUNT_OF(stop_keys);
	return 0;
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

static bool has_id(const void *from, const char *key, uint32_t id)
{
	enum wick_gguf_type element;
	uint64_t count;

	if (wick_gguf_array(from, key, &element, &count, NULL))
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (wick_gguf_array_int(from, key, i) == (int64_t)id)
			return true;
	return false;
}

static bool strips_listed(const void *from, uint32_t id, enum wick_side side)
{
	return has_id(from, side == WICK_LEFT ? WICK_OWN("strip_left") : WICK_OWN("strip_right"), id);
}

/* Phi-3's tokenizer.json says of its special tokens, but for these, that they take the white space behind them. */
static bool strips_as_phi3(const void *from, uint32_t id, enum wick_side side)
{
	static const char *const never[] = { "<unk>", "<s>", "<|endoftext|>" };
	struct wick_gguf_string token;

	if (side == WICK_LEFT)
		return false;
	token = wick_gguf_array_string(from, "tokenizer.ggml.tokens", id);
	for (size_t i = 0; i < WICK_COUNT_OF(never); i++)
		if (strlen(never[i]) == token.length && !memcmp(never[i], token.bytes, token.length))
			return false;
	return true;
}

static int check_list(const struct wick_vocabulary *vocabulary, const struct wick_gguf *gguf, const char *key,
	struct wick_diag *diag)
{
	enum wick_gguf_type element;
	uint64_t count;
	int result = wick_gguf_array(gguf, key, &element, &count, diag);

	if (!result && (element != WICK_GGUF_I32 || count > STRIPS_MAX))
		return wick_diag_say(diag, -EINVAL, "%s: %s is not a list of at most %d tokens", vocabulary->whose, key,
			STRIPS_MAX);
	return result == -ENOENT ? 0 : result;
}

static int read_strips(struct wick_vocabulary *vocabulary, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	struct wick_gguf_string arch = { 0 };
	int result = wick_gguf_string(gguf, "general.architecture", &arch, diag);
	bool phi3 = arch.length == 4 && !memcmp(arch.bytes, "phi3", 4);

	vocabulary->strips = phi3 && vocabulary->model == WICK_MODEL_PIECES ? strips_as_phi3 : strips_listed;
	if (!result || result == -ENOENT)
		result = check_list(vocabulary, gguf, WICK_OWN("strip_left"), diag);
	return result ? result : check_list(vocabulary, gguf, WICK_OWN("strip_right"), diag);
}

static int read_expressions(struct wick_vocabulary *vocabulary, const struct wick_gguf *gguf, char **expressions,
	struct wick_diag *diag)
{
	enum wick_gguf_type element;
	uint64_t count;
	int result = wick_gguf_array(gguf, WICK_OWN("expressions"), &element, &count, diag);

	if (result)
		return result == -ENOENT ? 0 : result;
	if (element != WICK_GGUF_STRING || !count || count >= WICK_PRE_EXPRESSIONS_MAX)
		return wick_diag_say(diag, -EINVAL, "%s: %s is not a list of 1 to %d expressions", vocabulary->whose,
			WICK_OWN("expressions"), WICK_PRE_EXPRESSIONS_MAX - 1);
	for (uint64_t i = 0; i < count; i++) {
		struct wick_gguf_string text = wick_gguf_array_string(gguf, WICK_OWN("expressions"), i);

		expressions[i] = strndup(text.bytes, text.length);
		if (!expressions[i])
			return -ENOMEM;
	}
	vocabulary->expressions = (const char *const *)expressions;
	return 0;
}

static int read_flag(const struct wick_gguf *gguf, const char *key, bool *value, struct wick_diag *diag)
{
	int result = wick_gguf_bool(gguf, key, value, diag);

	return result == -ENOENT ? 0 : result;
}

int wick_vocabulary_read_own(struct wick_vocabulary *vocabulary, const struct wick_gguf *gguf,
	char *expressions[WICK_PRE_EXPRESSIONS_MAX], struct wick_diag *diag)
{
	bool first = false;
	int result = read_stops(gguf, vocabulary, diag);

	if (!result)
		result = read_strips(vocabulary, gguf, diag);
	if (!result)
		result = read_expressions(vocabulary, gguf, expressions, diag);
	if (!result)
		result = read_flag(gguf, WICK_OWN("nfc"), &vocabulary->nfc, diag);
	if (!result)
		result = read_flag(gguf, WICK_OWN("whole_words"), &vocabulary->whole_words, diag);
	if (!result)
		result = read_flag(gguf, WICK_OWN("user_inside"), &vocabulary->user_inside, diag);
	if (!result)
		result = read_flag(gguf, WICK_OWN("space_once"), &vocabulary->space_once, diag);
	if (!result)
		result = read_flag(gguf, WICK_OWN("space_apart"), &vocabulary->space_apart, diag);
	if (!result)
		result = read_flag(gguf, WICK_OWN("space_first"), &first, diag);
	if (first && vocabulary->space_prefix == WICK_SPACE_PARTS)
		vocabulary->space_prefix = WICK_SPACE_FIRST;
	return result;
}
