/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */

/* Writes one byte more than there is, where the size is known only when this runs: the third level of _FORTIFY_SOURCE ends
 * it with SIGABRT, those below do not see it. Exits 77 where compiler or libc has no third one. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	size_t bytes = 64 + (size_t)argc;
	char *block = malloc(bytes);

	(void)argv;
#if defined(__USE_FORTIFY_LEVEL) && _FORTIFY_SOURCE >= 3 && __USE_FORTIFY_LEVEL < 3
	return 77;
#endif
	if (!block)
		return 1;
	memset(block, 1, bytes + 1);
	printf("%d of %zu bytes were written\n", block[bytes] + (int)bytes, bytes);
	return 0;
}
