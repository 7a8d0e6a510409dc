/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* tokenizer.json: the whole pipeline of a tokenizer in one file.
 *
 *     text -> normalizer -> pre_tokenizer -> model (vocab, merges) -> post_processor -> ids -> decoder -> text
 *
 * Every stage is checked, since each can change the ids. Those around the vocabulary are in hf_pipeline.c. */

#include "bits.h"
#include "hf_pipeline.h"

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

/* One, or several in a "Sequence". */
static int check_post_processor(struct wick_hf_source *source, const json_t *stage)
{
	const char *type = type_of(stage);
	size_t i;
	json_t *part;

	if (!*type || !strcmp(type, "ByteLevel"))
		return 0;
	if (!strcmp(type, "TemplateProcessing"))
		return check_template(source, stage);
	if (strcmp(type, "Sequence"))
		return refuse(source, "post_processor", type);
	json_array_foreach(json_object_get(stage, "processors"), i, part) {
		int result = strcmp(type_of(part), "Sequence") ? check_post_processor(source, part) :
								  refuse(source, "post_processor", "Sequence in a Sequence");

		if (result)
			return result;
	}
	return 0;
}

/* Options of the model: its unknown token, bytes in place of unknown characters, whole words. */
static int read_flags(struct wick_hf_source *source, const json_t *model)
{
	const char *unknown = wick_hf_text(json_object_get(model, "unk_token"));
	const json_t *id = json_object_get(source->vocab, unknown ? unknown : "");
	bool fuse = false;
	int result = wick_hf_flag(source, file, model, "byte_fallback", &source->byte_fallback);

	if (!result)
		result = wick_hf_flag(source, file, model, "ignore_merges", &source->out->whole_words);
	if (!result)
		result = wick_hf_flag(source, file, model, "fuse_unk", &fuse);
	if (!result && unknown && !json_is_integer(id))
		return wick_hf_refuse(source, file, "unk_token is \"%s\", which the vocabulary lacks", wick_diag_name(unknown));
	if (id)
		source->out->unk = json_integer_value(id);
	source->fuse_unk = fuse;
	return result;
}

/* Options of a BPE model that change what it makes of a text. */
static int check_model(struct wick_hf_source *source, const json_t *model)
{
	static const char *const affixes[] = { "continuing_subword_prefix", "end_of_word_suffix" };
	const json_t *dropout = json_object_get(model, "dropout");

	if (dropout && !json_is_null(dropout) && json_number_value(dropout) != 0)
		return refuse(source, "model BPE with", "dropout");
	for (size_t i = 0; i < WICK_COUNT_OF(affixes); i++) {
		const char *affix = wick_hf_text(json_object_get(model, affixes[i]));

		if (affix && *affix)
			return refuse(source, "model BPE with", affixes[i]);
	}
	return 0;
}

/* Keys that the two kinds of tokenizer cannot have. */
static int check_kind(const struct wick_hf_source *source)
{
	if (source->bytes && source->byte_fallback)
		return refuse(source, "model byte-level BPE with", "byte_fallback");
	if (source->pieces && source->out->whole_words)
		return refuse(source, "model BPE of characters with", "ignore_merges");
	if (source->bytes && source->out->scores)
		return refuse(source, "model byte-level", "Unigram");
	if (source->pieces && !source->byte_fallback && !source->fuse_unk)
		return refuse(source, "model BPE of characters without", "byte_fallback and fuse_unk");
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
		return wick_hf_add_merge(source, file, left, right);
	if (!space)
		return wick_hf_add_merge(source, file, "", "");
	copy = strndup(line, (size_t)(space - line));
	if (!copy)
		return -ENOMEM;
	result = wick_hf_add_merge(source, file, copy, space + 1);
	free(copy);
	return result;
}

static int read_model(struct wick_hf_source *source, const json_t *model)
{
	json_t *vocab = json_object_get(model, "vocab");
	const json_t *merges = json_object_get(model, "merges");
	int result;

	if (!strcmp(type_of(model), "Unigram"))
		return wick_hf_read_unigram(source, model);
	if (strcmp(type_of(model), "BPE"))
		return refuse(source, "model", type_of(model));
	result = check_model(source, model);
	if (result)
		return result;
	if (!json_is_object(vocab) || !json_is_array(merges))
		return wick_hf_refuse(source, file, "model has no vocab object or no merges array");
	source->vocab = json_incref(vocab);
	return read_flags(source, model);
}

static int read_merges(struct wick_hf_source *source, const json_t *merges)
{
	int result = 0;

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
	json_t *model = json_object_get(root, "model");
	int result;

	source->file = file;
	result = wick_hf_read_pipeline(source, root);
	if (!result)
		result = read_model(source, model);
	if (!result)
		result = check_kind(source);
	wick_hf_name_pipeline(source);
	if (!result)
		result = read_merges(source, json_object_get(model, "merges"));
	if (!result)
		result = read_added(source, json_object_get(root, "added_tokens"));
	return result ? result : check_post_processor(source, json_object_get(root, "post_processor"));
}
