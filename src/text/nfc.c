/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Normal form C (see nfc.h). utf8proc knows the characters. The order of accents is made here: its own sorting takes the
 * square of their number, which a text of nothing but accents would feel. */

#include "nfc.h"

#include "utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define DECOMPOSED_MAX 4 /* characters that one becomes */

/* No character below U+0300, the first accent, changes or joins the one before it. All of those above begin with a byte
 * from here on. */
#define FIRST_ACCENT_BYTE 0xcc

struct buffer {
	int32_t *characters, *sorted; /* (capacity) */
	size_t count, capacity;
	FILE *out;
};

static bool is_plain(const char *text, size_t bytes)
{
	size_t i = 0;

	while (i < bytes && (uint8_t)text[i] < FIRST_ACCENT_BYTE)
		i++;
	return i == bytes;
}

static int grow(struct buffer *buffer)
{
	size_t capacity = 2 * buffer->capacity + 256;
	int32_t *characters = reallocarray(buffer->characters, capacity, sizeof(*characters));
	int32_t *sorted = characters ? reallocarray(buffer->sorted, capacity, sizeof(*sorted)) : NULL;

	buffer->characters = characters ? characters : buffer->characters;
	buffer->sorted = sorted ? sorted : buffer->sorted;
	if (!sorted)
		return -ENOMEM;
	buffer->capacity = capacity;
	return 0;
}

/* The canonical combining class: 0 for what is no accent. */
static unsigned class_of(int32_t character)
{
	return (uint8_t)utf8proc_get_property(character)->combining_class;
}

/* Accents in the order of their class, those of one class as they were. */
static void sort_accents(const struct buffer *buffer, size_t from, size_t to)
{
	size_t starts[257] = { 0 };

	for (size_t i = from; i < to; i++)
		starts[class_of(buffer->characters[i]) + 1]++;
	for (unsigned class = 1; class < 257; class++)
		starts[class] += starts[class - 1];
	for (size_t i = from; i < to; i++)
		buffer->sorted[starts[class_of(buffer->characters[i])]++] = buffer->characters[i];
	for (size_t i = from; i < to; i++)
		buffer->characters[i] = buffer->sorted[i - from];
}

static void sort_all(const struct buffer *buffer)
{
	for (size_t at = 0, end; at < buffer->count; at = end + 1) {
		for (end = at; end < buffer->count && class_of(buffer->characters[end]); end++)
			;
		if (end - at > 1)
			sort_accents(buffer, at, end);
	}
}

static int decompose(struct buffer *buffer, const char *text, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		int32_t character;
		int boundary = 0;

		if (buffer->count + DECOMPOSED_MAX > buffer->capacity && grow(buffer))
			return -ENOMEM;
		at += (size_t)utf8proc_iterate((const uint8_t *)text + at, (utf8proc_ssize_t)(bytes - at), &character);
		buffer->count += (size_t)utf8proc_decompose_char(character, buffer->characters + buffer->count,
			DECOMPOSED_MAX, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
	}
	return 0;
}

/* A stretch of well-formed UTF-8. */
static int compose(struct buffer *buffer, const char *text, size_t bytes)
{
	utf8proc_ssize_t count;
	int result;

	buffer->count = 0;
	result = decompose(buffer, text, bytes);
	if (result)
		return result;
	sort_all(buffer);
	count = utf8proc_normalize_utf32(buffer->characters, (utf8proc_ssize_t)buffer->count,
		UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	for (utf8proc_ssize_t i = 0; i < count; i++) {
		uint8_t utf8[4];

		fwrite(utf8, 1, (size_t)utf8proc_encode_char(buffer->characters[i], utf8), buffer->out);
	}
	return 0;
}

/* U+11A7 is the place before the first of Hangul's final letters, and none itself: older versions of utf8proc lose it
 * behind a syllable, so that it never sees it. */
static const char no_letter[] = "\xe1\x86\xa7";

static int compose_all(struct buffer *buffer, const char *text, size_t bytes)
{
	int result = 0;

	for (size_t at = 0; at < bytes && !result;) {
		size_t run = wick_utf8_span(text + at, bytes - at);
		const char *none = memmem(text + at, run, no_letter, strlen(no_letter));

		run = none ? (size_t)(none - text) - at : run;
		result = compose(buffer, text + at, run);
		at += run;
		for (size_t kept = none ? strlen(no_letter) : 1; kept && at < bytes; kept--)
			fputc((uint8_t)text[at++], buffer->out);
	}
	return result;
}

int wick_nfc(char **composed, const char *text, size_t *bytes)
{
	struct buffer buffer = { 0 };
	size_t composed_bytes;
	int result;

	*composed = NULL;
	if (is_plain(text, *bytes))
		return 0;
	buffer.out = open_memstream(composed, &composed_bytes);
	if (!buffer.out)
		return -ENOMEM;
	result = compose_all(&buffer, text, *bytes);
	if (ferror(buffer.out))
		result = -ENOMEM;
	if (fclose(buffer.out))
		result = -ENOMEM;
	free(buffer.characters);
	free(buffer.sorted);
	if (result) {
		free(*composed);
		*composed = NULL;
	} else {
		*bytes = composed_bytes;
	}
	return result;
}
