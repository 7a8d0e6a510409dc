/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Control characters, and characters split over tokens. */

#include "text.h"

#include "utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* C0, DEL, and C1, which UTF-8 writes as c2 80 .. c2 9f. */
static bool is_control(const char *bytes, int length)
{
	uint8_t first = (uint8_t)bytes[0];

	return length == 1 ? first < 0x20 || first == 0x7f : first == 0xc2 && (uint8_t)bytes[1] < 0xa0;
}

void text_clean(char *text)
{
	size_t left = strlen(text);
	char *to = text;

	while (left) {
		int length = wick_utf8_length(text, left);
		size_t step = length > 0 ? (size_t)length : 1;

		if (length <= 0 || is_control(text, length)) {
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

void text_join(struct text_joiner *joiner, const char *bytes, size_t count, FILE *out)
{
	while (count--) {
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
