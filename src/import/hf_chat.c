/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
/* The chat templates of a Hugging Face folder. As in transformers, files of templates go before what
 * tokenizer_config.json says. */

#include "hf_chat.h"

#include "bits.h"
#include "hf_source.h"
#include "whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATE_BYTES_MAX                                                                                             \
	(4 << 20) /* of a file, so that one that is none is not read; a template's own limit is less */
#define FOLDER "additional_chat_templates"
#define SUFFIX ".jinja"

static const char config_file[] = "tokenizer_config.json", map_file[] = "special_tokens_map.json";

static int add_file(struct wick_chat_texts *texts, const char *name, const char *path, struct wick_diag *diag)
{
	char *text;
	size_t bytes;
	int ret = wick_whole_file_read(&text, &bytes, path, TEMPLATE_BYTES_MAX, diag);

	if (!ret)
		ret = wick_chat_texts_add(texts, name, path, text, bytes, diag);
	free(text);
	return ret;
}

int wick_hf_chat_file(struct wick_chat_texts *texts, const char *path, struct wick_diag *diag)
{
	json_t *words = json_incref(texts->words);

	wick_chat_texts_free(texts);
	texts->words = words;
	return add_file(texts, "default", path, diag);
}

/* A file of the folder, if it is there. */
static int add_if_there(
	struct wick_chat_texts *texts, const char *folder, const char *file, const char *name, struct wick_diag *diag)
{
	struct wick_diag own = { 0 };
	char *path;
	int ret;

	if (asprintf(&path, "%s/%s", folder, file) < 0)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory", folder);
	ret = add_file(texts, name, path, &own);
	free(path);
	if (ret && ret != -ENOENT)
		wick_diag_say(diag, ret, "%s", own.text);
	return ret == -ENOENT ? 0 : ret;
}

/* NAME.jinja is the template NAME. */
static int add_named(struct wick_chat_texts *texts, const char *folder, const char *file, struct wick_diag *diag)
{
	size_t length = strlen(file), suffix = strlen(SUFFIX);
	char *name, *path;
	int ret;

	if (length <= suffix || strcmp(file + length - suffix, SUFFIX))
		return 0;
	name = strndup(file, length - suffix);
	if (!name || asprintf(&path, FOLDER "/%s", file) < 0) {
		free(name);
		return wick_diag_say(diag, -ENOMEM, "%s: no memory", folder);
	}
	ret = add_if_there(texts, folder, path, name, diag);
	free(path);
	free(name);
	return ret;
}

static int add_folder(struct wick_chat_texts *texts, const char *folder, struct wick_diag *diag)
{
	struct dirent *entry;
	char *path;
	DIR *dir;
	int ret = 0;

	if (asprintf(&path, "%s/" FOLDER, folder) < 0)
		return wick_diag_say(diag, -ENOMEM, "%s: no memory", folder);
	dir = opendir(path);
	if (!dir && errno != ENOENT)
		ret = wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	free(path);
	while (dir && !ret && (entry = readdir(dir)))
		ret = add_named(texts, folder, entry->d_name, diag);
	if (dir)
		closedir(dir);
	return ret;
}

static int add_text(
	struct wick_chat_texts *texts, const struct wick_hf_source *source, const char *name, const json_t *text)
{
	char *where;
	int ret;

	if (!name || !json_is_string(text))
		return wick_hf_refuse(
			source, config_file, "\"chat_template\" is neither a text nor a list of texts with names");
	if (asprintf(&where, "chat_template of %s/%s", source->folder, config_file) < 0)
		return -ENOMEM;
	ret = wick_chat_texts_add(texts, name, where, json_string_value(text), json_string_length(text), source->diag);
	free(where);
	return ret;
}

static int add_from_config(struct wick_chat_texts *texts, const struct wick_hf_source *source)
{
	const json_t *template = json_object_get(source->tokenizer_config, "chat_template");
	json_t *named;
	int ret = 0;
	size_t i;

	if (!template || json_is_null(template))
		return 0;
	if (!json_is_array(template))
		return add_text(texts, source, "default", template);
	json_array_foreach((json_t *)(uintptr_t) template, i, named) if (!ret) ret = add_text(
		texts, source, wick_hf_text(json_object_get(named, "name")), json_object_get(named, "template"));
	return ret;
}

/* A special token is named by its text, or by an object that has it. */
static json_t *token_of(const json_t *object, const char *key)
{
	json_t *member = json_object_get(object, key);

	if (json_is_object(member))
		member = json_object_get(member, "content");
	return json_is_string(member) ? member : NULL;
}

static int add_words(json_t *words, const struct wick_hf_source *source)
{
	static const char *const keys[] = { "bos_token", "eos_token", "unk_token", "pad_token", "sep_token",
		"cls_token", "mask_token" };
	bool adds_bos = false;
	int ret = wick_hf_flag(source, config_file, source->tokenizer_config, "add_bos_token", &adds_bos);

	for (size_t i = 0; i < WICK_COUNT_OF(keys) && !ret; i++) {
		json_t *token = token_of(source->tokenizer_config, keys[i]);

		token = token ? token : token_of(source->special_map, keys[i]);
		if (token && json_object_set(words, keys[i], token))
			ret = -ENOMEM;
	}
	if (!ret && json_object_set_new(words, "add_bos_token", json_boolean(adds_bos)))
		ret = -ENOMEM;
	return ret;
}

static int read_if_there(const struct wick_hf_source *source, const char *file, json_t **object)
{
	int ret = wick_hf_read(source, file, &wick_json_tokenizer, WICK_JSON_LAST_KEY_WINS, object);

	return ret == -ENOENT ? 0 : ret;
}

static int add_from_files(struct wick_chat_texts *texts, const char *folder, struct wick_diag *diag)
{
	int ret = add_if_there(texts, folder, "chat_template" SUFFIX, "default", diag);

	return ret ? ret : add_folder(texts, folder, diag);
}

int wick_hf_chat_texts(struct wick_chat_texts *texts, const char *folder, struct wick_diag *diag)
{
	struct wick_hf_source source = { .folder = folder, .diag = diag };
	int ret = add_from_files(texts, folder, diag);

	if (!ret)
		ret = read_if_there(&source, config_file, &source.tokenizer_config);
	if (!ret)
		ret = read_if_there(&source, map_file, &source.special_map);
	if (!ret && !texts->count)
		ret = add_from_config(texts, &source);
	if (!ret && !texts->words)
		texts->words = json_object();
	if (!ret)
		ret = texts->words ? add_words(texts->words, &source) : -ENOMEM;
	json_decref(source.tokenizer_config);
	json_decref(source.special_map);
	return ret == -ENOMEM ? wick_diag_say(diag, ret, "%s: no memory", folder) : ret;
}
