/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* bench-text MODEL...: how fast texts become ids, in MB/s of processor time, for each tokenizer (a folder or a GGUF file),
 * and how much longer a megabyte takes than sixteen times a sixteenth of it, the most of all texts.
 */

#include "gguf.h"
#include "hf_tokenizer.h"

#include "bits.h"
#include "vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define BYTES (1u << 20)
#define PARTS 16
#define ROUNDS 3

/* Texts are one of these again and again; what is left of the megabyte at its end is spaces. */
static const struct text {
	const char *name, *part;
} texts[] = {
	{ "prose", "The wick draws the oil up, and 37 lamps don't need more than that; we'll see. " },
	{ "Russian", "\xd0\x9c\xd0\xb0\xd1\x81\xd0\xbb\xd0\xbe \xd0\xb3\xd0\xbe\xd1\x80\xd0\xb8\xd1\x82 \xd0\xb2 \xd0\xbb\xd0\xb0\xd0\xbc\xd0\xbf\xd0\xb5, " },
	{ "CJK", "\xe6\xb2\xb9\xe3\x81\xaf\xe8\x8a\xaf\xe3\x82\x92\xe4\xb8\x8a\xe3\x82\x8b\xe7\x81\xaf\xe5\xbf\x83\xe5\x90\xb8\xe6\xb2\xb9" },
	{ "one letter", "a" },
	{ "one word", "drawsoiluptheq" },
	{ "spaces", " " },
	{ "newlines", "\n" },
	{ "digits", "7" },
	{ "marks", "!?;" },
	{ "accents", "e\xcc\x81" },
	{ "accents to be sorted", "\xcc\x81\xcc\xa3" },
	{ "capitals", "A" },
	{ "emoji", "\xf0\x9f\x94\xa5" },
	{ "U+FDFA", "\xef\xb7\xba" },
};

static char *make_text(const char *part)
{
	char *text = malloc(BYTES);
	size_t bytes = strlen(part), at = 0;

	if (!text)
		exit(1);
	memset(text, ' ', BYTES);
	for (; at + bytes <= BYTES; at += bytes)
		memcpy(text + at, part, bytes);
	return text;
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Processor seconds for the text in so many parts, the least of some rounds; negative: it has no ids. */
static double seconds_for(const struct wick_tokenizer *tokenizer, const char *text, uint32_t *ids, size_t parts)
{
	double least = -1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		double begun = cpu_seconds(), took;

		for (size_t i = 0; i < parts; i++)
			if (wick_tokenizer_encode(tokenizer, text + i * (BYTES / parts), BYTES / parts, 0, ids,
				WICK_TOKENS_MAX(BYTES)) < 0)
				return -1;
		took = cpu_seconds() - begun;
		least = round ? WICK_MIN(least, took) : took;
	}
	return least;
}

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

static void measure(const struct wick_tokenizer *tokenizer, const char *path)
{
	uint32_t *ids = malloc(WICK_TOKENS_MAX(BYTES) * sizeof(*ids));
	double most = 0;

	printf("%s:", path);
	for (size_t i = 0; ids && i < WICK_COUNT_OF(texts); i++) {
		char *text = make_text(texts[i].part);
		double whole = seconds_for(tokenizer, text, ids, 1), parts = seconds_for(tokenizer, text, ids, PARTS);

		most = whole < 0 ? most : WICK_MAX(most, whole / parts);
		printf(whole < 0 ? " %s -," : " %s %.1f,", texts[i].name, BYTES / whole * 1e-6);
		fflush(stdout);
		free(text);
	}
	printf(" at most %.1f times as long\n", most);
	free(ids);
}

int main(int count, char **words)
{
	for (int i = 1; i < count; i++) {
		struct wick_tokenizer *tokenizer;
		struct wick_diag diag = { 0 };

		if (open_model(&tokenizer, words[i], &diag)) {
			fprintf(stderr, "%s\n", diag.text);
			return 1;
		}
		measure(tokenizer, words[i]);
		wick_tokenizer_destroy(tokenizer);
	}
	return 0;
}
