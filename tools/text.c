/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* UTF-8 and control characters. */

#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const struct utf8_lead {
	uint8_t mask, bits;
	uint8_t length;
	uint32_t least; /* smaller numbers are written too long */
} leads[] = { { 0x80, 0x00, 1, 0 }, { 0xe0, 0xc0, 2, 0x80 }, { 0xf0, 0xe0, 3, 0x800 }, { 0xf8, 0xf0, 4, 0x10000 } };

/* NULL: no character begins with this byte. */
static const struct utf8_lead *find_lead(uint8_t byte)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if ((byte & leads[i].mask) == leads[i].bits)
			return &leads[i];
	return NULL;
}

/* With `missing` continuation bytes to come, is any character possible? Surrogates are none. */
static bool is_possible(uint32_t code, uint32_t least, unsigned missing)
{
	uint32_t low = code << (6 * missing);
	uint32_t high = low | ((1u << (6 * missing)) - 1);

	return high >= least && low <= 0x10ffff && (low < 0xd800 || high > 0xdfff);
}

int utf8_length(const char *bytes, size_t count)
{
	const struct utf8_lead *lead;
	uint32_t code;

	if (!count)
		return 0;
	lead = find_lead((uint8_t)bytes[0]);
	if (!lead)
		return -1;
	code = (uint8_t)bytes[0] & (uint8_t)~lead->mask;
	for (unsigned i = 1; i < lead->length; i++) {
		if (!is_possible(code, lead->least, lead->length - i))
			return -1;
		if (i >= count)
			return 0;
		if (((uint8_t)bytes[i] & 0xc0) != 0x80)
			return -1;
		code = code << 6 | ((uint8_t)bytes[i] & 0x3f);
	}
	return is_possible(code, lead->least, 0) ? lead->length : -1;
}

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
		int length = utf8_length(text, left);
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
		if (utf8_length(joiner->held, joiner->held_bytes))
			text_join_end(joiner, out);
	}
}

void text_join_end(struct text_joiner *joiner, FILE *out)
{
	fwrite(joiner->held, 1, joiner->held_bytes, out);
	joiner->held_bytes = 0;
}
