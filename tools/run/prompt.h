/* SPDX-FileCopyrightText: the wick authors
 * SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The text to be continued: from the command line, a file or standard input. */

#include "diag.h"

#include <stddef.h>
#include <stdio.h>

struct prompt {
	const char *text; /* bytes, no terminator */
	size_t bytes;
	char *owned;
};

int prompt_take(struct prompt *prompt, const char *text, struct wick_diag *diag);
/* From a file, "-" being standard input; one newline at its end is left out. */
int prompt_read(struct prompt *prompt, const char *path, struct wick_diag *diag);

/* The prompt in front of the text that continues it: dim, of a long one the end, control characters other than line breaks
 * and tabs replaced. Terminals only: elsewhere the text is all that is wanted. */
void prompt_echo(const struct prompt *prompt, FILE *out);

void prompt_free(struct prompt *prompt);
