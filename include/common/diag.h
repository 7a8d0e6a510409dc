/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An error is 0 or a negative errno, forwarded unchanged. The one sentence for people is written here by whoever has
 * the facts, and nobody above rewrites it. */

#include <stdarg.h>
#include <stdio.h>

struct wick_diag {
	char text[1024]; /* one sentence without a newline; "" when nothing went wrong */
};

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
