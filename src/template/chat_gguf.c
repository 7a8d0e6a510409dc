/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* The chat templates of a GGUF file, and the words that it has for them. */

#include "bits.h"
#include "chat.h"
#include "gguf.h"
#include "json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATE "tokenizer.chat_template"
#define KEY_BYTES 256

static int add(struct wick_chat_texts *texts, const struct wick_gguf *gguf, const char *key, const char *name,
	struct wick_diag *diag)
{
	struct wick_gguf_string text;
	int ret = wick_gguf_string(gguf, key, &text, diag);
	char *where = NULL;

	if (ret)
		return ret;
	if (asprintf(&where, "%s of %s", key, wick_gguf_path(gguf)) < 0)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory", wick_gguf_path(gguf));
	ret = wick_chat_texts_add(texts, name, where, text.bytes, text.length, diag);
	free(where);
	return ret;
}

/* Those that tokenizer.chat_templates names. */
static int add_named(struct wick_chat_texts *texts, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	enum wick_gguf_type type;
	uint64_t count = 0;
	int ret = wick_gguf_array(gguf, TEMPLATE "s", &type, &count, diag);

	if (!ret && type != WICK_GGUF_STRING)
		ret = wick_diag_say(
			diag, -EINVAL, "%s: " TEMPLATE "s is not an array of strings", wick_gguf_path(gguf));
	for (uint64_t i = 0; i < count && !ret; i++) {
		struct wick_gguf_string name = wick_gguf_array_string(gguf, TEMPLATE "s", i);
		char key[KEY_BYTES];

		if (name.length > KEY_BYTES - sizeof(TEMPLATE) - 2 || memchr(name.bytes, 0, name.length))
			return wick_diag_say(diag, -EINVAL, "%s: " TEMPLATE "s names a template by %llu bytes",
				wick_gguf_path(gguf), (unsigned long long)name.length);
		snprintf(key, sizeof(key), TEMPLATE ".%.*s", (int)name.length, name.bytes);
		ret = add(texts, gguf, key, key + sizeof(TEMPLATE), diag);
		if (ret == -ENOENT)
			ret = wick_diag_say(diag, -EINVAL, "%s: " TEMPLATE "s names \"%s\", but there is no %s",
				wick_gguf_path(gguf), key + sizeof(TEMPLATE), key);
	}
	return ret == -ENOENT ? 0 : ret;
}

/* The text of the token that a key names the id of. */
static int add_word(
	json_t *words, const struct wick_gguf *gguf, const char *key, const char *word, struct wick_diag *diag)
{
	struct wick_gguf_string text;
	uint64_t id;
	int ret = wick_gguf_u64(gguf, key, &id, diag);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	text = wick_gguf_array_string(gguf, "tokenizer.ggml.tokens", id);
	if (!text.bytes) /* no such token: the tokenizer says so */
		return 0;
	return json_object_set_new(words, word, wick_json_text(text.bytes, text.length)) ? -ENOMEM : 0;
}

static int add_words(json_t *words, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	static const char *const keys[][2] = {
		{ "tokenizer.ggml.bos_token_id", "bos_token" },
		{ "tokenizer.ggml.eos_token_id", "eos_token" },
		{ "tokenizer.ggml.unknown_token_id", "unk_token" },
		{ "tokenizer.ggml.padding_token_id", "pad_token" },
	};
	bool adds_bos = false;
	int ret = wick_gguf_bool(gguf, "tokenizer.ggml.add_bos_token", &adds_bos, diag);

	if (ret == -ENOENT)
		ret = 0;
	for (size_t i = 0; i < WICK_COUNT_OF(keys) && !ret; i++)
		ret = add_word(words, gguf, keys[i][0], keys[i][1], diag);
	if (!ret && json_object_set_new(words, "add_bos_token", json_boolean(adds_bos)))
		ret = -ENOMEM;
	return ret;
}

int wick_chat_texts_gguf(struct wick_chat_texts *texts, const struct wick_gguf *gguf, struct wick_diag *diag)
{
	int ret = add(texts, gguf, TEMPLATE, "default", diag);

	if (!ret || ret == -ENOENT)
		ret = add_named(texts, gguf, diag);
	if (!ret && !texts->words)
		texts->words = json_object();
	if (!ret)
		ret = texts->words ? add_words(texts->words, gguf, diag) : -ENOMEM;
	return ret == -ENOMEM ? wick_diag_say(diag, ret, "%s: no memory", wick_gguf_path(gguf)) : ret;
}
