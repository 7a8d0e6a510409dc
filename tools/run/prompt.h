/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The text to be continued: from the command line, a file or standard input. */

#include "diag.h"

#include <stddef.h>

struct prompt {
	const char *text; /* bytes, no terminator */
	size_t bytes;
	char *owned;
};

int prompt_take(struct prompt *prompt, const char *text, struct wick_diag *diag);
/* From a file, "-" being standard input; one newline at its end is left out. */
int prompt_read(struct prompt *prompt, const char *path, struct wick_diag *diag);
void prompt_free(struct prompt *prompt);
