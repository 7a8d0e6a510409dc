/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* tokenizer.json: the whole pipeline of a tokenizer in one file.
 *
 *     text -> normalizer -> pre_tokenizer -> model (vocab, merges) -> post_processor -> ids -> decoder -> text
 *
 * Every stage is checked, since each can change the ids: none but byte-level ones pass. */

#include "bits.h"
#include "hf_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char file[] = "tokenizer.json";

/* The "type" of a stage, "" when it is absent or null. */
static const char *type_of(const json_t *stage)
{
	const char *type = wick_hf_text(json_object_get(stage, "type"));

	return type ? type : json_is_object(stage) ? "(without a type)" : "";
}

static int refuse(const struct wick_hf_source *source, const char *stage, const char *type)
{
	return wick_hf_refuse(source, file, "%s \"%s\" is not supported", stage, wick_diag_name(type));
}

/* GPT-2's pre-tokeniser: ByteLevel with its own regex, which may put a space in front. */
static int check_pre_tokenizer(const struct wick_hf_source *source, const json_t *stage)
{
	bool *prefix_space = &source->out->prefix_space, regex = true;
	int result;

	if (strcmp(type_of(stage), "ByteLevel"))
		return refuse(source, "pre_tokenizer", type_of(stage));
	*prefix_space = true;
	result = wick_hf_flag(source, file, stage, "add_prefix_space", prefix_space);
	if (!result)
		result = wick_hf_flag(source, file, stage, "use_regex", &regex);
	if (result || regex)
		return result;
	return wick_hf_refuse(source, file, "pre_tokenizer ByteLevel without use_regex is not supported");
}

/* The post-processor may put bos before the text. A template for one text: [SpecialToken bos, Sequence A]. */
static int check_template(struct wick_hf_source *source, const json_t *stage)
{
	const json_t *single = json_object_get(stage, "single");
	size_t count = json_array_size(single);
	const json_t *first = json_object_get(json_array_get(single, 0), "SpecialToken");
	const json_t *text = json_object_get(json_array_get(single, count ? count - 1 : 0), "Sequence");
	const char *name = wick_hf_text(json_object_get(first, "id"));
	const json_t *id = json_object_get(source->vocab, name ? name : "");

	if (!text || count != (first ? 2 : 1) || (first && !json_is_integer(id)))
		return wick_hf_refuse(source, file,
			"post_processor adds more than one known token before the text, which is not supported");
	source->has_template = true;
	source->template_bos = first ? json_integer_value(id) : -1;
	return 0;
}

static int check_post_processor(struct wick_hf_source *source, const json_t *stage)
{
	const char *type = type_of(stage);

	if (!*type || !strcmp(type, "ByteLevel"))
		return 0;
	if (!strcmp(type, "TemplateProcessing"))
		return check_template(source, stage);
	return refuse(source, "post_processor", type);
}

/* Options of the BPE model that change what it makes of a text. */
static int check_model(const struct wick_hf_source *source, const json_t *model)
{
	static const char *const flags[] = { "byte_fallback", "ignore_merges" };
	static const char *const affixes[] = { "continuing_subword_prefix", "end_of_word_suffix" };
	const json_t *dropout = json_object_get(model, "dropout");

	if (strcmp(type_of(model), "BPE"))
		return refuse(source, "model", type_of(model));
	if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0)
		return refuse(source, "model BPE with", "dropout");
	for (size_t i = 0; i < WICK_COUNT_OF(flags); i++) {
		bool on = false;
		int result = wick_hf_flag(source, file, model, flags[i], &on);

		if (result || on)
			return result ? result : refuse(source, "model BPE with", flags[i]);
	}
	for (size_t i = 0; i < WICK_COUNT_OF(affixes); i++) {
		const char *affix = wick_hf_text(json_object_get(model, affixes[i]));

		if (affix && *affix)
			return refuse(source, "model BPE with", affixes[i]);
	}
	return 0;
}

/* A merge is "a b" or ["a", "b"]. */
static int take_merge(struct wick_hf_source *source, const json_t *merge)
{
	const char *line = wick_hf_text(merge), *space = line ? strchr(line, ' ') : NULL;
	const char *left = wick_hf_text(json_array_get(merge, 0));
	const char *right = wick_hf_text(json_array_get(merge, 1));
	char *copy;
	int result;

	if (json_array_size(merge) == 2 && left && right)
		return wick_hf_add_merge(source, left, right);
	if (!space)
		return wick_hf_add_merge(source, "", "");
	copy = strndup(line, (size_t)(space - line));
	if (!copy)
		return -ENOMEM;
	result = wick_hf_add_merge(source, copy, space + 1);
	free(copy);
	return result;
}

static int read_model(struct wick_hf_source *source, const json_t *model)
{
	json_t *vocab = json_object_get(model, "vocab");
	const json_t *merges = json_object_get(model, "merges");
	int result = check_model(source, model);

	if (result)
		return result;
	if (!json_is_object(vocab) || !json_is_array(merges))
		return wick_hf_refuse(source, file, "model has no vocab object or no merges array");
	source->vocab = json_incref(vocab);
	for (size_t i = 0; i < json_array_size(merges) && !result; i++)
		result = take_merge(source, json_array_get(merges, i));
	return result;
}

static int read_added(struct wick_hf_source *source, const json_t *added)
{
	int result = 0;

	for (size_t i = 0; i < json_array_size(added) && !result; i++) {
		const json_t *token = json_array_get(added, i), *id = json_object_get(token, "id");
		const char *text = wick_hf_text(json_object_get(token, "content"));
		bool special = false;

		if (!text || !json_is_integer(id))
			return wick_hf_refuse(source, file, "added token %zu has no content or no id", i);
		result = wick_hf_flag(source, file, token, "special", &special);
		if (!result)
			result = wick_hf_add_token(source, file, text, json_integer_value(id), special, token);
	}
	return result;
}

int wick_hf_read_tokenizer_json(struct wick_hf_source *source, json_t *root)
{
	const json_t *decoder = json_object_get(root, "decoder");
	int result;

	source->file = file;
	if (*type_of(json_object_get(root, "normalizer")))
		return refuse(source, "normalizer", type_of(json_object_get(root, "normalizer")));
	result = check_pre_tokenizer(source, json_object_get(root, "pre_tokenizer"));
	if (!result && strcmp(type_of(decoder), "ByteLevel"))
		result = refuse(source, "decoder", type_of(decoder));
	if (!result)
		result = read_model(source, json_object_get(root, "model"));
	if (!result)
		result = read_added(source, json_object_get(root, "added_tokens"));
	return result ? result : check_post_processor(source, json_object_get(root, "post_processor"));
}
