/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a long text can be cut so that the tokens of its parts, one behind the other, are the tokens of the whole.
 *
 * BPE never merges across what its pre-tokeniser separates, and that always separates a character which is no white
 * space from white space behind it that ends no line: whatever comes before, no expression goes from the one on to the
 * other. Some take line ends to the punctuation before them, and slashes to both. White space is Unicode's, as there. Bytes that are no
 * UTF-8 are pieces of their own, so a cut behind them is right, too. DeepSeek's first two (-llm, -coder) are the
 * exception: white space behind a symbol, an emoji say, may stay with it. SentencePiece's words are apart in the same places,
 * where its vocabulary has no token with a space inside. */

#include "utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the white space that begins here; 0: none does, or not all of it is there. */
static inline unsigned wick_space_bytes(const char *text, size_t bytes)
{
	const uint8_t *at = (const uint8_t *)text;

	if (!bytes || (at[0] < 0xc2 && at[0] != ' ' && (at[0] < '\t' || at[0] > '\r')))
		return 0;
	if (at[0] < 0x80)
		return 1;
	if (bytes >= 2 && at[0] == 0xc2)
		return at[1] == 0x85 || at[1] == 0xa0 ? 2 : 0; /* U+0085, U+00A0 */
	if (bytes < 3)
		return 0;
	if (at[0] == 0xe2 && at[1] == 0x80) /* U+2000 to U+200A, U+2028, U+2029, U+202F */
		return at[2] <= 0x8a || at[2] == 0xa8 || at[2] == 0xa9 || at[2] == 0xaf ? 3 : 0;
	return (at[0] == 0xe1 && at[1] == 0x9a && at[2] == 0x80) || /* U+1680 */
			       (at[0] == 0xe2 && at[1] == 0x81 && at[2] == 0x9f) || /* U+205F */
			       (at[0] == 0xe3 && at[1] == 0x80 && at[2] == 0x80) ? 3 : 0; /* U+3000 */
}

/* Whether what ends at `at` is white space. */
static inline bool wick_space_ends(const char *text, size_t at)
{
	for (unsigned bytes = 1; bytes <= 3 && bytes <= at; bytes++)
		if (wick_space_bytes(text + at - bytes, bytes) == bytes)
			return true;
	return false;
}

/* In front of white space that ends no line, behind what is none. */
static inline bool wick_text_cuts_before(const char *text, size_t at, size_t bytes)
{
	return wick_space_bytes(text + at, bytes - at) && text[at] != '\n' && text[at] != '\r' &&
		!wick_space_ends(text, at);
}

/* Behind a single line feed, in front of what no expression takes with it. */
static inline bool wick_text_cuts_behind(const char *text, size_t at, size_t bytes)
{
	return at >= 2 && text[at - 1] == '\n' && !wick_space_ends(text, at - 1) && text[at] != '/' &&
		!wick_space_bytes(text + at, bytes - at) && wick_utf8_length(text + at, bytes - at) != 0;
}

/* The last place from `from` on where the text can be cut; 0: there is none. */
static inline size_t wick_text_cut(const char *text, size_t from, size_t bytes)
{
	for (size_t at = bytes; at-- > (from ? from : 1);)
		if (wick_text_cuts_before(text, at, bytes) || wick_text_cuts_behind(text, at, bytes))
			return at;
	return 0;
}

/* How many bytes of the text are whole characters, if only its last one is not. */
static inline size_t wick_text_whole(const char *text, size_t bytes)
{
	for (size_t back = 1; back <= 3 && back < bytes; back++)
		if (!wick_utf8_length(text + bytes - back, back))
			return bytes - back;
	return bytes;
}
