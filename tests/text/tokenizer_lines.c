/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Texts to ids and back, for compare_tokenizers: tokenizer-lines MODEL, a folder or a GGUF file. The input is texts with a
 * zero byte behind each; for each the output has its ids, a line feed, the text that they make and a zero byte. */

#include "gguf.h"
#include "hf_tokenizer.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int open_model(struct wick_tokenizer **tokenizer, const char *path, struct wick_diag *diag)
{
	struct wick_hf_tokenizer hf;
	struct wick_vocabulary vocabulary;
	struct wick_gguf *gguf;
	struct stat info;
	int ret;

	if (!stat(path, &info) && S_ISDIR(info.st_mode)) {
		ret = wick_hf_tokenizer_load(&hf, path, 0, diag);
		vocabulary = wick_hf_vocabulary(&hf, path);
		ret = ret ? ret : wick_tokenizer_build(tokenizer, &vocabulary, diag);
		wick_hf_tokenizer_free(&hf);
		return ret;
	}
	ret = wick_gguf_open(&gguf, path, diag);
	if (ret)
		return ret;
	ret = wick_tokenizer_create(tokenizer, gguf, UINT32_MAX, diag);
	wick_gguf_close(gguf);
	return ret;
}

static int print_text(const struct wick_tokenizer *tokenizer, const uint32_t *ids, int64_t count)
{
	struct wick_stream *stream;
	const char *text;
	size_t bytes;
	int ret = wick_stream_open(&stream, tokenizer, NULL, 0, false);

	for (int64_t i = 0; i < count && ret >= 0; i++) {
		ret = wick_stream_put(stream, ids[i], &text, &bytes);
		if (ret >= 0)
			fwrite(text, 1, bytes, stdout);
	}
	if (ret >= 0) {
		wick_stream_end(stream, &text, &bytes);
		fwrite(text, 1, bytes, stdout);
	}
	wick_stream_destroy(stream);
	return ret < 0 ? ret : 0;
}

static int print_one(const struct wick_tokenizer *tokenizer, const char *text, size_t bytes)
{
	size_t capacity = WICK_TOKENS_MAX(bytes);
	uint32_t *ids = malloc(capacity * sizeof(*ids));
	int64_t count = ids ? wick_tokenizer_encode(tokenizer, text, bytes, 0, ids, capacity) : -1;
	int ret = count < 0 ? -1 : 0;

	for (int64_t i = 0; i < count; i++)
		printf(i ? " %u" : "%u", ids[i]);
	putchar('\n');
	if (!ret)
		ret = print_text(tokenizer, ids, count);
	putchar(0);
	free(ids);
	return ret;
}

int main(int count, char **words)
{
	struct wick_tokenizer *tokenizer;
	struct wick_diag diag = { 0 };
	char *text = NULL;
	size_t room = 0;
	ssize_t bytes;
	int ret = count == 2 ? open_model(&tokenizer, words[1], &diag) : -1;

	if (ret) {
		fprintf(stderr, "%s\n", diag.text);
		return 1;
	}
	while (!ret && (bytes = getdelim(&text, &room, 0, stdin)) > 0)
		ret = print_one(tokenizer, text, (size_t)bytes - !text[bytes - 1]);
	free(text);
	wick_tokenizer_destroy(tokenizer);
	return ret != 0;
}
