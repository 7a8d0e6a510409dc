/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* What the readers of a Hugging Face tokenizer's files share. */

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

/* Are both halves and the whole tokens, spelled in the byte alphabet even if they are special? 0, 1 or -ENOMEM. */
static int has_merge_tokens(const struct wick_hf_source *source, const char *left, const char *right)
{
	char *made;
	int has;

	if (asprintf(&made, "%s%s", left, right) < 0)
		return -ENOMEM;
	has = json_object_get(source->vocab, left) && json_object_get(source->vocab, right) &&
		json_object_get(source->vocab, made) && wick_bytelevel_decode(made, strlen(made), NULL) >= 0;
	free(made);
	return has;
}

int wick_hf_add_merge(struct wick_hf_source *source, const char *left, const char *right)
{
	struct wick_hf_tokenizer *out = source->out;
	char *merge;
	int has;

	if (!*left || !*right || strchr(left, ' ') || strchr(right, ' '))
		return wick_hf_refuse(source, NULL, "merge %u is not two pieces with a space between them",
			out->merge_count);
	has = has_merge_tokens(source, left, right);
	if (has < 0)
		return has;
	if (!has)
		return wick_hf_refuse(source, NULL, "merge %u, \"%s %s\", needs a token that the vocabulary lacks",
			out->merge_count, wick_diag_name(left), wick_diag_name(right));
	if (grow_merges(out) || asprintf(&merge, "%s %s", left, right) < 0)
		return -ENOMEM;
	out->merges[out->merge_count++] = merge;
	if (json_object_get(source->merged, merge))
		return wick_hf_refuse(source, NULL, "merge %u, \"%s\", is there twice", out->merge_count - 1,
			wick_diag_name(merge));
	return json_object_set_new(source->merged, merge, json_true()) ? -ENOMEM : 0;
}

int wick_hf_add_token(struct wick_hf_source *source, const char *file, const char *text, json_int_t id, bool special)
{
	const json_t *known = json_object_get(source->vocab, text);

	if (known && json_integer_value(known) != id)
		return wick_hf_refuse(source, file, "token \"%s\" has id %lld here and %lld in the vocabulary",
			wick_diag_name(text), (long long)id, (long long)json_integer_value(known));
	if (!special)
		return wick_hf_refuse(source, file,
			"added token \"%s\" is matched in the text before BPE, which is not supported",
			wick_diag_name(text));
	if ((!known && json_object_set_new(source->vocab, text, json_integer(id))) ||
		json_object_set_new(source->control, text, json_true()))
		return wick_hf_refuse(source, file, "token %lld is not text, or no memory for it", (long long)id);
	return 0;
}
