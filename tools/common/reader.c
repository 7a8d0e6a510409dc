/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Long texts, piece by piece (see reader.h). */

#include "reader.h"

#include "cut.h"
#include "lfs.h"

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
		size_t capacity = reader->capacity ? READER_PIECE_MAX : READER_PIECE_BYTES;
		char *larger = realloc(reader->buffer, capacity);

		if (!larger)
			return wick_diag_say(diag, -ENOMEM, "%s: no memory for a piece of %zu bytes", reader->name, capacity);
		reader->buffer = larger;
		reader->capacity = capacity;
	}
	reader->have += fread(reader->buffer + reader->have, 1, READER_PIECE_BYTES, reader->in);
	if (ferror(reader->in))
		return wick_diag_say(diag, -errno, "%s: %s", reader->name, strerror(errno));
	if (!reader->done_bytes && wick_lfs_is_pointer(reader->buffer, reader->have))
		return wick_lfs_refuse(reader->name, diag);
	return 0;
}

/* The last place to cut in what has not been searched before; white space may have begun there, and ended since. */
static size_t find_cut(struct reader *reader)
{
	size_t from = reader->searched < 2 ? 0 : reader->searched - 2, cut = wick_text_cut(reader->buffer, from, reader->have);

	reader->looked_bytes += reader->have - (cut ? cut : from);
	reader->searched = reader->have;
	return cut;
}

/* The rest of the piece before goes to the front. Behind the last place to cut there is no other. */
static void drop_given(struct reader *reader)
{
	reader->have -= reader->given;
	if (reader->given)
		memmove(reader->buffer, reader->buffer + reader->given, reader->have);
	reader->searched = reader->have;
	reader->given = 0;
}

int reader_next(struct reader *reader, const char **text, size_t *bytes, struct wick_diag *diag)
{
	size_t cut = 0;
	int rc = 0;

	drop_given(reader);
	while (!rc && !cut && !feof(reader->in) && reader->have < READER_HELD_BYTES) {
		rc = read_more(reader, diag);
		cut = find_cut(reader);
	}
	if (rc)
		return rc;
	if (feof(reader->in))
		reader->given = reader->have;
	else
		reader->given = cut ? cut : wick_text_whole(reader->buffer, reader->have);
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
