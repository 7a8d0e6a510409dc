/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A text as SentencePiece's pieces are kept: with a space for each U+2581, and after its other rules. */

#include "charsmap.h"

#include <stdbool.h>
#include <stddef.h>

struct wick_spaced {
	char *bytes; /* (capacity) of which count are in use */
	size_t count, capacity;
	bool fewer;  /* of spaces that follow each other the first one stays, and none at either end of a text */
	bool after_space; /* with `fewer`: those that follow are left out */
};

/* An empty text begins. */
void wick_spaced_begin(struct wick_spaced *spaced);
/* Appends a part of the text, first a space if `prefix`. A map of NULL changes no character. -ENOMEM. */
int wick_spaced_put(struct wick_spaced *spaced, const struct wick_charsmap *map, const char *text, size_t bytes, bool prefix);
/* Appends bytes as they are. -ENOMEM. */
int wick_spaced_put_plain(struct wick_spaced *spaced, const char *bytes, size_t count);
/* The text is over: with `fewer` it loses the spaces at its end. */
void wick_spaced_end(struct wick_spaced *spaced);
void wick_spaced_free(struct wick_spaced *spaced);
