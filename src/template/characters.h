/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Characters of UTF-8 text as Python's str has them. */

#include "value.h"

/* The character at `at` of text that is UTF-8, and its bytes. */
static inline uint32_t wick_tpl_character(const char *text, uint32_t at, uint32_t *bytes)
{
	uint8_t lead = (uint8_t)text[at];
	uint32_t code = lead;

	*bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead >= 0x80)
		code = lead & (0xffu >> (*bytes + 1));
	for (uint32_t i = 1; i < *bytes; i++)
		code = code << 6 | ((uint8_t)text[at + i] & 0x3f);
	return code;
}

/* Is `at` within a character? */
static inline bool wick_tpl_is_inside(const char *text, uint32_t at)
{
	return ((uint8_t)text[at] & 0xc0) == 0x80;
}

/* The bytes of a character as UTF-8, of which there are up to 4. */
uint32_t wick_tpl_encode(char *into, uint32_t code);

/* What str.isspace() calls white space, which is what strip() takes away and a regular expression's \s matches. */
bool wick_tpl_is_space(uint32_t code);

/* The place after the white space at `from`, and the place before the white space that ends at `end`. */
uint32_t wick_tpl_skip_space(const char *text, uint32_t from, uint32_t end);
uint32_t wick_tpl_trim_space(const char *text, uint32_t from, uint32_t end);

/* How many characters a string has. */
uint32_t wick_tpl_count(struct wick_tpl_value string);

/* Upper and lower case, where it is one character as well. False: Python's answer is more than one character, or rests
 * on the neighbours, or title case is another than upper case. */
bool wick_tpl_can_recase(uint32_t code, bool upper);
uint32_t wick_tpl_recased(uint32_t code, bool upper);
/* What repr() shows as it is. */
bool wick_tpl_is_printable(uint32_t code);
