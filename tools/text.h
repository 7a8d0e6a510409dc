/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text at the edge of the program: what a terminal is given. */

#include <stddef.h>
#include <stdio.h>

/* Replaces control characters and whatever is not UTF-8 by '?', in place. */
void text_clean(char *text);

/* Joins characters that are split over tokens. All zero to begin with. */
struct text_joiner {
	char held[4];
	size_t held_bytes;
};

/* Writes the characters that are complete and holds back the start of the next one. Bytes that can be no character pass
 * as they are: the model said them. */
void text_join(struct text_joiner *joiner, const char *bytes, size_t count, FILE *out);

/* Writes what was held back: the text is over. */
void text_join_end(struct text_joiner *joiner, FILE *out);
