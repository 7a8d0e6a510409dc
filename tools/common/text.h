/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Text at the edge of the program: what a terminal is given. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether a whole character of UTF-8 commands a terminal instead of being shown: C0, DEL, C1, the separators of lines
 * and paragraphs, and characters that turn the direction of the text around them. */
bool text_is_control(const char *bytes, int length);

/* Replaces control characters and whatever is not UTF-8 by '?', in place. */
void text_clean(char *text);

/* Marks of a terminal: text between them is dim. */
#define TEXT_DIM "\033[2m"
#define TEXT_PLAIN "\033[0m"

/* Writes text for a terminal, with everything but line breaks and tabs replaced by '?' that would command it or is not UTF-8. */
void text_write_clean(const char *text, size_t bytes, FILE *out);

/* The one way in which what others named (a file, a model, a drive) gets into a line for people: a clean copy, cut
 * where it is longer than any path. NULL is "". Returns into's text. */
struct text_shown {
	char text[4096];
};
const char *text_show(struct text_shown *into, const char *text);
#define SHOWN(name) text_show(&(struct text_shown){ "" }, name)

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
