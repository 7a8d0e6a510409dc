/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* GPT-2's byte alphabet (see bytelevel.h). */

#include "bytelevel.h"

#include "bits.h"

#include <errno.h>

/* The bytes that do not print, and the character that the first of each run is written as. */
static const struct run {
	uint8_t first, last;
	uint16_t character;
} runs[] = { { 0x00, 0x20, 0x100 }, { 0x7f, 0xa0, 0x121 }, { 0xad, 0xad, 0x143 } };

uint32_t wick_bytelevel_spell(uint8_t byte)
{
	for (size_t i = 0; i < WICK_COUNT_OF(runs); i++)
		if (byte >= runs[i].first && byte <= runs[i].last)
			return runs[i].character + (uint32_t)(byte - runs[i].first);
	return byte;
}

/* The byte that a character spells, -1 for a character outside the alphabet. */
static int byte_of(uint32_t character)
{
	for (size_t i = 0; i < WICK_COUNT_OF(runs); i++) {
		uint32_t length = runs[i].last - runs[i].first + 1u;

		if (character >= runs[i].character && character - runs[i].character < length)
			return (int)(runs[i].first + (character - runs[i].character));
	}
	return character < 0x100 && wick_bytelevel_spell((uint8_t)character) == character ? (int)character : -1;
}

/* The alphabet ends below U+0800, so a character is one or two bytes of UTF-8. Returns its length, 0 for others. */
static size_t take_character(const uint8_t *at, size_t left, uint32_t *character)
{
	if (at[0] < 0x80) {
		*character = at[0];
		return 1;
	}
	if (at[0] < 0xc2 || at[0] > 0xdf || left < 2 || (at[1] & 0xc0) != 0x80)
		return 0;
	*character = (uint32_t)(at[0] & 0x1f) << 6 | (at[1] & 0x3f);
	return 2;
}

int64_t wick_bytelevel_decode(const char *spelling, size_t length, char *into)
{
	const uint8_t *at = (const uint8_t *)spelling;
	int64_t bytes = 0;

	for (size_t i = 0, taken; i < length; i += taken) {
		uint32_t character;
		int byte;

		taken = take_character(at + i, length - i, &character);
		byte = taken ? byte_of(character) : -1;
		if (byte < 0)
			return -EINVAL;
		if (into)
			into[bytes] = (char)byte;
		bytes++;
	}
	return bytes;
}
