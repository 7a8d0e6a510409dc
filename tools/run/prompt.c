/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Reading a prompt, and showing it. */

#include "prompt.h"

#include "text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beyond any context there is; a device or a wrong file is refused before memory is gone. */
#define LIMIT_BYTES (16u << 20)

#define ECHO_BYTES_MAX 400 /* five lines of a terminal */

static int grow(struct prompt *prompt, size_t *capacity)
{
	char *larger = realloc(prompt->owned, *capacity ? 2 * *capacity : 4096);

	if (!larger)
		return -ENOMEM;
	*capacity = *capacity ? 2 * *capacity : 4096;
	prompt->owned = larger;
	return 0;
}

/* Editors and echo end a text with a newline, which is no part of it: a model would answer to it. */
static int read_all(struct prompt *prompt, FILE *in, const char *name, struct wick_diag *diag)
{
	size_t capacity = 0;

	while (!feof(in)) {
		if (prompt->bytes == capacity && grow(prompt, &capacity))
			return wick_diag_say(diag, -ENOMEM, "%s: no memory for a prompt this long", name);
		prompt->bytes += fread(prompt->owned + prompt->bytes, 1, capacity - prompt->bytes, in);
		if (ferror(in))
			return wick_diag_say(diag, -errno, "%s: %s", name, strerror(errno));
		if (prompt->bytes > LIMIT_BYTES)
			return wick_diag_say(diag, -EFBIG, "%s: longer than %u MiB, which no context holds", name,
				LIMIT_BYTES >> 20);
	}
	prompt->text = prompt->owned;
	prompt->bytes -= prompt->bytes && prompt->text[prompt->bytes - 1] == '\n';
	return 0;
}

static int refuse_empty(const struct prompt *prompt, const char *name, struct wick_diag *diag)
{
	return prompt->bytes ? 0 : wick_diag_say(diag, -EINVAL, "%s: the prompt is empty", name);
}

int prompt_take(struct prompt *prompt, const char *text, struct wick_diag *diag)
{
	*prompt = (struct prompt){ .text = text, .bytes = strlen(text) };
	return refuse_empty(prompt, "-p", diag);
}

int prompt_read(struct prompt *prompt, const char *path, struct wick_diag *diag)
{
	bool is_stdin = !strcmp(path, "-");
	const char *name = is_stdin ? "standard input" : path;
	FILE *in = is_stdin ? stdin : fopen(path, "rbe");
	int rc;

	*prompt = (struct prompt){ 0 };
	if (!in)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	rc = read_all(prompt, in, name, diag);
	if (!rc)
		rc = refuse_empty(prompt, name, diag);
	if (!is_stdin)
		fclose(in);
	if (rc)
		prompt_free(prompt);
	return rc;
}

/* Where the part that is shown begins: at a character. */
static size_t echo_from(const struct prompt *prompt)
{
	size_t from = prompt->bytes > ECHO_BYTES_MAX ? prompt->bytes - ECHO_BYTES_MAX : 0;

	while (from && from < prompt->bytes && ((uint8_t)prompt->text[from] & 0xc0) == 0x80)
		from++;
	return from;
}

void prompt_echo(const struct prompt *prompt, FILE *out)
{
	size_t from = echo_from(prompt);

	if (!isatty(fileno(out)))
		return;
	fputs(from ? TEXT_DIM "..." : TEXT_DIM, out);
	text_write_clean(prompt->text + from, prompt->bytes - from, out);
	fputs(TEXT_PLAIN, out);
}

void prompt_free(struct prompt *prompt)
{
	free(prompt->owned);
	*prompt = (struct prompt){ 0 };
}
