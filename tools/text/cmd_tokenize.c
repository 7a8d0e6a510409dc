/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* wick tokenize MODEL [TEXT] */

#include "commands.h"
#include "figures_json.h"
#include "gguf.h"
#include "hf_tokenizer.h"
#include "json_text.h"
#include "output.h"
#include "prompt.h"
#include "text.h"
#include "tokenizer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *model_path, *word, *text, *text_path;
static bool special, no_bos, as_json, ids_only, many;

static const struct opt options[] = {
	{ OPT_HEADING, .help = "Text:" },
	{ OPT_TEXT, 'p', .name = "prompt", .value = "TEXT", .into.text = &text, .help = "this text" },
	{ OPT_INPUT, 'f', .name = "text", .value = "FILE", .into.text = &text_path,
		.help = "the text of this file, without a newline at its end; - is standard input (the default)" },
	{ OPT_FLAG, .name = "special", .into.flag = &special,
		.help = "special tokens in the text, <|im_end|>, are those tokens and not text" },
	{ OPT_FLAG, .name = "no-bos", .into.flag = &no_bos, .help = "without the model's beginning of text" },
	{ OPT_HEADING, .help = "Results:" },
	{ OPT_FLAG, .name = "ids", .into.flag = &ids_only, .help = "the ids alone, in one line" },
	{ OPT_FLAG, .name = "json", .into.flag = &as_json, .help = "ids and pieces as JSON" },
	{ OPT_FLAG, '0', .name = "null", .into.flag = &many,
		.help = "several texts, a zero byte behind each: a line of ids for each" },
	{ OPT_END },
};

static void init(void)
{
	model_path = word = text = text_path = NULL;
	special = no_bos = as_json = ids_only = many = false;
}

static int check(struct wick_diag *diag)
{
	if ((word && (text || text_path)) || (text && text_path))
		return wick_diag_say(diag, -EINVAL, "a word of text, -p and -f exclude each other");
	text = word ? word : text;
	if (!text && !text_path)
		text_path = "-";
	return as_json && (ids_only || many) ? wick_diag_say(diag, -EINVAL, "--json excludes --ids and --null") : 0;
}

static int open_file(struct wick_tokenizer **tokenizer, struct wick_diag *diag)
{
	struct wick_gguf *gguf;
	int rc = wick_gguf_open(&gguf, model_path, diag);

	if (rc)
		return rc;
	rc = wick_tokenizer_create(tokenizer, gguf, UINT32_MAX, diag);
	wick_gguf_close(gguf);
	return rc;
}

/* Of a checkpoint as it was downloaded. */
static int open_folder(struct wick_tokenizer **tokenizer, struct wick_diag *diag)
{
	struct wick_hf_tokenizer hf;
	struct wick_vocabulary vocabulary;
	int rc = wick_hf_tokenizer_load(&hf, model_path, 0, diag);

	if (rc)
		return rc;
	vocabulary = wick_hf_vocabulary(&hf, model_path);
	rc = wick_tokenizer_build(tokenizer, &vocabulary, diag);
	wick_hf_tokenizer_free(&hf);
	return rc;
}

/* A piece between quotes, with control characters and what is no UTF-8 as bytes. */
static void print_piece(const char *piece, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		int length = wick_utf8_length(piece + at, bytes - at);

		if (length > 0 && !text_is_control(piece + at, length)) {
			printf("%.*s", length, piece + at);
			at += (size_t)length;
		} else {
			printf("\\x%02x", (uint8_t)piece[at++]);
		}
	}
}

static void print_lines(const struct wick_tokenizer *tokenizer, const uint32_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t bytes, shown;
		const char *piece = wick_tokenizer_piece(tokenizer, ids[i], &bytes);

		wick_tokenizer_text(tokenizer, ids[i], &shown);
		printf("%8u  \"", ids[i]);
		print_piece(piece, bytes);
		puts(shown == bytes ? "\"" : "\"  special");
	}
}

static void print_ids(const uint32_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf(i ? " %u" : "%u", ids[i]);
	putchar('\n');
}

static int print_json(const struct wick_tokenizer *tokenizer, const uint32_t *ids, size_t count)
{
	json_t *json = json_object(), *list = json_array(), *pieces = json_array();
	int rc;

	for (size_t i = 0; i < count; i++) {
		size_t bytes;
		const char *piece = wick_tokenizer_piece(tokenizer, ids[i], &bytes);

		json_array_append_new(list, json_integer(ids[i]));
		json_array_append_new(pieces, wick_json_text(piece, bytes));
	}
	json_object_set_new(json, "ids", list);
	json_object_set_new(json, "pieces", pieces);
	rc = json_print(json, stdout);
	json_decref(json);
	return rc;
}

/* All ids of a text, which the caller frees. Returns how many they are. */
static int64_t encode(const struct wick_tokenizer *tokenizer, const char *bytes, size_t count, uint32_t **ids)
{
	unsigned flags = (no_bos ? 0 : WICK_ENCODE_BOS) | (special ? WICK_ENCODE_SPECIAL : 0);
	size_t capacity = WICK_TOKENS_MAX(count);

	*ids = malloc(capacity * sizeof(**ids));
	return *ids ? wick_tokenizer_encode(tokenizer, bytes, count, flags, *ids, capacity) : -ENOMEM;
}

static int print_one(const struct wick_tokenizer *tokenizer, const char *bytes, size_t count, struct wick_diag *diag)
{
	uint32_t *ids;
	int64_t tokens = encode(tokenizer, bytes, count, &ids);
	int rc = 0;

	if (tokens < 0) {
		free(ids);
		return wick_diag_say(diag, (int)tokens, "the text cannot be tokenized: %s", tokens == -EINVAL ?
			"it has a character or byte for which the vocabulary has no token" : strerror((int)-tokens));
	}
	if (ids_only || many)
		print_ids(ids, (size_t)tokens);
	else if (as_json)
		rc = print_json(tokenizer, ids, (size_t)tokens);
	else
		print_lines(tokenizer, ids, (size_t)tokens);
	free(ids);
	return rc;
}

static int print_all(const struct wick_tokenizer *tokenizer, const struct prompt *prompt, struct wick_diag *diag)
{
	const char *at = prompt->text, *end = at + prompt->bytes;
	int rc = many ? 0 : print_one(tokenizer, at, prompt->bytes, diag);

	while (many && !rc && at < end) {
		const char *zero = memchr(at, 0, (size_t)(end - at));

		rc = print_one(tokenizer, at, (size_t)((zero ? zero : end) - at), diag);
		at = zero ? zero + 1 : end;
	}
	return rc;
}

static int run(struct wick_diag *diag)
{
	struct wick_tokenizer *tokenizer;
	struct prompt prompt;
	struct stat info;
	bool folder = !stat(model_path, &info) && S_ISDIR(info.st_mode);
	int rc = folder ? open_folder(&tokenizer, diag) : open_file(&tokenizer, diag);

	if (rc)
		return rc;
	rc = text ? prompt_take(&prompt, text, diag) : prompt_read(&prompt, text_path, diag);
	if (!rc) {
		rc = print_all(tokenizer, &prompt, diag);
		prompt_free(&prompt);
	}
	wick_tokenizer_destroy(tokenizer);
	return rc;
}

const struct command cmd_tokenize = {
	.name = "tokenize",
	.purpose = "show the tokens of a text",
	.synopsis = "MODEL [TEXT|-p TEXT|-f FILE] [options]",
	.operand = "MODEL",
	.operand_into = &model_path,
	.second_into = &word,
	.about = "Shows the tokens of a text, their ids and what they spell, by the tokenizer of\n"
		 "a GGUF file or of a checkpoint's folder. No weights are read.",
	.examples = "wick tokenize model.gguf \"don't\"\n"
		    "wick tokenize TinyLlama-1.1B --special -p '</s>' --json",
	.options = options,
	.init = init,
	.check = check,
	.run = run,
};
