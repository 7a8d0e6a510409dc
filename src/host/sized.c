/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Structs that begin with their size (see sized.h). */

#include "sized.h"

#include "bits.h"

#include <errno.h>
#include <string.h>

int wick_sized_take(void *to, size_t to_bytes, const void *from, const char *what, struct wick_diag *diag)
{
	const unsigned char *bytes = from;
	size_t size;

	memcpy(&size, from, sizeof(size));
	if (size < sizeof(size))
		return wick_diag_say(diag, -EINVAL, "%s: its size is not set", what);
	for (size_t i = to_bytes; i < size; i++)
		if (bytes[i])
			return wick_diag_say(diag, -E2BIG, "%s: asks for something that this version of the library does not have", what);
	memset(to, 0, to_bytes);
	memcpy(to, from, WICK_MIN(size, to_bytes));
	memcpy(to, &to_bytes, sizeof(to_bytes));
	return 0;
}

void wick_sized_give(void *to, const void *from, size_t from_bytes)
{
	size_t size;

	memcpy(&size, to, sizeof(size));
	if (size < sizeof(size))
		return;
	memset(to, 0, size);
	memcpy(to, from, WICK_MIN(size, from_bytes));
	memcpy(to, &size, sizeof(size));
}
