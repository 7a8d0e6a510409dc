/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Long texts, piece by piece (see reader.h). */

#include "reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int reader_open(struct reader *reader, const char *path, struct wick_diag *diag)
{
	bool is_stdin = !strcmp(path, "-");
	struct stat status;

	*reader = (struct reader){ .in = is_stdin ? stdin : fopen(path, "rbe"),
		.name = is_stdin ? "standard input" : path };
	if (!reader->in)
		return wick_diag_say(diag, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fileno(reader->in), &status))
		status.st_mode = 0;
	if (S_ISREG(status.st_mode))
		reader->total_bytes = (uint64_t)status.st_size;
	if (!S_ISDIR(status.st_mode))
		return 0;
	reader_close(reader);
	return wick_diag_say(diag, -EISDIR, "%s: %s", path, strerror(EISDIR));
}

/* Makes room for one more piece's worth of bytes and reads them. */
static int read_more(struct reader *reader, struct wick_diag *diag)
{
	if (reader->capacity - reader->have < READER_PIECE_BYTES) {
		size_t capacity = 2 * reader->capacity + READER_PIECE_BYTES;
		char *larger = realloc(reader->buffer, capacity);

		if (!larger)
			return wick_diag_say(diag, -ENOMEM, "%s: no memory for %zu bytes without a space", reader->name,
				capacity);
		reader->buffer = larger;
		reader->capacity = capacity;
	}
	reader->have += fread(reader->buffer + reader->have, 1, READER_PIECE_BYTES, reader->in);
	if (ferror(reader->in))
		return wick_diag_say(diag, -errno, "%s: %s", reader->name, strerror(errno));
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* How many bytes end in front of the last separation; 0: there is none. Spaces beyond ASCII are left alone: what is in
 * front of one that is ASCII must be ASCII, too. */
static size_t last_cut(const char *text, size_t bytes)
{
	for (size_t i = bytes; i > 1; i--)
		if (is_space(text[i - 1]) && !is_space(text[i - 2]) && !(text[i - 2] & 0x80))
			return i - 1;
	return 0;
}

int reader_next(struct reader *reader, const char **text, size_t *bytes, struct wick_diag *diag)
{
	size_t cut = 0;
	int rc = 0;

	reader->have -= reader->given;
	if (reader->given)
		memmove(reader->buffer, reader->buffer + reader->given, reader->have);
	reader->given = 0;
	while (!rc && !cut && !feof(reader->in)) {
		rc = read_more(reader, diag);
		cut = last_cut(reader->buffer, reader->have);
	}
	if (rc)
		return rc;
	reader->given = feof(reader->in) ? reader->have : cut;
	reader->done_bytes += reader->given;
	*text = reader->buffer;
	*bytes = reader->given;
	return 0;
}

void reader_close(struct reader *reader)
{
	if (reader->in && reader->in != stdin)
		fclose(reader->in);
	free(reader->buffer);
	*reader = (struct reader){ 0 };
}
