/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Notes on an input with which nothing is wrong: which of two sources was taken, which part was left out and why. One
 * sentence each, passed to a callback. */

#include "diag.h"

struct wick_notes {
	void (*say)(void *user, const char *sentence); /* without a newline. NULL: not wanted */
	void *user;
};

__attribute__((format(printf, 2, 3))) static inline void wick_notes_say(
	const struct wick_notes *notes, const char *format, ...)
{
	struct wick_diag sentence = { 0 };
	char text[sizeof(sentence.text)];
	va_list args;

	if (!notes->say)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	wick_diag_say(&sentence, 0, "%s", text);
	notes->say(notes->user, sentence.text);
}
