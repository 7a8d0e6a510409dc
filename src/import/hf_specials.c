/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Which tokens are special, and what for. A tokenizer says it in up to four files beside its vocabulary:
 *
 *     tokenizer_config.json    bos_token, ..., added_tokens_decoder (id -> text, special or not), add_bos_token
 *     special_tokens_map.json  bos_token, ... (older)
 *     added_tokens.json        text -> id (older)
 *     config.json              bos_token_id, ... (of the model)
 *
 * As in transformers 5 (tokenization_utils_base, _from_pretrained) the two older files overrule tokenizer_config.json, but
 * count for nothing where that has an added_tokens_decoder. */

#include "bits.h"
#include "hf_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const name_keys[] = { "bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token",
	"mask_token" };

/* A special token is named by its text, or by an object that has it. NULL when there is none. */
static const char *name_of(const json_t *member)
{
	return wick_hf_text(json_is_object(member) ? json_object_get(member, "content") : member);
}

static bool has_decoder(const struct wick_hf_source *source)
{
	return json_object_get(source->tokenizer_config, "added_tokens_decoder");
}

static int mark(struct wick_hf_source *source, const char *file, const char *key, const json_t *member)
{
	const char *name = name_of(member);

	if (!member || json_is_null(member))
		return 0;
	if (!name)
		return wick_hf_refuse(source, file, "%s does not name a token", key);
	return json_object_set_new(source->control, name, json_true()) ? -ENOMEM : 0;
}

static int mark_names(struct wick_hf_source *source, const char *file, const json_t *object)
{
	static const char more_key[] = "additional_special_tokens";
	const json_t *more = json_object_get(object, more_key);
	int result = 0;

	for (size_t i = 0; i < WICK_COUNT_OF(name_keys) && !result; i++)
		result = mark(source, file, name_keys[i], json_object_get(object, name_keys[i]));
	for (size_t i = 0; i < json_array_size(more) && !result; i++)
		result = mark(source, file, more_key, json_array_get(more, i));
	return result;
}

static int read_decoder(struct wick_hf_source *source)
{
	static const char file[] = "tokenizer_config.json";
	json_t *token, *decoder = json_object_get(source->tokenizer_config, "added_tokens_decoder");
	const char *key;
	int result = 0;

	json_object_foreach(decoder, key, token) {
		const char *text = wick_hf_text(json_object_get(token, "content"));
		bool special = false;
		char *end;
		long long id = strtoll(key, &end, 10);

		if (!text || !*key || *end)
			return wick_hf_refuse(source, file, "added_tokens_decoder has no token for id \"%s\"",
				wick_diag_name(key));
		result = wick_hf_flag(source, file, token, "special", &special);
		if (!result)
			result = wick_hf_add_token(source, file, text, id, special, token);
		if (result)
			break;
	}
	return result;
}

/* Which of added_tokens.json's tokens are special is said elsewhere, read before this. */
static int read_added(struct wick_hf_source *source)
{
	static const char file[] = "added_tokens.json";
	const char *text;
	json_t *added, *id;
	int result;

	if (has_decoder(source))
		return 0;
	result = wick_hf_read(source, file, &wick_json_config, WICK_JSON_UNIQUE_KEYS, &added);
	if (result)
		return result == -ENOENT ? 0 : result;
	json_object_foreach(added, text, id) {
		if (!json_is_integer(id))
			result = wick_hf_refuse(source, file, "the id of \"%s\" is not an integer",
				wick_diag_name(text));
		else
			result = wick_hf_add_token(source, file, text, json_integer_value(id),
				json_object_get(source->control, text), NULL);
		if (result)
			break;
	}
	json_decref(added);
	return result;
}

/* The id of a special token by its name in the tokenizer's files; *id stays as it is when they name none, or one that
 * the vocabulary lacks: no text leads to it, and the model has no row for it. */
static void id_by_name(const struct wick_hf_source *source, const char *key, int64_t *id)
{
	bool newer_first = has_decoder(source);
	const json_t *first = newer_first ? source->tokenizer_config : source->special_map;
	const json_t *second = newer_first ? source->special_map : source->tokenizer_config, *value;
	const char *name = name_of(json_object_get(first, key));

	if (!name)
		name = name_of(json_object_get(second, key));
	if (!name)
		return;
	value = json_object_get(source->vocab, name);
	if (json_is_integer(value))
		*id = json_integer_value(value);
}

/* The same by its id in config.json. */
static int id_by_number(const struct wick_hf_source *source, const char *key, int64_t *id)
{
	const json_t *value = json_object_get(source->config, key);

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_integer(value))
		return wick_hf_refuse(source, "config.json", "%s is not one integer", key);
	if (json_integer_value(value) < 0) /* -1 is written for "none" */
		return 0;
	*id = json_integer_value(value);
	if (*id >= source->out->count)
		return wick_hf_refuse(source, "config.json", "%s is %lld, the vocabulary has %u tokens", key,
			(long long)*id, source->out->count);
	return 0;
}

/* The later source wins: the tokenizer's name, except for eos, which ends generation. The token that a template puts
 * before a text is bos whatever its name. */
static int find_ids(const struct wick_hf_source *source)
{
	struct wick_hf_tokenizer *out = source->out;
	int result = id_by_number(source, "bos_token_id", &out->bos);

	if (!result)
		result = id_by_number(source, "pad_token_id", &out->pad);
	id_by_name(source, "bos_token", &out->bos);
	id_by_name(source, "pad_token", &out->pad);
	id_by_name(source, "unk_token", &out->unk);
	id_by_name(source, "eos_token", &out->eos);
	if (out->stop_count)
		out->eos = out->stops[0];
	if (source->template_bos >= 0)
		out->bos = source->template_bos;
	return result;
}

/* A template in tokenizer.json overrules tokenizer_config.json, as in transformers 5 (tokenization_utils_base). Where both
 * are silent: OPT was trained with bos before every text, which its older folders do not say, and transformers' classes for
 * SentencePiece put it there. */
static int find_add_bos(struct wick_hf_source *source)
{
	static const char file[] = "tokenizer_config.json";
	struct wick_hf_tokenizer *out = source->out;
	const char *model = wick_hf_text(json_object_get(source->config, "model_type"));
	bool add_eos = false;
	int result;

	out->add_bos = source->has_template ? source->template_bos >= 0 :
					      source->piece_types || (model && !strcmp(model, "opt"));
	if (source->has_template)
		return 0;
	result = wick_hf_flag(source, file, source->tokenizer_config, "add_bos_token", &out->add_bos);
	if (!result)
		result = wick_hf_flag(source, file, source->tokenizer_config, "add_eos_token", &add_eos);
	if (!result && add_eos)
		return wick_hf_refuse(source, file, "add_eos_token is not supported");
	if (!result && out->add_bos && out->bos < 0)
		return wick_hf_refuse(source, NULL, "bos goes before every text, but no file says which token it is");
	return result;
}

/* GPT-2's own class takes it from tokenizer_config.json alone, any other from tokenizer.json alone, where the
 * vocabulary's reader found it. */
static int find_prefix_space(struct wick_hf_source *source)
{
	static const char file[] = "tokenizer_config.json";
	const char *class = wick_hf_text(json_object_get(source->tokenizer_config, "tokenizer_class"));

	bool prefix = false;
	int result;

	if (source->pieces || (class && strncmp(class, "GPT2Tokenizer", 13)))
		return 0;
	result = wick_hf_flag(source, file, source->tokenizer_config, "add_prefix_space", &prefix);
	source->out->space_prefix = prefix ? WICK_SPACE_PARTS : WICK_SPACE_NEVER;
	return result;
}

int wick_hf_read_specials(struct wick_hf_source *source)
{
	int result = mark_names(source, "special_tokens_map.json", source->special_map);

	if (!result)
		result = mark_names(source, "tokenizer_config.json", source->tokenizer_config);
	if (!result)
		result = read_decoder(source);
	if (!result)
		result = read_added(source);
	if (!result)
		result = find_ids(source);
	if (!result)
		result = find_prefix_space(source);
	return result ? result : find_add_bos(source);
}
