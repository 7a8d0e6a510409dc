/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Shared by the readers of a Hugging Face tokenizer's files. */

#include "hf_source.h"

#include "bits.h"
#include "bytelevel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int wick_hf_refuse(const struct wick_hf_source *source, const char *file, const char *format, ...)
{
	char text[sizeof(source->diag->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return wick_diag_say(source->diag, -EINVAL, "%s%s%s: %s", source->folder, file ? "/" : "", file ? file : "",
		text);
}

/* A sentence about a missing file is dropped with the code that says so, since most files may be missing. */
int wick_hf_read(const struct wick_hf_source *source, const char *file, const struct wick_json_bounds *bounds,
	enum wick_json_keys keys, json_t **object)
{
	struct wick_diag diag = { 0 };
	char *path = NULL;
	int result;

	*object = NULL;
	if (asprintf(&path, "%s/%s", source->folder, file) < 0)
		return -ENOMEM;
	result = wick_json_load(object, path, bounds, keys, &diag);
	if (!result && !json_is_object(*object))
		result = wick_diag_say(&diag, -EINVAL, "%s: is not a JSON object", path);
	if (result && result != -ENOENT)
		wick_diag_say(source->diag, result, "%s", diag.text);
	if (result) {
		json_decref(*object);
		*object = NULL;
	}
	free(path);
	return result;
}

const char *wick_hf_text(const json_t *value)
{
	const char *text = json_string_value(value);

	return text && strlen(text) == json_string_length(value) ? text : NULL;
}

int wick_hf_flag(const struct wick_hf_source *source, const char *file, const json_t *object, const char *key,
	bool *value)
{
	const json_t *member = json_object_get(object, key);

	if (!member || json_is_null(member))
		return 0;
	if (!json_is_boolean(member))
		return wick_hf_refuse(source, file, "\"%s\" is neither true nor false", key);
	*value = json_is_true(member);
	return 0;
}

/* Room for one more merge: the array doubles whenever its length is a power of two. */
static int grow_merges(struct wick_hf_tokenizer *out)
{
	uint64_t count = out->merge_count;
	char **grown;

	if (count && !wick_is_pow2(count))
		return 0;
	grown = reallocarray(out->merges, count ? 2 * count : 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	out->merges = grown;
	return 0;
}

/* Are both halves and the whole tokens, of GPT-2's kind spelled in its alphabet even if they are special? 0, 1 or
 * -ENOMEM. */
static int has_merge_tokens(const struct wick_hf_source *source, const char *left, const char *right)
{
	char *made;
	int has;

	if (asprintf(&made, "%s%s", left, right) < 0)
		return -ENOMEM;
	has = json_object_get(source->vocab, left) && json_object_get(source->vocab, right) &&
		json_object_get(source->vocab, made) &&
		(source->pieces || wick_bytelevel_decode(made, strlen(made), NULL) >= 0);
	free(made);
	return has;
}

int wick_hf_add_merge(struct wick_hf_source *source, const char *file, const char *left, const char *right)
{
	struct wick_hf_tokenizer *out = source->out;
	char *merge;
	int has;

	if (!*left || !*right || strchr(left, ' ') || strchr(right, ' '))
		return wick_hf_refuse(source, file, "merge %u is not two pieces with a space between them",
			out->merge_count);
	has = has_merge_tokens(source, left, right);
	if (has < 0)
		return has;
	if (!has)
		return wick_hf_refuse(source, file, "merge %u, \"%s %s\", needs a token that the vocabulary lacks",
			out->merge_count, wick_diag_name(left), wick_diag_name(right));
	if (grow_merges(out) || asprintf(&merge, "%s %s", left, right) < 0)
		return -ENOMEM;
	out->merges[out->merge_count++] = merge;
	if (json_object_get(source->merged, merge))
		return wick_hf_refuse(source, file, "merge %u, \"%s\", is there twice", out->merge_count - 1,
			wick_diag_name(merge));
	return json_object_set_new(source->merged, merge, json_true()) ? -ENOMEM : 0;
}

/* White space that a token takes on one side. single_word is not supported. */
static int read_sides(struct wick_hf_source *source, const char *file, const char *text, const json_t *facts)
{
	static const char *const sides[] = { "lstrip", "rstrip" };
	bool single_word = false;
	int result = wick_hf_flag(source, file, facts, "single_word", &single_word);

	for (size_t i = 0; i < WICK_COUNT_OF(sides) && !result; i++) {
		bool on = false;

		result = wick_hf_flag(source, file, facts, sides[i], &on);
		if (!result && on && json_object_set_new(source->strips[i], text, json_true()))
			result = -ENOMEM;
	}
	return result || !single_word ? result : wick_hf_refuse(source, file,
		"added token \"%s\" with single_word is not supported", wick_diag_name(text));
}

/* Those that are normalized are looked for in what the others leave of a text. It matters only where there are both, or
 * where a normaliser puts U+2581 in front of them, too. */
static int check_normalized(struct wick_hf_source *source, const char *file, const char *text, const json_t *facts)
{
	bool normalized = true;
	int result = wick_hf_flag(source, file, facts, "normalized", &normalized);

	if (!result && json_object_size(source->added) && normalized != source->added_normalized)
		return wick_hf_refuse(source, file, "added token \"%s\" is %snormalized, unlike others, which is not supported",
			wick_diag_name(text), normalized ? "" : "not ");
	if (!result && source->pieces && normalized && source->out->space_prefix != WICK_SPACE_NEVER)
		return wick_hf_refuse(source, file, "added token \"%s\" is normalized, which is not supported",
			wick_diag_name(text));
	source->added_normalized = normalized;
	return result;
}

/* The vocabulary has this text in the byte alphabet, in which it means other bytes. */
static bool means_other_bytes(const char *text)
{
	bool ascii = true;

	for (const char *c = text; *c; c++)
		ascii &= (unsigned char)*c < 0x80;
	return !ascii && wick_bytelevel_decode(text, strlen(text), NULL) >= 0;
}

/* A token that is looked for in texts before BPE sees them. */
static int add_looked_for(
	struct wick_hf_source *source, const char *file, const char *text, const json_t *facts, bool known)
{
	int result;

	if (json_object_get(source->added, text))
		return 0;
	if (!*text || (known && !source->pieces && means_other_bytes(text)))
		return wick_hf_refuse(source, file, "added token \"%s\" %s", wick_diag_name(text),
			*text ? "is a token of the byte alphabet, too" : "is empty");
	result = check_normalized(source, file, text, facts);
	if (!result && json_object_set_new(source->added, text, json_true()))
		result = -ENOMEM;
	return result;
}

int wick_hf_add_token(struct wick_hf_source *source, const char *file, const char *text, json_int_t id, bool special,
	const json_t *facts)
{
	const json_t *known = json_object_get(source->vocab, text);
	int result;

	if (known && json_integer_value(known) != id)
		return wick_hf_refuse(source, file, "token \"%s\" has id %lld here and %lld in the vocabulary",
			wick_diag_name(text), (long long)id, (long long)json_integer_value(known));
	result = read_sides(source, file, text, facts);
	if (!result && special)
		result = json_object_set_new(source->control, text, json_true()) ? -EINVAL : 0;
	else if (!result)
		result = add_looked_for(source, file, text, facts, known);
	if (!result && !known && json_object_set_new(source->vocab, text, json_integer(id)))
		result = -EINVAL;
	return result == -EINVAL ? wick_hf_refuse(source, file, "token %lld is not text, or no memory for it",
		(long long)id) : result;
}
