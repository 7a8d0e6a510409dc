/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Text that appears token by token (see stream.h). Bytes wait in one buffer: those that were shown are dropped from it
 * at the next call, and the others are held while a stop text or a character may still be made of them. What is shown is
 * UTF-8, repaired in a second buffer where a model wrote bytes that make no character. */

#include "stream.h"

#include "utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct wick_stream {
	const struct wick_tokenizer *tokenizer;
	bool special;
	char **stops; /* (stop_count) */
	uint32_t stop_count;
	char *buffer, *repaired;
	size_t count, shown, capacity; /* of the buffer's bytes: in use; of those, shown; room */
	char *stopped_by; /* NULL: nothing has ended the text */
};

static int copy_stops(struct wick_stream *stream, const char *const *stops, uint32_t count)
{
	stream->stops = calloc(count ? count : 1, sizeof(*stream->stops));
	if (!stream->stops)
		return -ENOMEM;
	for (; stream->stop_count < count; stream->stop_count++) {
		if (!stops[stream->stop_count][0])
			return -EINVAL;
		stream->stops[stream->stop_count] = strdup(stops[stream->stop_count]);
		if (!stream->stops[stream->stop_count])
			return -ENOMEM;
	}
	return 0;
}

int wick_stream_open(struct wick_stream **out, const struct wick_tokenizer *tokenizer, const char *const *stops,
	uint32_t stop_count, bool special)
{
	struct wick_stream *stream = calloc(1, sizeof(*stream));
	int result = stream ? copy_stops(stream, stops, stop_count) : -ENOMEM;

	*out = NULL;
	if (result) {
		wick_stream_destroy(stream);
		return result;
	}
	stream->tokenizer = tokenizer;
	stream->special = special;
	*out = stream;
	return 0;
}

void wick_stream_destroy(struct wick_stream *stream)
{
	if (!stream)
		return;
	for (uint32_t i = 0; i < stream->stop_count; i++)
		free(stream->stops[i]);
	free(stream->stops);
	free(stream->buffer);
	free(stream->repaired);
	free(stream->stopped_by);
	free(stream);
}

static int grow(struct wick_stream *stream, size_t needed)
{
	char *grown = realloc(stream->buffer, 2 * needed), *repaired = NULL;

	if (grown) {
		stream->buffer = grown;
		repaired = realloc(stream->repaired, WICK_UTF8_REPAIRED_MAX(2 * needed));
	}
	if (!repaired)
		return -ENOMEM;
	stream->repaired = repaired;
	stream->capacity = 2 * needed;
	return 0;
}

static int append(struct wick_stream *stream, const char *text, size_t bytes)
{
	size_t needed = stream->count + bytes;

	if (needed > stream->capacity && grow(stream, needed))
		return -ENOMEM;
	if (bytes)
		memcpy(stream->buffer + stream->count, text, bytes);
	stream->count += bytes;
	return 0;
}

static void drop_shown(struct wick_stream *stream)
{
	stream->count -= stream->shown;
	if (stream->shown)
		memmove(stream->buffer, stream->buffer + stream->shown, stream->count);
	stream->shown = 0;
}

/* The stop text that begins first in the buffer, and where; NULL: none is in it. */
static const char *find_stop(const struct wick_stream *stream, size_t *at)
{
	const char *first = NULL;

	*at = stream->count;
	for (uint32_t i = 0; i < stream->stop_count; i++) {
		const char *found = *at ? memmem(stream->buffer, stream->count, stream->stops[i], strlen(stream->stops[i])) : NULL;

		if (found && (size_t)(found - stream->buffer) < *at) {
			*at = (size_t)(found - stream->buffer);
			first = stream->stops[i];
		}
	}
	return first;
}

/* Whether a stop text may begin here: all bytes from here on are its first ones. */
static bool may_begin(const struct wick_stream *stream, size_t at)
{
	size_t bytes = stream->count - at;

	for (uint32_t i = 0; i < stream->stop_count; i++)
		if (bytes < strlen(stream->stops[i]) && !memcmp(stream->buffer + at, stream->stops[i], bytes))
			return true;
	return false;
}

/* How many of these bytes are not the start of a character that needs more. */
static size_t whole_bytes(const char *text, size_t bytes)
{
	for (size_t back = 1; back <= 3 && back <= bytes; back++)
		if (!wick_utf8_length(text + bytes - back, back))
			return bytes - back;
	return bytes;
}

/* How much of the buffer can be shown. */
static size_t showable(const struct wick_stream *stream)
{
	size_t at = 0;

	while (at < stream->count && !may_begin(stream, at))
		at++;
	return at < stream->count ? at : whole_bytes(stream->buffer, at);
}

static void show(struct wick_stream *stream, size_t count, const char **text, size_t *bytes)
{
	bool whole = wick_utf8_span(stream->buffer, count) == count;

	stream->shown = count;
	*text = whole ? stream->buffer : stream->repaired;
	*bytes = whole ? count : wick_utf8_repair(stream->repaired, stream->buffer, count);
}

static int stop_by(struct wick_stream *stream, const char *text, size_t bytes)
{
	stream->stopped_by = strndup(text, bytes);
	return stream->stopped_by ? 1 : -ENOMEM;
}

/* A token ends the text: passes on all that was held. */
static int end_by_token(struct wick_stream *stream, uint32_t id, const char **text, size_t *bytes)
{
	size_t count;
	const char *piece = wick_tokenizer_piece(stream->tokenizer, id, &count);

	show(stream, stream->count, text, bytes);
	return stop_by(stream, piece, count);
}

int wick_stream_put(struct wick_stream *stream, uint32_t id, const char **text, size_t *bytes)
{
	size_t piece_bytes, ready;
	const char *piece = (stream->special ? wick_tokenizer_piece : wick_tokenizer_text)(
		stream->tokenizer, id, &piece_bytes), *stop;
	int result;

	drop_shown(stream);
	if (wick_tokenizer_stops(stream->tokenizer, id))
		return end_by_token(stream, id, text, bytes);
	result = append(stream, piece, piece_bytes);
	if (result)
		return result;
	stop = find_stop(stream, &ready);
	if (stop)
		stream->count = ready;
	else
		ready = showable(stream);
	show(stream, ready, text, bytes);
	return stop ? stop_by(stream, stop, strlen(stop)) : 0;
}

void wick_stream_end(struct wick_stream *stream, const char **text, size_t *bytes)
{
	drop_shown(stream);
	show(stream, stream->count, text, bytes);
}

const char *wick_stream_stopped_by(const struct wick_stream *stream)
{
	return stream->stopped_by;
}
