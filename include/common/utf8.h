/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where UTF-8 characters begin and end. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wick_utf8_lead {
	uint8_t mask, bits;
	uint8_t length;
	uint32_t least; /* smaller numbers are written too long */
};

/* NULL: no character begins with this byte. */
static inline const struct wick_utf8_lead *wick_utf8_lead(uint8_t byte)
{
	static const struct wick_utf8_lead leads[] = {
		{ 0x80, 0x00, 1, 0 }, { 0xe0, 0xc0, 2, 0x80 }, { 0xf0, 0xe0, 3, 0x800 }, { 0xf8, 0xf0, 4, 0x10000 }
	};

	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if ((byte & leads[i].mask) == leads[i].bits)
			return &leads[i];
	return NULL;
}

/* With `missing` continuation bytes to come, is any character possible? Surrogates are none. */
static inline bool wick_utf8_is_possible(uint32_t code, uint32_t least, unsigned missing)
{
	uint32_t low = code << (6 * missing);
	uint32_t high = low | ((1u << (6 * missing)) - 1);

	return high >= least && low <= 0x10ffff && (low < 0xd800 || high > 0xdfff);
}

/* Bytes of the UTF-8 character that begins here: 1 to 4; 0 when more bytes are needed to tell; -1 when it is none. */
static inline int wick_utf8_length(const char *bytes, size_t count)
{
	const struct wick_utf8_lead *lead;
	uint32_t code;

	if (!count)
		return 0;
	lead = wick_utf8_lead((uint8_t)bytes[0]);
	if (!lead)
		return -1;
	code = (uint8_t)bytes[0] & (uint8_t)~lead->mask;
	for (unsigned i = 1; i < lead->length; i++) {
		if (!wick_utf8_is_possible(code, lead->least, lead->length - i))
			return -1;
		if (i >= count)
			return 0;
		if (((uint8_t)bytes[i] & 0xc0) != 0x80)
			return -1;
		code = code << 6 | ((uint8_t)bytes[i] & 0x3f);
	}
	return wick_utf8_is_possible(code, lead->least, 0) ? lead->length : -1;
}

/* Bytes of the well-formed characters before the first byte that belongs to none. */
static inline size_t wick_utf8_span(const char *bytes, size_t count)
{
	size_t at = 0;
	int length;

	while (at < count && (length = (uint8_t)bytes[at] < 0x80 ? 1 : wick_utf8_length(bytes + at, count - at)) > 0)
		at += (size_t)length;
	return at;
}

#define WICK_UTF8_REPAIRED_MAX(count) (3 * (count))

/* Copies text, with U+FFFD for every byte that belongs to no character. Returns the bytes of `into` that it took, at
 * most WICK_UTF8_REPAIRED_MAX(count). */
static inline size_t wick_utf8_repair(char *into, const char *bytes, size_t count)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *end = into;

	while (count) {
		int length = wick_utf8_length(bytes, count);
		size_t taken = length > 0 ? (size_t)length : 1, put = length > 0 ? taken : strlen(replacement);

		memcpy(end, length > 0 ? bytes : replacement, put);
		end += put;
		bytes += taken;
		count -= taken;
	}
	return (size_t)(end - into);
}
