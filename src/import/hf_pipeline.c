/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* tokenizer.json's stages around its vocabulary (see hf_pipeline.h). There are two kinds of tokenizer:
 *
 *     bytes     [NFC] -> Split, Digits, Punctuation, ... -> ByteLevel -> BPE                     GPT-2's, Llama 3's, Qwen's
 *     pieces    [Prepend U+2581] Replace " " by U+2581, or Metaspace -> BPE with byte_fallback   Llama 2's, Gemma's
 *
 * Each stage can change the ids, so that none passes that is not understood. */

#include "hf_pipeline.h"

#include "bits.h"
#include "pre.h"
#include "space_mark.h"

#include <errno.h>
#include <string.h>

static const char file[] = "tokenizer.json";

static const char *type_of(const json_t *stage)
{
	const char *type = wick_hf_text(json_object_get(stage, "type"));

	return type ? type : json_is_object(stage) ? "(without a type)" : "";
}

static int refuse(const struct wick_hf_source *source, const char *stage, const char *what)
{
	return wick_hf_refuse(source, file, "%s \"%s\" is not supported", stage, wick_diag_name(what));
}

/* A stage by its name. */
struct stage {
	const char *type;
	int (*read)(struct wick_hf_source *source, const json_t *stage);
};

/* One stage, or several in a "Sequence" under `key`. None is fine. */
static int read_stage(struct wick_hf_source *source, const char *name, const char *key, const struct stage *stages,
	const json_t *stage)
{
	const char *type = type_of(stage);
	size_t i;
	json_t *part;

	if (!*type)
		return 0;
	json_array_foreach(!strcmp(type, "Sequence") ? json_object_get(stage, key) : NULL, i, part) {
		int result = !strcmp(type_of(part), "Sequence") ? refuse(source, name, "Sequence in a Sequence") :
								  read_stage(source, name, key, stages, part);

		if (result)
			return result;
	}
	for (; stages->type; stages++)
		if (!strcmp(stages->type, type))
			return stages->read(source, stage);
	return strcmp(type, "Sequence") ? refuse(source, name, type) : 0;
}

static int read_nfc(struct wick_hf_source *source, const json_t *stage)
{
	(void)stage;
	source->out->nfc = true;
	return 0;
}

static int read_prepend(struct wick_hf_source *source, const json_t *stage)
{
	const char *text = wick_hf_text(json_object_get(stage, "prepend"));

	if (!text || strcmp(text, WICK_SPACE_MARK))
		return refuse(source, "normalizer Prepend of", text ? text : "");
	source->out->space_prefix = WICK_SPACE_PARTS;
	return 0;
}

static int read_replace(struct wick_hf_source *source, const json_t *stage)
{
	const char *pattern = wick_hf_text(json_object_get(json_object_get(stage, "pattern"), "String"));
	const char *content = wick_hf_text(json_object_get(stage, "content"));

	if (!pattern || strcmp(pattern, " ") || !content || strcmp(content, WICK_SPACE_MARK))
		return refuse(source, "normalizer Replace of", pattern ? pattern : "a regular expression");
	source->pieces = true;
	return 0;
}

static const struct stage normalizers[] = { { "NFC", read_nfc }, { "Prepend", read_prepend },
	{ "Replace", read_replace }, { NULL, NULL } };

/* Where a text is cut, as one more expression. */
static int add_expression(struct wick_hf_source *source, const char *expression)
{
	struct wick_hf_tokenizer *out = source->out;
	size_t count = 0;

	while (out->expressions[count])
		count++;
	if (count + 1 == WICK_PRE_EXPRESSIONS_MAX)
		return wick_hf_refuse(source, file, "pre_tokenizer has more than %d stages", WICK_PRE_EXPRESSIONS_MAX - 1);
	/* Behind ByteLevel a text is spelled in another alphabet, in which only ASCII is as it was. */
	if (source->bytes && strcmp(expression, "[0-9][0-9][0-9]"))
		return refuse(source, "pre_tokenizer behind ByteLevel", expression);
	out->expressions[count] = strdup(expression);
	return out->expressions[count] ? 0 : -ENOMEM;
}

static int read_byte_level(struct wick_hf_source *source, const json_t *stage)
{
	bool prefix = true, regex = true;
	int result = wick_hf_flag(source, file, stage, "add_prefix_space", &prefix);

	if (!result)
		result = wick_hf_flag(source, file, stage, "use_regex", &regex);
	if (!result && regex)
		result = add_expression(source, wick_pre_find("gpt-2", 5)->expressions[0]);
	source->out->space_prefix = prefix ? WICK_SPACE_PARTS : WICK_SPACE_NEVER;
	source->bytes = true;
	return result;
}

/* The pieces are the matches of the expression and the text between them, or the matches alone where they leave
 * nothing. */
static bool keeps_all(const json_t *stage, const char *expression)
{
	const char *behavior = wick_hf_text(json_object_get(stage, "behavior"));
	bool inverted = json_is_true(json_object_get(stage, "invert"));

	if (!behavior)
		return false;
	if (!strcmp(behavior, "Isolated"))
		return true;
	return !strcmp(behavior, "Removed") && inverted && wick_pre_matches_all(expression);
}

static int read_split(struct wick_hf_source *source, const json_t *stage)
{
	const json_t *pattern = json_object_get(stage, "pattern");
	const char *expression = wick_hf_text(json_object_get(pattern, "Regex"));
	const char *string = wick_hf_text(json_object_get(pattern, "String"));
	const char *behavior = wick_hf_text(json_object_get(stage, "behavior"));

	if (source->pieces && string && !strcmp(string, " ")) /* Gemma's: no text has a space any more */
		return 0;
	if (!expression)
		return refuse(source, "pre_tokenizer Split by", string ? string : "");
	if (!keeps_all(stage, expression))
		return refuse(source, "pre_tokenizer Split with behavior",
			behavior ? behavior : "");
	return add_expression(source, expression);
}

static int read_digits(struct wick_hf_source *source, const json_t *stage)
{
	bool individual = false;
	int result = wick_hf_flag(source, file, stage, "individual_digits", &individual);

	return result ? result : add_expression(source, individual ? "\\p{N}" : "\\p{N}+");
}

static int read_punctuation(struct wick_hf_source *source, const json_t *stage)
{
	const char *behavior = wick_hf_text(json_object_get(stage, "behavior"));

	if (behavior && !strcmp(behavior, "Contiguous"))
		return add_expression(source, "[\\p{P}\\$\\+<=>\\^~\\|`]+");
	if (!behavior || !strcmp(behavior, "Isolated"))
		return add_expression(source, "[\\p{P}\\$\\+<=>\\^~\\|`]");
	return refuse(source, "pre_tokenizer Punctuation with behavior", behavior);
}

static int read_metaspace(struct wick_hf_source *source, const json_t *stage)
{
	static const struct {
		const char *name;
		enum wick_space_prefix prefix;
	} schemes[] = { { "first", WICK_SPACE_FIRST }, { "always", WICK_SPACE_PARTS }, { "never", WICK_SPACE_NEVER } };
	const char *scheme = wick_hf_text(json_object_get(stage, "prepend_scheme"));
	const char *mark = wick_hf_text(json_object_get(stage, "replacement"));
	int result;

	source->out->space_apart = true;
	result = wick_hf_flag(source, file, stage, "split", &source->out->space_apart);
	if (result)
		return result;
	if (!mark || strcmp(mark, WICK_SPACE_MARK))
		return refuse(source, "pre_tokenizer Metaspace with", "another replacement");
	for (size_t i = 0; scheme && i < WICK_COUNT_OF(schemes); i++)
		if (!strcmp(schemes[i].name, scheme)) {
			source->pieces = true;
			source->out->space_prefix = schemes[i].prefix;
			source->out->space_once = true;
			return 0;
		}
	return refuse(source, "pre_tokenizer Metaspace with prepend_scheme", scheme ? scheme : "");
}

static const struct stage pre_tokenizers[] = { { "ByteLevel", read_byte_level }, { "Split", read_split },
	{ "Digits", read_digits }, { "Punctuation", read_punctuation }, { "Metaspace", read_metaspace }, { NULL, NULL } };

/* Decoders make text of tokens, which wick does by the kind alone. */
static int take_decoder(struct wick_hf_source *source, const json_t *stage)
{
	bool byte_level = !strcmp(type_of(stage), "ByteLevel");

	return byte_level == source->bytes ? 0 : refuse(source, "decoder", type_of(stage));
}

static const struct stage decoders[] = { { "ByteLevel", take_decoder }, { "Replace", take_decoder },
	{ "ByteFallback", take_decoder }, { "Fuse", take_decoder }, { "Strip", take_decoder },
	{ "Metaspace", take_decoder }, { NULL, NULL } };

/* Others than those that have a name keep their expressions. */
void wick_hf_name_pipeline(struct wick_hf_source *source)
{
	struct wick_hf_tokenizer *out = source->out;
	const struct wick_pre *pre = wick_pre_like((const char *const *)out->expressions, out->nfc, out->whole_words);

	out->model = !source->pieces ? "gpt2" : out->scores ? "t5" : "llama";
	out->pre = source->pieces ? "default" : pre ? pre->name : WICK_PRE_OWN;
}

/* One of the two kinds, and no part of the other. */
static int check_kind(const struct wick_hf_source *source)
{
	const struct wick_hf_tokenizer *out = source->out;

	if (source->bytes == source->pieces)
		return wick_hf_refuse(source, file, "is neither a byte-level tokenizer nor one with U+2581 for spaces");
	if (source->pieces && (out->expressions[0] || out->nfc))
		return refuse(source, out->nfc ? "normalizer" : "pre_tokenizer", out->nfc ? "NFC" : out->expressions[0]);
	if (source->bytes && !out->expressions[0])
		return refuse(source, "pre_tokenizer ByteLevel", "without use_regex");
	return 0;
}

int wick_hf_read_pipeline(struct wick_hf_source *source, const json_t *root)
{
	int result = read_stage(source, "normalizer", "normalizers", normalizers, json_object_get(root, "normalizer"));

	if (!result)
		result = read_stage(source, "pre_tokenizer", "pretokenizers", pre_tokenizers,
			json_object_get(root, "pre_tokenizer"));
	if (!result)
		result = check_kind(source);
	return result ? result : read_stage(source, "decoder", "decoders", decoders, json_object_get(root, "decoder"));
}
