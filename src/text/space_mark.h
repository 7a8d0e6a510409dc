/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* U+2581, in which SentencePiece's vocabularies spell a space. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WICK_SPACE_MARK "\xe2\x96\x81"
#define WICK_SPACE_MARK_BYTES (sizeof(WICK_SPACE_MARK) - 1)

static inline bool wick_space_mark_begins(const char *text, size_t bytes)
{
	return bytes >= WICK_SPACE_MARK_BYTES && !memcmp(text, WICK_SPACE_MARK, WICK_SPACE_MARK_BYTES);
}

/* Writes a text with a space for each mark (never more bytes than it has; `into` may be NULL to count, and may be the
 * text itself) and returns how many bytes that are. */
int64_t wick_space_mark_decode(const char *text, size_t bytes, char *into);
