/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Characters of UTF-8 text as Python's str has them. */

#include "characters.h"

#include "bits.h"

#include <utf8proc.h>

struct range {
	uint16_t first, last;
};

static bool is_within(const struct range *ranges, size_t count, uint32_t code)
{
	size_t i = 0;

	while (i < count && code > ranges[i].last)
		i++;
	return i < count && code >= ranges[i].first;
}

uint32_t wick_tpl_encode(char *into, uint32_t code)
{
	uint32_t bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (uint32_t i = bytes - 1; i; i--) {
		into[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	into[0] = (char)(leads[bytes] | code);
	return bytes;
}

bool wick_tpl_is_space(uint32_t code)
{
	static const struct range spaces[] = { { 9, 13 }, { 28, 32 }, { 0x85, 0x85 }, { 0xa0, 0xa0 },
		{ 0x1680, 0x1680 }, { 0x2000, 0x200a }, { 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
		{ 0x3000, 0x3000 } };

	return is_within(spaces, WICK_COUNT_OF(spaces), code);
}

uint32_t wick_tpl_skip_space(const char *text, uint32_t from, uint32_t end)
{
	uint32_t bytes;

	while (from < end && wick_tpl_is_space(wick_tpl_character(text, from, &bytes)))
		from += bytes;
	return from;
}

uint32_t wick_tpl_trim_space(const char *text, uint32_t from, uint32_t end)
{
	while (end > from) {
		uint32_t at = end - 1, bytes;

		while (at > from && wick_tpl_is_inside(text, at))
			at--;
		if (!wick_tpl_is_space(wick_tpl_character(text, at, &bytes)))
			break;
		end = at;
	}
	return end;
}

uint32_t wick_tpl_count(struct wick_tpl_value string)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < string.length; i++)
		count += !wick_tpl_is_inside(string.bytes, i);
	return count;
}

bool wick_tpl_can_recase(uint32_t code, bool upper)
{
	static const struct range lower[] = { { 0x130, 0x130 }, { 0x3a3, 0x3a3 } };
	static const struct range uppers[] = { { 0xdf, 0xdf }, { 0x149, 0x149 }, { 0x1c4, 0x1cc }, { 0x1f0, 0x1f3 },
		{ 0x390, 0x390 }, { 0x3b0, 0x3b0 }, { 0x587, 0x587 }, { 0x10d0, 0x10fa }, { 0x10fd, 0x10ff },
		{ 0x1e96, 0x1e9a }, { 0x1f50, 0x1f50 }, { 0x1f52, 0x1f52 }, { 0x1f54, 0x1f54 }, { 0x1f56, 0x1f56 },
		{ 0x1f80, 0x1faf }, { 0x1fb2, 0x1fb4 }, { 0x1fb6, 0x1fb7 }, { 0x1fbc, 0x1fbc }, { 0x1fc2, 0x1fc4 },
		{ 0x1fc6, 0x1fc7 }, { 0x1fcc, 0x1fcc }, { 0x1fd2, 0x1fd3 }, { 0x1fd6, 0x1fd7 }, { 0x1fe2, 0x1fe4 },
		{ 0x1fe6, 0x1fe7 }, { 0x1ff2, 0x1ff4 }, { 0x1ff6, 0x1ff7 }, { 0x1ffc, 0x1ffc }, { 0xfb00, 0xfb06 },
		{ 0xfb13, 0xfb17 } };

	return upper ? !is_within(uppers, WICK_COUNT_OF(uppers), code) : !is_within(lower, WICK_COUNT_OF(lower), code);
}

uint32_t wick_tpl_recased(uint32_t code, bool upper)
{
	return (uint32_t)(upper ? utf8proc_toupper((utf8proc_int32_t)code) : utf8proc_tolower((utf8proc_int32_t)code));
}

bool wick_tpl_is_printable(uint32_t code)
{
	switch (utf8proc_category((utf8proc_int32_t)code)) {
	case UTF8PROC_CATEGORY_CN:
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return false;
	case UTF8PROC_CATEGORY_ZS:
		return code == ' ';
	default:
		return true;
	}
}
