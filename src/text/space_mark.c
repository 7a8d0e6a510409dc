/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Marks to spaces (see space_mark.h). */

#include "space_mark.h"

int64_t wick_space_mark_decode(const char *text, size_t bytes, char *into)
{
	size_t count = 0;

	while (bytes) {
		const char *mark = memmem(text, bytes, WICK_SPACE_MARK, WICK_SPACE_MARK_BYTES);
		size_t plain = mark ? (size_t)(mark - text) : bytes, taken = plain + (mark ? WICK_SPACE_MARK_BYTES : 0);

		if (into)
			memmove(into + count, text, plain);
		if (into && mark)
			into[count + plain] = ' ';
		count += plain + (mark != NULL);
		text += taken;
		bytes -= taken;
	}
	return (int64_t)count;
}
