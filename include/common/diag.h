/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An error is 0 or a negative errno, forwarded unchanged. The one sentence for people is written here where the facts
 * are known, and is not rewritten above. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct wick_diag {
	char text[1024]; /* one sentence without a newline; "" when nothing went wrong */
};

#define WICK_DIAG_NAME_BYTES 160

/* A name from a file, as a sentence quotes it: a long one without its middle, so that there is room for what is wrong
 * with it. room holds WICK_DIAG_NAME_BYTES. */
static inline const char *wick_diag_shorten(char *room, const char *name)
{
	size_t length = strlen(name), head = WICK_DIAG_NAME_BYTES / 2, tail;

	if (length < WICK_DIAG_NAME_BYTES)
		return name;
	tail = length - WICK_DIAG_NAME_BYTES / 3;
	while ((name[head] & 0xc0) == 0x80 && head > WICK_DIAG_NAME_BYTES / 2 - 3) /* not within a character */
		head--;
	while ((name[tail] & 0xc0) == 0x80 && tail < length)
		tail++;
	snprintf(room, WICK_DIAG_NAME_BYTES, "%.*s...%s", (int)head, name, name + tail);
	return room;
}

/* The same where it is quoted: good until the end of the block. */
#define wick_diag_name(name) wick_diag_shorten((char[WICK_DIAG_NAME_BYTES]){ 0 }, name)

/* Writes the sentence and returns the code, so that the place that knows ends with
 *     return wick_diag_say(diag, -EINVAL, "%s: header is %llu bytes, the file only %llu", ...);
 * The first sentence stays: it is the closest to the cause. Control characters of quoted input become '?', since the
 * sentence goes to a terminal. diag may be NULL. */
__attribute__((format(printf, 3, 4))) static inline int wick_diag_say(
	struct wick_diag *diag, int code, const char *format, ...)
{
	va_list args;

	if (!diag || diag->text[0])
		return code;
	va_start(args, format);
	vsnprintf(diag->text, sizeof(diag->text), format, args);
	va_end(args);
	for (unsigned char *c = (unsigned char *)diag->text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* U+0080 to U+009F */
			*c = c[1] = '?';
	return code;
}
