/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* A text as SentencePiece's pieces are kept (see spaced.h). */

#include "spaced.h"

#include "bits.h"
#include "space_mark.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void wick_spaced_begin(struct wick_spaced *spaced)
{
	spaced->count = 0;
	spaced->after_space = spaced->fewer;
}

static int reserve(struct wick_spaced *spaced, size_t more)
{
	size_t capacity = WICK_MAX(spaced->count + more, 2 * spaced->capacity);
	char *grown;

	if (more <= spaced->capacity - spaced->count)
		return 0;
	grown = realloc(spaced->bytes, capacity);
	if (!grown)
		return -ENOMEM;
	spaced->bytes = grown;
	spaced->capacity = capacity;
	return 0;
}

/* There is room. */
static void append(struct wick_spaced *spaced, const char *text, size_t bytes)
{
	spaced->count += (size_t)wick_space_mark_decode(text, bytes, spaced->bytes + spaced->count);
}

/* One character, or what it was replaced by. A U+2581 is no space yet. */
static void append_character(struct wick_spaced *spaced, const char *text, size_t bytes)
{
	while (spaced->after_space && bytes && *text == ' ') {
		text++;
		bytes--;
	}
	if (!bytes)
		return;
	append(spaced, text, bytes);
	spaced->after_space = spaced->fewer && text[bytes - 1] == ' ';
}

static int put_mapped(struct wick_spaced *spaced, const struct wick_charsmap *map, const char *text, size_t bytes)
{
	static const struct wick_charsmap none;

	for (size_t at = 0, taken, length; at < bytes; at += taken) {
		const char *other = wick_charsmap_find(map ? map : &none, text + at, bytes - at, &taken, &length);

		if (!other) {
			other = text + at;
			length = taken;
		}
		if (reserve(spaced, length))
			return -ENOMEM;
		append_character(spaced, other, length);
	}
	return 0;
}

int wick_spaced_put(struct wick_spaced *spaced, const struct wick_charsmap *map, const char *text, size_t bytes, bool prefix)
{
	if (reserve(spaced, bytes + 1))
		return -ENOMEM;
	if (prefix)
		spaced->bytes[spaced->count++] = ' ';
	if (map || spaced->fewer)
		return put_mapped(spaced, map, text, bytes);
	append(spaced, text, bytes);
	return 0;
}

int wick_spaced_put_plain(struct wick_spaced *spaced, const char *bytes, size_t count)
{
	if (reserve(spaced, count))
		return -ENOMEM;
	memcpy(spaced->bytes + spaced->count, bytes, count);
	spaced->count += count;
	spaced->after_space = false;
	return 0;
}

void wick_spaced_end(struct wick_spaced *spaced)
{
	while (spaced->fewer && spaced->count && spaced->bytes[spaced->count - 1] == ' ')
		spaced->count--;
}

void wick_spaced_free(struct wick_spaced *spaced)
{
	free(spaced->bytes);
	*spaced = (struct wick_spaced){ 0 };
}
