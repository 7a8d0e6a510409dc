/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* The older form of a byte-level BPE: vocab.json, text -> id, and merges.txt, a pair a line, most frequent first. Which
 * pre-tokeniser cuts the text is in neither file: the tokenizer's class implies it, and without one the model's
 * type. */

#include "bits.h"
#include "hf_source.h"
#include "whole_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MERGES_BYTES_MAX (64u << 20)

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
			class);
	if (!class && (!model || !is_one_of(model, gpt2_models, WICK_COUNT_OF(gpt2_models))))
		return wick_hf_refuse(source, NULL,
			"nothing says which tokenizer vocab.json is for (no tokenizer_class, model_type \"%s\")",
			model ? model : "");
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
	return wick_hf_add_merge(source, line, space ? space : "");
}

/* Every line ends with a line feed: where the last one does not, the file was cut. */
static int take_lines(struct wick_hf_source *source, char *text, size_t bytes)
{
	size_t number = 0;
	int result = 0;

	for (char *line = text, *end; !result && line < text + bytes; line = end + 1) {
		end = memchr(line, '\n', text + bytes - line);
		number++;
		if (!end)
			return wick_hf_refuse(source, "merges.txt", "its last line, %zu, has no end: the file was cut",
				number);
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

int wick_hf_read_vocab_merges(struct wick_hf_source *source)
{
	int result = wick_hf_read(source, "vocab.json", WICK_JSON_UNIQUE_KEYS, &source->vocab);

	if (result == -ENOENT)
		return wick_diag_say(source->diag, -ENOENT,
			"%s: has no tokenizer: neither tokenizer.json nor vocab.json", source->folder);
	source->file = "vocab.json";
	if (!result)
		result = check_class(source);
	if (!result)
		result = read_merges(source);
	return result;
}
