/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Control characters, and characters split over tokens. */

#include "text.h"

#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* U+2028 to U+202E are e2 80 a8 .. e2 80 ae, U+2066 to U+2069 e2 81 a6 .. e2 81 a9. */
static bool turns_text(uint8_t second, uint8_t third)
{
	return (second == 0x80 && third >= 0xa8 && third <= 0xae) || (second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

/* UTF-8 writes C1 as c2 80 .. c2 9f. */
bool text_is_control(const char *bytes, int length)
{
	uint8_t first = (uint8_t)bytes[0];

	if (length == 1)
		return first < 0x20 || first == 0x7f;
	if (length == 2)
		return first == 0xc2 && (uint8_t)bytes[1] < 0xa0;
	return length == 3 && first == 0xe2 && turns_text((uint8_t)bytes[1], (uint8_t)bytes[2]);
}

void text_clean(char *text)
{
	size_t left = strlen(text);
	char *to = text;

	while (left) {
		int length = wick_utf8_length(text, left);
		size_t step = length > 0 ? (size_t)length : 1;

		if (length <= 0 || text_is_control(text, length)) {
			*to++ = '?';
		} else {
			memmove(to, text, step);
			to += step;
		}
		text += step;
		left -= step;
	}
	*to = '\0';
}

void text_write_clean(const char *text, size_t bytes, FILE *out)
{
	for (size_t at = 0; at < bytes;) {
		int length = wick_utf8_length(text + at, bytes - at);
		bool is_shown = length > 0 && (text[at] == '\n' || text[at] == '\t' || !text_is_control(text + at, length));

		length = length > 0 ? length : 1;
		fwrite(is_shown ? text + at : "?", 1, is_shown ? (size_t)length : 1, out);
		at += (size_t)length;
	}
}

const char *text_show(struct text_shown *into, const char *text)
{
	snprintf(into->text, sizeof(into->text), "%s", text ? text : "");
	text_clean(into->text);
	return into->text;
}

void text_join(struct text_joiner *joiner, const char *bytes, size_t count, FILE *out)
{
	for (; count; count--) {
		joiner->held[joiner->held_bytes++] = *bytes++;
		if (wick_utf8_length(joiner->held, joiner->held_bytes))
			text_join_end(joiner, out);
	}
}

void text_join_end(struct text_joiner *joiner, FILE *out)
{
	fwrite(joiner->held, 1, joiner->held_bytes, out);
	joiner->held_bytes = 0;
}
