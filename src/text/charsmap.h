/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SentencePiece's map of characters: what some are written as before anything else is done to a text, such as those that
 * look alike. */

#include "diag.h"

#include <stddef.h>
#include <stdint.h>

/* A replacement is at most so many times as long as what it replaces, plus that: the longest one of Unicode is eleven
 * times as long. */
#define WICK_CHARSMAP_GROWTH 12

struct wick_charsmap {
	uint32_t *units; /* (unit_count) of a double array; NULL: no map, which changes nothing */
	uint32_t unit_count;
	char *texts;     /* (text_bytes) replacements, each with a zero byte behind it */
	uint32_t text_bytes;
};

/* Copies what tokenizer.model and tokenizer.ggml.precompiled_charsmap have: the bytes of the units, and after them the
 * texts. whose: for the sentence. -EINVAL for what is none, -ENOMEM. */
int wick_charsmap_init(struct wick_charsmap *map, const uint8_t *blob, size_t bytes, const char *whose,
	struct wick_diag *diag);
void wick_charsmap_free(struct wick_charsmap *map); /* an empty one is fine */
uint64_t wick_charsmap_bytes(const struct wick_charsmap *map);

/* The replacement of the longest beginning of the text that has one, and its length; NULL: none has, and *taken is the
 * length of the first character. Replacements that grow beyond WICK_CHARSMAP_GROWTH do not count. */
const char *wick_charsmap_find(const struct wick_charsmap *map, const char *text, size_t bytes, size_t *taken,
	size_t *length);
