/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The older form of a byte-level BPE: vocab.json, text -> id, and merges.txt, a pair a line, most frequent first. Which
 * pre-tokeniser cuts the text is in neither file: the tokenizer's class implies it, and without one the model's
 * type. */

#include "bits.h"
#include "bytelevel.h"
#include "hf_source.h"
#include "whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MERGES_BYTES_MAX (64u << 20)
#define UNMADE_BYTES_MAX 64 /* longer tokens are not looked at, so that no vocabulary takes long */

/* Classes and model types that cut text as GPT-2 does. */
static const char *const gpt2_classes[] = { "GPT2Tokenizer", "GPT2TokenizerFast" };
static const char *const gpt2_models[] = { "gpt2", "opt" };

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static int check_class(const struct wick_hf_source *source)
{
	const char *class = wick_hf_text(json_object_get(source->tokenizer_config, "tokenizer_class"));
	const char *model = wick_hf_text(json_object_get(source->config, "model_type"));

	if (class && !is_one_of(class, gpt2_classes, WICK_COUNT_OF(gpt2_classes)))
		return wick_hf_refuse(source, "tokenizer_config.json", "tokenizer_class \"%s\" is not supported",
			wick_diag_name(class));
	if (!class && (!model || !is_one_of(model, gpt2_models, WICK_COUNT_OF(gpt2_models))))
		return wick_hf_refuse(source, NULL,
			"nothing says which tokenizer vocab.json is for (no tokenizer_class, model_type \"%s\")",
			wick_diag_name(model ? model : ""));
	return 0;
}

/* Splits "a b" in place. Anything but two words and one space is left for add_merge to refuse, a line feed's carriage
 * return aside. */
static int take_line(struct wick_hf_source *source, char *line, size_t length)
{
	char *space;

	if (length && line[length - 1] == '\r')
		line[length - 1] = 0;
	space = strchr(line, ' ');
	if (space)
		*space++ = 0;
	return wick_hf_add_merge(source, "merges.txt", line, space ? space : "");
}

/* The last line may lack its line feed: a file that was cut there lacks a merge, too, which check_made() finds. text has
 * room for a zero behind its end. */
static int take_lines(struct wick_hf_source *source, char *text, size_t bytes)
{
	size_t number = 0;
	int result = 0;

	for (char *line = text, *end; !result && line < text + bytes; line = end + 1) {
		end = memchr(line, '\n', text + bytes - line);
		number++;
		if (!end)
			end = text + bytes;
		*end = 0;
		if (number == 1 && !strncmp(line, "#version", 8))
			continue;
		if (memchr(line, 0, end - line))
			result = wick_hf_refuse(source, "merges.txt", "line %zu has a zero byte", number);
		else
			result = take_line(source, line, end - line);
	}
	return result;
}

static int read_merges(struct wick_hf_source *source)
{
	char *path = NULL, *text;
	size_t bytes;
	int result;

	if (asprintf(&path, "%s/merges.txt", source->folder) < 0)
		return -ENOMEM;
	result = wick_whole_file_read(&text, &bytes, path, MERGES_BYTES_MAX, source->diag);
	if (!result)
		result = take_lines(source, text, bytes);
	free(text);
	free(path);
	return result;
}

/* Is the token two others, one after the other? A token that is said to be there without being learned ("<pad>",
 * "madeupword0001") is not. */
static bool is_two_tokens(const json_t *vocab, const char *token)
{
	char half[UNMADE_BYTES_MAX + 1];
	size_t bytes = strlen(token);

	for (size_t cut = 1; cut < bytes; cut++) {
		memcpy(half, token, cut);
		half[cut] = 0;
		if (json_object_get(vocab, half) && json_object_get(vocab, token + cut))
			return true;
	}
	return false;
}

/* The texts that merges make, as keys. NULL: no memory. */
static json_t *collect_made(const struct wick_hf_tokenizer *tokenizer)
{
	json_t *made = json_object();

	for (uint32_t i = 0; made && i < tokenizer->merge_count; i++) {
		char *text = strdup(tokenizer->merges[i]), *space = text ? strchr(text, ' ') : NULL;

		if (space)
			memmove(space, space + 1, strlen(space));
		if (!text || json_object_set_new(made, text, json_true())) {
			json_decref(made);
			made = NULL;
		}
		free(text);
	}
	return made;
}

/* A merges.txt that was cut between two lines leaves tokens that no merge makes, though each was learned as two others.
 * GPT-2's vocabulary and OPT's have none. */
static int check_made(const struct wick_hf_source *source)
{
	json_t *id, *made = collect_made(source->out);
	const char *token, *unmade = NULL;

	if (!made)
		return -ENOMEM;
	json_object_foreach(source->vocab, token, id)
		if (!unmade && !json_object_get(made, token) && strlen(token) <= UNMADE_BYTES_MAX &&
			wick_bytelevel_decode(token, strlen(token), NULL) > 1 && is_two_tokens(source->vocab, token))
			unmade = token;
	json_decref(made);
	return !unmade ? 0 : wick_hf_refuse(source, "merges.txt",
		"token \"%s\" of the vocabulary is made by none of its %u merges: the file was cut", wick_diag_name(unmade),
		source->out->merge_count);
}

int wick_hf_read_vocab_merges(struct wick_hf_source *source)
{
	int result = wick_hf_read(source, "vocab.json", &wick_json_tokenizer, WICK_JSON_UNIQUE_KEYS, &source->vocab);

	if (result == -ENOENT)
		return wick_diag_say(source->diag, -ENOENT,
			"%s: has no tokenizer: neither tokenizer.json nor tokenizer.model nor vocab.json", source->folder);
	source->file = "vocab.json";
	if (!result)
		result = check_class(source);
	if (!result)
		result = read_merges(source);
	return result ? result : check_made(source);
}
